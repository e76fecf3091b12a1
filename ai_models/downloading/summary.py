"""What a person wants to know after a download."""

from __future__ import annotations

from collections import Counter, defaultdict

from ai_models.downloading.ledger import Record
from ai_models.downloading.stage import Download

__all__ = ["printable", "summary"]

_SHOWN = 5


def summary(done: Download) -> str:
    """Return lines: how many files of each class, what failed and why, and equal bytes under several classes."""
    kept = [r for r in done.records if r.ok]
    files = {r.file for r in kept}
    lines = [
        f"{len(kept)} of {len(done.records)} addresses gave an image ({done.asked} asked now), {len(files)} files:",
        *(f"  {label}: {n}" for label, n in sorted(Counter(f.rsplit("/", 1)[0] for f in files).items())),
        *_failures(done),
    ]
    conflicts = {r.sha256: sorted({r.label, *r.conflict.split("|")}) for r in kept if r.conflict}
    if conflicts:
        shown = [f"{sha[:16]} in {' and '.join(labels)}" for sha, labels in sorted(conflicts.items())]
        lines.append(
            f"conflict: {len(conflicts)} images stand under more than one class: {_few(shown)}; decide which is right"
        )
    return "\n".join([*lines, *_together(done)])


def printable(text: str) -> str:
    """Return a text of the list for a terminal: what would steer it is escaped."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _failures(done: Download) -> list[str]:
    failed: dict[str, list[Record]] = defaultdict(list)
    for record in done.records:
        if not record.ok:
            failed[record.verdict].append(record)
    return [
        f"failed, {verdict}: {len(rows)}, such as {printable(rows[0].url)} ({rows[0].detail})"
        for verdict, rows in sorted(failed.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _together(done: Download) -> list[str]:
    two = done.consolidated
    if two is None:
        return []
    lines = [f"together  {two.folder}: {two.made} files put there, {two.there} were there"]
    if two.copied:
        lines.append(f"{two.copied} of them are copies: no link can be made between these folders")
    if two.occupied:
        lines.append(f"{len(two.occupied)} left out, as another file stands there: {_few(list(two.occupied))}")
    return lines


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
