"""A folder -> its manifest with groups, and what was found on the way. Reads only."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from ai_models.core.errors import DataError
from ai_models.core.images import walk_images
from ai_models.core.paths import require_dir, to_text
from ai_models.core.records import COLUMNS, ImageRecord, Manifest, read_groups_csv
from ai_models.core.settings import FeatureConfig, InspectionConfig
from ai_models.duplicates import (
    DuplicateEdge,
    Evidence,
    Looks,
    burst_edges,
    duplicate_evidence,
    edges_within,
    pattern_groups,
)
from ai_models.duplicates.bridges import extended_groups, place_of, without_bridges
from ai_models.execution import map_ordered
from ai_models.inspection.files import InspectedFile, Question, look
from ai_models.inspection.known_files import KnownFiles
from ai_models.inspection.layout import Layout
from ai_models.shortcuts import ShortcutProbe, Traits, probe_shortcuts

__all__ = ["QUICK_IMAGES", "Scan", "scan"]

QUICK_IMAGES = 1_000
"""Images up to which quick mode, too, looks for pictures that lie over one another."""


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Attributes
    ----------
    manifest
        One row for each readable image (without the failing ones where that was asked for), with groups, and with
        sides where the folders or an earlier manifest give them.
    files
        One entry for each file named like an image, readable or not, in the order of paths.
    edges
        The evidence that images show one object.
    evidence
        How those edges came about that pixels show.
    layout
        How the folders were read.
    user_groups
        Path -> group as the user or an earlier manifest gave it.
    missing
        Rows of an earlier manifest that have no file.
    config
        The settings of the look.
    """

    manifest: Manifest
    files: tuple[InspectedFile, ...]
    edges: tuple[DuplicateEdge, ...]
    evidence: Evidence
    layout: Layout
    user_groups: Mapping[str, str]
    missing: tuple[str, ...]
    config: InspectionConfig

    @cached_property
    def shortcuts(self) -> ShortcutProbe | None:
        """How well traits beside the object tell the class; None in quick mode or where classes are too few or small.

        Measured when first asked for. Photographs that were left out of the manifest play no part.
        """
        frames = {f.path: f for f in self.files if f.frame}
        rows = [r for r in self.manifest.originals() if r.path in frames]
        traits = [Traits(frames[r.path].probe, frames[r.path].frame) for r in rows]
        return probe_shortcuts(traits, [r.label for r in rows], [r.group for r in rows])


def scan(
    data_dir: str | os.PathLike[str],
    config: InspectionConfig | None = None,
    *,
    groups_csv: str | os.PathLike[str] | None = None,
    earlier_csv: str | os.PathLike[str] | None = None,
) -> Scan:
    """Look at every image of a folder once and group those that show one object.

    A ``manifest.csv`` in the folder, written by this package, is honoured: its labels, sides, groups and parents of
    augmented copies stand; copies are not compared, they follow their parents.

    Parameters
    ----------
    data_dir
        Folder of images: ``<class>/**``, ``{train,val,test}/<class>/**``, or flat (no labels).
    config
        The settings; defaults where None.
    groups_csv
        The user's own groups, columns ``file,group``; they join what the images show and never split it.
    earlier_csv
        A manifest of this folder that lies elsewhere, honoured in the place of one in the folder.

    Raises
    ------
    DataError
        When the folder is absent, a file, holds no image or no readable image, or the groups cannot be read.
    """
    settings = config or InspectionConfig()
    root = require_dir(data_dir, what="the data folder")
    known = _earlier_rows(root) if earlier_csv is None else {r.path: r for r in Manifest.load(earlier_csv, root=root)}
    paths = list(walk_images(root))
    paths += sorted(path for path in known if path not in set(paths) and os.path.lexists(root / path))
    if not paths:
        raise DataError(
            f"no image found in '{root}': put JPEG, PNG, WebP, BMP, TIFF or GIF files into one folder a class"
        )
    layout = Layout.of(paths)
    files, looks = _look_at_all(root, sorted(paths), known, layout, settings)
    if not any(f.probe.readable for f in files):
        worst = files[0]
        raise DataError(
            f"none of the {len(files)} image files in '{root}' can be read "
            f"(the first, '{to_text(worst.path)}', is {worst.probe.verdict}: {worst.probe.detail}): check the files"
        )
    rows = _rows(files, known, settings)
    seen = duplicate_evidence(
        looks,
        root.joinpath,
        near=settings.check_duplicates,
        registered=_registers(settings, len(files)),
        features=FeatureConfig(cache_features=settings.cache_features, cache_dir=settings.cache_dir),
        workers=settings.workers,
    )
    manifest = Manifest(root, tuple(rows))
    user_groups = _user_groups(manifest, known, groups_csv)
    edges, user_groups = _with_hints(manifest, files, seen, user_groups, settings)
    places = {path: place for path, row in known.items() if not row.source_id and (place := place_of(row)) is not None}
    groups, bridges = extended_groups(manifest.records, edges, user_groups, places)
    if not settings.check_duplicates:  # half a graph must not pass for a whole one
        groups = {path: user_groups.get(path, "") for path in groups}
    manifest = Manifest(root, tuple(without_bridges(row, bridges) for row in _placed(rows, groups)))
    missing = tuple(sorted(set(known) - {f.path for f in files}))
    return Scan(manifest, tuple(files), edges, seen, layout, user_groups, missing, settings)


