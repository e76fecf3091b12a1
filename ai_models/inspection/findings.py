"""What a look at a folder found, the gravest first."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ai_models.core.counts import objects_among, photographs_of, plural
from ai_models.core.folders import leads_out, other_files
from ai_models.core.images import Verdict
from ai_models.core.paths import to_text
from ai_models.core.records import ImageRecord, Split
from ai_models.duplicates import merged_user_groups
from ai_models.inspection.layout import empty_classes
from ai_models.inspection.scanning import QUICK_IMAGES, Scan
from ai_models.shortcuts import REMEDIES

__all__ = ["RANKS", "Finding", "findings"]

RANKS = {1: "figures would be wrong", 2: "mend before training", 3: "worth knowing"}
FEW_OBJECTS = 10
MUCH_LARGER = 3.0
TINY = 64
ODD_ASPECT = 4.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the owner of the photographs should know.

    Attributes
    ----------
    rank
        1 = figures would be wrong, 2 = mend before training, 3 = worth knowing.
    kind
        Stable name, such as ``"leak"``.
    message
        One or two sentences.
    paths
        The files that it is about.
    """

    rank: int
    kind: str
    message: str
    paths: tuple[str, ...] = ()


def findings(scan: Scan) -> tuple[Finding, ...]:
    """Return everything that was found, by rank and within a rank in a fixed order of kinds."""
    found = [finding for look in _LOOKS for finding in look(scan)]
    return tuple(sorted(found, key=lambda f: f.rank))


def _groups(scan: Scan) -> dict[str, list[ImageRecord]]:
    """Return the groups with more than one photograph."""
    members: dict[str, list[ImageRecord]] = defaultdict(list)
    for row in scan.manifest.originals():
        if row.group:
            members[row.group].append(row)
    return {name: rows for name, rows in sorted(members.items()) if len(rows) > 1}


def _leaks(scan: Scan) -> Iterator[Finding]:
    crossing = [
        rows for rows in _groups(scan).values()
        if len({r.split for r in rows} - {Split.UNASSIGNED, Split.EXCLUDED}) > 1
    ]  # fmt: skip
    if crossing:
        sides = sorted({str(r.split) for rows in crossing for r in rows if r.split})
        yield Finding(
            1, "leak",
            f"{_objects(crossing)} on several sides of the split "
            f"({', '.join(sides)}): figures from this split are too high, so split again by groups.",
            _paths(row for rows in crossing for row in rows),
        )  # fmt: skip


def _label_conflicts(scan: Scan) -> Iterator[Finding]:
    torn = [rows for rows in _groups(scan).values() if len({r.label for r in rows if r.label}) > 1]
    if torn:
        pairs = Counter(" / ".join(sorted({to_text(r.label) for r in rows if r.label})) for rows in torn)
        names = "; ".join(f"{pair} ({n})" for pair, n in sorted(pairs.items())[:5])
        yield Finding(
            1, "label_conflict",
            f"{_objects(torn)} in several classes ({names}): "
            "look which label is right and move or remove the other photograph.",
            _paths(row for rows in torn for row in rows),
        )  # fmt: skip


def _joined_user_groups(scan: Scan) -> Iterator[Finding]:
    groups = {r.path: r.group for r in scan.manifest.originals()}
    for names in merged_user_groups(groups, scan.user_groups):
        paths = sorted(path for path, group in scan.user_groups.items() if group in names and path in groups)
        yield Finding(
            2, "groups_joined",
            f"The given groups {', '.join(repr(to_text(name)) for name in names)} hold copies of one picture and were "
            f"joined to '{to_text(groups[paths[0]])}': correct the groups if these are different objects.",
            tuple(paths),
        )  # fmt: skip


