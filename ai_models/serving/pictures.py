"""The nearest training photographs as small pictures: put into a model directory on demand, and taken out again."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ai_models.artifacts import read_bundle
from ai_models.artifacts.amending import amend_bundle
from ai_models.artifacts.pictures import PICTURES_FILE, packed_pictures
from ai_models.core.errors import DataError, ImageError
from ai_models.core.images import decode, read_bytes
from ai_models.core.paths import require_dir
from ai_models.core.records import Split
from ai_models.evidence import known_photographs

__all__ = ["Kept", "drop_pictures", "keep_pictures"]

_QUALITY = 78


class Kept(NamedTuple):
    """What was put into a model directory.

    Attributes
    ----------
    pictures, of
        How many, of how many training photographs; the others are gone or changed.
    bytes
        Size of the file.
    signed
        Whether the model was signed, and has to be again.
    """

    pictures: int
    of: int
    bytes: int
    signed: bool


def keep_pictures(model_dir: str | os.PathLike[str], side: int) -> Kept:
    """Put a small picture of every training photograph that is where it was into the model directory.

    Parameters
    ----------
    model_dir
        The model directory.
    side
        Pixels of the longer side.

    Raises
    ------
    AmuletError
        When the model directory cannot be used, or none of the photographs is there any more.
    """
    folder = require_dir(model_dir, what="the model directory")
    photographs = known_photographs(folder).on(Split.TRAIN).originals()
    found: dict[str, bytes] = {}
    for record, file in zip(photographs, photographs.files, strict=True):
        try:
            data = read_bytes(file)
            if not record.sha256 or hashlib.sha256(data).hexdigest() == record.sha256:
                found[record.path] = _small(data, side)
        except (OSError, ImageError):
            continue
    if not found:
        raise DataError(
            f"none of the {len(photographs)} training photographs is where it was in training "
            f"('{photographs.root}'): put them back first"
        )
    packed = packed_pictures(found)
    return Kept(len(found), len(photographs), len(packed), amend_bundle(folder, added={PICTURES_FILE: packed}))


def drop_pictures(model_dir: str | os.PathLike[str]) -> bool:
    """Take the pictures out of a model directory; return whether it was signed, and has to be again.

    Raises
    ------
    AmuletError
        When the model directory cannot be used, or holds none.
    """
    folder = Path(require_dir(model_dir, what="the model directory"))
    if PICTURES_FILE not in read_bundle(folder)["files"]:
        raise DataError(f"'{folder}' holds no pictures of training photographs: there is nothing to remove")
    return amend_bundle(folder, removed=(PICTURES_FILE,))


def _small(data: bytes, side: int) -> bytes:
    picture = Image.fromarray(decode(data, size=side))  # pixels alone: no EXIF goes along
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=_QUALITY, method=4)
    return stream.getvalue()
