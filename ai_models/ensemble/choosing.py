"""Which parts may vote, and how far the vote is trusted over the plain baseline: decided on out-of-fold logits.

Every block of features and every kind of member must earn its place: its gain is the log-loss of the vote without it
minus that of the vote with it, both cross-fitted (settings and weights for a fold come from the other folds), paired
by object. Parts are taken away one after another, the least useful first, as long as one is found whose gain is not
above `demanded` standard errors; ties go to the simpler vote.

What is left stands against the plain baseline, one logistic regression on the embedding as it comes. With a few dozen
photographs a class the comparison is noisy, and all or nothing would throw away a good vote in one folder of five and
ship a bad one in another. So the two are blended, weighed by the evidence: with P = Phi(gain / standard error), the
chance that the vote is the better one, it gets 2 P - 1, all where P is above .95 and nothing where it is not better,
so that the baseline is shipped as it is. A last temperature is fitted to a blend and kept where it gains more than one
standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.ensemble.combination import (
    Combination,
    Logits,
    best_settings,
    blended,
    families,
    fit_scale,
    pool,
    row_losses,
    softmax,
    weigh,
)
from ai_models.ensemble.members import MemberSpec
from ai_models.metrics.classification import balanced_accuracy
from ai_models.metrics.paired import PairedDifference, paired_difference

__all__ = ["Choice", "CrossFittedVote", "Standing", "Worth", "choose", "trust"]

WORTHWHILE = 0.005
"""Gain in log-loss up to which a vote is not worth more than the baseline."""
CERTAIN = 0.95
"""Chance of being the better one from which the vote is taken alone."""


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


class Worth(NamedTuple):
    """What a part of the pipeline gains.

    Attributes
    ----------
    part
        Name of the block or of the kind of member.
    of
        Which of the two it is.
    gain
        Log-loss without it minus log-loss with it, paired by object; positive = the part helps.
    kept
        Whether it was kept.
    """

    part: str
    of: Literal["block", "member"]
    gain: PairedDifference
    kept: bool


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes
    ----------
    combination
        What is shipped: the vote, blended with the plain baseline.
    gain
        Log-loss of the baseline minus that of the vote, paired by object; positive = the vote is better.
    trust
        Part of the vote in the blend, in [0, 1].
    oof_logits
        Cross-fitted logits of what is shipped, float64 (n, k): each row weighed without its own fold. Which parts
        stay and how far the vote is trusted was decided on all rows, so that a figure on these is a little too good;
        figures to publish come from held-out rows or from whole pipelines without the fold.
    standings
        Family -> how it does alone, its setting and temperature for a fold chosen on the other folds.
    worth
        What each block and kind of member gains, kept or dropped.
    closer_gain
        Log-loss of one look at a photograph minus that of two, whose logits are averaged; None where there was one.
    looks_closer
        Whether the second look is kept: it must gain more than one standard error, for it doubles the cost.
    """

    combination: Combination
    gain: PairedDifference
    trust: float
    oof_logits: Logits
    standings: Mapping[str, Standing]
    worth: tuple[Worth, ...]
    closer_gain: PairedDifference | None = None
    looks_closer: bool = False

    @property
    def probabilities(self) -> Logits:
        """Cross-fitted probabilities of what is shipped, float64 (n, k)."""
        return softmax(self.oof_logits)


class CrossFittedVote:
    """The vote of any of the members, weighed for each fold on the other folds.

    The best setting of a family does not depend on which others vote, so that it is looked for once.

    Parameters
    ----------
    oof
        Member -> out-of-fold logits, float64 (n, k).
    y, folds
        (n,): label, and the fold in which the row was scored.
    """

    def __init__(self, oof: Mapping[MemberSpec, Logits], y: NDArray[np.int64], folds: NDArray[np.int64]) -> None:
        self.oof, self.y = oof, y
        self.shape = next(iter(oof.values())).shape
        self._best: list[tuple[NDArray[np.bool_], list[MemberSpec]]] = []
        for fold in np.unique(folds):
            others = folds != fold
            seen = {m: values[others] for m, values in oof.items()}
            self._best.append((others, best_settings(seen, y[others])))

    def logits(self, votes: Callable[[MemberSpec], bool], of: Mapping[MemberSpec, Logits] | None = None) -> Logits:
        """Return the cross-fitted logits of the vote of those members that `votes` lets vote, float64 (n, k).

        Weights come from the logits that the vote was made with; `of` are others that they are applied to.
        """
        out, told = np.zeros(self.shape), self.oof if of is None else of
        for others, best in self._best:
            voters = [m for m in best if votes(m)]
            decided = weigh({m: self.oof[m][others] for m in voters}, self.y[others])
            out[~others] = decided.logits({m: told[m][~others] for m in decided.members})
        return out

    def alone(self, family: str) -> Logits:
        """Return the cross-fitted logits of one family, each fold with its own setting and temperature, (n, k)."""
        out = np.zeros(self.shape)
        for others, best in self._best:
            member = next(m for m in best if m.family == family)
            values = self.oof[member]
            out[~others] = values[~others] * fit_scale(values[others], self.y[others])
        return out


