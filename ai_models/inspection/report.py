"""The look as a page that a person wants to read."""

from __future__ import annotations

from collections import Counter

from ai_models.core.counts import objects_among, photographs_of
from ai_models.core.images import Verdict
from ai_models.core.paths import to_text
from ai_models.inspection.advice import Advice
from ai_models.inspection.files import InspectedFile
from ai_models.inspection.findings import RANKS, Finding
from ai_models.inspection.objects_section import objects_section
from ai_models.inspection.pictures import brief, picture
from ai_models.inspection.scanning import Scan
from ai_models.inspection.score import DatasetScore
from ai_models.quality import NORMAL, STRICT
from ai_models.reporting.charts import HALF, bar_chart, histogram, scatter
from ai_models.reporting.page import Cell, Page
from ai_models.reporting.shortcut_section import shortcut_parts

__all__ = ["report_page"]

MOST_PICTURES = 24
SCORES = ("blur", "brightness", "contrast", "resolution")
WEIGHTS = "; ".join(f"{name}: {RANKS[rank]}" for rank, name in enumerate(("grave", "mend", "note"), start=1)) + "."
PARTS = {
    "readable": "files that can be read",
    "distinct": "different objects for each photograph",
    "consistent": "photographs whose object has one label and one side",
    "balanced": "evenness of the classes (entropy)",
    "sufficient": "objects of the smallest class, full marks from 40",
    "quality": "mean quality of the photographs",
}


def report_page(scan: Scan, findings: tuple[Finding, ...], advice: Advice, score: DatasetScore) -> Page:
    """Lay out the whole page."""
    root = scan.manifest.root
    page = Page("Dataset inspection", to_text(root.resolve().name))
    _summary(page, scan, findings, score)
    _findings(page, findings)
    _advice(page, advice)
    _classes(page, advice)
    objects_section(page, scan)
    _quality(page, scan)
    _shortcuts(page, scan)
    _sizes(page, scan)
    _unreadable(page, scan)
    return page


def _summary(page: Page, scan: Scan, findings: tuple[Finding, ...], score: DatasetScore) -> None:
    rows = scan.manifest.originals()
    counts = Counter(f.rank for f in findings)
    unreadable = sum(not f.probe.readable for f in scan.files)
    groups = len(set(rows.groups.tolist()))
    tiles: list[tuple[str, object, str]] = [
        ("Score", f"{score.overall:.0f}", "of 100"),
        ("Photographs / objects", f"{len(rows)} / {groups}", "objects, after joining duplicates, are what counts as n"),
        ("Classes", len(rows.classes), "folders" if rows.classes else "no class folders"),
        ("Unreadable", unreadable, f"of {len(scan.files)} files"),
        ("To mend", counts[1] + counts[2], f"{counts[1]} of them grave"),
    ]
    if copies := len(scan.manifest.copies()):
        tiles.insert(3, ("Augmented copies", copies, "never counted as n"))
    parts = [[name, PARTS[name], score.weights[name], f"{value:.0%}"] for name, value in score.parts.items()]
    page.section(
        "Summary",
        page.tiles(tiles),
        page.table(["part of the score", "what it is", "points", "share reached"], parts),
        note="Nothing in the folder was changed or removed.",
    )


def _findings(page: Page, findings: tuple[Finding, ...]) -> None:
    rows = [[_weight(f.rank), f.message, _listed(f.paths)] for f in findings]
    if not rows:
        page.section("Findings", "Nothing was found fault with.")
        return
    page.section("Findings", page.table(["weight", "what was found", "files"], rows), note=WEIGHTS)


def _weight(rank: int) -> Cell:
    return (Cell("grave", "bad"), Cell("mend", "open"), Cell("note"))[rank - 1]


def _listed(paths: tuple[str, ...], most: int = 3) -> str:
    if not paths:
        return ""
    shown = ", ".join(brief(path) for path in paths[:most])
    return shown + (f" and {len(paths) - most} more" if len(paths) > most else "")


def _advice(page: Page, advice: Advice) -> None:
    page.section(
        "What this many photographs allow",
        *advice.sentences,
        note="How to judge a model on this folder, and what nobody can claim from it.",
    )


