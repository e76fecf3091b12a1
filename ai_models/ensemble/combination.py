"""Which members vote, with what weights and temperature: decided on out-of-fold logits alone.

The vote is a logarithmic opinion pool: softmax of the weighted sum of the members' logits divided by a temperature
(Genest & Zidek 1986). Weights are non-negative and fitted to the out-of-fold log-loss, each class counting the same,
so that rare classes have a say in who votes; a small ridge pulls the weights towards each other, since a few dozen
photographs cannot tell members apart that agree. The temperature is fitted last, to the pooled out-of-fold logits,
each row counting the same (Guo et al. 2017). The pool is kept only where its log-loss beats the plain baseline's by
more than one standard error of the paired difference over objects, and where it does not buy that with the recall of
small classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ai_models.ensemble.members import MemberSpec
from ai_models.metrics.classification import balanced_accuracy
from ai_models.metrics.paired import PairedDifference, paired_difference

__all__ = [
    "Choice",
    "Combination",
    "Standing",
    "choose",
    "cross_fitted_logits",
    "fit_scale",
    "fit_weights",
    "pool",
    "row_losses",
    "softmax",
]

Logits = NDArray[np.float64]
RIDGE = 0.01
"""Strength of the pull of the weights (in units of each member's own spread) towards their mean."""
WORTHWHILE = 0.005
"""Gain in log-loss below which more than one member is not worth its time."""
NEGLIGIBLE = 0.05
"""Share of the total weight below which a member is not worth its time."""


@dataclass(frozen=True)
class Combination:
    """A vote that is decided but not fitted.

    Attributes
    ----------
    members
        The specs that vote.
    weights
        One each, non-negative, summing to 1.
    temperature
        Divides the weighted sum of logits.
    shares
        One each, summing to 1: weight times the member's own spread of logits, its part in what decides.
    """

    members: tuple[MemberSpec, ...]
    weights: tuple[float, ...]
    temperature: float
    shares: tuple[float, ...] = ()

    def logits(self, by_member: Mapping[MemberSpec, Logits]) -> Logits:
        """Return the pooled logits, float64 (n, k)."""
        stack = np.stack([by_member[m] for m in self.members])
        return np.asarray(np.tensordot(np.asarray(self.weights), stack, 1) / self.temperature)


class Standing(NamedTuple):
    """How one family of members does alone.

    Attributes
    ----------
    nll
        Mean log-loss.
    balanced_accuracy
        Mean recall over the classes, in [0, 1].
    """

    nll: float
    balanced_accuracy: float


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    combination
        The vote.
    gain
        Log-loss of the baseline minus that of the pool, paired by object; positive = the pool is better.
    kept_pool
        Whether the pool was kept rather than the baseline.
    oof_logits
        Cross-fitted logits of the vote, float64 (n, k): each row weighed without its own fold.
    standings
        Family -> how it does alone, its setting and temperature for a fold chosen on the other folds.
    """

    combination: Combination
    gain: PairedDifference
    kept_pool: bool
    oof_logits: Logits
    standings: Mapping[str, Standing]

    @property
    def probabilities(self) -> Logits:
        """Cross-fitted probabilities of the vote, float64 (n, k)."""
        return softmax(self.oof_logits)


def softmax(logits: Logits) -> Logits:
    """Return the probabilities of logits, rows summing to 1."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def row_losses(logits: Logits, y: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log-loss of each row, float64 (n,)."""
    top = logits.max(axis=1)
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    return np.asarray(total - logits[np.arange(len(y)), y])


def fit_weights(stack: Logits, y: NDArray[np.int64], *, ridge: float = RIDGE) -> NDArray[np.float64]:
    """Return the non-negative weights that minimise the class-balanced log-loss of the weighted sum of logits.

    Parameters
    ----------
    stack
        float64 (members, n, k), out-of-fold logits.
    y
        int (n,), labels in [0, k).
    ridge
        Pull of the weights towards their mean, each weight taken in units of its member's root-mean-square logit.

    Returns
    -------
    numpy.ndarray
        float64 (members,); not normalised. The problem is convex.
    """
    m, _, k = stack.shape
    spread = np.maximum(np.sqrt((stack**2).mean(axis=(1, 2))), 1e-9)
    scaled = stack / spread[:, None, None]
    target = _targets(y, k)
    row_weights = (1.0 / np.bincount(y, minlength=k)[y] / len(np.unique(y)))[:, None]

    def objective(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        pooled = np.tensordot(w, scaled, 1)
        away = w - w.mean()
        gradient = np.tensordot(scaled, (softmax(pooled) - target) * row_weights, ([1, 2], [0, 1]))
        losses = row_losses(pooled, y) + ((np.eye(k)[y] - target) * pooled).sum(axis=1)
        loss = (losses[:, None] * row_weights).sum()
        return float(loss + ridge * (away**2).sum()), gradient + 2 * ridge * away

    start = np.full(m, 1.0 / m)
    found = minimize(objective, start, jac=True, bounds=[(0.0, None)] * m, method="L-BFGS-B")
    return np.asarray(found.x / spread)


def _targets(y: NDArray[np.int64], k: int) -> Logits:
    """Return the share of each class that fitting aims at: the true one gets 1 - (1 - 1 / k) / (n + 2), not 1.

    After Platt (1999): without it, classes that happen to be separable in a few dozen rows make every later
    probability 0 or 1.
    """
    smoothing = 1.0 / (len(y) + 2)
    return np.asarray(np.eye(k)[y] * (1 - smoothing) + smoothing / k)


def fit_scale(logits: Logits, y: NDArray[np.int64]) -> float:
    """Return the non-negative scale of one member's logits that minimises the log-loss, by Newton's method.

    Parameters
    ----------
    logits
        float64 (n, k).
    y
        int (n,), labels in [0, k).
    """
    size = max(float(np.sqrt((logits**2).mean())), 1e-9)
    unit = logits / size
    right = (_targets(y, logits.shape[1]) * unit).sum(axis=1)
    scale = 1.0
    for _ in range(50):
        p = softmax(scale * unit)
        mean = (p * unit).sum(axis=1)
        slope = float((mean - right).mean())
        curve = float(((p * unit**2).sum(axis=1) - mean**2).mean())
        moved = min(max(scale - slope / max(curve, 1e-9), scale / 4), 4 * scale)  # convex, but far steps overshoot
        if abs(moved - scale) < 1e-9 * scale or moved < 1e-9:
            break
        scale = moved
    return scale / size


def pool(oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64]) -> Combination:
    """Return the weighted vote of the best setting of each family.

    Parameters
    ----------
    oof
        Member -> out-of-fold logits, float64 (n, k).
    y
        int (n,), labels.
    """
    best = list(_best_of_families(oof, y))
    weights = fit_weights(np.stack([oof[m] for m in best]), y)
    spread = np.array([np.sqrt((oof[m] ** 2).mean()) for m in best])
    share = weights * spread / max(float((weights * spread).sum()), 1e-12)
    if (share > NEGLIGIBLE).any() and not (share > NEGLIGIBLE).all():
        best = [m for m, s in zip(best, share, strict=True) if s > NEGLIGIBLE]
        weights = fit_weights(np.stack([oof[m] for m in best]), y)
    spread = np.array([np.sqrt((oof[m] ** 2).mean()) for m in best])
    total = float(weights.sum())
    if total <= 1e-9:  # nothing predicts better than equal odds: say equal odds
        equal = (1.0 / len(best),) * len(best)
        return Combination(tuple(best), equal, 1e9, equal)
    shares = weights * spread / float((weights * spread).sum())
    decided = Combination(tuple(best), tuple((weights / total).tolist()), 1.0, tuple(shares.tolist()))
    scale = fit_scale(decided.logits(oof), y)
    return replace(decided, temperature=1.0 / max(scale, 1e-9))


def cross_fitted_logits(oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64], folds: NDArray[np.int64]) -> Logits:
    """Return pooled logits in which the settings and weights for each fold come from the other folds, (n, k)."""
    out = np.zeros_like(next(iter(oof.values())))
    for fold in np.unique(folds):
        inside = folds == fold
        decided = pool({m: values[~inside] for m, values in oof.items()}, y[~inside])
        out[inside] = decided.logits({m: oof[m][inside] for m in decided.members})
    return out