def _unreadable(scan: Scan) -> Iterator[Finding]:
    states: dict[str, list[str]] = defaultdict(list)
    for file in scan.files:
        if not file.probe.readable:
            states[file.state(scan.config.corruption_threshold)].append(file.path)
    lost = f"under {scan.config.corruption_threshold:.0%}"
    words = {
        "damaged": (f"lacks only its last rows ({lost})", f"lack only their last rows ({lost})"),
        "corrupt": ("cannot be decoded",) * 2,
        "empty": ("holds no bytes", "hold no bytes"),
        "bomb": ("claims more pixels or bytes than is safe", "claim more pixels or bytes than is safe"),
        "unsupported": ("is not an image of a format that is read", "are not images of a format that is read"),
        "not_a_file": ("is a pipe, socket or folder", "are pipes, sockets or folders"),
        "unreadable": ("may not be read or leads nowhere", "may not be read or lead nowhere"),
    }
    for state, paths in sorted(states.items()):
        text = f"{_say(len(paths), 'file', *words[state])} and {_say(len(paths), '', 'was', 'were')} left out."
        yield Finding(2, f"unreadable_{state}", text, tuple(paths))


def _alike_names(scan: Scan) -> Iterator[Finding]:
    alike: dict[str, set[str]] = defaultdict(set)
    for label in {f.label for f in scan.files if f.label}:
        plain = unicodedata.normalize("NFKC", label).casefold()
        alike["".join(c for c in plain if c.isalnum() or unicodedata.category(c).startswith("M")) or plain].add(label)
    for names in sorted(sorted(names) for names in alike.values() if len(names) > 1):
        yield Finding(
            2, "class_names_alike",
            f"The classes {', '.join(repr(to_text(name)) for name in names)} differ only by case, spaces, punctuation "
            "or Unicode form: if they are one class, give its folders one name.",
        )  # fmt: skip


def _classes(scan: Scan) -> Iterator[Finding]:
    counts = scan.manifest.counts()
    unlabelled = _paths(r for r in scan.manifest if not r.label)
    if not counts:
        yield Finding(2, "no_classes", "No photograph lies in a class folder, so nothing can be trained on labels.")
        return
    if unlabelled:
        text = f"{_photographs(scan, unlabelled, 'lies', 'lie')} outside every class folder, without a label."
        yield Finding(2, "unlabelled", text, unlabelled)
    if len(counts) == 1:
        name = next(iter(counts))
        yield Finding(
            2, "single_class",
            f"There is only one class, '{to_text(name)}': if its subfolders are the classes, give that folder instead.",
        )  # fmt: skip
        return
    few = sorted((g, n, name) for name, (n, g) in counts.items() if g < FEW_OBJECTS)
    if few:
        names = ", ".join(f"'{to_text(name)}' ({photographs_of(n, g)})" for g, n, name in few)
        yield Finding(
            2, "small_class",
            f"{_say(len(few), 'class', 'has', 'have', 'classes')} fewer than {FEW_OBJECTS} "
            f"different objects: {names}. Figures for them will say little; photograph more objects.",
        )  # fmt: skip
    sizes = sorted((g, n, name) for name, (n, g) in counts.items())
    (least, *_, smallest), (most, *_, largest) = sizes[0], sizes[-1]
    ratio = most / least
    if ratio >= MUCH_LARGER:
        yield Finding(
            3, "imbalance",
            f"The largest class '{to_text(largest)}' ({photographs_of(sizes[-1][1], most)}) has {ratio:.1f} times the "
            f"objects of the smallest '{to_text(smallest)}' ({photographs_of(sizes[0][1], least)}): augment by class "
            "and judge by balanced accuracy.",
        )  # fmt: skip


def _empty_classes(scan: Scan) -> Iterator[Finding]:
    empty = empty_classes(scan.manifest.root, scan.layout, (f.path for f in scan.files))
    if empty:
        yield Finding(
            2, "empty_class",
            f"{_say(len(empty), 'class folder', 'holds', 'hold')} no image (links to folders are not followed).",
            tuple(empty),
        )  # fmt: skip


def _quality(scan: Scan) -> Iterator[Finding]:
    failing = [f for f in scan.files if f.failures]
    if failing:
        reasons = Counter(reason for f in failing for reason in f.failures)
        listed = "; ".join(f"{reason} ({n})" if n > 1 else reason for reason, n in reasons.most_common(4))
        level = "strict" if scan.config.strict else "normal"
        fate = "They stay in" if scan.config.keep_failing else "They were left out of"
        yield Finding(
            2, "low_quality",
            f"{_photographs(scan, [f.path for f in failing], 'fails', 'fail')} the {level} quality "
            f"levels: {listed}. {fate} the manifest.",
            tuple(f.path for f in failing),
        )  # fmt: skip