def _classes(page: Page, advice: Advice) -> None:
    if not advice.images:
        return
    names = sorted(advice.images, key=lambda name: (-advice.images[name], name))
    chart = bar_chart(
        [brief(name, 40) for name in names],
        {"photographs": [advice.images[n] for n in names], "objects": [advice.groups[n] for n in names]},
        x_label="number",
    )
    rows = []
    for name in names:
        ends = advice.accuracy_at_90.get(name)
        span = f"{ends[0]:.0%} to {ends[1]:.0%}" if ends else "–"
        rows.append([brief(name, 80), advice.images[name], advice.groups[name], span])
    page.section(
        "Classes",
        page.figure(chart, "Photographs, and different objects among them."),
        page.table(["class", "photographs", "objects", "accuracy, if 9 of 10 are right (95 %)"], rows),
    )


def _quality(page: Page, scan: Scan) -> None:
    judged = [f for f in scan.files if f.scores is not None]
    if not judged:
        page.section("Quality", "Not looked at in quick mode.")
        return
    levels = STRICT if scan.config.strict else NORMAL
    charts = [
        page.figure(
            histogram(
                {name: [getattr(f.scores, name) for f in judged]}, bins=20, x_label=f"{name} score",
                marks={"level": levels[name]}, width=HALF,
            )
        )
        for name in SCORES
    ]  # fmt: skip
    worst = sorted(judged, key=lambda f: (not f.failures, _overall(f), f.path))
    below = [f.path for f in judged if f.failures]
    failing, objects = len(below), objects_among(below, {r.path: r.group for r in scan.manifest})
    title = f"Below the level: {photographs_of(failing, objects)}" if failing else "The lowest scores (all pass)"
    shown = worst[: min(MOST_PICTURES, failing or 8)]
    gallery = [picture(scan, f.path, (f"{_overall(f):.0f} of 100", *f.failures)) for f in shown]
    page.section(
        "Quality",
        page.pair(*charts[:2]),
        page.pair(*charts[2:]),
        page.heading(title),
        page.gallery(gallery),
        note="Scores from 0 to 1, 1 is good; the dashed line is the least that passes.",
    )


def _overall(file: InspectedFile) -> float:
    return file.scores.overall if file.scores is not None else 0.0


def _shortcuts(page: Page, scan: Scan) -> None:
    if scan.config.quick_mode:
        page.section("Shortcuts", "Not looked at in quick mode.")
    elif scan.shortcuts is None:
        page.section("Shortcuts", "Not looked at: this takes two classes of at least five different objects.")
    else:
        page.section(
            "Shortcuts",
            *shortcut_parts(page, scan.shortcuts.to_dict(), what="the class"),
            note="How well each trait alone, without the object, tells the class. A model may learn what is easy in "
            "place of what is meant.",
        )


def _sizes(page: Page, scan: Scan) -> None:
    readable = [f for f in scan.files if f.probe.readable]
    chart = scatter(
        [f.probe.width for f in readable],
        [f.probe.height for f in readable],
        kinds=[brief(f.label, 24) or "no label" for f in readable],
        x_label="width in pixels",
        y_label="height in pixels",
        log=True,
    )
    group_of = {r.path: r.group or r.source_id for r in scan.manifest}
    kinds: dict[tuple[str, str], list[InspectedFile]] = {}
    for f in readable:
        kinds.setdefault((f.probe.format, f.probe.mode), []).append(f)
    rows = [
        [*kind, len(files), objects_among([f.path for f in files], group_of), _megabytes(files)]
        for kind, files in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    page.section(
        "Sizes and formats",
        page.figure(chart, "One point for each photograph, after the EXIF turn."),
        page.table(["format", "colour mode", "photographs", "objects", "on disk"], rows),
    )


def _megabytes(files: list[InspectedFile]) -> str:
    return f"{sum(f.probe.bytes for f in files) / 2**20:.1f} MB"


def _unreadable(page: Page, scan: Scan) -> None:
    bad = [f for f in scan.files if not f.probe.readable or f.probe.verdict is Verdict.WRONG_EXTENSION]
    if not bad:
        return
    rows = []
    for file in bad[:200]:
        state = "misnamed" if file.probe.readable else file.state(scan.config.corruption_threshold)
        missing = "" if file.probe.readable else f"{file.probe.missing_rows:.0%}"
        tone = Cell(state, "open" if state in ("misnamed", "damaged") else "bad")
        rows.append([brief(file.path, 90), tone, file.probe.detail, missing])
    page.section(
        "Files with faults",
        page.table(["file", "verdict", "why", "rows lost"], rows),
        note="Misnamed files are used by their content; the others are not in the manifest.",
    )
