"""Exact tests of a kind against SciPy and against all that could have come."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import fisher_exact, hypergeom

from ai_models.metrics.subgroups import Stratum, excess_p, tarone


@pytest.mark.parametrize(
    "s", [Stratum(23, 7, 12, 6), Stratum(20, 3, 4, 0), Stratum(9, 9, 4, 4), Stratum(50, 20, 10, 9)]
)
def test_one_class_is_fishers_exact_test(s):
    table = [
        [s.wrong_of_kind, s.of_kind - s.wrong_of_kind],
        [s.wrong - s.wrong_of_kind, s.objects - s.of_kind - s.wrong + s.wrong_of_kind],
    ]
    p, least = excess_p([s])
    assert p == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    assert least == pytest.approx(hypergeom.pmf(min(s.wrong, s.of_kind), s.objects, s.wrong, s.of_kind))


def test_several_classes_are_summed_over_all_that_could_have_come():
    strata = [Stratum(12, 4, 5, 3), Stratum(8, 3, 4, 2), Stratum(9, 2, 3, 1)]
    total = 0.0
    for counts in product(*(range(min(s.wrong, s.of_kind) + 1) for s in strata)):
        if sum(counts) >= 6:
            total += np.prod(
                [hypergeom.pmf(x, s.objects, s.wrong, s.of_kind) for x, s in zip(counts, strata, strict=True)]
            )
    assert excess_p(strata)[0] == pytest.approx(total)


def test_hypotheses_that_could_not_be_rejected_cost_nothing():
    assert tarone([0.01, 0.9, 0.9], [0.001, 0.4, 0.6]).tolist() == [0.01, 1.0, 1.0]
    assert tarone([0.01, 0.02], [0.001, 0.001]).tolist() == [0.02, 0.04]
    assert tarone([0.01] * 10, [0.001] * 10)[0] == pytest.approx(0.1)
    assert tarone([0.04], [0.04]).tolist() == [0.04]


def test_false_findings_stay_below_the_level():
    """Errors strewn at random over objects with ten kinds each: a kind is found in at most 5 % of folders."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(400):
        kinds = rng.random((10, 40)) < 0.4
        wrong = rng.random(40) < 0.25
        tests = [excess_p([Stratum(40, int(wrong.sum()), int(k.sum()), int((k & wrong).sum()))]) for k in kinds]
        found += bool((tarone([p for p, _ in tests], [least for _, least in tests]) <= 0.05).any())
    assert found <= 400 * 0.05 + 2 * np.sqrt(400 * 0.05 * 0.95)
