"""Files cut short and whole files, in every format and variant: the cut ones are to be named, none of the whole.

    python benchmarks/truncation.py PHOTOGRAPHS [--cuts 2000] [--clean 1000]

PHOTOGRAPHS are encoded anew in each variant; each cut leaves 1 to 99 % of a file's bytes. Whole files are the
photographs themselves and as many of their encodings as are wanted.
"""

from __future__ import annotations

import argparse
import io
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ai_models.core.images import Probe, Verdict, probe, read_image, walk_images
from ai_models.core.rng import generator

NAMED = (Verdict.TRUNCATED, Verdict.CORRUPT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--cuts", type=int, default=2000)
    parser.add_argument("--clean", type=int, default=1000)
    arguments = parser.parse_args()
    paths = [arguments.photographs / p for p in walk_images(arguments.photographs)]
    order = generator(0, "truncation").permutation(len(paths))
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "file"
        named, of = Counter[str](), Counter[str]()
        verdicts = Counter[str]()
        for number in range(arguments.cuts):
            name, data = _variant(paths[order[number % len(paths)]], number)
            share = 1 + number * 37 % 99
            found = looked_at(data[: max(1, len(data) * share // 100)], place)
            of[name] += 1
            verdicts[str(found.verdict)] += 1
            named[name] += found.verdict in NAMED
            if found.verdict not in NAMED:
                print(f"  not named: {name} at {share} % of {len(data):,} bytes: {found.verdict} {found.detail}")
        for name in VARIANTS:
            print(f"{name:<28} {named[name]:>5} of {of[name]}")
        print(f"cut short: {named.total()} of {of.total()} named ({named.total() / of.total():.2%}); {dict(verdicts)}")
        alarms = 0
        own = len(paths[: arguments.clean // 2])
        for number in range(arguments.clean):
            path = paths[order[number % len(paths)]]
            found = probe(path) if number < own else looked_at(_variant(path, number)[1], place)
            if not found.readable:
                alarms += 1
                print(f"  false alarm: {path} {found.verdict} {found.detail}")
        print(f"whole: {alarms} of {arguments.clean} named, {own} of them photographs as they are")


def looked_at(data: bytes, place: Path) -> Probe:
    """Write bytes to a place and look at the file."""
    place.write_bytes(data)
    return probe(place)


def _variant(path: Path, number: int) -> tuple[str, bytes]:
    name = list(VARIANTS)[number % len(VARIANTS)]
    image = Image.fromarray(read_image(path))
    image.thumbnail((320, 320))
    return name, VARIANTS[name](image)


# -- formats and their variants ----------------------------------------------------------------------------


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _frames(image: Image.Image, kind: str, **options: object) -> bytes:
    others = [image.rotate(30 * n) for n in (1, 2)]
    return _saved(image, kind, save_all=True, append_images=others, **options)


def _thumbnail(image: Image.Image) -> bytes:
    """Return an EXIF block that holds a whole JPEG."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    return exif.tobytes() + _saved(image.resize((160, 120)), "JPEG")


def _interlaced_png(image: Image.Image) -> bytes:
    """Encode with the seven passes of Adam7, which Pillow reads but does not write."""
    pixels = np.asarray(image)
    rows = []
    for x, y, dx, dy in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ):  # fmt: skip
        part = pixels[y::dy, x::dx]
        rows += [b"\0" + row.tobytes() for row in part if part.shape[1]]
    header = struct.pack(">2I5B", *image.size, 8, 2, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _tiled_tiff(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.asarray(image), photometric="rgb", tile=(64, 64), **options)
    return stream.getvalue()


VARIANTS: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG": lambda i: _saved(i, "JPEG"),
    "JPEG quality 97, 4:4:4": lambda i: _saved(i, "JPEG", quality=97, subsampling=0),
    "JPEG progressive": lambda i: _saved(i, "JPEG", progressive=True),
    "JPEG grey": lambda i: _saved(i.convert("L"), "JPEG"),
    "JPEG CMYK": lambda i: _saved(i.convert("CMYK"), "JPEG"),
    "JPEG restart markers": lambda i: _saved(i, "JPEG", restart_marker_rows=1),
    "JPEG thumbnail in EXIF": lambda i: _saved(i, "JPEG", exif=_thumbnail(i)),
    "PNG": lambda i: _saved(i, "PNG"),
    "PNG interlaced": _interlaced_png,
    "PNG palette": lambda i: _saved(i.quantize(64), "PNG"),
    "PNG alpha": lambda i: _saved(i.convert("RGBA"), "PNG"),
    "PNG animated": lambda i: _frames(i, "PNG"),
    "GIF": lambda i: _saved(i, "GIF"),
    "GIF not interlaced": lambda i: _saved(i, "GIF", interlace=0),
    "GIF animated": lambda i: _frames(i, "GIF"),
    "BMP": lambda i: _saved(i, "BMP"),
    "BMP palette": lambda i: _saved(i.quantize(64), "BMP"),
    "TIFF": lambda i: _saved(i, "TIFF"),
    "TIFF LZW": lambda i: _saved(i, "TIFF", compression="tiff_lzw"),
    "TIFF deflate": lambda i: _saved(i, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF JPEG": lambda i: _saved(i, "TIFF", compression="jpeg"),
    "TIFF strips": lambda i: _saved(i, "TIFF", compression="tiff_lzw", strip_size=i.width * 3 * 16),
    "TIFF tiles": _tiled_tiff,
    "TIFF tiles deflate": lambda i: _tiled_tiff(i, compression="zlib"),
    "WebP": lambda i: _saved(i, "WEBP"),
    "WebP lossless": lambda i: _saved(i, "WEBP", lossless=True),
    "WebP alpha": lambda i: _saved(i.convert("RGBA"), "WEBP", exif=_thumbnail(i)),
    "WebP animated": lambda i: _frames(i, "WEBP"),
}
"""Name -> encoder of an RGB image."""


if __name__ == "__main__":
    main()