def _earlier_rows(root: Path) -> dict[str, ImageRecord]:
    """Return the rows of a manifest of ours in the folder; a foreign file of that name is none."""
    path = root / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return {r.path: r for r in Manifest.load(path)} if set(COLUMNS) <= set(header) else {}


def _look_at_all(
    root: Path, paths: list[str], known: Mapping[str, ImageRecord], layout: Layout, config: InspectionConfig
) -> tuple[list[InspectedFile], Looks]:
    questions = []
    local = config.check_duplicates and _registers(config, len(paths))
    for path in paths:
        label, split = layout.place(path)
        source = ""
        if path in known:
            label, split, source = known[path].label, known[path].split, known[path].source_id
        questions.append(Question(root, path, label, split, source, not config.quick_mode, config.strict, local))
    files, looks, known_files = [], Looks(), KnownFiles(config)
    answers = map_ordered(
        partial(look, known=known_files), questions, workers=config.workers, label="inspect", total=len(questions)
    )
    for question, answer in zip(questions, answers, strict=True):
        files.append(answer.file)
        if answer.seen.look is not None:
            looks.add(answer.file.path, answer.file.probe.sha256, answer.seen.look)
        if answer.fresh:
            known_files.keep(answer.seen, question.asked)
    known_files.flush()
    return files, looks


def _registers(config: InspectionConfig, images: int) -> bool:
    """Whether pictures are laid over one another: always but in quick mode on a large folder."""
    return not config.quick_mode or images <= QUICK_IMAGES


def _with_hints(
    manifest: Manifest,
    files: list[InspectedFile],
    seen: Evidence,
    user_groups: dict[str, str],
    config: InspectionConfig,
) -> tuple[tuple[DuplicateEdge, ...], dict[str, str]]:
    """Return the edges with those of bursts and of names, and the user's groups with those that names give."""
    rows = {r.path: r.label for r in manifest.originals()}
    taken = {f.path: (f.probe.camera, f.probe.taken, rows[f.path]) for f in files if f.path in rows and f.probe.taken}
    named = pattern_groups(rows, config.group_pattern) if config.group_pattern else {}
    edges = [*seen.edges, *burst_edges(taken, config.burst_seconds), *edges_within(named, "pattern")]
    return tuple(sorted(edges)), {**named, **user_groups}


def _rows(files: list[InspectedFile], known: Mapping[str, ImageRecord], config: InspectionConfig) -> list[ImageRecord]:
    """Return a row for each image that stays; a copy stays where its parent does."""
    kept = {f.path for f in files if f.probe.readable and (config.keep_failing or not f.failures)}
    rows = []
    for file in files:
        if file.path not in kept or (file.source_id and file.source_id not in kept):
            continue
        before = known.get(file.path, ImageRecord(file.path, label=file.label, split=file.split))
        probe = file.probe
        rows.append(replace(before, sha256=probe.sha256, width=probe.width, height=probe.height))
    return rows


def _user_groups(
    manifest: Manifest, known: Mapping[str, ImageRecord], groups_csv: str | os.PathLike[str] | None
) -> dict[str, str]:
    """Return path -> given group; where a new file names one member of an earlier group, the others go with it."""
    earlier = {r.path: known[r.path].group for r in manifest.originals() if r.path in known and known[r.path].group}
    if groups_csv is None:
        return earlier
    named = read_groups_csv(groups_csv, manifest)
    renamed: dict[str, str] = {}
    for path in sorted(named):
        if path in earlier and named[path]:
            renamed[earlier[path]] = min(renamed.get(earlier[path], named[path]), named[path])
    carried = {path: renamed.get(group, group) for path, group in earlier.items()}
    return {**carried, **{path: group for path, group in named.items() if group}}


def _placed(rows: list[ImageRecord], groups: Mapping[str, str]) -> list[ImageRecord]:
    """Give each row its group, and each copy the side and fold of its parent."""
    by_path = {r.path: r for r in rows}
    placed = []
    for row in rows:
        parent = by_path[row.source_id] if row.source_id else row
        placed.append(replace(row, group=groups[row.path], split=parent.split, fold=parent.fold))
    return placed
