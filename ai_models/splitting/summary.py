"""How many photographs and objects of each class stand on each side, as text."""

from __future__ import annotations

from ai_models.core.paths import to_text
from ai_models.core.records import ImageRecord, Manifest, Split

__all__ = ["summary"]

_SIDES = (Split.TRAIN, Split.VAL, Split.TEST, Split.EXCLUDED)


def summary(manifest: Manifest) -> str:
    """Return a table of class by side; each cell reads "photographs (groups)".

    Parameters
    ----------
    manifest
        A manifest that is split. Augmented copies are counted in a column of their own, never as photographs.
    """
    copies = bool(manifest.copies())
    header = ["class", *(str(s) for s in _SIDES), *(["copies"] if copies else [])]
    names = sorted({r.label for r in manifest})
    body = [_row(manifest, [name], to_text(name) or "(no class)", copies) for name in names]
    body.append(_row(manifest, names, "all", copies))
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    lines = (
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in [header, *body]
    )
    return "\n".join([*(line.rstrip() for line in lines), "photographs (groups)"])


def _row(manifest: Manifest, names: list[str], title: str, copies: bool) -> list[str]:
    rows = [r for r in manifest if r.label in names]
    cells, copied = [], [r for r in rows if r.is_copy]
    for side in _SIDES:
        here = [r for r in rows if r.split is side and not r.is_copy]
        cells.append(_both(here))
    return [title, *cells, *([_both(copied)] if copies else [])]


def _both(rows: list[ImageRecord]) -> str:
    return f"{len(rows)} ({len({r.group or r.source_id or r.path for r in rows})})" if rows else "-"
