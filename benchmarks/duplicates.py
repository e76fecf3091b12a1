"""How surely planted copies are found and what else is joined, beside CleanVision; and how well objects are found.

    python benchmarks/duplicates.py FOLDER [--groups FILE.csv] [--each 40] [--cleanvision] [--montage PAIRS.png]
    python benchmarks/duplicates.py FOLDER --groups FILE.csv --each 0 [--objects COLUMN]

Of each kind of change the folder gets so many copies, of photographs drawn by seed. Recall: copies that share the group
of their original. Precision: of all pairs in one group, those that show one photograph, or photographs that FILE.csv
(columns file,group) puts together. Last the untouched folder: with --groups the share of the pairs of COLUMN that are
joined, and the share of the joined pairs that `group` puts together. --montage draws the pairs joined across originals.
CleanVision gets the same files; its sets of exact and near duplicates are its groups.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ai_models.core.images import RGBImage, read_image, resize, walk_images
from ai_models.core.records import ImageRecord, Manifest
from ai_models.core.rng import generator
from ai_models.duplicates import connected_groups, find_duplicates

Change = Callable[[RGBImage, np.random.Generator], RGBImage]


def turned(image: RGBImage, rng: np.random.Generator) -> RGBImage:
    height, width = image.shape[:2]
    angle = rng.uniform(5, 15) * rng.choice([-1, 1])
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
    return cv2.warpAffine(image, matrix, (width, height))


def cropped(image: RGBImage, rng: np.random.Generator) -> RGBImage:
    height, width = (round(0.8 * n) for n in image.shape[:2])
    top, left = (int(rng.integers(n - kept + 1)) for n, kept in zip(image.shape, (height, width), strict=False))
    return image[top : top + height, left : left + width]


def flipped(image: RGBImage, rng: np.random.Generator) -> RGBImage:
    return image[:, ::-1] if rng.integers(2) else image[::-1]


def equalised(image: RGBImage, rng: np.random.Generator) -> RGBImage:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(np.ascontiguousarray(lab[..., 0]))
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)


def recoloured(image: RGBImage, rng: np.random.Generator) -> RGBImage:
    tinted = np.clip(image * rng.uniform(0.75, 1.25, 3), 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(tinted, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(int) + rng.integers(-15, 16)) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


KINDS: dict[str, tuple[Change, int]] = {
    "JPEG quality 30": (lambda image, _rng: image, 30),
    "turned 5 to 15 degrees": (turned, 92),
    "flipped": (flipped, 92),
    "quarter turns": (lambda image, rng: np.rot90(image, int(rng.integers(1, 4))), 92),
    "cropped to 80 % of each side": (cropped, 92),
    "CLAHE": (equalised, 92),
    "half size": (lambda image, _rng: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 92),
    "colours shifted": (recoloured, 92),
}
"""Kind -> the change, and the JPEG quality that it is saved with."""


def plant(folder: Path, paths: list[str], each: int, target: Path) -> dict[str, tuple[str, str]]:
    """Fill `target` with the photographs and their copies; return copy -> (kind, original)."""
    for path in paths:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to((folder / path).resolve())
    planted = {}
    for kind, (change, quality) in KINDS.items():
        rng = generator(0, "plant", kind)
        for i in rng.permutation(len(paths))[:each]:
            copy = f"copies/{kind.replace(' ', '_').replace('%', 'percent')}/{i:05d}.jpg"
            (target / copy).parent.mkdir(parents=True, exist_ok=True)
            changed = np.ascontiguousarray(change(read_image(folder / paths[i]), rng))
            Image.fromarray(changed).save(target / copy, quality=quality)
            planted[copy] = (kind, paths[i])
    return planted


def ours(root: Path, paths: list[str]) -> dict[str, str]:
    manifest = Manifest(root, tuple(ImageRecord(path) for path in paths))
    return connected_groups(manifest.records, find_duplicates(manifest).edges)


def cleanvision(root: Path, paths: list[str]) -> dict[str, str]:
    from cleanvision import Imagelab

    lab = Imagelab(filepaths=[str(root / path) for path in paths])
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=2, verbose=False)
    groups = {path: path for path in paths}
    for kind in ("exact_duplicates", "near_duplicates"):
        for together in lab.info[kind]["sets"]:
            names = [str(Path(file).relative_to(root)) for file in together]
            for name in names:
                old, new = groups[name], groups[names[0]]
                groups = {path: new if group == old else group for path, group in groups.items()}
    return groups


def report(groups: Mapping[str, str], planted: Mapping[str, tuple[str, str]], objects: Mapping[str, str]) -> Counter:
    """Print recall by kind and precision; return the pairs of originals that were joined and are not one object."""
    for kind in KINDS:
        copies = [(copy, source) for copy, (what, source) in planted.items() if what == kind]
        found = sum(groups[copy] == groups[source] for copy, source in copies)
        print(f"  {kind:32s}{found:4d} of {len(copies):3d}  {found / len(copies):.3f}")
    source = {path: planted[path][1] if path in planted else path for path in groups}
    members = defaultdict(list)
    for path, group in groups.items():
        members[group].append(source[path])
    pairs = right = 0
    wrong: Counter[tuple[str, str]] = Counter()
    for together in members.values():
        for a, b in combinations(sorted(together), 2):
            pairs += 1
            if objects.get(a, a) == objects.get(b, b):
                right += 1
            else:
                wrong[a, b] += 1
    print(f"  precision {right} of {pairs} pairs  {right / max(pairs, 1):.3f}")
    return wrong


def draw(pairs: list[tuple[str, str]], folder: Path, target: Path) -> None:
    blank = np.full((160, 328, 3), 255, np.uint8)
    tiles = [
        np.hstack([resize(read_image(folder / path), 160) for path in pair] + [blank[:, :8]]) for pair in pairs[:60]
    ]
    tiles += [blank] * (-len(tiles) % 4)
    Image.fromarray(np.vstack([np.hstack(tiles[i : i + 4]) for i in range(0, len(tiles), 4)])).save(target)


def untouched(groups: Mapping[str, str], rows: list[dict[str, str]], column: str) -> None:
    """Print what is joined in the folder itself, against the user's table."""
    alike, sure = ({row["file"]: row[name] for row in rows} for name in (column, "group"))
    joined = [pair for pair in combinations(sorted(groups), 2) if groups[pair[0]] == groups[pair[1]]]
    print(f"the folder itself: {len(joined)} pairs joined")
    if rows:
        of_one = [pair for pair in combinations(sorted(groups), 2) if alike.get(pair[0], 0) == alike.get(pair[1], 1)]
        found = sum(groups[a] == groups[b] for a, b in of_one)
        right = sum(sure.get(a, 0) == sure.get(b, 1) for a, b in joined)
        print(f"  recall against '{column}' {found} of {len(of_one)}  {found / max(len(of_one), 1):.3f}")
        print(f"  precision against 'group' {right} of {len(joined)}  {right / max(len(joined), 1):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--objects", default="group")
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--cleanvision", action="store_true")
    parser.add_argument("--montage", type=Path)
    given = parser.parse_args()
    paths = list(walk_images(given.folder))
    rows = list(csv.DictReader(io.StringIO(given.groups.read_text("utf-8-sig")))) if given.groups else []
    objects = {row["file"]: row["group"] for row in rows if row["group"]}
    if given.each:
        root = Path(tempfile.mkdtemp(prefix="planted-"))
        try:
            planted = plant(given.folder, paths, given.each, root)
            everything = sorted([*paths, *planted])
            for name, way in (("amulet-ai", ours), *([("CleanVision", cleanvision)] if given.cleanvision else [])):
                start = time.perf_counter()
                groups = way(root, everything)
                seconds = time.perf_counter() - start
                print(f"{given.folder.name}, {len(everything)} images, {name}, {seconds:.0f} s")
                wrong = report(groups, planted, objects)
                for (a, b), n in wrong.most_common(10):
                    print(f"    joined {n} times: {a}  {b}")
                if given.montage and wrong and way is ours:
                    draw([pair for pair, _ in wrong.most_common(60)], given.folder, given.montage)
        finally:
            shutil.rmtree(root)
    untouched(ours(given.folder, paths), rows, given.objects)


if __name__ == "__main__":
    main()
