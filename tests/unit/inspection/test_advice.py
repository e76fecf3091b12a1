from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from ai_models.core.records import ImageRecord, Manifest
from ai_models.inspection import advise


def manifest(**classes):
    """Return rows of classes, each a list of group sizes."""
    rows = []
    for label, sizes in classes.items():
        for g, size in enumerate(sizes):
            rows += [ImageRecord(f"{label}/{g}-{i}.jpg", label, group=f"{label}{g}") for i in range(size)]
    return Manifest(Path("."), tuple(rows))


def test_images_and_objects_are_both_told():
    advice = advise(manifest(a=[2] * 10, b=[1] * 30))
    assert advice.images == {"a": 20, "b": 30}
    assert advice.groups == {"a": 10, "b": 30}
    assert advice.grouped
    assert advice.largest_k == 10
    assert advice.folds == 5
    assert advice.repeats == 5
    assert "50 photographs of 40 objects" in advice.sentences[0]
    assert "'a', has 20 photographs of 10 objects" in advice.sentences[0]


@pytest.mark.parametrize(
    ("least", "coverage"), [(3, 0.0), (4, 0.8), (8, 0.8), (9, 0.9), (18, 0.9), (19, 0.95), (98, 0.95), (99, 0.99)]
)
def test_coverage_that_the_smallest_class_allows(least, coverage):
    """A conformal set at level c over n scores needs ceil((n + 1) c) <= n."""
    assert advise(manifest(a=[1] * least, b=[1] * 120)).coverage == coverage
    if coverage:
        assert np.ceil(round((least + 1) * coverage, 9)) <= least


@pytest.mark.parametrize(("least", "test_size"), [(49, 0.0), (50, 0.2)])
def test_hold_out_or_not(least, test_size):
    advice = advise(manifest(a=[1] * least, b=[1] * 60))
    assert advice.test_size == test_size
    assert any("--test-size 0" in s for s in advice.sentences) == (test_size == 0)


def test_accuracy_interval_is_the_exact_one():
    low, high = advise(manifest(a=[1] * 20, b=[1] * 30)).accuracy_at_90["a"]
    assert low == pytest.approx(beta.ppf(0.025, 18, 3), abs=1e-6)
    assert high == pytest.approx(beta.ppf(0.975, 19, 2), abs=1e-6)


def test_too_few_for_folds():
    advice = advise(manifest(a=[5], b=[1] * 30))
    assert (advice.largest_k, advice.folds, advice.repeats) == (1, 0, 0)
    assert any("Cross-validation is not possible" in s for s in advice.sentences)
    assert any("no figure can be stated from 1 object" in s for s in advice.sentences)


@pytest.mark.parametrize("classes", [{}, {"a": [1, 1]}])
def test_nothing_to_classify(classes):
    advice = advise(manifest(**classes))
    assert advice.folds == 0
    assert "at least two classes" in advice.sentences[0]


def test_copies_do_not_count():
    rows = manifest(a=[1] * 10, b=[1] * 10)
    copies = tuple(ImageRecord(f"{r.path}-copy", r.label, group=r.group, source_id=r.path) for r in rows)
    assert advise(Manifest(rows.root, rows.records + copies)) == advise(rows)
    assert not advise(rows).grouped


def test_more_objects_have_a_lower_floor():
    assert advise(manifest(a=[1] * 200, b=[1] * 200)).ece_floor < advise(manifest(a=[1] * 10, b=[1] * 10)).ece_floor
