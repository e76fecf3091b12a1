"""A photograph of the folder as it stands in the report, and its name cut to fit."""

from __future__ import annotations

from ai_models.core.errors import ImageError
from ai_models.core.images import read_image
from ai_models.core.paths import to_text
from ai_models.inspection.scanning import Scan
from ai_models.reporting.page import GalleryItem
from ai_models.reporting.thumbnails import thumbnail

__all__ = ["brief", "picture"]


def brief(path: str, most: int = 60) -> str:
    """Return a path as text, its middle left out where it is longer than `most`."""
    text = to_text(path)
    return text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"


def picture(scan: Scan, path: str, lines: tuple[str, ...]) -> GalleryItem:
    """Return a photograph with its name, its folder and lines of text."""
    try:
        image = thumbnail(read_image(scan.manifest.root / path, size=192), side=144)
    except ImageError as error:  # changed since it was looked at
        image, lines = "", (*lines, str(error))
    folder, _, name = path.rpartition("/")
    return GalleryItem(image, brief(name, 40), ((brief(folder, 40), *lines) if folder else lines))