def _duplicates(scan: Scan) -> Iterator[Finding]:
    for kind, what in (("bytes", "the bytes of another"), ("pixels", "the pixels of another in a different file")):
        paths = sorted({edge.b for edge in scan.edges if edge.kind == kind})
        if paths:
            text = f"{_say(len(paths), 'file', 'has', 'have')} exactly {what}; copies and original are one group."
            yield Finding(3, f"duplicate_{kind}", text, tuple(paths))
    near = [edge for edge in scan.edges if edge.kind == "near"]
    if near:
        ways = Counter("unturned" if e.transform == "identity" else e.transform for e in near)
        listed = ", ".join(f"{way} {n}" for way, n in sorted(ways.items(), key=lambda w: (-w[1], w[0])))
        yield Finding(
            3, "duplicate_near",
            f"{_say(len(near), 'pair of photographs', 'shows', 'show', 'pairs of photographs')} one picture saved "
            f"again, resized, flipped or turned ({listed}); each set is one group.",
            tuple(sorted({path for e in near for path in (e.a, e.b)})),
        )  # fmt: skip


def _same_objects(scan: Scan) -> Iterator[Finding]:
    words = {
        "registered": "can be laid over one another (cropped, turned, under another light, or a second shot)",
        "burst": "were taken by one camera right after one another",
        "pattern": "have names in which the pattern catches the same text",
    }
    for kind, text in words.items():
        edges = [edge for edge in scan.edges if edge.kind == kind]
        if edges:
            pairs = _say(len(edges), "pair of photographs", "", "", "pairs of photographs").strip()
            paths = tuple(sorted({path for e in edges for path in (e.a, e.b)}))
            yield Finding(3, f"same_object_{kind}", f"{pairs} {text}; each set is one group.", paths)
    if scan.config.check_duplicates and scan.evidence.null is None:
        yield Finding(
            2, "groups_incomplete",
            f"Quick mode joined near-equal pictures alone, for there are more than {QUICK_IMAGES:,} images: crops, "
            "small turns and second shots are not grouped: inspect without --quick-mode before you split.",
        )  # fmt: skip


def _names_and_formats(scan: Scan) -> Iterator[Finding]:
    wrong = tuple(f.path for f in scan.files if f.probe.verdict is Verdict.WRONG_EXTENSION)
    if wrong:
        text = f"{_say(len(wrong), 'file', 'has', 'have')} another format than the name says"
        yield Finding(3, "wrong_extension", f"{text}; the content counts, nothing was renamed.", wrong)
    readable = [f for f in scan.files if f.probe.readable]
    for what, values in (("format", [f.probe.format for f in readable]), ("mode", [f.probe.mode for f in readable])):
        mixed = Counter(values)
        if len(mixed) > 1:
            listed = ", ".join(f"{name} {n}" for name, n in sorted(mixed.items(), key=lambda x: (-x[1], x[0])))
            yield Finding(3, f"mixed_{what}s", f"The photographs have several {what}s: {listed}.")
    by_class = {label: {f.probe.format for f in readable if f.label == label} for label in {f.label for f in readable}}
    for label, formats in sorted(by_class.items()):
        others = set().union(*(seen for name, seen in by_class.items() if name != label))
        if label and others and not formats & others:
            yield Finding(
                2, "format_tells_class",
                f"Only '{to_text(label)}' is stored as {', '.join(sorted(formats))}: traces of the format could be "
                "learnt in place of the object, so save all classes in one way.",
            )  # fmt: skip


