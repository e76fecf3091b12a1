"""The part of the report on photographs that show one object: every set with its pictures and the evidence."""

from __future__ import annotations

from ai_models.core.counts import photographs_of
from ai_models.core.paths import to_text
from ai_models.core.records import ImageRecord
from ai_models.duplicates import DuplicateEdge
from ai_models.inspection.pictures import brief, picture
from ai_models.inspection.scanning import Scan
from ai_models.reporting.charts import histogram
from ai_models.reporting.page import Page

__all__ = ["objects_section"]

TITLE = "Photographs of one object"
MOST_GROUPS = 30
MOST_OF_A_GROUP = 8
TURNS = {
    "identity": "the same way up",
    "mirror": "mirrored",
    "flip": "upside down, mirrored",
    "turn180": "turned by 180°",
    "turn90": "turned by 90° to the left",
    "turn270": "turned by 90° to the right",
    "transpose": "turned and mirrored",
    "transverse": "turned and mirrored the other way",
}
UNSEEN = (
    "Front and back of one piece, or two shots that share no detail, no pixel can tell: give --groups, or "
    "--group-pattern where the names say it."
)


def objects_section(page: Page, scan: Scan) -> None:
    """Add the section."""
    groups = sorted((rows for rows in _members(scan).values() if len(rows) > 1), key=_gravity)
    note = f"{_looked_for(scan)} Each set is kept together in every split. {UNSEEN}"
    level = _level(page, scan)
    if not groups:
        page.section(TITLE, "None were found.", *level, note=note)
        return
    evidence: dict[str, list[DuplicateEdge]] = {}
    for edge in scan.edges:
        evidence.setdefault(edge.a, []).append(edge)
        evidence.setdefault(edge.b, []).append(edge)
    parts = []
    for rows in groups[:MOST_GROUPS]:
        parts.append(page.heading(_heading(rows)))
        shown = [picture(scan, r.path, (_why(r, rows, evidence.get(r.path, [])),)) for r in rows[:MOST_OF_A_GROUP]]
        parts.append(page.gallery(shown))
    more = len(groups) - MOST_GROUPS
    tail = f"{more} more sets stand in inspection.json." if more > 0 else ""
    page.section(TITLE, *parts, tail, *level, note=note)


def _members(scan: Scan) -> dict[str, list[ImageRecord]]:
    members: dict[str, list[ImageRecord]] = {}
    for row in scan.manifest.originals():
        if row.group:
            members.setdefault(row.group, []).append(row)
    return members


def _looked_for(scan: Scan) -> str:
    if not scan.config.check_duplicates:
        return "Only equal files and equal pixels were looked for."
    near = "Equal files, equal pixels, and pictures saved again, resized, flipped or turned were looked for"
    if scan.evidence.null is None:
        return f"{near}; crops, small turns and second shots were not (quick mode on a large folder)."
    return f"{near}, and pictures that lie over one another: crops, small turns, other light, second shots."


def _level(page: Page, scan: Scan) -> list[str]:
    """Return the chart of the evidence and the level that the folder itself gave."""
    null, found = scan.evidence.null, scan.evidence.registrable
    if null is None or not found:
        return []
    chart = histogram(
        {"pairs": list(found)}, bins=40, x_label="evidence that a pair shows one object", y_label="pairs",
        marks={"level": null.threshold},
    )  # fmt: skip
    text = (
        f"Of the pairs compared {len(found)} could be laid over one another. Different objects of this folder agree "
        f"with a spread of {null.null_spread:.2f}; from an evidence of {null.threshold:.2f} on, one object is the "
        "better explanation, and the pair is joined. Pieces from one mould raise this level."
    )
    return [page.heading("How alike different objects are here"), page.figure(chart, text)]


def _heading(rows: list[ImageRecord]) -> str:
    labels = sorted({to_text(r.label) for r in rows if r.label})
    torn = " · labels differ: " + ", ".join(labels) if len(labels) > 1 else ""
    sides = sorted({str(r.split) for r in rows if r.split})
    crossing = " · on several sides: " + ", ".join(sides) if len(sides) > 1 else ""
    return f"{brief(rows[0].group)} · {photographs_of(len(rows), 1)}{torn}{crossing}"


def _gravity(rows: list[ImageRecord]) -> tuple[int, int, str]:
    torn = len({r.label for r in rows}) > 1 or len({r.split for r in rows}) > 1
    return (0 if torn else 1, -len(rows), rows[0].path)


def _why(row: ImageRecord, rows: list[ImageRecord], edges: list[DuplicateEdge]) -> str:
    place = {r.path: i for i, r in enumerate(rows)}
    edges = sorted((e for e in edges if e.a in place and e.b in place), key=lambda e: e.distance)
    earlier = [e for e in edges if place[_other(e, row.path)] < place[row.path]]
    if not earlier:
        return "the first of the set" if row is rows[0] else "same object" if not edges else _said(edges[0], row.path)
    return _said(earlier[0], row.path)


def _other(edge: DuplicateEdge, path: str) -> str:
    return edge.b if edge.a == path else edge.a


def _said(edge: DuplicateEdge, path: str) -> str:
    of = brief(_other(edge, path).rsplit("/", 1)[-1], 32)
    if edge.kind == "bytes":
        return f"same file as {of}"
    if edge.kind == "pixels":
        return f"same pixels as {of}"
    if edge.kind == "near":
        return f"{of} {TURNS[edge.transform]}, {1 - edge.distance:.0%} of the detail agrees"
    if edge.kind == "registered":
        return (
            f"lies over {of} ({TURNS[edge.transform]}): {edge.inliers} features agree, evidence {1 - edge.distance:.2f}"
        )
    if edge.kind == "burst":
        return f"taken right after or before {of}"
    return f"named like {of}" if edge.kind == "pattern" else f"grouped with {of}"
