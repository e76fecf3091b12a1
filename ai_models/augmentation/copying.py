"""Making the copies of one photograph: drawn, judged, drawn again where they fail, encoded."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import Image

from ai_models import quality
from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import RGBImage, decode, read_bytes
from ai_models.core.records import ImageRecord
from ai_models.core.rng import generator
from ai_models.core.settings import AugmentationConfig
from ai_models.transforms import LONGEST_SIDE, Transform, augment, reduced

__all__ = ["Copies", "ParentTask", "copy_path", "make_copies", "safe_name"]

TRIES = 5
"""Draws for one copy before it is given up."""
_JPEG_QUALITY = 95  # a fifth of a PNG's bytes; what it loses is below the noise of a camera


@dataclass(frozen=True, slots=True)
class ParentTask:
    """One photograph and what to make of it."""

    root: Path
    parent: ImageRecord
    copies: int
    transforms: tuple[Transform, ...]
    strength: float
    config: AugmentationConfig
    output: Path


@dataclass(frozen=True, slots=True)
class Copies:
    """What became of a task: class, rows of the files written, rejected draws by reason, copies not made."""

    label: str
    rows: tuple[ImageRecord, ...]
    rejected: Counter[str]
    not_made: int


def copy_path(parent: ImageRecord, number: int) -> str:
    """Return the path of a copy below the output folder.

    The name says class and parent for people; the hash of the parent's path keeps equal stems of different
    folders apart; the length stays within what file systems take (255 bytes).
    """
    mark = hashlib.sha256(parent.path.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    stem = safe_name(PurePosixPath(parent.path).stem, 150)
    return f"augmented/{safe_name(parent.label, 200)}/{stem}__{mark}_aug{number}.jpg"


def make_copies(task: ParentTask) -> Copies:
    """Write the copies of one photograph, decoding it once.

    A copy's pixels depend on the photograph's bytes, the seed, the copy's number, the transforms and their
    strength, and on nothing else.

    Raises
    ------
    DataError
        When the photograph is no longer the one that the manifest describes.
    """
    parent = task.parent
    rejected: Counter[str] = Counter()
    if not any(t.probability for t in task.transforms):
        return Copies(parent.label, (), Counter({"every transform is switched off": task.copies}), task.copies)
    try:
        data = read_bytes(task.root / parent.path)
        digest = hashlib.sha256(data).hexdigest()
        if parent.sha256 and digest != parent.sha256:
            raise DataError(f"'{parent.path}' is not the file that the manifest describes: inspect the folder again")
        image = reduced(decode(data, size=LONGEST_SIDE))
    except ImageError as error:
        return Copies(parent.label, (), Counter({str(error.verdict): task.copies}), task.copies)
    if min(image.shape[:2]) < 8:
        return Copies(parent.label, (), Counter({"smaller than 8 pixels": task.copies}), task.copies)
    rows = []
    for number in range(task.copies):
        for attempt in _drawn(task, image, digest, number):
            reasons = _reasons(attempt.image, task.config.quality_threshold)
            if not reasons:
                rows.append(_written(task, attempt, number))
                break
            rejected.update(reasons)
    return Copies(parent.label, tuple(rows), rejected, task.copies - len(rows))


class _Draw(NamedTuple):
    image: RGBImage
    transforms: tuple[str, ...]


def _drawn(task: ParentTask, image: RGBImage, digest: str, number: int) -> Iterator[_Draw]:
    for attempt in range(TRIES):
        rng = generator(task.config.seed, "augment", digest, number, attempt)
        yield _Draw(*augment(image, preset=task.transforms, rng=rng, strength=task.strength))


def _reasons(copy: RGBImage, threshold: float) -> tuple[str, ...]:
    """Return why a copy is thrown away; empty when its overall score reaches the threshold."""
    scores = quality.assess(copy)
    if scores.overall / 100.0 >= threshold:
        return ()
    return tuple(reason.split(" (")[0] for reason in quality.failures(scores)) or ("low overall score",)


def _written(task: ParentTask, draw: _Draw, number: int) -> ImageRecord:
    stream = io.BytesIO()
    Image.fromarray(draw.image).save(stream, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    data = stream.getvalue()
    path = copy_path(task.parent, number)
    target = task.output / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:  # never through a name that exists: it might be a link to a photograph
        file.write(data)
    return replace(
        task.parent,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        width=draw.image.shape[1],
        height=draw.image.shape[0],
        source_id=task.parent.path,
        extra={**task.parent.extra, "transforms": "+".join(draw.transforms)},
    )


def safe_name(name: str, longest: int) -> str:
    """Return a file name that every system takes: no separators, no control or undecodable characters."""
    kept = "".join("_" if c in '/\\<>:"|?*' or not c.isprintable() else c for c in name).strip(". ")
    return kept.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore").strip(". ") or "_"
