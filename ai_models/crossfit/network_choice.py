"""Which networks pay for their time: decided by the out-of-fold log-loss of the fitting rows, in inner folds.

Presets stand in the order of their cost: the small network, the wide one, both. The vote that each would give is
cross-fitted on the same folds (on half of the search; members of a view that two presets share are fitted once). A
dearer preset takes the place of the one kept so far where its log-loss is lower by more than one standard error of the
paired difference over objects and by `WORTHWHILE`; all else goes to the cheaper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ai_models.core.settings import NETWORKS, TrainingConfig, network_of
from ai_models.crossfit.candidates import candidate_specs, plain_spec
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints
from ai_models.crossfit.rows import FittingRows
from ai_models.crossfit.scoring import cross_fit
from ai_models.ensemble.choosing import choose
from ai_models.ensemble.combination import row_losses
from ai_models.ensemble.members import MemberSpec
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.metrics.paired import PairedDifference, paired_difference

__all__ = ["NetworkChoice", "NetworkStep", "cheapest_that_pays", "choose_networks"]

WORTHWHILE = 0.01
"""Gain in log-loss below which two presets are a tie: the wide network takes several times as long as the small one."""


@dataclass(frozen=True)
class NetworkStep:
    """One comparison: a dearer preset against the one kept so far.

    Attributes
    ----------
    preset, against
        The two.
    gain
        Log-loss of `against` minus that of `preset`, paired by object; positive = the dearer one is better.
    kept
        Whether the dearer one took the place.
    """

    preset: str
    against: str
    gain: PairedDifference
    kept: bool

    def __str__(self) -> str:
        low, high = self.gain.interval()
        return (
            f"{self.preset} instead of {self.against} {'kept' if self.kept else 'not kept'}: log loss lower by "
            f"{self.gain.mean:+.3f} [{low:+.3f}, {high:+.3f}] over {self.gain.groups} objects, out of fold"
        )


@dataclass(frozen=True)
class NetworkChoice:
    """The preset that was kept, and the comparisons that say why."""

    preset: str
    steps: tuple[NetworkStep, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """Blocks of the networks that are kept."""
        return NETWORKS[self.preset]

    def among(self, blocks: Iterable[str]) -> tuple[str, ...]:
        """Return those of the blocks that come from a kept network, or from none."""
        return tuple(name for name in blocks if network_of(name) in (*self.networks, ""))


def cheapest_that_pays(losses: Mapping[str, NDArray[np.float64]], groups: NDArray[np.str_]) -> NetworkChoice:
    """Go up from the cheapest preset and keep a dearer one only where it is better beyond the noise.

    Parameters
    ----------
    losses
        Preset -> out-of-fold log-loss of each row, float64 (n,); the cheapest preset first.
    groups
        (n,), the object of each row.
    """
    kept, *dearer = losses
    steps = []
    for preset in dearer:
        gain = paired_difference(losses[kept], losses[preset], groups)
        steps.append(NetworkStep(preset, kept, gain, gain.mean > max(gain.se, WORTHWHILE)))
        kept = preset if steps[-1].kept else kept
    return NetworkChoice(kept, tuple(steps))


def choose_networks(
    extractor: HybridFeatureExtractor,
    raw: RawFeatures,
    rows: FittingRows,
    config: TrainingConfig,
    *,
    max_components: Mapping[str, int],
    label: str = "",
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> NetworkChoice:
    """Compare the presets whose networks are all among the blocks.

    Parameters
    ----------
    extractor, raw, rows
        As for `ai_models.crossfit.scoring.cross_fit`; `rows.folds` are the inner folds.
    config
        Settings of training.
    max_components
        Principal components a block; 0 for none.
    label
        Text of the progress bar; empty for none.
    checkpoints
        As for `cross_fit`.
    """
    there = [p for p, networks in NETWORKS.items() if p != "auto" and set(networks) <= set(raw.blocks)]
    specs = {preset: _specs(tuple(raw.blocks), preset, config) for preset in there}
    photographs = rows.photographs
    y, groups, folds = rows.y[photographs], rows.groups[photographs], rows.folds[photographs]
    union = tuple(dict.fromkeys(spec for own in specs.values() for spec in own))
    oof = cross_fit(
        extractor, replace(raw, closer=None), rows, union,
        max_components=max_components, seed=config.seed, workers=config.workers,
        use_copies=False, label=label, checkpoints=checkpoints,
    )  # fmt: skip
    losses = {}
    for preset, own in specs.items():
        with single_threaded_libraries():
            vote = choose({s: oof.logits[s] for s in own}, y, groups, folds, plain=plain_spec(own))
        losses[preset] = row_losses(vote.oof_logits, y)
    return cheapest_that_pays(losses, groups)


def _specs(blocks: tuple[str, ...], preset: str, config: TrainingConfig) -> tuple[MemberSpec, ...]:
    own = [name for name in blocks if network_of(name) in (*NETWORKS[preset], "")]
    return candidate_specs(own, quick=True, reduced=config.use_dimensionality_reduction, custom=config.custom_members)
