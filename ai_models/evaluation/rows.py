"""Which photographs are scored, and which are not and why."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import read_bytes, read_image, walk_images
from ai_models.core.paths import require_dir
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig
from ai_models.duplicates import Look, Looks, connected_groups, duplicate_evidence, look_at
from ai_models.evidence import known_photographs, read_json, read_out_of_fold, training_settings
from ai_models.execution import map_ordered

__all__ = [
    "LeftOut",
    "Source",
    "TestRows",
    "choose_rows",
    "content_hash",
    "folder_manifest",
    "model_photographs",
    "out_of_fold_rows",
    "read_out_of_fold",
    "training_figures",
    "training_settings",
]

Source = Literal["held_out", "folder", "out_of_fold"]
_SIDES = {"train", "val", "valid", "validation", "test"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photograph that is not scored.

    Attributes
    ----------
    path
        As in the manifest.
    kind
        ``leak`` (shows what the model was trained on), ``unknown label``, ``no label``, ``changed``, ``unreadable``.
    detail
        What was found, in a clause.
    """

    path: str
    kind: str
    detail: str


@dataclass(frozen=True)
class TestRows:
    """The photographs to score.

    Attributes
    ----------
    source
        ``held_out`` rows kept with the model, a ``folder`` of the user's, or ``out_of_fold`` training rows.
    manifest
        Originals only, with known labels; copies are never scored.
    left_out
        What was found beside them.
    notes
        Sentences for the report on how the rows were chosen.
    """

    __test__ = False  # not a test class, whatever pytest thinks of the name

    source: Source
    manifest: Manifest
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


def training_figures(model_dir: Path) -> dict[str, Any]:
    """Return the content of a model directory's ``metrics.json``; nothing where the model was saved without figures."""
    file = model_dir / "metrics.json"
    return read_json(file) if file.is_file() else {}


def choose_rows(
    model_dir: Path,
    classes: Sequence[str],
    *,
    test_data_dir: str | os.PathLike[str] | None = None,
    manifest: Manifest | None = None,
    near: bool = True,
    workers: int = 0,
    features: FeatureConfig | None = None,
) -> TestRows:
    """Return what a model is to be scored on.

    The user's manifest or folder where one is given; else the held-out rows kept with the model; else, for a model
    fitted on every row, the training rows, whose out-of-fold predictions are then the figures.

    Parameters
    ----------
    model_dir
        A model directory.
    classes
        Names that the model knows.
    test_data_dir
        Folder of class folders.
    manifest
        Rows of the user's; their test side where they have sides.
    near
        Whether new rows are compared with the training photographs beyond equal bytes and pixels.
    workers
        Threads; 0 for one a core.
    features
        Whether and where what comparisons find is kept; nothing is kept where None.

    Raises
    ------
    DataError
        When nothing is left to score.
    """
    known = known_photographs(model_dir)
    training = known.on(Split.TRAIN)
    if manifest is not None or test_data_dir is not None:
        rows = _user_rows(test_data_dir, manifest)
        return _checked(rows, training, classes, near=near, workers=workers, features=features)
    held_out = known.on(Split.TEST).originals()
    return _unchanged(held_out) if len(held_out) else out_of_fold_rows(model_dir)


def out_of_fold_rows(model_dir: Path) -> TestRows:
    """Return the training photographs, for which training left out-of-fold predictions."""
    return TestRows("out_of_fold", known_photographs(model_dir).on(Split.TRAIN).originals())


def model_photographs(model_dir: Path) -> Manifest:
    """Return the photographs of every side that the model directory knows, the excluded left out."""
    return known_photographs(model_dir).on(Split.TRAIN, Split.VAL, Split.TEST).originals()


def folder_manifest(folder: Path) -> Manifest:
    """Return a row for each image of a folder, labelled by its class folder (below ``test/`` or the like, if any)."""
    paths = list(walk_images(folder))
    tops = {path.split("/", 1)[0].lower() for path in paths if "/" in path}
    depth = 1 if tops and tops <= _SIDES else 0
    records = []
    for path in paths:
        parts = path.split("/")
        records.append(ImageRecord(path, label=parts[depth] if len(parts) > depth + 1 else ""))
    return Manifest(folder, tuple(records))


def _user_rows(test_data_dir: str | os.PathLike[str] | None, manifest: Manifest | None) -> Manifest:
    if manifest is None:
        folder = require_dir(os.fspath(test_data_dir or ""), what="--test-data-dir")
        rows = folder_manifest(folder)
        if not len(rows):
            raise DataError(f"--test-data-dir '{folder}' holds no image: give a folder with a subfolder for each class")
        return rows
    if test_data_dir is not None:
        manifest = replace(manifest, root=require_dir(test_data_dir, what="--test-data-dir"))
    return (manifest.on(Split.TEST) if manifest.is_split else manifest).originals()


