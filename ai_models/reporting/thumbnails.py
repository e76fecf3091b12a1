"""Small pictures that travel inside a page."""

from __future__ import annotations

import base64
import io

from PIL import Image

from ai_models.core.images import RGBImage

__all__ = ["thumbnail"]


def thumbnail(image: RGBImage, side: int = 96, *, quality: int = 80) -> str:
    """Return a picture as a WebP data URI whose longer side is at most `side` pixels.

    Parameters
    ----------
    image
        uint8 (h, w, 3), RGB. The aspect is kept, small pictures are not enlarged.
    side
        Pixels, at least 1.
    quality
        Of the WebP coder, in [0, 100].
    """
    picture = Image.fromarray(image)
    scale = side / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = io.BytesIO()
    picture.save(stream, format="WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
