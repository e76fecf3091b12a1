"""Does an OOD figure measure the object or the background? A rule on scores before and after a background changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ai_models.evaluation.figures import LEVEL, as_json
from ai_models.metrics import Interval, auroc, clopper_pearson, group_draws

__all__ = ["STANDINGS", "BackgroundTest", "Standing", "background_test", "standing"]

Floats = NDArray[np.float64]
Standing = Literal["nothing to explain", "not the background", "too few to say", "partly", "mostly", "only"]
STANDINGS: tuple[Standing, ...] = (
    "nothing to explain", "not the background", "too few to say", "partly", "mostly", "only",
)  # fmt: skip
"""From harmless to damning."""
_HALF, _LITTLE = 0.5, 0.25  # shares of what the AUROC is above guessing


@dataclass(frozen=True)
class BackgroundTest:
    """How an AUROC changes when one side's background does.

    Attributes
    ----------
    before, after
        AUROC of the same images, with 95 % intervals.
    lost
        (before - after) / (before - .5): the share of the separation that went with the background; below 0 where it
        grew, above 1 where known and foreign changed places.
    standing
        See `standing`.
    """

    before: Interval
    after: Interval
    lost: Interval
    standing: Standing

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        ends = {name: as_json(getattr(self, name)) for name in ("before", "after", "lost")}
        return {**ends, "standing": self.standing}


def background_test(
    known: tuple[Floats, Floats],
    foreign: tuple[Floats, Floats],
    groups: NDArray[np.str_],
    foreign_groups: NDArray[np.str_],
    *,
    draws: int,
    seed: int,
    folds: NDArray[np.int64] | None = None,
) -> BackgroundTest:
    """Compare the AUROC before and after on the same draws of whole objects.

    Parameters
    ----------
    known
        Before and after: float (n, v) OOD scores of n known photographs in v versions (v may differ); the AUROC is
        the mean over the versions.
    foreign
        Before and after: float (f, m) OOD scores of m foreign images by the models of f folds; f = 1 for one model.
    groups, foreign_groups
        (n,), (m,).
    draws, seed
        Of the bootstrap.
    folds
        int (n,) in [0, f): the model that scored a known photograph, which the foreign scores of the same model are
        held against; by default all 0.
    """
    fold = np.zeros(len(groups), dtype=np.int64) if folds is None else folds

    def both(a: NDArray[np.intp], b: NDArray[np.intp]) -> tuple[float, float]:
        first, second = (_auroc(k[a], z[:, b], fold[a]) for k, z in zip(known, foreign, strict=True))
        return first, second

    everything = np.arange(len(groups)), np.arange(len(foreign_groups))
    estimate = both(*everything)
    pairs = zip(
        group_draws(groups, draws=draws, seed=seed),
        group_draws(foreign_groups, draws=draws, seed=seed + 1),
        strict=True,
    )
    drawn = np.array([both(a, b) for a, b in pairs])
    fewest = min(len(set(groups.tolist())), len(set(foreign_groups.tolist())))
    before, after = (_interval(estimate[i], drawn[:, i], fewest) for i in (0, 1))
    lost = _lost(estimate, drawn, before, fewest)
    return BackgroundTest(before, after, lost, standing(before, after, lost))


def standing(before: Interval, after: Interval, lost: Interval) -> Standing:
    """Say what a figure measured, from 95 % intervals.

    ``only`` the background: at least half of the separation went with it, and what is left cannot be told from
    guessing. ``mostly``: at least half went. ``partly``: some went. ``not the background``: at most a quarter can
    have gone. ``nothing to explain``: the figure cannot be told from guessing to begin with.
    """
    if not before.low > 0.5:
        return "nothing to explain"
    if lost.low >= _HALF:
        return "only" if after.low <= 0.5 else "mostly"
    if lost.high <= _LITTLE:
        return "not the background"
    return "partly" if lost.low > 0 else "too few to say"


def _auroc(known: Floats, foreign: Floats, fold: NDArray[np.int64]) -> float:
    """Return the mean over versions and over photographs' folds, each fold weighed by its photographs."""
    values = [
        len(own) * auroc(own[:, v], foreign[f])
        for f in np.unique(fold)
        for own in [known[fold == f]]
        for v in range(known.shape[1])
    ]
    return float(np.sum(values) / (len(known) * known.shape[1]))


def _interval(estimate: float, drawn: Floats, fewest: int) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = Interval(estimate, float(low), float(high), LEVEL)
    return found.hull(clopper_pearson(estimate * fewest, fewest, LEVEL)) if low == high else found


def _lost(estimate: tuple[float, float], drawn: Floats, before: Interval, fewest: int) -> Interval:
    """Return the lost share; where no draw differs, what so few objects cannot exclude."""
    if not estimate[0] > 0.5:
        return Interval(float("nan"), float("nan"), float("nan"), LEVEL)
    above = np.maximum(drawn[:, 0] - 0.5, 1e-9)
    shares = (drawn[:, 0] - drawn[:, 1]) / above
    share = (estimate[0] - estimate[1]) / (estimate[0] - 0.5)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    found = Interval(share, float(min(low, share)), float(max(high, share)), LEVEL)
    if low == high:
        unseen = clopper_pearson(0, fewest, LEVEL).high / (before.estimate - 0.5)
        found = found._replace(low=share - unseen, high=share + unseen)
    return found
