"""A small folder of real photographs, cut from pictures that come with scikit-image; no network.

    python benchmarks/demo_data.py FOLDER

Three photographs (``brick``, ``grass``, ``gravel``) are cut into cells that do not overlap. A patch lies inside one
cell, so patches of different cells share no pixel; those of one cell overlap and are one group in ``groups.csv``.
Planted for the inspector and named in no groups file: an exact copy, a re-encoded one, a mirrored one, a file cut off
half way and one that is no image. Other pictures lie in ``other-things``.
"""

from __future__ import annotations

import csv
import io
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data as bundled

from ai_models.core.errors import OutputError
from ai_models.core.images import RGBImage, walk_images
from ai_models.core.paths import write_bytes, write_text
from ai_models.core.rng import generator

CLASSES = {"brick": (36, 20), "grass": (24, 15), "gravel": (14, 11)}
"""Class -> how many patches, from how many cells."""
CELLS = 5  # a side: 25 cells of 102 pixels
SIDES = (84, 100)  # of a patch, in pixels
OTHERS = (
    "astronaut", "camera", "cell", "chelsea", "clock", "coffee", "coins", "hubble_deep_field", "immunohistochemistry",
    "logo", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
"""Pictures in the wheel of scikit-image; of these none is fetched."""
MARK = "made-by-demo.txt"
SEED = 0


@dataclass(frozen=True)
class Planted:
    """A file that the inspector should notice.

    Attributes
    ----------
    file
        Relative to the folder of photographs.
    parent
        The file that it is a copy of; empty for one that cannot be read.
    what
        What was done.
    """

    file: str
    parent: str
    what: str


@dataclass(frozen=True)
class DemoData:
    """Where everything lies.

    Attributes
    ----------
    photographs
        Class folders.
    groups
        CSV ``file,group`` for the patches, not for what was planted.
    others
        Pictures of nothing that the classes know.
    planted
        The files that are no patches.
    """

    photographs: Path
    groups: Path
    others: Path
    planted: tuple[Planted, ...]


def build(folder: Path) -> DemoData:
    """Write the data set, the same bytes each time, in the place of an earlier one.

    Parameters
    ----------
    folder
        New, empty, or written by this function before.

    Raises
    ------
    OutputError
        When the folder holds anything else.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise OutputError(f"'{folder}' holds files that are not the demo's: name another folder")
        shutil.rmtree(folder)
    write_text(folder / MARK, "Written by benchmarks/demo_data.py, and replaced by its next run.\n")
    photographs, rows = folder / "photographs", []
    for label in CLASSES:
        picture = _picture(label)
        for number, (cell, box) in enumerate(_boxes(label, *picture.shape[:2])):
            name = f"{label}/{label}_{number:02d}.{'png' if number % 4 == 3 else 'jpg'}"
            top, left, side = box
            write_bytes(photographs / name, _encoded(picture[top : top + side, left : left + side], name))
            rows.append((name, f"{label}-cell-{cell:02d}"))
    planted = _plant(photographs)
    for name in OTHERS:
        write_bytes(folder / "other-things" / f"{name}.jpg", _encoded(_reduced(_picture(name)), ".jpg"))
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows([("file", "group"), *rows])
    write_text(folder / "groups.csv", stream.getvalue())
    return DemoData(photographs, folder / "groups.csv", folder / "other-things", planted)


def _picture(name: str) -> RGBImage:
    """Return one of scikit-image's pictures as uint8 (h, w, 3), RGB."""
    with Image.fromarray(getattr(bundled, name)()) as image:
        return np.asarray(image.convert("RGB"))


def _boxes(label: str, height: int, width: int) -> list[tuple[int, tuple[int, int, int]]]:
    """Return the cell of each patch of a class and its box (top, left, side), which lies in that cell."""
    patches, cells = CLASSES[label]
    step_y, step_x = height // CELLS, width // CELLS
    chosen = generator(SEED, "demo-cells", label).permutation(CELLS**2)[:cells]
    found = []
    for number in range(patches):
        cell = int(chosen[number % cells])
        rng = generator(SEED, "demo-patch", label, number)
        side = int(rng.integers(SIDES[0], SIDES[1] + 1))
        top = cell // CELLS * step_y + int(rng.integers(0, step_y - side + 1))
        left = cell % CELLS * step_x + int(rng.integers(0, step_x - side + 1))
        found.append((cell, (top, left, side)))
    return found


def _plant(photographs: Path) -> tuple[Planted, ...]:
    def pixels(name: str) -> RGBImage:
        with Image.open(photographs / name) as image:
            return np.asarray(image.convert("RGB"))

    original, again, mirrored, whole = (
        "brick/brick_00.jpg",
        "grass/grass_01.jpg",
        "gravel/gravel_02.jpg",
        "grass_04.jpg",
    )
    content = (photographs / "grass" / whole).read_bytes()
    made = {
        Planted("brick/copied.jpg", original, "the same bytes"): (photographs / original).read_bytes(),
        Planted("grass/saved_again.jpg", again, "saved again, JPEG quality 60"): _encoded(pixels(again), ".jpg", 60),
        Planted("gravel/mirrored.png", mirrored, "mirrored, saved as PNG"): _encoded(pixels(mirrored)[:, ::-1], ".png"),
        Planted("grass/cut_off.jpg", "", f"half of {whole}"): content[: len(content) // 2],
        Planted("gravel/no_image.png", "", "text under the name of an image"): b"This is no image.\n",
    }
    for one, data in made.items():
        write_bytes(photographs / one.file, data)
    return tuple(made)


def _reduced(image: RGBImage, longest: int = 400) -> RGBImage:
    with Image.fromarray(image) as picture:
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        return np.asarray(picture)


def _encoded(image: RGBImage, name: str, quality: int = 92) -> bytes:
    stream = io.BytesIO()
    with Image.fromarray(np.ascontiguousarray(image)) as picture:
        if name.endswith(".png"):
            picture.save(stream, "PNG")
        else:
            picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


if __name__ == "__main__":
    made = build(Path(sys.argv[1]))
    print(f"{sum(1 for _ in walk_images(made.photographs))} files in {made.photographs}")
