"""How members are weighed into one vote: on out-of-fold logits alone.

The vote is a logarithmic opinion pool: softmax of the weighted sum of the members' logits divided by a temperature
(Genest & Zidek 1986). Weights are non-negative and fitted to the out-of-fold log-loss, each class counting the same,
so that rare classes have a say in who votes; a small ridge pulls the weights towards each other, since a few dozen
photographs cannot tell members apart that agree. The temperature is fitted last, to the pooled out-of-fold logits,
each row counting the same (Guo et al. 2017). Which members may vote at all is decided in
`ai_models.ensemble.choosing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ai_models.ensemble.members import MemberSpec

__all__ = [
    "Combination",
    "best_settings",
    "blended",
    "families",
    "fit_scale",
    "fit_weights",
    "pool",
    "row_losses",
    "softmax",
    "weigh",
]

Logits = NDArray[np.float64]
RIDGE = 0.01
"""Strength of the pull of the weights (in units of each member's own spread) towards their mean."""
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
        return self.pooled(np.stack([by_member[m] for m in self.members]))

    def pooled(self, stack: Logits) -> Logits:
        """Return the pooled logits of float64 (members, n, k) in the order of the members."""
        return np.asarray(np.tensordot(np.asarray(self.weights), stack, 1) / self.temperature)


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
    return weigh({m: oof[m] for m in best_settings(oof, y)}, y)


def weigh(oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64]) -> Combination:
    """Return the weighted vote of exactly these members, without those whose part would be negligible.

    Parameters
    ----------
    oof
        Member -> out-of-fold logits, float64 (n, k); one member a family.
    y
        int (n,), labels.
    """
    voters = list(oof)
    weights = fit_weights(np.stack([oof[m] for m in voters]), y)
    share = _shares(weights, [oof[m] for m in voters])
    if (share > NEGLIGIBLE).any() and not (share > NEGLIGIBLE).all():
        voters = [m for m, s in zip(voters, share, strict=True) if s > NEGLIGIBLE]
        weights = fit_weights(np.stack([oof[m] for m in voters]), y)
        share = _shares(weights, [oof[m] for m in voters])
    total = float(weights.sum())
    if total <= 1e-9:  # nothing predicts better than equal odds: say equal odds
        equal = (1.0 / len(voters),) * len(voters)
        return Combination(tuple(voters), equal, 1e9, equal)
    decided = Combination(tuple(voters), tuple((weights / total).tolist()), 1.0, tuple(share.tolist()))
    scale = fit_scale(decided.logits(oof), y)
    return replace(decided, temperature=1.0 / max(scale, 1e-9))


def blended(
    vote: Combination, plain: MemberSpec, trust: float, oof: Mapping[MemberSpec, Logits], temperature: float = 1.0
) -> Combination:
    """Return the vote whose logits are ``(trust * vote + (1 - trust) * plain) / temperature``.

    Parameters
    ----------
    vote
        The pool.
    plain
        The baseline; it may be a member of the pool too.
    trust
        In [0, 1].
    oof
        Member -> out-of-fold logits, for the shares.
    temperature
        Positive.
    """
    weights = dict.fromkeys(vote.members if trust > 0 else (), 0.0)
    for member, weight in zip(vote.members, vote.weights, strict=True) if trust > 0 else ():
        weights[member] += trust * weight / vote.temperature
    if trust < 1:
        weights[plain] = weights.get(plain, 0.0) + 1.0 - trust
    raw = np.array(list(weights.values()))
    total = float(raw.sum())
    shares = _shares(raw, [oof[m] for m in weights])
    return Combination(tuple(weights), tuple((raw / total).tolist()), temperature / total, tuple(shares.tolist()))


def best_settings(oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64]) -> list[MemberSpec]:
    """Return of each family the setting with the least log-loss after its own temperature."""

    def scaled_loss(member: MemberSpec) -> float:
        return float(row_losses(fit_scale(oof[member], y) * oof[member], y).mean())

    found = families(oof).values()
    return [min(settings, key=scaled_loss) if len(settings) > 1 else settings[0] for settings in found]


def families(members: Iterable[MemberSpec]) -> dict[str, list[MemberSpec]]:
    """Return the settings of each kind and view, in the order of the members."""
    found: dict[str, list[MemberSpec]] = {}
    for member in members:
        found.setdefault(member.family, []).append(member)
    return found


def _shares(weights: NDArray[np.float64], logits: list[Logits]) -> NDArray[np.float64]:
    """Return each member's part in what decides: weight times its own spread of logits, summing to 1."""
    part = weights * np.array([np.sqrt((values**2).mean()) for values in logits])
    return np.asarray(part / max(float(part.sum()), 1e-12))
