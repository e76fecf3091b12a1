"""Which transforms each class gets: those of the preset, and flips and turns where asked for, less what is unsafe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ai_models.augmentation.allotment import ClassShare, training_photographs
from ai_models.core.records import Manifest
from ai_models.core.settings import AugmentationConfig, FeatureConfig, PreprocessConfig
from ai_models.crossfit.label_probes import LabelProbes, probe_labels, probed_photographs
from ai_models.crossfit.label_safety import FEWEST_OBJECTS, Finding, Verdict, judge
from ai_models.transforms import BACKGROUND, PRESETS, SYMMETRIES, Transform

__all__ = ["LabelCheck", "candidate_transforms", "check_labels"]


@dataclass(frozen=True)
class LabelCheck:
    """What the training side says of every transform.

    Attributes
    ----------
    transforms
        The candidates, in the order in which they are applied.
    findings
        (class, transform) -> what was found, for the classes that get copies; empty where nothing was checked.
    probes
        What was looked at, for the folds to look at again; None where nothing was checked.
    """

    transforms: tuple[Transform, ...]
    findings: Mapping[tuple[str, str], Finding] = field(default_factory=dict)
    probes: LabelProbes | None = None

    def for_class(self, label: str) -> tuple[Transform, ...]:
        """Return the candidates, those that are switched off with a probability of 0."""
        return tuple(t if self._on(label, t.name) else replace(t, probability=0.0) for t in self.transforms)

    def to_dict(self, label: str) -> dict[str, Any]:
        """Return what was found of a class, by transform."""
        return {
            name: {
                "verdict": str(finding.verdict),
                "used": finding.allows(name),
                "reason": finding.reason,
                "objects": finding.objects,
                "right": finding.right,
                "carried": finding.carried,
                "returned": finding.returned,
            }
            for (own, name), finding in self.findings.items()
            if own == label
        }

    def _on(self, label: str, name: str) -> bool:
        finding = self.findings.get((label, name))
        return finding is None or finding.allows(name)


def candidate_transforms(preset: str, *, flips: bool, backgrounds: bool = False) -> tuple[Transform, ...]:
    """Return the transforms of a preset, after other backgrounds and the flips and turns where they are asked for."""
    return (*((BACKGROUND,) if backgrounds else ()), *(SYMMETRIES if flips else ()), *PRESETS[preset])


def check_labels(
    manifest: Manifest,
    shares: Mapping[str, ClassShare],
    preset: str,
    config: AugmentationConfig,
    *,
    features: FeatureConfig,
    preprocess: PreprocessConfig,
) -> LabelCheck:
    """Judge every candidate for every class that gets copies, on training photographs alone.

    Nothing is computed where no class has both copies to make and objects enough to say anything of it.

    Raises
    ------
    MissingExtraError
        When the network is to judge and torch is not installed.
    """
    transforms = candidate_transforms(preset, flips=config.flips, backgrounds=config.backgrounds)
    if not config.label_check:
        return LabelCheck(transforms)
    rows = probed_photographs(training_photographs(manifest), config.seed)
    objects = Counter(row.label for row in rows)
    copied = [label for label, share in shares.items() if share.copies]
    if not any(objects[label] >= FEWEST_OBJECTS for label in copied):
        return LabelCheck(transforms, {(c, t.name): _too_few(objects[c]) for c in copied for t in transforms})
    strengths = {label: share.strength for label, share in shares.items()}
    probes = probe_labels(
        manifest.root, rows, transforms, strengths,
        features=features, preprocess=preprocess, seed=config.seed, workers=config.workers,
    )  # fmt: skip
    label_of = {row.path: row.label for row in rows}
    classes = sorted(objects)
    y = np.array([classes.index(label_of[path]) for path in probes.paths], dtype=np.int64)
    found = judge(probes.plain, dict(zip(probes.transforms, probes.changed, strict=True)), y, classes)
    findings = {(c, t.name): found.get((c, t.name), _too_few(0)) for c in copied for t in transforms}
    return LabelCheck(transforms, findings, probes)


def _too_few(objects: int) -> Finding:
    return Finding(Verdict.UNCLEAR, f"{objects} objects, {FEWEST_OBJECTS} needed", objects, 0, 0, 0)
