"""One image file, decoded once for everything that is asked about it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ai_models.core.errors import ImageError
from ai_models.core.images import Probe, Verdict, examine_bytes, named, read_bytes
from ai_models.core.records import Split
from ai_models.duplicates import look_at
from ai_models.inspection.known_files import Asked, KnownFiles, Seen
from ai_models.quality import QualityScores, assess, failures
from ai_models.shortcuts import describe_frame

__all__ = ["Answer", "InspectedFile", "Question", "look"]


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """What was found out about one file.

    Attributes
    ----------
    path
        Relative to the data set's root.
    label, split
        From the folders or the manifest.
    source_id
        Parent of an augmented copy, else ``""``.
    probe
        Verdict, format, size, hash.
    scores
        Quality; None where it was not asked for, cannot be read, or is an augmented copy.
    failures
        Reasons why the quality levels are failed; empty for a pass.
    frame
        Its outermost pixels, as `describe_frame` puts them; empty where the scores are None.
    """

    path: str
    label: str
    split: Split
    source_id: str
    probe: Probe
    scores: QualityScores | None = None
    failures: tuple[str, ...] = ()
    frame: bytes = b""

    def state(self, corruption_threshold: float) -> str:
        """Return ``readable``, ``damaged`` (only the end of the pixels is missing), ``corrupt`` or the verdict."""
        if self.probe.readable:
            return "readable"
        if self.probe.verdict in (Verdict.TRUNCATED, Verdict.CORRUPT):
            return "damaged" if self.probe.missing_rows < corruption_threshold else "corrupt"
        return str(self.probe.verdict)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one file: where it lies and which measures to take."""

    root: Path
    path: str
    label: str
    split: Split
    source_id: str
    quality: bool
    strict: bool
    local: bool

    @property
    def asked(self) -> Asked:
        """What is asked about its content."""
        photograph = not self.source_id
        return Asked(self.quality and photograph, self.local and photograph, photograph)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found.

    Attributes
    ----------
    file
        For the report.
    seen
        All that the content says.
    fresh
        Whether it was looked at now, not known from an earlier time, and can be read.
    """

    file: InspectedFile
    seen: Seen
    fresh: bool


def look(question: Question, known: KnownFiles) -> Answer:
    """Answer a question; never raises for a bad file. What is compared are photographs, not augmented copies."""
    place = question.root / question.path
    try:
        data = read_bytes(place)
    except ImageError as error:
        seen, fresh = Seen(Probe(Verdict(error.verdict), error.detail, missing_rows=1.0)), False
    else:
        earlier = known.recall(hashlib.sha256(data).hexdigest(), question.asked)
        seen = earlier or _seen(data, question.asked)
        fresh = earlier is None and seen.probe.readable
    reasons = () if seen.scores is None else failures(seen.scores, strict=question.strict)
    file = InspectedFile(
        question.path, question.label, question.split, question.source_id, named(seen.probe, place), seen.scores,
        reasons, seen.frame,
    )  # fmt: skip
    return Answer(file, seen, fresh)


def _seen(data: bytes, asked: Asked) -> Seen:
    probe, image = examine_bytes(data)
    if image is None or not asked.compared:
        return Seen(probe)
    scores, frame = (assess(image), describe_frame(image)) if asked.quality else (None, b"")
    return Seen(probe, scores, frame, look_at(image, local=asked.local))
