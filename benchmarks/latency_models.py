"""The models that `latency` times: a folder's own vote, and one in which every candidate votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from ai_models.artifacts import load_model, save_bundle
from ai_models.classifier import HybridClassifier
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import FeatureConfig, InspectionConfig, TrainingConfig
from ai_models.crossfit import fitting
from ai_models.crossfit.candidates import candidate_specs
from ai_models.crossfit.rows import FittingRows
from ai_models.ensemble.combination import Combination, families
from ai_models.features import HybridFeatureExtractor
from ai_models.folds import assign_folds
from ai_models.inspection import scan

__all__ = ["VOTES", "Vote", "model"]

Vote = Literal["own", "all"]
VOTES: tuple[Vote, ...] = ("own", "all")
_FOLDS = 5


def model(directory: Path, preset: str, vote: Vote, folder: Path, groups: Path | None) -> HybridClassifier:
    """Return the model of a preset, loaded from below `directory`, where it is trained first if it is not there.

    Parameters
    ----------
    directory
        Keeps the models and the features.
    preset
        Of networks.
    vote
        ``"own"``: what training chose; ``"all"``: one of every kind of member on every view, equally weighted, which
        no training would choose: more members than can have a share above the negligible.
    folder, groups
        Photographs, and the CSV of their objects.
    """
    place = directory / f"{folder.name}-{preset}-{vote}"
    if not (place / "bundle.json").is_file():
        _train(directory, preset, folder, groups)
    return load_model(place)


def _train(directory: Path, preset: str, folder: Path, groups: Path | None) -> None:
    cache = str(directory / "features")
    manifest = scan(folder, InspectionConfig(quick_mode=True, cache_dir=cache), groups_csv=groups).manifest
    extractor = HybridFeatureExtractor(FeatureConfig(preset=preset, cache_dir=cache))
    raw = extractor.extract_raw(manifest.files)
    rows, config = _rows(manifest), TrainingConfig()
    decision = fitting.decide(extractor, raw, rows, config, label=preset)
    specs = tuple(settings[0] for settings in families(candidate_specs(raw.blocks)).values())
    equal = (1.0 / len(specs),) * len(specs)
    every = Combination(specs, equal, 0.05, equal)  # about as sure as a vote of its own
    for vote, combination in (("own", decision.choice.combination), ("all", every)):
        chosen = replace(decision, choice=replace(decision.choice, combination=combination))
        save_bundle(
            fitting.fit_classifier(extractor, raw, rows, chosen, config),
            directory / f"{folder.name}-{preset}-{vote}",
            {},
        )


def _rows(manifest: Manifest) -> FittingRows:
    folds = assign_folds(manifest.labels, manifest.groups, _FOLDS, seed=0)
    placed = {r.path: int(f) for r, f in zip(manifest, np.asarray(folds), strict=True)}
    return FittingRows.of(manifest.map(lambda r: replace(r, split=Split.TRAIN, fold=placed[r.path])))
