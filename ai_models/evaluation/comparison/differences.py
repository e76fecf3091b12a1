"""How much better one model is than another on the same photographs, object by object."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_models.evaluation.comparison.shared import Shared
from ai_models.evaluation.figures import LEVEL, as_json
from ai_models.metrics import (
    Interval,
    balancing_weights,
    brier_losses,
    detectable_difference,
    group_wins,
    grouped_bootstrap_many,
    grouped_share,
    nll_losses,
    paired_difference,
    sign_flip_test,
)

__all__ = ["FIGURES", "differences", "object_gains"]

FIGURES = {
    "nll": "log loss (NLL), nats",
    "brier": "Brier score, 0 to 2",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
}
"""What is compared, the first being what decides."""
POWER = 0.8


def differences(rows: Shared, *, draws: int, seed: int) -> dict[str, Any]:
    """Return each figure of A and of B, what A is better by, and the tests.

    Parameters
    ----------
    rows
        The n photographs, n >= 1.
    draws, seed
        Of the grouped bootstrap and of the sign flips.

    Returns
    -------
    dict
        Figure -> ``a``, ``b`` and ``a_better_by`` with 95 % intervals (above 0: A is better, whichever way the
        figure runs), ``p`` of the sign-flip test by objects, ``detectable``: the difference that would have been found
        four times in five; and ``wins``: objects of which A, or B, got more photographs right.
    """
    a, b = _values(rows.y, rows.a), _values(rows.y, rows.b)
    weights = balancing_weights(rows.y, len(rows.classes))
    gains = {name: sign * (a[name] - b[name]) for name, sign in _SIGNS.items()}
    groups, names = rows.groups, list(FIGURES)
    number = len(set(groups.tolist()))

    def statistics(at: NDArray[np.intp]) -> NDArray[np.float64]:
        parts = [table[name][at] for table in (a, b, gains) for name in names]
        means = [float(values.mean()) for values in parts]
        for i in (3, 7, 11):  # balanced: the mean over the classes that were drawn
            means[i] = _balanced(rows.y[at], parts[i], len(rows.classes))
        return np.array(means)

    drawn = grouped_bootstrap_many(statistics, groups, draws=draws, seed=seed, level=LEVEL)
    found: dict[str, Any] = {}
    for i, name in enumerate(names):
        weighted = gains[name] * (weights if name == "balanced_accuracy" else 1.0)
        spread = paired_difference(weighted, np.zeros(len(weighted)), groups)
        found[name] = {
            "a": as_json(_own(drawn[i], name, a, weights, groups)),
            "b": as_json(_own(drawn[4 + i], name, b, weights, groups)),
            "a_better_by": as_json(drawn[8 + i]),
            "p": sign_flip_test(weighted, groups, seed=seed),
            "detectable": _finite(detectable_difference(spread.se, number, level=LEVEL, power=POWER)),
        }
    wins = group_wins(a["accuracy"], b["accuracy"], groups)
    found["wins"] = {"a": wins.a, "b": wins.b, "alike": number - wins.a - wins.b, "p": wins.p}
    return found


def object_gains(rows: Shared) -> NDArray[np.float64]:
    """Return how much less log loss A has on each object, float64 (groups,), sorted from worst to best for A."""
    gain = nll_losses(rows.y, rows.b) - nll_losses(rows.y, rows.a)
    _, member = np.unique(rows.groups, return_inverse=True)
    return np.sort(np.bincount(member, weights=gain) / np.bincount(member))


_SIGNS = {"nll": -1.0, "brier": -1.0, "accuracy": 1.0, "balanced_accuracy": 1.0}


def _values(y: NDArray[np.int64], p: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    right = (p.argmax(axis=1) == y).astype(np.float64)
    return {"nll": nll_losses(y, p), "brier": brier_losses(y, p), "accuracy": right, "balanced_accuracy": right}


def _balanced(y: NDArray[np.int64], values: NDArray[np.float64], k: int) -> float:
    return float((balancing_weights(y, k) * values).mean())


def _own(
    drawn: Interval,
    name: str,
    values: dict[str, NDArray[np.float64]],
    weights: NDArray[np.float64],
    groups: NDArray[np.str_],
) -> Interval:
    """Return a model's own figure: of shares the exact interval, as in an evaluation."""
    if "accuracy" not in name:
        return drawn
    return grouped_share(values[name], groups, LEVEL, weights=weights if name == "balanced_accuracy" else None)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
