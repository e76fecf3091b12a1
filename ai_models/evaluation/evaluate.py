"""A model directory and photographs -> figures with their uncertainty, and a report."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ai_models.artifacts import Trust, load_model, read_bundle
from ai_models.core.config import canonical_json
from ai_models.core.errors import DataError
from ai_models.core.images import walk_images
from ai_models.core.paths import prepare_output_dir, require_dir, to_text, write_bytes
from ai_models.core.records import ImageRecord, Manifest
from ai_models.core.settings import EvaluationConfig, FeatureConfig
from ai_models.evaluation.claims import check_names, claims
from ai_models.evaluation.detection import detection_figures, false_alarms, reason_shares
from ai_models.evaluation.explained_errors import ExplainedError, explain_errors, explained_figures
from ai_models.evaluation.field_shift import field_shift_figures
from ai_models.evaluation.figures import LEVEL, draws_of, figures, gap
from ai_models.evaluation.foreign_shortcuts import foreign_shortcuts
from ai_models.evaluation.importance import block_importance, feature_importance
from ai_models.evaluation.leak_meter import leak_figures
from ai_models.evaluation.near_classes import near_class_figures
from ai_models.evaluation.next_photographs import NextPhotographs, advise
from ai_models.evaluation.robustness import robustness_figures
from ai_models.evaluation.rows import (
    choose_rows,
    content_hash,
    model_photographs,
    out_of_fold_rows,
    read_out_of_fold,
    training_figures,
    training_settings,
)
from ai_models.evaluation.scoring import Foreign, Model, Scored, score_foreign, score_out_of_fold, score_rows
from ai_models.evaluation.set_figures import set_figures
from ai_models.evaluation.speed import timings
from ai_models.evaluation.suspects import Suspects, find_suspects, judged_rows

__all__ = ["Evaluation", "PerformanceAnalyzer", "evaluate_model"]

SOURCES = {
    "held_out": "held-out photographs, which no part of the model has seen",
    "folder": "photographs of the folder given, those that show training objects left out",
    "out_of_fold": "training photographs, each judged by models fitted without its object (out of fold)",
}


@dataclass(frozen=True)
class Evaluation:
    """What was found of a model.

    Attributes
    ----------
    scored
        The labelled photographs and what the model says of them.
    foreign
        The images of each ``--ood-dir``.
    suspects
        Photographs whose label deserves a look.
    next_photographs
        What to photograph next; None where it was not asked for.
    metrics
        Content of ``metrics.json``: deterministic, no timings.
    timings
        Content of ``timings.json``.
    explained
        The surest errors and what is told of them.
    """

    scored: Scored
    foreign: tuple[Foreign, ...]
    suspects: Suspects
    next_photographs: NextPhotographs | None
    metrics: dict[str, Any]
    timings: dict[str, Any]
    explained: tuple[ExplainedError, ...] = ()


class PerformanceAnalyzer:
    """Judge a trained model.

    Parameters
    ----------
    config
        Draws, bins, gallery; defaults where None.
    """

    def __init__(self, config: EvaluationConfig | None = None) -> None:
        self.config = config or EvaluationConfig()

    def analyze(
        self,
        model_dir: str | os.PathLike[str],
        *,
        test_data_dir: str | os.PathLike[str] | None = None,
        ood_dirs: Sequence[str | os.PathLike[str]] = (),
        manifest: Manifest | str | os.PathLike[str] | None = None,
        trust: Trust | None = None,
    ) -> Evaluation:
        """Return the figures without writing anything; see `evaluate_model`."""
        folder = require_dir(model_dir, what="--model-dir")
        foreign_rows = [_foreign_rows(path) for path in ood_dirs]
        model = load_model(folder, trust=trust)
        names = _distinct([path.name for path, _ in foreign_rows])
        check_names(self.config.claims, model.classes, names)
        model.extractor.workers = self.config.workers
        if "features" in model.metadata:  # with the cache that training filled
            model.extractor.config = FeatureConfig.from_dict(model.metadata["features"])
        if manifest is not None and not isinstance(manifest, Manifest):
            manifest = Manifest.load(manifest)
        rows = choose_rows(
            folder,
            model.classes,
            test_data_dir=test_data_dir,
            manifest=manifest,
            near=not self.config.quick,
            workers=self.config.workers,
            features=model.extractor.config,
        )
        if rows.source == "out_of_fold":
            scored = score_out_of_fold(rows, *read_out_of_fold(folder, model.classes))
        else:
            scored = score_rows(model, rows)
        foreign = tuple(score_foreign(model, name, found) for name, (_, found) in zip(names, foreign_rows, strict=True))
        reference = score_out_of_fold(out_of_fold_rows(folder), *read_out_of_fold(folder, model.classes))
        metrics = self._metrics(folder, model, scored, foreign, reference)
        judged = judged_rows(reference, scored)
        suspects = find_suspects(judged, model, self.config)
        metrics["suspects"] = suspects.figures()
        shots = None if self.config.quick or not self.config.next_photographs else advise(judged, model, self.config)
        if shots is not None:
            metrics["next_photographs"] = shots.figures()
        files = [file for file in scored.manifest.files if file.is_file()]
        speed = timings(model, files, most=5 if self.config.quick else 30) if files else {}
        explained = explain_errors(folder, model, scored, self.config)
        if explained:
            metrics["explained_errors"] = explained_figures(explained, scored)
        return Evaluation(scored, foreign, suspects, shots, metrics, speed, explained)

    def evaluate(
        self,
        model_dir: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        *,
        test_data_dir: str | os.PathLike[str] | None = None,
        ood_dirs: Sequence[str | os.PathLike[str]] = (),
        manifest: Manifest | str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        trust: Trust | None = None,
    ) -> Path:
        """Judge a model and write the results; see `evaluate_model`."""
        from ai_models.evaluation.report import write_report

        output = prepare_output_dir(output_dir, ours="report.html", overwrite=overwrite)
        found = self.analyze(model_dir, test_data_dir=test_data_dir, ood_dirs=ood_dirs, manifest=manifest, trust=trust)
        write_bytes(output / "metrics.json", _pretty(found.metrics))
        write_bytes(output / "timings.json", _pretty(found.timings))
        write_bytes(output / "predictions.csv", _predictions_csv(found.scored))
        write_bytes(output / "suspects.csv", found.suspects.to_csv())
        if found.next_photographs:
            write_bytes(output / "next_photographs.csv", found.next_photographs.to_csv())
        if found.foreign:
            write_bytes(output / "ood_predictions.csv", _foreign_csv(found.foreign))
        return write_report(found, output / "report.html", self.config)

    def _metrics(
        self, folder: Path, model: Model, scored: Scored, foreign: Sequence[Foreign], reference: Scored
    ) -> dict[str, Any]:
        config = self.config
        bundle, settings, trained = read_bundle(folder), training_settings(folder), training_figures(folder)
        training = settings.get("training", {})
        metrics: dict[str, Any] = {
            "level": LEVEL,
            "bootstrap_draws": draws_of(config),
            "seed": config.seed,
            "source": {
                "kind": scored.rows.source,
                "text": SOURCES[scored.rows.source],
                "notes": list(scored.rows.notes),
            },
            "scored": figures(scored.y, scored.predictions, scored.groups, config, folds=scored.folds),
            "false_alarms": false_alarms(scored.predictions, scored.groups, training.get("ood_alpha")),
            "reasons": {
                "known": reason_shares(scored.predictions, scored.groups),
                "foreign": {one.name: reason_shares(one.predictions, one.groups) for one in foreign},
            },
            "ood": {one.name: detection_figures(scored.predictions, scored.groups, one, config) for one in foreign},
            "ood_shortcuts": foreign_shortcuts(scored.manifest, foreign, config),
            "prediction_sets": {
                "promised": model.judge.sets.promised(model.classes),
                "measured": set_figures(scored.y, scored.predictions, scored.groups, folds=scored.folds),
            },
            "left_out": [
                {"path": to_text(item.path), "kind": item.kind, "detail": item.detail} for item in scored.left_out
            ],
            "model": {
                "amulet_ai": bundle.get("amulet_ai"),
                "python": bundle.get("python"),
                "libraries": bundle.get("libraries", {}),
                "feature_digest": bundle.get("feature_digest"),
                "model_digest": bundle.get("model_digest"),
                "megabytes": bundle["files"]["model.joblib"]["bytes"] / 2**20,
                "seed": training.get("seed"),
                "coverage": training.get("coverage"),
                "training_counts": settings.get("counts", {}),
                "worth": trained.get("worth", []),
                "trust": trained.get("vote", {}).get("trust_over_logistic_regression"),
            },
        }
        if scored.rows.source != "out_of_fold":
            metrics["training_out_of_fold"], metrics["gap"] = _against_training(reference, metrics["scored"], config)
        if scored.X is not None:
            metrics["importance"] = {"blocks": block_importance(model, scored, config)}
            if not config.quick:
                metrics["importance"]["features"] = feature_importance(model, scored, config)
        if config.leak_meter:
            metrics["leak_meter"] = leak_figures(model, model_photographs(folder), config)
        if config.robustness:
            metrics["robustness"] = robustness_figures(model, scored, foreign, config)
        if config.field_shift:
            metrics["field_shift"] = field_shift_figures(model, scored, foreign, config)
        if not config.quick:
            metrics["unknown_classes"] = near_class_figures(model, out_of_fold_rows(folder).manifest, config)
        metrics["claims"] = claims(metrics, config.claims)
        return metrics


def evaluate_model(
    model_dir: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    config: EvaluationConfig | None = None,
    *,
    test_data_dir: str | os.PathLike[str] | None = None,
    ood_dirs: Sequence[str | os.PathLike[str]] = (),
    manifest: Manifest | str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    trust: Trust | None = None,
) -> Path:
    """Judge a model and write ``metrics.json predictions.csv suspects.csv timings.json report.html``.

    Parameters
    ----------
    model_dir
        What training wrote.
    output_dir
        A new or empty folder.
    config
        Draws, bins, gallery; defaults where None.
    test_data_dir
        Folder of class folders to score; by default the held-out rows kept with the model, and for a model fitted
        on every row its out-of-fold predictions. Images that show a training object are reported and not scored.
    ood_dirs
        Folders of images of nothing that the model knows.
    manifest
        Rows to score with labels and groups of the user's own (their test side, where they have sides).
    overwrite
        Whether an earlier result in `output_dir` may be replaced.
    trust
        What the model must show before it is opened; by default what the user has set.

    Returns
    -------
    pathlib.Path
        ``report.html``.

    Raises
    ------
    AmuletError
        When the model, the photographs or the output folder cannot be used; see its subclasses.
    """
    return PerformanceAnalyzer(config).evaluate(
        model_dir,
        output_dir,
        test_data_dir=test_data_dir,
        ood_dirs=ood_dirs,
        manifest=manifest,
        overwrite=overwrite,
        trust=trust,
    )


def _against_training(
    reference: Scored, scored: dict[str, Any], config: EvaluationConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    found = figures(reference.y, reference.predictions, reference.groups, config, folds=reference.folds)
    kept = ("images", "groups", "nll", "brier", "accuracy", "balanced_accuracy", "f1_macro")
    return {name: found[name] for name in kept}, gap(found, scored)


def _foreign_rows(path: str | os.PathLike[str]) -> tuple[Path, Manifest]:
    folder = require_dir(path, what="--ood-dir")
    rows = tuple(ImageRecord(name, sha256=content_hash(folder / name)) for name in walk_images(folder))
    if not rows:
        raise DataError(f"--ood-dir '{folder}' holds no image: give a folder of images of other things")
    return folder.resolve(), Manifest(folder, rows)


def _distinct(names: Sequence[str]) -> list[str]:
    return [f"{name} ({names[:i].count(name) + 1})" if name in names[:i] else name for i, name in enumerate(names)]


def _predictions_csv(scored: Scored) -> bytes:
    """Return a row for every photograph that was to be scored, the unreadable among them."""
    rows = scored.rows.manifest
    place = {r.path: i for i, r in enumerate(rows)}
    at = np.array([place[r.path] for r in scored.manifest], dtype=np.int64)
    own = {"label": [r.label for r in rows], "group": [r.group for r in rows]}
    return scored.predictions.among(at, [""] * len(rows)).to_csv([r.path for r in rows], own)


def _foreign_csv(foreign: Sequence[Foreign]) -> bytes:
    tables = []
    for one in foreign:
        files = [os.path.relpath(file, one.root) for file in one.files]
        tables.append(one.predictions.to_csv(files, {"source": [one.name] * len(files)}))
    header = tables[0].split(b"\n", 1)[0]
    return b"\n".join([header, b"".join(table.split(b"\n", 1)[1] for table in tables)])


def _pretty(value: object) -> bytes:
    text = json.dumps(json.loads(canonical_json(value)), indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8")