def _unchanged(rows: Manifest) -> TestRows:
    there = [file.is_file() for file in rows.files]
    if not any(there):
        raise DataError(
            f"the {len(rows)} held-out photographs of this model are not in '{rows.root}' any more: "
            "put them back or give --test-data-dir"
        )
    left = []
    for record, file, found in zip(rows, rows.files, there, strict=True):
        if not found:
            left.append(LeftOut(record.path, "unreadable", "the file is not there any more"))
        elif record.sha256 and (digest := content_hash(file)) and digest != record.sha256:
            left.append(LeftOut(record.path, "changed", "the file is another than when the model was trained"))
    gone = {item.path for item in left}
    return TestRows("held_out", _not_empty(rows.where(lambda r: r.path not in gone), left), tuple(left))


def _checked(
    rows: Manifest,
    training: Manifest,
    classes: Sequence[str],
    *,
    near: bool,
    workers: int,
    features: FeatureConfig | None,
) -> TestRows:
    left = []
    for record in rows:
        if not record.label:
            left.append(LeftOut(record.path, "no label", "it lies in no class folder"))
        elif record.label not in classes:
            left.append(LeftOut(record.path, "unknown label", f"the model knows no class '{record.label}'"))
    gone = {item.path for item in left}
    rows = rows.where(lambda r: r.path not in gone)
    if not len(rows):
        raise DataError(
            f"none of the {len(gone)} images in '{rows.root}' has a label that the model knows "
            f"({', '.join(classes)}): put them into folders named so, or use 'predict' for unlabelled images"
        )
    leaks, groups, note = _compared(rows, training, near=near, workers=workers, features=features)
    kept = rows.where(lambda r: r.path not in leaks)
    kept = kept.map(lambda r: replace(r, group=groups.get(r.path, r.group)))
    left += [LeftOut(path, "leak", detail) for path, detail in leaks.items()]
    return TestRows("folder", _not_empty(kept, left), tuple(left), (note,))


def _compared(
    rows: Manifest, training: Manifest, *, near: bool, workers: int, features: FeatureConfig | None
) -> tuple[dict[str, str], dict[str, str], str]:
    """Return the rows that show training photographs, the groups of the rows, and a sentence on what was compared."""
    new = {f"new/{r.path}": file for r, file in zip(rows, rows.files, strict=True)}
    known = training.originals()
    old = {f"old/{r.path}": file for r, file in zip(known, known.files, strict=True) if near and file.is_file()}
    hashes = {name: content_hash(file) for name, file in new.items()}
    by_hash = {r.sha256: r.path for r in training if r.sha256}
    leaks = {name: f"the same bytes as training's '{by_hash[h]}'" for name, h in hashes.items() if h in by_hash}
    files = new | old
    hashes |= {name: content_hash(file) for name, file in old.items()}
    looks = Looks()
    for name, seen in zip(
        files,
        map_ordered(partial(_look, local=near), list(files.values()), workers=workers, label="compare"),
        strict=True,
    ):
        if seen is not None:
            looks.add(name, hashes[name], seen)
    readable = set(looks.paths)
    kept = features or FeatureConfig(cache_features=False)  # nothing is kept where nobody said that it may be
    cached = FeatureConfig(cache_features=kept.cache_features, cache_dir=kept.cache_dir)
    edges = duplicate_evidence(
        looks, files.__getitem__, near=near, registered=near, features=cached, workers=workers
    ).edges
    records = [ImageRecord(name, sha256=hashes[name]) for name in sorted(readable)]
    groups = connected_groups(records, edges, {f"new/{r.path}": r.group for r in rows if r.group})
    training_groups = {groups[name]: name.removeprefix("old/") for name in readable if name in old}
    for name in new:
        if name in readable and name not in leaks and groups[name] in training_groups:
            leaks[name] = f"shows the same object as training's '{training_groups[groups[name]]}'"
    note = (
        f"New images were compared with {len(old)} of {len(known)} training photographs by bytes, pixels and looks."
        if old
        else "New images were compared with the training photographs by their bytes alone"
        + ("." if not near else f", for those are not in '{training.root}' any more.")
    )
    return (
        {name.removeprefix("new/"): detail for name, detail in leaks.items()},
        {name.removeprefix("new/"): groups[name] for name in new if name in readable},
        note,
    )


def _not_empty(rows: Manifest, left: Sequence[LeftOut]) -> Manifest:
    if not len(rows):
        raise DataError(
            f"nothing is left to score: of the images, {len(left)} are left out (the first, '{left[0].path}': "
            f"{left[0].detail}): give --test-data-dir with photographs that the model has not seen"
        )
    return rows


def _look(file: Path, *, local: bool) -> Look | None:
    try:
        return look_at(read_image(file), local=local)
    except ImageError:
        return None  # the model meets the same file, and it is counted as unreadable there


def content_hash(file: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes, empty where they cannot be read."""
    try:
        return hashlib.sha256(read_bytes(file)).hexdigest()
    except ImageError:
        return ""
