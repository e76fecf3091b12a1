"""The label check against truths known on paper, and its arithmetic against other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import Ridge

from ai_models.crossfit import label_safety
from ai_models.crossfit.label_safety import Finding, Verdict, judge, leave_one_out_labels


def letter(text: str, rng: np.random.Generator) -> np.ndarray:
    """A letter, a little moved, on noise: uint8 (32, 32); b and d, drawn of the same strokes, mirror each other."""
    y, x = np.mgrid[:32, :32] - 15.5 + rng.uniform(-1.5, 1.5, (2, 1, 1))
    bowl = np.abs(np.hypot(x, y - 3) - 6) < 2
    strokes = {
        "b": bowl | ((np.abs(x + 6) < 2) & (y > -12) & (y < 10)),
        "d": bowl | ((np.abs(x - 6) < 2) & (y > -12) & (y < 10)),
        "o": np.abs(np.hypot(x, y) - 8) < 2,
        "x": (np.abs(np.abs(x) - np.abs(y)) < 2) & (np.abs(y) < 9),
        "F": ((np.abs(x + 6) < 2) & (np.abs(y) < 10)) | ((np.abs(y + 8) < 2) | (np.abs(y) < 2)) & (x > -6) & (x < 7),
    }
    return np.clip(200.0 * strokes[text] + rng.normal(25, 20, (32, 32)), 0, 255).astype(np.uint8)


def stripes(along: int, rng: np.random.Generator) -> np.ndarray:
    wave = 128 + 100 * np.sin(np.arange(32) * rng.uniform(0.9, 1.1) + rng.uniform(0, 6.28))
    image = np.broadcast_to(wave, (32, 32)) if along else np.broadcast_to(wave[:, None], (32, 32))
    return np.clip(image + rng.normal(0, 20, (32, 32)), 0, 255).astype(np.uint8)


def embedded(images: list[np.ndarray], pooled: bool = False) -> np.ndarray:
    """Pixels; of stripes, whose phase is free, the energy along each axis."""
    stack = np.stack(images).astype(float)
    if not pooled:
        return stack.reshape(len(stack), -1)
    return np.stack([np.abs(np.diff(stack, axis=1)).mean((1, 2)), np.abs(np.diff(stack, axis=2)).mean((1, 2))], axis=1)


def found(images: list[np.ndarray], per_class: int, transform: str, change, *, pooled: bool = False):
    y = np.repeat([0, 1], per_class)
    changed = {transform: embedded([change(i) for i in images], pooled)}
    return judge(embedded(images, pooled), changed, y, ("first", "second"))


def mirrored(image: np.ndarray) -> np.ndarray:
    return image[:, ::-1]


def test_a_mirrored_b_is_a_d() -> None:
    rng = np.random.default_rng(0)
    images = [letter("b", rng) for _ in range(20)] + [letter("d", rng) for _ in range(20)]
    findings = found(images, 20, "flip", mirrored)
    for label, other in (("first", "second"), ("second", "first")):
        finding = findings[label, "flip"]
        assert finding.verdict is Verdict.UNSAFE
        assert finding.carried >= 18
        assert finding.reason == f"carries {finding.carried} of {finding.right} to another class, mostly {other}"
        assert not finding.allows("flip")


def test_a_mirrored_o_is_an_o_and_a_mirrored_x_an_x() -> None:
    rng = np.random.default_rng(1)
    images = [letter("o", rng) for _ in range(20)] + [letter("x", rng) for _ in range(20)]
    findings = found(images, 20, "flip", mirrored)
    assert {f.verdict for f in findings.values()} == {Verdict.SAFE}
    assert all(f.allows("flip") and f.carried == 0 for f in findings.values())


def test_script_that_no_class_mirrors_is_still_script() -> None:
    rng = np.random.default_rng(2)
    images = [letter("F", rng) for _ in range(20)] + [letter("o", rng) for _ in range(20)]
    findings = found(images, 20, "flip", mirrored)
    assert findings["first", "flip"].carried == 0  # a mirrored F is no o
    assert findings["first", "flip"].verdict is Verdict.UNSAFE
    assert findings["first", "flip"].reason.startswith("told from the photographs themselves (p = 0.00")
    assert findings["second", "flip"].verdict is Verdict.SAFE


def test_a_quarter_turn_makes_other_stripes() -> None:
    rng = np.random.default_rng(3)
    images = [stripes(0, rng) for _ in range(16)] + [stripes(1, rng) for _ in range(16)]
    turned = found(images, 16, "quarter_turn", np.rot90, pooled=True)
    assert {(f.verdict, f.carried) for f in turned.values()} == {(Verdict.UNSAFE, 16)}
    flipped = found(images, 16, "flip", mirrored, pooled=True)
    assert {f.verdict for f in flipped.values()} == {Verdict.SAFE}


def test_what_cannot_be_told_stays_as_it_was_and_brings_no_flips() -> None:
    rng = np.random.default_rng(4)
    images = [letter("b", rng) for _ in range(7)] + [letter("d", rng) for _ in range(7)]
    for name in ("flip", "rotate"):
        finding = found(images, 7, name, mirrored)["first", name]
        assert (finding.verdict, finding.reason) == (Verdict.UNCLEAR, "7 objects, 8 needed")
        assert finding.allows(name) is (name == "rotate")
    rng = np.random.default_rng(8)
    few = [letter("o", rng) for _ in range(9)] + [letter("x", rng) for _ in range(9)]
    finding = found(few, 9, "flip", mirrored)["first", "flip"]  # 0 of 9 may still be 28 %
    assert (finding.verdict, finding.reason) == (Verdict.UNCLEAR, "carries 0 of 9, which may mean up to 28%")


def test_leaving_one_out_equals_fitting_anew() -> None:
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1, 2], (12, 7, 4))
    X = rng.normal(size=(23, 40)) + 0.6 * np.eye(3, 40)[y]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    C = X + rng.normal(0, 0.1, X.shape)
    weights = len(y) / (3 * np.bincount(y)[y])
    expected = []
    for version in (X, C):
        called = []
        for i in range(len(y)):
            rest = np.arange(len(y)) != i
            model = Ridge(label_safety._RIDGE, fit_intercept=False)
            model.fit(np.c_[X, np.ones(len(y))][rest], np.eye(3)[y][rest], sample_weight=weights[rest])
            called.append(int(model.predict(np.append(version[i], 1.0)[None])[0].argmax()))
        expected.append(called)
    assert [labels.tolist() for labels in leave_one_out_labels(X, [X, C], y, 3)] == expected
    assert expected[0] != y.tolist()


@pytest.mark.parametrize("carried", range(9))
@pytest.mark.parametrize("returned", range(4))
def test_more_out_than_in_is_judged_by_the_exact_binomial_test(carried: int, returned: int) -> None:
    before = np.array([0] * 20 + [1] * 5)
    after = before.copy()
    after[:carried], after[20 : 20 + returned] = 1, 0
    finding = label_safety._finding(before, after, 0, ("a", "b"), handed=None)
    assert (finding.right, finding.carried, finding.returned) == (20, carried, returned)
    p = binomtest(carried, carried + returned, 0.5, alternative="greater").pvalue if carried + returned else 1.0
    assert (finding.verdict is Verdict.UNSAFE) is bool(p <= 0.05)


def test_a_class_without_a_right_way_round_is_rarely_said_to_have_one() -> None:
    rng = np.random.default_rng(6)
    alarms = [label_safety._handedness(rng.normal(size=(15, 30)), "flip") <= 0.05 for _ in range(300)]
    assert 0.015 < np.mean(alarms) < 0.09  # 5 %, four standard errors
    assert label_safety._handedness(rng.normal(size=(15, 30)) + 0.5, "flip") == 0.001


def test_nothing_is_said_of_classes_without_rows() -> None:
    y = np.repeat([0, 2], 8)
    X = np.eye(3)[y] + np.random.default_rng(7).normal(0, 0.1, (16, 3))
    findings = judge(X, {"rotate": X}, y, ("a", "b", "c"))
    assert set(findings) == {("a", "rotate"), ("c", "rotate")}
    assert findings["c", "rotate"] == Finding(Verdict.SAFE, "carries 0 of 8", 8, 8, 0, 0)
    assert judge(X[:0], {"rotate": X[:0]}, y[:0], ("a",)) == {}
