"""The look as plain values for ``inspection.json``: no timings, sorted, the same for the same folder."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from ai_models._version import __version__
from ai_models.core.paths import to_text
from ai_models.inspection.advice import Advice
from ai_models.inspection.findings import RANKS, Finding
from ai_models.inspection.scanning import Scan
from ai_models.inspection.score import DatasetScore

__all__ = ["FORMAT", "document"]

FORMAT = 1
"""Number of the format; it grows when a field changes its meaning or goes."""


def document(scan: Scan, findings: tuple[Finding, ...], advice: Advice, score: DatasetScore) -> dict[str, Any]:
    """Return what ``inspection.json`` holds; names of files and classes as `to_text` writes them."""
    rows = scan.manifest.originals()
    return {
        "format": FORMAT,
        "written_by": f"amulet-ai {__version__}",
        "data_dir": to_text(str(scan.manifest.root.resolve())),
        "layout": scan.layout.kind,
        "config": {name: value for name, value in scan.config.to_dict().items() if name != "workers"},
        "totals": {
            "files": len(scan.files),
            "readable": sum(f.probe.readable for f in scan.files),
            "photographs": len(rows),
            "copies": len(scan.manifest.copies()),
            "groups": len(set(rows.groups.tolist())),
        },
        "classes": {to_text(name): {"images": n, "groups": g} for name, (n, g) in sorted(rows.counts().items())},
        "splits": dict(sorted(Counter(str(r.split) or "unassigned" for r in rows).items())),
        "formats": dict(sorted(Counter(f.probe.format for f in scan.files if f.probe.readable).items())),
        "modes": dict(sorted(Counter(f.probe.mode for f in scan.files if f.probe.readable).items())),
        "score": asdict(score),
        "findings": [
            {"rank": f.rank, "meaning": RANKS[f.rank], "kind": f.kind, "message": f.message}
            | {"paths": [to_text(path) for path in f.paths]}
            for f in findings
        ],
        "advice": _advice(advice),
        "shortcuts": scan.shortcuts.to_dict() if scan.shortcuts else None,
        "groups": _groups(scan),
        "duplicates": [asdict(e) | {"a": to_text(e.a), "b": to_text(e.b)} for e in scan.edges],
        "registration": None if scan.evidence.null is None else asdict(scan.evidence.null),
        "files": _files(scan),
    }


def _advice(advice: Advice) -> dict[str, Any]:
    values = asdict(advice)
    for name in ("images", "groups"):
        values[name] = {to_text(label): n for label, n in sorted(values[name].items())}
    values["accuracy_at_90"] = {
        to_text(label): [round(low, 4), round(high, 4)] for label, (low, high) in sorted(advice.accuracy_at_90.items())
    }
    values["ece_floor"] = round(advice.ece_floor, 4) if advice.ece_floor == advice.ece_floor else None
    return values


def _groups(scan: Scan) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for row in scan.manifest.originals():
        if not row.group:
            continue
        members.setdefault(row.group, []).append(to_text(row.path))
    return {to_text(name): sorted(paths) for name, paths in sorted(members.items()) if len(paths) > 1}


def _files(scan: Scan) -> list[dict[str, Any]]:
    rows = {r.path: r for r in scan.manifest}
    listed = []
    for file in scan.files:
        probe = asdict(file.probe)
        entry = {
            "path": to_text(file.path),
            "label": to_text(file.label),
            "state": file.state(scan.config.corruption_threshold),
            **probe,
            "verdict": str(probe["verdict"]),
            "missing_rows": round(file.probe.missing_rows, 4),
            "in_manifest": file.path in rows,
            "group": to_text(rows[file.path].group) if file.path in rows else "",
            "failures": list(file.failures),
            "scores": None,
        }
        if file.scores is not None:
            entry["scores"] = {
                name: round(value, 4) if isinstance(value, float) else value
                for name, value in asdict(file.scores).items()
            }
        listed.append(entry)
    return listed
