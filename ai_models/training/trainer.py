"""Train on the training rows of a manifest and write a model directory."""

from __future__ import annotations

import io
import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.artifacts import save_bundle
from ai_models.artifacts.golden import GOLDEN_FILE, Golden
from ai_models.classifier import HybridClassifier
from ai_models.core.config import canonical_json
from ai_models.core.errors import DataError, SplitRefusedError
from ai_models.core.logs import get_logger
from ai_models.core.predictions import Predictions
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig, PreprocessConfig, TrainingConfig
from ai_models.crossfit.checkpoints import NO_CHECKPOINTS, Checkpoints
from ai_models.crossfit.fitting import Decision, decide, fit_classifier, nested_predictions
from ai_models.crossfit.label_probes import PROBES_FILE, LabelProbes
from ai_models.crossfit.rows import FittingRows
from ai_models.features import HybridFeatureExtractor, RawFeatures
from ai_models.folds import assign_folds
from ai_models.training.card import model_card
from ai_models.training.cost_limit import within_limit
from ai_models.training.figures import training_metrics
from ai_models.training.unfinished import ModelDir

__all__ = ["HybridTrainer", "TrainingResult", "train_model"]

_log = get_logger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """What training made, before it is written.

    Attributes
    ----------
    model
        The classifier, fitted on every training row.
    decision
        The vote and why it was chosen.
    manifest
        The rows, with the folds that were used.
    out_of_fold
        Predictions of the training photographs by models without their fold, in the manifest's order.
    held_out
        Side -> predictions of its photographs.
    nested
        Whether `out_of_fold` comes from whole pipelines (then it may be published) or from the inner folds.
    scaled
        What the model's scaler makes of the training photographs, in the order of `out_of_fold`.
    too_dear
        Blocks that were left out because an image may not cost so much.
    """

    model: HybridClassifier
    decision: Decision
    manifest: Manifest
    out_of_fold: Predictions
    held_out: dict[Split, Predictions]
    nested: bool
    scaled: NDArray[np.float64]
    too_dear: tuple[str, ...] = ()


class HybridTrainer:
    """Train the hybrid classifier.

    Parameters
    ----------
    config
        How to fit, calibrate and judge.
    features
        Which blocks.
    preprocess
        What is done to pixels first; the model carries it.
    """

    def __init__(
        self,
        config: TrainingConfig | None = None,
        features: FeatureConfig | None = None,
        preprocess: PreprocessConfig | None = None,
    ) -> None:
        self.config = config or TrainingConfig()
        asked = features or FeatureConfig()
        self.features = (
            asked.replace(use_sift_features=False, use_orb_features=False) if self.config.quick_mode else asked
        )
        self.preprocess = preprocess or PreprocessConfig()

    def fit(self, manifest: Manifest, checkpoints: Checkpoints = NO_CHECKPOINTS) -> TrainingResult:
        """Train on the rows of side ``train``, copies for fitting alone; score the rows of ``val`` and ``test``.

        Parameters
        ----------
        manifest
            Rows with a split; folds are drawn where the training rows have none, or another number than asked for.
        checkpoints
            Where what is worked out is kept, and what an earlier start kept there is found. The result is the same.

        Raises
        ------
        DataError
            When there is nothing to train on, or a single class.
        SplitRefusedError
            When a class has too few groups for the folds.
        """
        manifest = self._with_folds(_usable(manifest))
        _refuse_crossing(manifest)
        config = self.config
        nested = not len(manifest.on(Split.TEST))
        if nested:
            _refuse_too_few_for_out_of_fold(manifest)
        features = self.features
        too_dear: tuple[str, ...] = ()
        if config.max_ms_per_image:
            training_files = manifest.on(Split.TRAIN).originals().files
            features, too_dear = within_limit(features, self.preprocess, training_files, config.max_ms_per_image)
        extractor = HybridFeatureExtractor(features, self.preprocess, seed=config.seed, workers=config.workers)
        start = time.perf_counter()
        raw = extractor.extract_raw(manifest.files, label="extract")
        _log.debug("features of %d images in %.3f s", len(manifest), time.perf_counter() - start)
        fitting = np.array([i for i, r in enumerate(manifest) if r.split is Split.TRAIN], dtype=np.int64)
        rows = FittingRows.of(manifest.on(Split.TRAIN), _probes(manifest))
        fitting_raw = raw.take(fitting)
        decision = decide(extractor, fitting_raw, rows, config, label="train", checkpoints=checkpoints)
        model = fit_classifier(extractor, fitting_raw, rows, decision, config, metadata=self._metadata(manifest))
        held_out = _score_held_out(model, manifest, raw)
        if nested:
            out_of_fold = nested_predictions(
                extractor, fitting_raw, rows, config, label="fold", checkpoints=checkpoints
            )
        else:
            quality = None if fitting_raw.quality is None else fitting_raw.quality[rows.photographs]
            out_of_fold = model.judge.judge(
                model.classes, decision.choice.probabilities, decision.outlier_scores, quality
            )
        scaled = model.scaler.transform(model.extractor.encode(fitting_raw.take(rows.photographs)))
        return TrainingResult(model, decision, manifest, out_of_fold, held_out, nested, scaled, too_dear)

    def _with_folds(self, manifest: Manifest) -> Manifest:
        training = manifest.on(Split.TRAIN).originals()
        free = not self.config.cv_folds and not self.config.quick_mode
        if _complete(training) and (free or len(set(training.folds.tolist())) == self.config.folds):
            return manifest
        folds = assign_folds(training.labels, training.groups, self.config.folds, seed=self.config.seed)
        of = dict(zip((r.path for r in training), folds.tolist(), strict=True))

        def placed(row: ImageRecord) -> ImageRecord:
            return replace(row, fold=of.get(row.source_id or row.path, -1))

        return manifest.map(placed)

    def _metadata(self, manifest: Manifest) -> dict[str, object]:
        return {
            "training": self.config.to_dict(),
            "preprocess": self.preprocess.to_dict(),
            "counts": {c: list(n) for c, n in manifest.on(Split.TRAIN).counts().items()},
        }


