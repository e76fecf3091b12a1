"""The stage: a manifest in, a folder with the photographs, their copies, the new manifest and the counts out."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ai_models.augmentation.allotment import ClassShare, allot
from ai_models.augmentation.checking import LabelCheck, check_labels
from ai_models.augmentation.copying import Copies, ParentTask, copy_path, make_copies
from ai_models.augmentation.sheets import SHEETS_FOLDER, sheet_files, write_sheets
from ai_models.core.errors import DataError, OutputError
from ai_models.core.paths import prepare_output_dir, require_dir, write_text
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import AugmentationConfig, FeatureConfig, PreprocessConfig
from ai_models.crossfit.label_probes import PROBES_FILE
from ai_models.execution import map_ordered
from ai_models.transforms import preset_for

__all__ = ["COUNTS_FILE", "MANIFEST_FILE", "AugmentationPipeline", "augment_manifest"]

MANIFEST_FILE = "manifest.csv"
COUNTS_FILE = "augmentation.json"


class AugmentationPipeline:
    """`augment_manifest` with its settings kept.

    Parameters
    ----------
    config
        The settings; the defaults where None.
    """

    def __init__(self, config: AugmentationConfig | None = None) -> None:
        self.config = config or AugmentationConfig()

    def run(self, manifest: Manifest, output_dir: str | os.PathLike[str], *, overwrite: bool = False) -> Manifest:
        """Augment; see `augment_manifest`."""
        return augment_manifest(manifest, output_dir, self.config, overwrite=overwrite)


def augment_manifest(
    manifest: Manifest,
    output_dir: str | os.PathLike[str],
    config: AugmentationConfig,
    *,
    features: FeatureConfig | None = None,
    preprocess: PreprocessConfig | None = None,
    overwrite: bool = False,
) -> Manifest:
    """Make a folder that holds the photographs, changed copies of training photographs and their manifest.

    The photographs appear under their own relative paths as hard links (copies where the file system has none) and
    are never changed; only rows on `Split.TRAIN` are copied, and a copy stands where its parent stands. The result
    is the same, byte for byte, for any number of workers.

    Parameters
    ----------
    manifest
        Photographs with their split.
    output_dir
        A new or an empty folder outside the photographs' own. Gets ``augmented/<class>/...``,
        ``contact_sheets/<class>.png``, ``manifest.csv`` (the column ``transforms`` says what was done to a copy) and
        ``augmentation.json`` (photographs, copies and rejected draws by reason of each class,
        transforms switched off and why, preset, seed) and, where labels were checked, ``label_probes.npz``, by which
        training repeats the check in every fold.
    config
        See `AugmentationConfig`.
    features, preprocess
        What the label check sees photographs by: the network, or HOG where that is switched off.
    overwrite
        Replace what an earlier run wrote there: the files that its manifest lists, nothing else.

    Returns
    -------
    Manifest
        Rooted in `output_dir`: all rows of the given one, then the copies.

    Raises
    ------
    DataError
        When there is no training row, a copy is among the rows, a photograph is missing, or the output folder lies
        inside the photographs' folder or around it.
    OutputError
        When the folder cannot be written or holds something else.
    MissingExtraError
        When the label check needs the network and torch is not installed.
    """
    shares = allot(manifest, config)
    root = require_dir(manifest.root, what="the manifest's folder")
    _refuse_nesting(root, Path(output_dir))
    photographs = _present(manifest)
    total = sum(share.photographs for share in shares.values())
    preset = preset_for(total) if config.preset == "auto" else config.preset
    output = prepare_output_dir(output_dir, ours=COUNTS_FILE, overwrite=overwrite)
    parents = [(parent, n) for share in shares.values() for parent, n in share.parents]
    planned = [copy_path(parent, number) for parent, n in parents for number in range(n)]
    _refuse_collisions(manifest, planned)
    check = check_labels(
        manifest, shares, preset, config,
        features=features or FeatureConfig(), preprocess=preprocess or PreprocessConfig(),
    )  # fmt: skip
    tasks = [
        ParentTask(root, parent, n, check.for_class(parent.label), shares[parent.label].strength, config, output)
        for parent, n in parents
    ]
    if overwrite:
        _remove_earlier(output)
    sheets = sheet_files(parent.label for parent, _ in parents)
    ours = [*(r.path for r in photographs), *planned, *sheets, PROBES_FILE]
    _refuse_foreign(output, ours)
    try:
        for row in photographs:
            _link(root / row.path, output / row.path)
        made = list(map_ordered(make_copies, tasks, workers=config.workers, label="augment", unit="photo"))
        result = Manifest(output, (*_with_column(manifest), *(row for copies in made for row in copies.rows)))
        write_sheets(result, workers=config.workers)
        if check.probes is not None:
            check.probes.save(output / PROBES_FILE)
        result.save(output / MANIFEST_FILE)
        write_text(output / COUNTS_FILE, _counts(config, preset, shares, made, check))
    except BaseException:  # also an interrupt: an unfinished folder must not pass for a result
        _remove(output, [*ours, MANIFEST_FILE])
        raise
    return result


def _with_column(manifest: Manifest) -> list[ImageRecord]:
    """Return the photographs' rows with the column of the copies, empty, as a reader of the file will find them."""
    return [replace(row, extra={**row.extra, "transforms": ""}) for row in manifest]


