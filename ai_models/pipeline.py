"""The whole way on one page: inspect -> split -> augment -> extract -> train -> evaluate.

A stage takes what the one before it gave, a manifest or a path; what it learns, it learns on training rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ai_models.core.errors import DataError
from ai_models.core.paths import require_dir, to_text
from ai_models.core.records import Manifest, Split, read_groups_csv
from ai_models.core.settings import (
    AugmentationConfig,
    EvaluationConfig,
    FeatureConfig,
    InspectionConfig,
    PreprocessConfig,
    TrainingConfig,
)
from ai_models.duplicates import edges_within, find_duplicates, pattern_groups
from ai_models.duplicates.bridges import extended_groups, place_of, without_bridges
from ai_models.inspection import scan

__all__ = ["RunResult", "prepare_manifest", "run"]

Place = str | os.PathLike[str]


def _silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class RunResult:
    """What the whole way leaves behind.

    Attributes
    ----------
    model_dir
        The model directory; ``inspection/``, ``data/`` and ``report/`` lie in it.
    report
        The HTML report of the evaluation.
    figures
        The content of the evaluation's ``metrics.json``.
    """

    model_dir: Path
    report: Path
    figures: dict[str, Any]


def run(
    data_dir: Place,
    output_dir: Place,
    *,
    inspection: InspectionConfig | None = None,
    augmentation: AugmentationConfig | None = None,
    features: FeatureConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    training: TrainingConfig | None = None,
    evaluation: EvaluationConfig | None = None,
    groups_csv: Place | None = None,
    ood_dirs: Sequence[Place] = (),
    overwrite: bool = False,
    tell: Callable[[str], object] = _silent,
) -> RunResult:
    """Go the whole way from a folder of photographs to a judged model.

    Parameters
    ----------
    data_dir
        Folder of images, one folder a class, or train/val/test folders of such; only read.
    output_dir
        Becomes the model directory; new or empty, or where an earlier start of the same run was stopped.
    inspection, augmentation, features, preprocess, training, evaluation
        Settings of the stages; their defaults where None.
    groups_csv
        The user's own groups, columns ``file,group``.
    ood_dirs
        Folders of other things, to measure whether they are recognised as such.
    overwrite
        Replace an earlier result in `output_dir`.
    tell
        Gets one line before each stage.

    Raises
    ------
    AmuletError
        For whatever the user can mend, in one sentence.
    """
    # here, not above: whoever only wants the rows of a folder should not wait for the libraries of every stage
    from ai_models.artifacts import Trust
    from ai_models.augmentation import augment_manifest
    from ai_models.augmentation.stage import COUNTS_FILE
    from ai_models.evaluation import evaluate_model
    from ai_models.features import HybridFeatureExtractor
    from ai_models.inspection import inspect_dataset
    from ai_models.splitting import split_for_training
    from ai_models.training.trainer import HybridTrainer, train_model
    from ai_models.training.unfinished import ModelDir

    training = training or TrainingConfig()
    features, preprocess = features or FeatureConfig(), preprocess or PreprocessConfig()
    require_dir(data_dir, what="--data-dir")
    place = ModelDir(output_dir, overwrite=overwrite, whole_run=True)
    again = overwrite or place.resumed

    tell("1/6 inspect   what the folder holds, and which images show one object")
    look = inspection or InspectionConfig(
        quick_mode=training.quick_mode,
        cache_features=features.cache_features,
        cache_dir=features.cache_dir,
        workers=training.workers,
    )
    folder = place.stage("inspection", ours="inspection.json")
    found = inspect_dataset(data_dir, folder, look, groups_csv=groups_csv, overwrite=again)

    tell("2/6 split     sides and folds, objects whole")
    rows = found.manifest
    if not found.groups_complete:  # what the inspector left out, the split cannot do without
        rows = prepare_manifest(
            data_dir, manifest_csv=found.manifest_path, groups_csv=groups_csv, group_pattern=look.group_pattern,
            features=features, workers=look.workers,
        )  # fmt: skip
    split = split_for_training(rows, test_size=training.test_size, folds=training.folds, seed=training.seed)

    tell("3/6 augment   copies of training photographs until the classes are balanced")
    copying = augmentation or AugmentationConfig(seed=training.seed, workers=training.workers)
    used = HybridTrainer(training, features, preprocess).features  # quick mode leaves some blocks out
    folder = place.stage("data", ours=COUNTS_FILE)
    rows = augment_manifest(split, folder, copying, features=used, preprocess=preprocess, overwrite=again)

    tell("4/6 extract   features of every row, kept in the cache")
    if used.cache_features:  # without a cache, training would compute them again
        HybridFeatureExtractor(used, preprocess, seed=training.seed, workers=training.workers).extract_raw(rows.files)

    tell("5/6 train     cross-fit, combine, calibrate, judge")
    model_dir = train_model(
        rows, place.path, training=training, features=features, preprocess=preprocess,
        overwrite=again, more_to_come=True,
    )  # fmt: skip

    tell("6/6 evaluate  held-out figures with their uncertainty")
    judging = evaluation or EvaluationConfig(quick=training.quick_mode, seed=training.seed, workers=training.workers)
    folder = place.stage("report", ours="report.html")
    own = Trust.from_environment(allow_unsigned=True)  # made here just now, also where that cannot be noted
    report = evaluate_model(model_dir, folder, judging, ood_dirs=ood_dirs, overwrite=again, trust=own)
    place.finish()
    figures = json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))
    return RunResult(model_dir, report, figures)


def prepare_manifest(
    data_dir: Place | None,
    *,
    manifest_csv: Place | None = None,
    groups_csv: Place | None = None,
    earlier_csv: Place | None = None,
    group_pattern: str = "",
    features: FeatureConfig | None = None,
    workers: int = 0,
) -> Manifest:
    """Return the rows of a folder or of an earlier stage's manifest, with their groups.

    Parameters
    ----------
    data_dir
        Folder of images; a ``manifest.csv`` of ours in it is honoured (labels, sides, groups, parents of copies).
    manifest_csv
        Rows to take instead of looking at the folder; their paths are relative to `data_dir`, else to the file's
        own folder. Its groups are joined with what the images show, and never split.
    groups_csv
        The user's own groups; they join what the images show and never split it.
    earlier_csv
        An earlier split of `data_dir`, which is looked at again: its rows stay where they stand, and a new image that
        shows objects which stand apart is excluded.
    group_pattern
        A regular expression: paths in which it catches the same text show one object.
    features
        Where the embeddings of a large folder are cached.
    workers
        Threads; 0 for one a core.

    Raises
    ------
    DataError
        When the folder or the table cannot be used, or a row has no file.
    """
    if manifest_csv is None:
        if data_dir is None:
            raise DataError("no images are named: give a data folder or a manifest")
        cache = features or FeatureConfig()
        look = InspectionConfig(
            group_pattern=group_pattern, cache_features=cache.cache_features, cache_dir=cache.cache_dir, workers=workers
        )
        return scan(data_dir, look, groups_csv=groups_csv, earlier_csv=earlier_csv).manifest
    manifest = Manifest.load(manifest_csv, root=data_dir)
    _refuse_missing_files(manifest, Path(manifest_csv))
    looked_at = manifest.where(lambda r: r.split is not Split.EXCLUDED)
    found = find_duplicates(looked_at, features=features, workers=workers).edges
    given = {r.path: r.group for r in manifest if r.group}
    before = {r.path: r.group for r in manifest.originals() if r.group}
    alike = pattern_groups([r.path for r in manifest.originals()], group_pattern) if group_pattern else {}
    # what keeps the groups of the manifest whole, whatever else joins them, and those that names give
    edges = [*found, *edges_within(before, "given"), *edges_within(alike, "pattern")]
    named = read_groups_csv(groups_csv, manifest) if groups_csv is not None else {}
    places = {r.path: place for r in manifest.originals() if (place := place_of(r)) is not None}
    groups, bridges = extended_groups(manifest.records, edges, {**alike, **given, **named}, places)
    return manifest.map(lambda row: without_bridges(replace(row, group=groups[row.path]), bridges))


def _refuse_missing_files(manifest: Manifest, source: Path) -> None:
    for row, file in zip(manifest, manifest.files, strict=True):
        if row.split is not Split.EXCLUDED and not file.is_file():
            raise DataError(
                f"'{source}' names '{to_text(row.path)}', but there is no such file in '{manifest.root}': "
                "name the folder that its paths are relative to (--data-dir)"
            )
