"""Small pictures of the training photographs, kept in a model directory only where the user asks for it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping

import numpy as np

from ai_models.artifacts.bundle import read_bundle, read_file
from ai_models.core.errors import BundleError

__all__ = ["PICTURES_FILE", "packed_pictures", "read_pictures", "unpacked_pictures"]

PICTURES_FILE = "pictures.npz"
"""``paths`` (manifest paths), ``data`` (WebP files, one after another), ``ends`` (where each ends)."""


def packed_pictures(pictures: Mapping[str, bytes]) -> bytes:
    """Return the content of the file.

    Parameters
    ----------
    pictures
        Manifest path -> WebP file.
    """
    stream = io.BytesIO()
    sizes = np.array([len(data) for data in pictures.values()], dtype=np.int64)
    np.savez(
        stream,
        paths=np.array([path.encode("utf-8", "surrogateescape").hex() for path in pictures], dtype=np.str_),
        data=np.frombuffer(b"".join(pictures.values()), dtype=np.uint8),
        ends=np.cumsum(sizes),
    )
    return stream.getvalue()


def read_pictures(directory: str | os.PathLike[str]) -> dict[str, bytes]:
    """Return manifest path -> WebP file; nothing where the model directory keeps none.

    Raises
    ------
    BundleError
        When the file is altered or damaged.
    """
    if PICTURES_FILE not in read_bundle(directory)["files"]:
        return {}
    try:
        return unpacked_pictures(read_file(directory, PICTURES_FILE))
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise BundleError(
            f"'{directory}/{PICTURES_FILE}' cannot be read ({error}): make it again with `amulet-ai model pictures`"
        ) from error


def unpacked_pictures(content: bytes) -> dict[str, bytes]:
    """Return what `packed_pictures` packed.

    Raises
    ------
    ValueError, KeyError, OSError, EOFError
        When it did not.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as kept:
        paths, ends, data = kept["paths"].tolist(), kept["ends"].tolist(), kept["data"].tobytes()
    starts = [0, *ends[:-1]]
    return {
        bytes.fromhex(path).decode("utf-8", "surrogateescape"): data[start:end]
        for path, start, end in zip(paths, starts, ends, strict=True)
    }
