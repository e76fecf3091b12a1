"""The stage: look at a folder and write the manifest, the findings and the page."""

from __future__ import annotations

import json
import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ai_models.core.paths import prepare_output_dir, require_dir, to_text, write_bytes, write_text
from ai_models.core.records import Manifest
from ai_models.core.settings import InspectionConfig
from ai_models.core.tables import csv_bytes
from ai_models.duplicates import DuplicateEdge
from ai_models.inspection.advice import Advice, advise
from ai_models.inspection.document import document
from ai_models.inspection.findings import Finding, findings
from ai_models.inspection.scanning import Scan, scan
from ai_models.inspection.score import DatasetScore, score

__all__ = ["DatasetInspector", "Inspection", "inspect_dataset"]


@dataclass(frozen=True)
class Inspection:
    """A folder that was looked at, and where the result stands.

    Attributes
    ----------
    manifest
        One row for each image that stays; its root is the folder that was looked at.
    findings
        By rank.
    advice, score
        What the number of photographs allows; a score of 100.
    scan
        Everything that was found out, file by file.
    json_path, manifest_path, duplicates_path, report_path
        ``inspection.json``, ``manifest.csv``, ``duplicates.csv``, ``inspection.html``.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    advice: Advice
    score: DatasetScore
    scan: Scan
    json_path: Path
    manifest_path: Path
    duplicates_path: Path
    report_path: Path

    @property
    def groups_complete(self) -> bool:
        """Whether every kind of evidence was looked for, and the groups may be split by."""
        return self.scan.evidence.null is not None


def inspect_dataset(
    data_dir: str | os.PathLike[str],
    output_dir: str | os.PathLike[str],
    config: InspectionConfig | None = None,
    *,
    groups_csv: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Inspection:
    """Look at a folder of images and write what was found; the folder itself is never changed.

    Parameters
    ----------
    data_dir
        Folder of images, see `scan`.
    output_dir
        Folder to write ``inspection.json``, ``manifest.csv`` (paths relative to `data_dir`), ``duplicates.csv`` (the
        edges behind the groups, with their evidence) and ``inspection.html``.
    config
        The settings; defaults where None.
    groups_csv
        The user's own groups, columns ``file,group``.
    overwrite
        Whether an earlier inspection in `output_dir` may be replaced.

    Raises
    ------
    DataError
        When there is nothing to look at, see `scan`.
    OutputError
        When the output folder cannot be written or holds something else.
    """
    from ai_models.inspection.report import report_page  # brings matplotlib and jinja2, which `scan` does without

    root = require_dir(data_dir, what="the data folder")
    folder = prepare_output_dir(output_dir, ours="inspection.json", overwrite=overwrite)
    seen = scan(root, config, groups_csv=groups_csv)
    found, advice, rating = findings(seen), advise(seen.manifest), score(seen)
    text = json.dumps(document(seen, found, advice, rating), ensure_ascii=False, indent=1, allow_nan=False)
    return Inspection(
        manifest=seen.manifest,
        findings=found,
        advice=advice,
        score=rating,
        scan=seen,
        manifest_path=seen.manifest.save(folder / "manifest.csv"),
        report_path=report_page(seen, found, advice, rating).save(folder / "inspection.html"),
        duplicates_path=write_bytes(folder / "duplicates.csv", _edges_csv(seen)),
        json_path=write_text(folder / "inspection.json", text + "\n"),
    )


def _edges_csv(seen: Scan) -> bytes:
    """Return the edges of the graph behind the groups, each with its evidence."""
    columns = [f.name for f in fields(DuplicateEdge)]
    rows = [[to_text(value) if isinstance(value, str) else value for value in astuple(edge)] for edge in seen.edges]
    return csv_bytes([columns, *rows])


class DatasetInspector:
    """The stage as an object, for those who keep settings in one place.

    Parameters
    ----------
    config
        The settings; defaults where None.
    """

    def __init__(self, config: InspectionConfig | None = None) -> None:
        self.config = config or InspectionConfig()

    def inspect(
        self,
        data_dir: str | os.PathLike[str],
        output_dir: str | os.PathLike[str],
        *,
        groups_csv: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Inspection:
        """Look at a folder; see `inspect_dataset`."""
        return inspect_dataset(data_dir, output_dir, self.config, groups_csv=groups_csv, overwrite=overwrite)
