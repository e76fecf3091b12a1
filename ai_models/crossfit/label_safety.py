"""Does a transform carry a class's photographs to another class in feature space? Judged on fitting rows alone.

A least-squares classifier on unit-length embeddings stands for the feature space. Each photograph and its changed
version are classified by the classifier that was fitted without that photograph; what it then calls them, pair by
pair, says whether the change took the class away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.metrics.intervals import clopper_pearson
from ai_models.metrics.special import beta_cdf
from ai_models.transforms import SYMMETRIES

__all__ = ["FEWEST_OBJECTS", "Finding", "Verdict", "judge", "leave_one_out_labels"]

_SYMMETRIES = frozenset(t.name for t in SYMMETRIES)
"""Used only where they are shown to be safe; the others are what cameras and hands make."""
FEWEST_OBJECTS = 8
"""Objects of a class from which anything is said of it."""
LEVEL = 0.05
"""Error rate of each one-sided test."""
MOST_CARRIED = 0.2
"""A flip or a turn is safe only when the upper limit of the share that it carries away is not above this."""
_RIDGE = 0.1
_DRAWS = 999


class Verdict(StrEnum):
    """What is known of a transform for a class."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNCLEAR = "too few to say"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one transform does to one class.

    Attributes
    ----------
    verdict
        See `Verdict`.
    reason
        For people: what was counted.
    objects
        Photographs of the class that were tried, each of another object.
    right
        Of them, those that are recognised unchanged.
    carried
        Of the right ones, those that are called another class once changed.
    returned
        Of the wrong ones, those that are recognised once changed.
    """

    verdict: Verdict
    reason: str
    objects: int
    right: int
    carried: int
    returned: int

    def allows(self, transform: str) -> bool:
        """Whether copies of the class may be made with this transform."""
        return self.verdict is Verdict.SAFE or (self.verdict is Verdict.UNCLEAR and transform not in _SYMMETRIES)


def judge(
    plain: NDArray[np.floating],
    changed: Mapping[str, NDArray[np.floating]],
    y: NDArray[np.int64],
    classes: Sequence[str],
) -> dict[tuple[str, str], Finding]:
    """Judge every transform for every class.

    Unsafe: more photographs are carried out of their class than into it, by the exact one-sided test of McNemar
    (Psychometrika 12, 1947). A flip or a turn is unsafe too where the class has a right way round, such as script:
    its mean displacement is farther from zero than when photograph and changed version are exchanged at random
    (exact sign-flip test). It is safe only when neither is found and few can have been carried; any other transform
    is one that cameras and hands make, and is safe unless found otherwise.

    Parameters
    ----------
    plain
        (n, d), embeddings of photographs that may be fitted on, each of another object.
    changed
        Transform -> (n, d), embeddings of the same photographs changed.
    y
        (n,), labels in [0, len(classes)).
    classes
        Class names.

    Returns
    -------
    dict
        (class, transform) -> finding, for the classes that have rows.
    """
    if not len(y):
        return {}
    names = list(changed)
    X = _unit(plain)
    C = {name: _unit(changed[name]) for name in names}
    before, *after = leave_one_out_labels(X, [X, *C.values()], y, len(classes))
    found = {}
    for code in np.unique(y).tolist():
        own = y == code
        for name, called in zip(names, after, strict=True):
            handed = _handedness(C[name][own] - X[own], name) if name in _SYMMETRIES else None
            found[classes[code], name] = _finding(before[own], called[own], code, classes, handed=handed)
    return found


def leave_one_out_labels(
    X: NDArray[np.float64], versions: Sequence[NDArray[np.float64]], y: NDArray[np.int64], k: int
) -> list[NDArray[np.int64]]:
    """Classify row i of each version by the classifier that was fitted to all rows of `X` but row i.

    Regularised least squares with rows weighed so that classes count alike. With H = (K + ridge W^-1)^-1 and
    a = H Y the classifier without row i has the coefficients ``a - H[:, i] a[i] / H[i, i]`` (as for GCV, Golub, Heath
    and Wahba 1979), so none is fitted anew.

    Parameters
    ----------
    X
        (n, d), unit rows.
    versions
        Each (n, d): row i is row i of `X` or what became of it.
    y
        (n,), labels in [0, k).
    k
        Number of classes.

    Returns
    -------
    list
        For each version int64 (n,), labels.
    """
    sizes = np.bincount(y, minlength=k)
    targets = np.eye(k)[y]
    H = np.linalg.inv(X @ X.T + 1.0 + np.diag(_RIDGE * sizes[y] * len(np.unique(y)) / len(y)))
    a = H @ targets
    labels = []
    for rows in versions:
        kernel = rows @ X.T + 1.0
        scores = kernel @ a - (kernel * H.T).sum(axis=1)[:, None] * a / np.diag(H)[:, None]
        scores[:, sizes == 0] = -np.inf
        labels.append(scores.argmax(axis=1))
    return labels


def _finding(
    before: NDArray[np.int64], after: NDArray[np.int64], code: int, classes: Sequence[str], *, handed: float | None
) -> Finding:
    right = before == code
    lost = right & (after != code)
    n, counted = len(before), (int(right.sum()), int(lost.sum()), int((~right & (after == code)).sum()))
    recognised, carried, returned = counted
    most = Counter(after[lost].tolist()).most_common(1)
    away = f"carries {carried} of {recognised}"
    if n < FEWEST_OBJECTS:
        return Finding(Verdict.UNCLEAR, f"{n} objects, {FEWEST_OBJECTS} needed", n, *counted)
    if carried and beta_cdf(0.5, carried, returned + 1) <= LEVEL:
        return Finding(Verdict.UNSAFE, f"{away} to another class, mostly {classes[most[0][0]]}", n, *counted)
    if handed is None:
        return Finding(Verdict.SAFE, away, n, *counted)
    if handed <= LEVEL:
        return Finding(Verdict.UNSAFE, f"told from the photographs themselves (p = {handed:.3f})", n, *counted)
    limit = clopper_pearson(carried, recognised, 1.0 - 2.0 * LEVEL).high
    if limit <= MOST_CARRIED:
        return Finding(Verdict.SAFE, away, n, *counted)
    return Finding(Verdict.UNCLEAR, f"{away}, which may mean up to {limit:.0%}", n, *counted)


def _handedness(displaced: NDArray[np.float64], name: str) -> float:
    """Return the p-value of a class having a right way round: exact but for the number of draws.

    Where photograph and changed version might as well be exchanged, every sign of every displacement is equally
    likely.
    """
    gram = displaced @ displaced.T
    signs = generator(0, "handedness", name, len(gram)).choice([-1.0, 1.0], size=(_DRAWS, len(gram)))
    drawn = np.einsum("ri,ij,rj->r", signs, gram, signs, optimize=True)
    return float(1 + (drawn >= gram.sum() * (1 - 1e-9)).sum()) / (_DRAWS + 1)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    wide = np.asarray(rows, dtype=np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.asarray(wide / np.where(length > 0, length, 1.0), dtype=np.float64)