def choose(
    oof: Mapping[MemberSpec, Logits],
    y: NDArray[np.int64],
    groups: NDArray[np.str_],
    folds: NDArray[np.int64],
    *,
    baseline: Sequence[MemberSpec],
) -> Choice:
    """Decide between the pool and the baseline by their cross-fitted log-loss.

    Parameters
    ----------
    oof
        Member -> out-of-fold logits, float64 (n, k).
    y, groups, folds
        (n,): label, object, and the fold in which the row was scored.
    baseline
        The settings of the plain baseline; all keys of `oof`.
    """
    plain = {m: oof[m] for m in baseline}
    pooled, simple = cross_fitted_logits(oof, y, folds), cross_fitted_logits(plain, y, folds)
    gain = paired_difference(row_losses(simple, y), row_losses(pooled, y), groups)
    k = pooled.shape[1]
    recall_kept = balanced_accuracy(y, pooled.argmax(axis=1), k) >= balanced_accuracy(y, simple.argmax(axis=1), k)
    kept = gain.mean > max(gain.se, WORTHWHILE) and recall_kept
    families = _families(oof)
    standings = {
        name: _standing(cross_fitted_logits({m: oof[m] for m in members}, y, folds), y)
        for name, members in families.items()
    }
    return Choice(pool(oof if kept else plain, y), gain, kept, pooled if kept else simple, standings)


def _standing(values: Logits, y: NDArray[np.int64]) -> Standing:
    nll = float(row_losses(values, y).mean())
    return Standing(nll, balanced_accuracy(y, values.argmax(axis=1), values.shape[1]))


def _best_of_families(oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64]) -> list[MemberSpec]:
    def scaled_loss(member: MemberSpec) -> float:
        return float(row_losses(fit_scale(oof[member], y) * oof[member], y).mean())

    families = _families(oof).values()
    return [min(settings, key=scaled_loss) if len(settings) > 1 else settings[0] for settings in families]


def _families(members: Iterable[MemberSpec]) -> dict[str, list[MemberSpec]]:
    found: dict[str, list[MemberSpec]] = {}
    for member in members:
        found.setdefault(member.family, []).append(member)
    return found
