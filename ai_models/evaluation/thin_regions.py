"""Where the photographs of a class lie thinly in the space of features, and whether errors gather there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.evaluation.class_outliers import class_outliers

__all__ = ["ThinRegions", "find_thin_regions"]

_DRAWS = 2000
_FAR = 0.25  # share of a class's objects that count as far when they are wrong too


@dataclass(frozen=True)
class ThinRegions:
    """How far each object lies from the others of its class.

    Attributes
    ----------
    ratios
        float64 (n,), distance of the photograph's object to its nearest others, over the median of its class.
    thin
        bool (n,), photographs whose object lies beyond the fence of its class, or is wrong and among its farthest
        quarter.
    farther
        Median ratio of wrong objects over that of right ones; NaN where there are not both.
    p
        Chance of wrong objects lying as far or farther if distance did not matter, by exchanging which objects of a
        class are wrong; NaN where there are not both.
    wrong_objects
        How many.
    """

    ratios: NDArray[np.float64]
    thin: NDArray[np.bool_]
    farther: float
    p: float
    wrong_objects: int


def find_thin_regions(
    X: NDArray[np.float32], y: NDArray[np.int64], groups: NDArray[np.str_], wrong: NDArray[np.bool_], *, seed: int
) -> ThinRegions:
    """Measure how thinly classes are covered.

    Parameters
    ----------
    X
        float32 (n, d), rows of length 1 that nothing was fitted for.
    y, groups, wrong
        (n,), class and object of each photograph, and whether models that had not seen it were wrong.
    seed
        Of the exchanges.
    """
    pairs = {pair: i for i, pair in enumerate(sorted(set(zip(groups.tolist(), y.tolist(), strict=True))))}
    objects = np.array([pairs[pair] for pair in zip(groups.tolist(), y.tolist(), strict=True)], dtype=np.int64)
    label = np.array([c for _, c in pairs], dtype=np.int64)
    found = class_outliers(X, objects, label, seed=seed)
    missed = 2 * np.bincount(objects, weights=wrong) >= np.bincount(objects)
    far = missed & (found.p_values <= _FAR)
    farther, p = _gathering(found.ratios, label, missed, seed)
    thin = found.outside | far
    return ThinRegions(found.ratios[objects], thin[objects], farther, p, int(missed.sum()))


def _gathering(
    ratios: NDArray[np.float64], label: NDArray[np.int64], missed: NDArray[np.bool_], seed: int
) -> tuple[float, float]:
    known = np.isfinite(ratios)
    ratios, label, missed = ratios[known], label[known], missed[known]
    if not missed.any() or missed.all():
        return float("nan"), float("nan")
    rank = np.empty(len(ratios))
    for c in np.unique(label):
        here = np.flatnonzero(label == c)
        rank[here] = (np.argsort(np.argsort(ratios[here], kind="stable")) + 0.5) / len(here)
    rng = generator(seed, "thin regions")
    observed, reached = rank[missed].sum(), 0
    for _ in range(_DRAWS):
        total = 0.0
        for c in np.unique(label):
            here = np.flatnonzero(label == c)
            total += rank[rng.permutation(here)[: int(missed[here].sum())]].sum()
        reached += total >= observed - 1e-9
    farther = float(np.median(ratios[missed]) / max(float(np.median(ratios[~missed])), 1e-12))
    return farther, float((1 + reached) / (1 + _DRAWS))