def _sizes(scan: Scan) -> Iterator[Finding]:
    readable = [f for f in scan.files if f.probe.readable]
    tiny = tuple(f.path for f in readable if min(f.probe.width, f.probe.height) < TINY)
    if tiny:
        text = f"{_photographs(scan, tiny, 'has', 'have')} a side under {TINY} pixels."
        yield Finding(2, "tiny", text, tiny)
    sides = np.array([[f.probe.width, f.probe.height] for f in readable], dtype=np.float64)
    odd = tuple(f.path for f, (w, h) in zip(readable, sides, strict=True) if max(w / h, h / w) > ODD_ASPECT)
    if odd:
        text = f"{_photographs(scan, odd, 'is', 'are')} more than {ODD_ASPECT:g} times as long as wide"
        yield Finding(3, "odd_shape", f"{text}; features see the whole picture squeezed to a square.", odd)
    area = sides.prod(axis=1)
    far = tuple(f.path for f, a in zip(readable, area, strict=True) if a * 16 < float(np.median(area)))
    if far:
        text = f"{_photographs(scan, far, 'has', 'have')} under a sixteenth of the usual number of pixels."
        yield Finding(3, "odd_size", text, far)
    turned = [f.path for f in readable if f.probe.exif_turned]
    if turned:
        text = f"{_photographs(scan, turned, 'carries', 'carry')} an EXIF turn"
        yield Finding(3, "exif_turned", f"{text}, which is applied when reading.")


def _shortcuts(scan: Scan) -> Iterator[Finding]:
    probe = scan.shortcuts
    for told in probe.shortcuts if probe else ():
        if probe and told.material and told.balanced_accuracy:
            share, low, high, level = told.balanced_accuracy
            yield Finding(
                2, f"shortcut_{told.trait.lower().replace(' ', '_')}",
                f"The {told.trait} alone can tell the class (balanced accuracy {share:.2f}, {level:.0%} interval "
                f"{low:.2f} to {high:.2f}; guessing {probe.chance:.2f}; p = {told.p_holm:.3f}), so a model may learn "
                f"that in place of the object: {REMEDIES[told.trait]}.",
            )  # fmt: skip


def _beside_the_images(scan: Scan) -> Iterator[Finding]:
    others = other_files(scan.manifest.root)
    if others:
        kinds = Counter(os.path.splitext(path)[1].lower() or "no extension" for path in others)
        listed = ", ".join(f"{to_text(name)} {n}" for name, n in sorted(kinds.items(), key=lambda k: (-k[1], k[0]))[:8])
        text = (
            f"{_say(len(others), 'other file or link', 'was', 'were', 'other files or links')} passed over ({listed})."
        )
        yield Finding(3, "other_files", text, tuple(others))
    abroad = tuple(f.path for f in scan.files if leads_out(scan.manifest.root, f.path))
    if abroad:
        text = f"{_say(len(abroad), 'file', 'is a link', 'are links')} to somewhere outside of the folder"
        yield Finding(3, "links_out", f"{text}: a copy of the folder would lack them.", abroad)
    if scan.missing:
        rows = (f"{row} of the earlier manifest.csv" for row in ("row", "rows"))
        text = _say(len(scan.missing), next(rows), "has", "have", next(rows))
        yield Finding(
            2,
            "missing_files",
            f"{text} no file and {_say(len(scan.missing), '', 'was', 'were')} left out.",
            scan.missing,
        )


_LOOKS: tuple[Callable[[Scan], Iterator[Finding]], ...] = (
    _leaks, _label_conflicts, _joined_user_groups, _unreadable, _classes, _empty_classes, _alike_names,
    _quality, _shortcuts, _names_and_formats, _sizes, _duplicates, _same_objects, _beside_the_images,
)  # fmt: skip


def _say(n: int, one: str, does: str, do: str, several: str = "") -> str:
    """Return the count, its noun and its verb in the number that fits; without a noun the verb alone."""
    verb = does if n == 1 else do
    return f"{n} {one if n == 1 else several or one + 's'} {verb}" if one else verb


def _objects(sets: Sequence[Sequence[ImageRecord]]) -> str:
    photographs = plural(sum(map(len, sets)), "photograph")
    return f"{plural(len(sets), 'object')} ({photographs}) {'stands' if len(sets) == 1 else 'stand'}"


def _photographs(scan: Scan, paths: Sequence[str], does: str, do: str) -> str:
    """Return both counts of these files and the verb that fits; one left out of the manifest is its own object."""
    objects = objects_among(paths, {r.path: r.group for r in scan.manifest})
    return f"{photographs_of(len(paths), objects)} {does if len(paths) == 1 else do}"


def _paths(rows: Iterable[ImageRecord]) -> tuple[str, ...]:
    return tuple(sorted(row.path for row in rows))