def choose(
    oof: Mapping[MemberSpec, Logits],
    y: NDArray[np.int64],
    groups: NDArray[np.str_],
    folds: NDArray[np.int64],
    *,
    plain: MemberSpec,
    demanded: float = 0.0,
    closer: Mapping[MemberSpec, Logits] | None = None,
) -> Choice:
    """Let parts earn their place, weigh what is left, and blend it with the baseline by the evidence.

    Parameters
    ----------
    oof
        Member -> out-of-fold logits, float64 (n, k).
    y, groups, folds
        (n,): label, object, and the fold in which the row was scored.
    plain
        The plain baseline, one of the keys of `oof`; its logits are taken as they are.
    demanded
        Standard errors that the gain of a part must exceed.
    closer
        As `oof`, of a second look at each row.
    """
    vote = CrossFittedVote(oof, y, folds)
    elimination = _Elimination(vote, y, groups, demanded)
    worth = elimination.run(list(dict.fromkeys(name for m in oof for name in m.blocks)), "block")
    worth += elimination.run(list(dict.fromkeys(m.kind for m in oof if elimination.votes(m))), "member")
    pooled = vote.logits(elimination.votes)
    gain = paired_difference(row_losses(oof[plain], y), row_losses(pooled, y), groups)
    weight = trust(gain)
    mixed = weight * pooled + (1.0 - weight) * oof[plain]
    temperature = _last_temperature(mixed, y, groups) if weight else 1.0
    decided = pool({m: oof[m] for m in oof if elimination.votes(m)}, y)
    seen, second, looks_closer = mixed / temperature, None, False
    if closer is not None:
        other = (weight * vote.logits(elimination.votes, closer) + (1.0 - weight) * closer[plain]) / temperature
        second = paired_difference(row_losses(seen, y), row_losses((seen + other) / 2, y), groups)
        looks_closer = second.mean > second.se
        seen = (seen + other) / 2 if looks_closer else seen
    return Choice(
        combination=blended(decided, plain, weight, oof, temperature),
        gain=gain,
        trust=weight,
        oof_logits=seen,
        standings={name: _standing(vote.alone(name), y) for name in families(oof)},
        worth=tuple(worth),
        closer_gain=second,
        looks_closer=looks_closer,
    )


def trust(gain: PairedDifference) -> float:
    """Return how much likelier the vote is better than worse, in [0, 1].

    With the chance P that the mean gain is above 0 it is P - (1 - P), and 1 where P is beyond `CERTAIN`; 0 where the
    gain is not `WORTHWHILE`, or without an error.
    """
    if not math.isfinite(gain.se) or gain.mean <= WORTHWHILE:
        return 0.0
    chance = 0.5 * (1.0 + math.erf(gain.z / math.sqrt(2.0)))
    return 1.0 if chance > CERTAIN else 2.0 * chance - 1.0


def _last_temperature(mixed: Logits, y: NDArray[np.int64], groups: NDArray[np.str_]) -> float:
    scale = max(fit_scale(mixed, y), 1e-9)
    gain = paired_difference(row_losses(mixed, y), row_losses(mixed * scale, y), groups)
    return 1.0 / scale if gain.mean > gain.se else 1.0


class _Elimination:
    """Parts that are taken away one after another as long as their gain does not reach what is demanded."""

    def __init__(self, vote: CrossFittedVote, y: NDArray[np.int64], groups: NDArray[np.str_], demanded: float) -> None:
        self.vote, self.y, self.groups, self.demanded = vote, y, groups, demanded
        self.off: set[str] = set()

    def votes(self, member: MemberSpec, without: str = "") -> bool:
        """Say whether a member may vote: neither its kind nor a block of its view was taken away."""
        return not ({*member.blocks, member.kind} & {*self.off, without})

    def run(self, parts: Sequence[str], of: Literal["block", "member"]) -> list[Worth]:
        """Drop what does not earn its place; the gains of what stays come first, largest first."""
        left = list(parts)
        dropped: list[Worth] = []
        present = self._losses("")
        while True:
            without = {part: self._losses(part) for part in left}
            gains = {part: paired_difference(losses, present, self.groups) for part, losses in without.items()}
            spare = [part for part in left if any(self.votes(m, part) for m in self.vote.oof)]
            worst = min(spare, key=lambda part: gains[part].z, default="")
            if not worst or gains[worst].mean > self.demanded * gains[worst].se:
                kept = [Worth(part, of, gain, True) for part, gain in gains.items()]
                return sorted(kept, key=lambda w: -w.gain.mean) + dropped
            gain, present = gains[worst], without[worst]
            self.off.add(worst)
            left.remove(worst)
            dropped.append(Worth(worst, of, gain, False))

    def _losses(self, without: str) -> NDArray[np.float64]:
        """Return the loss of each row where a part does not vote; that of equal odds where nobody would be left."""
        if not any(self.votes(m, without) for m in self.vote.oof):
            return np.full(len(self.y), math.log(self.vote.shape[1]))
        return row_losses(self.vote.logits(lambda m: self.votes(m, without)), self.y)


def _standing(values: Logits, y: NDArray[np.int64]) -> Standing:
    nll = float(row_losses(values, y).mean())
    return Standing(nll, balanced_accuracy(y, values.argmax(axis=1), values.shape[1]))