def _counts(
    config: AugmentationConfig, preset: str, shares: dict[str, ClassShare], made: list[Copies], check: LabelCheck
) -> str:
    copies = Counter(row.label for result in made for row in result.rows)
    rejected: dict[str, Counter[str]] = {label: Counter() for label in shares}
    not_made: Counter[str] = Counter()
    for result in made:
        rejected[result.label].update(result.rejected)
        not_made[result.label] += result.not_made
    classes: dict[str, Any] = {
        label: {
            "photographs": share.photographs,
            "copies": copies[label],
            "after": share.photographs + copies[label],
            "strength": round(share.strength, 4),
            "not_made": not_made[label],
            "rejected": dict(sorted(rejected[label].items())),
            "label_check": check.to_dict(label),
        }
        for label, share in shares.items()
    }
    settings = {k: v for k, v in config.to_dict().items() if k != "workers"} | {"preset": preset}
    content = {
        "settings": settings,
        "classes": classes,
        "copies": sum(copies.values()),
        "not_made": not_made.total(),
        "rejected": dict(sorted(sum(rejected.values(), Counter()).items())),
    }
    return json.dumps(content, indent=2, ensure_ascii=True) + "\n"


def _present(manifest: Manifest) -> list[ImageRecord]:
    """Return the rows whose file is to be carried over; what never was readable may be missing."""
    rows = []
    for row, file in zip(manifest, manifest.files, strict=True):
        if file.is_file():
            rows.append(row)
        elif row.width > 0 or row.split in (Split.TRAIN, Split.VAL, Split.TEST):
            raise DataError(
                f"the manifest names '{row.path}', but '{manifest.root}' has no such file: inspect it again"
            )
    return rows


def _refuse_nesting(root: Path, output: Path) -> None:
    inner, outer = output.resolve(), root.resolve()
    if inner == outer or outer in inner.parents or inner in outer.parents:
        raise DataError(
            f"output folder '{output}' must lie outside the photographs' folder '{root}' and not hold it: "
            "choose another output folder"
        )


def _refuse_collisions(manifest: Manifest, planned: list[str]) -> None:
    taken = {MANIFEST_FILE, COUNTS_FILE, PROBES_FILE, *planned} & {r.path for r in manifest}
    taken |= {r.path for r in manifest if r.path.split("/")[0] == SHEETS_FOLDER}
    if taken:
        raise DataError(f"the photographs hold '{min(taken)}', a name that this stage writes: rename it")


def _refuse_foreign(output: Path, paths: list[str]) -> None:
    """Refuse, before anything is written, to write over what an earlier run did not write."""
    for path in paths:
        if os.path.lexists(output / path):
            raise OutputError(f"'{output / path}' is not from an earlier run: choose another output folder")


def _link(source: Path, target: Path) -> None:
    """Give a photograph a second name, or copy it where that is impossible."""
    real = source.resolve()  # of a symbolic link, the file
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(real, target)
        except OSError:  # another file system, or one without links
            shutil.copyfile(real, target)
    except OSError as error:
        raise OutputError(f"cannot carry '{source}' over to '{target}' ({error.strerror or error})") from error


def _remove_earlier(output: Path) -> None:
    """Remove what the manifest of an earlier run lists, and the run's own files."""
    manifest = output / MANIFEST_FILE
    if manifest.is_file():
        earlier = Manifest.load(manifest)
        listed = [*(r.path for r in earlier), *sheet_files(r.label for r in earlier.copies())]
        _remove(output, [*listed, MANIFEST_FILE, COUNTS_FILE, PROBES_FILE])


def _remove(output: Path, paths: list[str]) -> None:
    folders: set[Path] = set()
    for path in paths:
        file = output / path
        file.unlink(missing_ok=True)
        folders.update(parent for parent in file.parents if output in parent.parents)
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with suppress(OSError):  # holds something that is not ours: it stays
            folder.rmdir()
