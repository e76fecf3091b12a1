"""Image files behind a URL (``s3://``, ``gs://``, ``file://`` ...), through fsspec, within the limits of local ones."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from ai_models.core.errors import ImageError, MissingExtraError
from ai_models.core.images import MAX_BYTES, MAX_PIXELS, Verdict, bound_by_header, read_bytes
from ai_models.core.optional import require

__all__ = ["SCHEMES", "is_url", "read_file"]

SCHEMES = ("s3", "gs", "gcs", "az", "abfs", "abfss", "file", "memory")
"""Stores that are read. Chains (``a::b://``), archives and web servers are not: `amulet-ai download` fetches those."""

_URL = re.compile(r"([a-z][a-z0-9+.:-]*)://", re.IGNORECASE)


def is_url(item: object) -> bool:
    """Return whether a text names something behind a scheme rather than a local path."""
    return isinstance(item, str) and _URL.match(item) is not None


def read_file(url: str, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> bytes:
    """Read an image file behind a URL, never past the limits of `ai_models.core.images.read_bytes`.

    Raises
    ------
    ImageError
        With verdict ``not_a_file``, ``unreadable``, ``empty`` or ``bomb``.
    MissingExtraError
        When fsspec, or what it needs for that store, is not installed.
    """
    match = _URL.match(url)
    scheme = match[1].lower() if match else ""
    if scheme not in SCHEMES:
        raise ImageError(Verdict.UNREADABLE, f"URLs are read from {', '.join(SCHEMES)}, not from '{scheme}'")
    if scheme == "file":
        return read_bytes(unquote(urlsplit(url).path), max_bytes=max_bytes, max_pixels=max_pixels)
    fsspec = require("fsspec", extra="dask", purpose=f"reading {scheme}:// images")
    try:
        store, path = fsspec.core.url_to_fs(url)
        known = store.info(path)
        if known.get("type") == "directory":
            raise ImageError(Verdict.NOT_A_FILE, "a folder, not a file")
        size = known.get("size") or 0
        if size > max_bytes:
            raise ImageError(Verdict.BOMB, f"{size:,} bytes, more than the {max_bytes:,} that are read")
        data = bytes(store.cat_file(path, start=0, end=max_bytes + 1))
    except ImageError:
        raise
    except ImportError as error:
        raise MissingExtraError(f"reading {scheme}:// images needs another package ({error})") from error
    except Exception as error:  # each store raises what its own library does
        text = str(error) or type(error).__name__
        raise ImageError(Verdict.UNREADABLE, getattr(error, "strerror", None) or text) from error
    if not data:
        raise ImageError(Verdict.EMPTY, "no bytes")
    if len(data) > max_bytes:
        raise ImageError(Verdict.BOMB, f"more than the {max_bytes:,} bytes that are read")
    bound_by_header(data, max_pixels)
    return data
