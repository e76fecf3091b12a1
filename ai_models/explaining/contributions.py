"""What each member and each block of features adds to the margin of one class over another.

The margin is the difference of the two classes' log-probabilities (natural logarithm): log(p_a / p_b). The vote is a
weighted sum of the members' logits over a temperature, so the members' parts add up to it exactly. Blocks work
together inside a member; their parts are Shapley values (Shapley 1953; Lundberg and Lee 2017), the only ones that
share the margin out wholly, treat equal blocks equally and give nothing to a block that changes nothing. A block that
"is not there" is filled in from training photographs, one after another (Janzing, Minorics and Bloebaum 2020), so
every row that the members see is made of blocks of real photographs. All coalitions are tried: nothing is sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ai_models.core.errors import AmuletError
from ai_models.core.rng import generator
from ai_models.ensemble.voting import VotingEnsemble
from ai_models.explaining.evidence import Evidence

__all__ = [
    "Contributions",
    "averaged",
    "background_rows",
    "block_contributions",
    "member_contributions",
    "shapley_values",
]

MOST_BLOCKS = 12
"""Blocks of which all coalitions are tried: 4,096 of them."""
_BACKGROUND = 32
_BATCH = 2048  # rows of one call of the ensemble


class Contributions(NamedTuple):
    """Parts that add up to a margin.

    Attributes
    ----------
    parts
        Name -> part of the margin, largest magnitude first; positive speaks for the first class.
    base
        What the margin is without any part: 0 for members; for blocks the mean margin of the background.
    total
        The margin: `base` and the parts together.
    """

    parts: dict[str, float]
    base: float
    total: float


def member_contributions(ensemble: VotingEnsemble, z: NDArray[np.float64], a: int, b: int) -> Contributions:
    """Return each member's part of the margin of class `a` over class `b`.

    Parameters
    ----------
    ensemble
        The vote.
    z
        float64 (scaled columns,), the image.
    a, b
        Columns of the probabilities.

    Returns
    -------
    Contributions
        Where the vote adds a constant to each class (another class prior), that stands as ``class prior``.
    """
    combination = ensemble.combination
    logits = ensemble.member_logits(z[None])
    families = [member.family for member in combination.members]
    parts = {
        (member.family if families.count(member.family) == 1 else member.name): weight
        * float(logits[member][0, a] - logits[member][0, b])
        / combination.temperature
        for member, weight in zip(combination.members, combination.weights, strict=True)
    }
    total = float(margins(ensemble, z[None], a, b)[0])
    rest = total - sum(parts.values())
    if abs(rest) > 1e-9 * max(1.0, abs(total)):
        parts["class prior"] = rest
    return Contributions(_largest_first(parts), 0.0, total)


def block_contributions(
    ensemble: VotingEnsemble, z: NDArray[np.float64], background: NDArray[np.floating], a: int, b: int
) -> Contributions:
    """Return each block's Shapley value for the margin of class `a` over class `b`.

    Parameters
    ----------
    ensemble, z, a, b
        As for `member_contributions`.
    background
        Float (m, scaled columns), what an absent block is filled in from.

    Returns
    -------
    Contributions
        Of the blocks that a member sees; others have no part in the vote.

    Raises
    ------
    AmuletError
        When there are more than `MOST_BLOCKS`.
    """
    seen = {block for member in ensemble.combination.members for block in member.blocks}
    blocks = [name for name in ensemble.slices if name in seen]
    if len(blocks) > MOST_BLOCKS:
        raise AmuletError(f"contributions are told of at most {MOST_BLOCKS} blocks, this model uses {len(blocks)}")
    columns = np.zeros((len(blocks), len(z)), dtype=np.bool_)
    for i, name in enumerate(blocks):
        columns[i, ensemble.slices[name]] = True

    def value(coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        per_call = max(1, _BATCH // len(background))
        found = []
        for start in range(0, len(coalitions), per_call):
            present = coalitions[start : start + per_call] @ columns
            rows = np.where(present[:, None, :], z, background.astype(np.float64)).reshape(-1, len(z))
            found.append(margins(ensemble, rows, a, b).reshape(len(present), -1).mean(axis=1))
        return np.concatenate(found)

    parts, base, total = shapley_values(value, len(blocks))
    return Contributions(_largest_first(dict(zip(blocks, parts.tolist(), strict=True))), base, total)


def shapley_values(
    value: Callable[[NDArray[np.bool_]], NDArray[np.float64]], players: int
) -> tuple[NDArray[np.float64], float, float]:
    """Return the exact Shapley values of a game, the value of nobody and the value of all.

    phi_i = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! (v(S and i) - v(S))

    Parameters
    ----------
    value
        Maps bool (c, players), one coalition a row, to float64 (c,).
    players
        n.
    """
    numbers = np.arange(2**players)
    coalitions = (numbers[:, None] >> np.arange(players)) & 1 == 1
    worth = value(coalitions)
    size = coalitions.sum(axis=1)
    weight = np.array([1.0 / (players * math.comb(players - 1, s)) if s < players else 0.0 for s in range(players + 1)])
    parts = np.empty(players)
    for i in range(players):
        without = numbers[~coalitions[:, i]]
        parts[i] = (weight[size[without]] * (worth[without | 1 << i] - worth[without])).sum()
    return parts, float(worth[0]), float(worth[-1])


def averaged(looks: Sequence[Contributions]) -> Contributions:
    """Return the contributions to the mean margin of several looks at one image."""
    if len(looks) == 1:
        return looks[0]
    parts = {name: float(np.mean([look.parts.get(name, 0.0) for look in looks])) for name in looks[0].parts}
    base, total = (float(np.mean(values)) for values in zip(*((c.base, c.total) for c in looks), strict=True))
    return Contributions(_largest_first(parts), base, total)


def background_rows(evidence: Evidence, seed: int) -> NDArray[np.int64]:
    """Return which training photographs stand in for an absent block: as many of each class, each of its own object."""
    k = len(evidence.model.classes)
    chosen: list[int] = []
    for label in range(k):
        rows = np.flatnonzero(evidence.labels == label)
        _, first = np.unique(evidence.groups[rows], return_index=True)
        one_each = rows[np.sort(first)]
        rng = generator(seed, "explanation background", evidence.model.classes[label])
        chosen += rng.permutation(one_each)[: max(1, _BACKGROUND // k)].tolist()
    return np.sort(np.array(chosen, dtype=np.int64))


def margins(ensemble: VotingEnsemble, Z: NDArray[np.float64], a: int, b: int) -> NDArray[np.float64]:
    """Return the log of the ratio of two classes' probabilities, float64 (n,)."""
    logits = ensemble.predict_logits(Z)
    return np.asarray(logits[:, a] - logits[:, b])


def _largest_first(parts: dict[str, float]) -> dict[str, float]:
    return dict(sorted(parts.items(), key=lambda item: -abs(item[1])))