def train_model(
    manifest: Manifest,
    output_dir: str | os.PathLike[str],
    *,
    training: TrainingConfig | None = None,
    features: FeatureConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    overwrite: bool = False,
    more_to_come: bool = False,
) -> Path:
    """Train and write a model directory; see `HybridTrainer.fit` and `ai_models.artifacts.bundle`.

    A training that was stopped at any moment goes on where it stood when it is called again with the same folder, and
    ends with the same model; see `ai_models.training.unfinished`. With `more_to_come` what is kept for that stays.

    Raises
    ------
    OutputError
        Before anything is trained, when the folder cannot be written or holds something else.
    """
    place = ModelDir(output_dir, overwrite=overwrite)
    trainer = HybridTrainer(training, features, preprocess)
    result = trainer.fit(manifest, place.checkpoints)
    metrics = training_metrics(result)
    settings = {
        **result.model.metadata,
        "data_root": str(result.manifest.root.resolve()),
        "classes": list(result.model.classes),
        "out_of_fold": "nested" if result.nested else "inner",
    }
    training_rows = result.manifest.on(Split.TRAIN).originals()
    own = {
        "label": [r.label for r in training_rows],
        "group": [r.group for r in training_rows],
        "fold": [str(r.fold) for r in training_rows],
    }
    save_bundle(
        result.model,
        place.path,
        {
            "training_config.json": _pretty(settings),
            "metrics.json": _pretty(metrics),
            "manifest.csv": result.manifest.to_csv(),
            "training_features.npy": _array_bytes(result.scaled.astype(np.float16)),
            "oof_predictions.csv": result.out_of_fold.to_csv([r.path for r in training_rows], own),
            "MODEL_CARD.md": model_card(result, metrics).encode("utf-8"),
            GOLDEN_FILE: Golden.of(result.model).to_bytes(),
        },
    )
    if not more_to_come:
        place.finish()
    return place.path


def _probes(manifest: Manifest) -> LabelProbes | None:
    """Return what the label check of the copies looks at, where the folder they were made in holds it."""
    file = manifest.root / PROBES_FILE
    return LabelProbes.load(file) if len(manifest.copies()) and file.is_file() else None


def _usable(manifest: Manifest) -> Manifest:
    kept = manifest.where(lambda r: r.split in (Split.TRAIN, Split.VAL, Split.TEST) and bool(r.label))
    training = kept.on(Split.TRAIN)
    if not len(training):
        raise DataError("the manifest has no training rows: run 'amulet-ai split' on it first")
    classes = training.classes
    if len(classes) < 2:
        raise DataError(f"training needs at least two classes, got only '{classes[0]}': add a folder for another class")
    strange = sorted({r.label for r in kept} - set(classes))
    if strange:
        raise DataError(
            f"class '{strange[0]}' has held-out rows but no training rows: move some of its images to training"
        )
    return kept


def _complete(training: Manifest) -> bool:
    """Return whether the rows have folds, at least two, each with every class."""
    folds = set(training.folds.tolist())
    cells = set(zip(training.folds.tolist(), training.labels.tolist(), strict=True))
    return -1 not in folds and len(folds) >= 2 and len(cells) == len(folds) * len(training.classes)


def _refuse_too_few_for_out_of_fold(manifest: Manifest) -> None:
    """Refuse, before anything is computed, figures out of fold where a fold leaves a class with a single object."""
    training = manifest.on(Split.TRAIN).originals()
    labels, groups = training.labels, training.groups
    for fold in set(training.folds.tolist()):
        left = training.folds != fold
        for label in training.classes:
            n = len(set(groups[left & (labels == label)].tolist()))
            if n < 2:
                raise SplitRefusedError(
                    f"without a test side every figure is out of fold, and fold {fold} leaves class '{label}' with "
                    f"{n} object: photograph more of it, take more --cv-folds, or hold out a --test-size"
                )


def _refuse_crossing(manifest: Manifest) -> None:
    """Refuse rows of one object on two sides or in two folds, however the manifest came about."""
    side: dict[str, ImageRecord] = {}
    for row, group in zip(manifest, manifest.groups.tolist(), strict=True):
        first = side.setdefault(group, row)
        if (first.split, first.fold) != (row.split, row.fold):
            raise DataError(
                f"'{first.path}' and '{row.path}' show one object (group '{group}') but stand on two sides or in two "
                "folds: run 'amulet-ai split' on the manifest"
            )


def _score_held_out(model: HybridClassifier, manifest: Manifest, raw: RawFeatures) -> dict[Split, Predictions]:
    out = {}
    for side in (Split.VAL, Split.TEST):
        rows = np.array([i for i, r in enumerate(manifest) if r.split is side and not r.is_copy], dtype=np.int64)
        if len(rows):
            out[side] = model.judge_raw(raw.take(rows))
    return out


def _array_bytes(values: NDArray[np.float16]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _pretty(value: object) -> bytes:
    return (json.dumps(json.loads(canonical_json(value)), indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
