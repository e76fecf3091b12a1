"""One image file, decoded once for everything that is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ai_models.core.images import Probe, RGBImage, Verdict, examine
from ai_models.core.records import Split
from ai_models.duplicates import Look, look_at
from ai_models.quality import QualityScores, assess, failures
from ai_models.shortcuts import describe_frame

__all__ = ["InspectedFile", "Question", "look"]


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


def look(question: Question) -> tuple[InspectedFile, Look | None]:
    """Answer a question; never raises for a bad file. What is compared are photographs, not augmented copies."""
    probe, image = examine(question.root / question.path)
    scores: QualityScores | None = None
    reasons: tuple[str, ...] = ()
    seen, frame = None, b""
    if image is not None and not question.source_id:
        seen = look_at(image, local=question.local)
        if question.quality:
            scores, reasons = _judge(image, strict=question.strict)
            frame = describe_frame(image)
    file = InspectedFile(
        question.path, question.label, question.split, question.source_id, probe, scores, reasons, frame
    )
    return file, seen


def _judge(image: RGBImage, *, strict: bool) -> tuple[QualityScores, tuple[str, ...]]:
    scores = assess(image)
    return scores, failures(scores, strict=strict)
