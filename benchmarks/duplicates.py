"""How surely planted copies are found, and which pairs of a folder are joined that nobody planted.

    python benchmarks/duplicates.py FOLDER [--groups FILE.csv] [--montage PAIRS.png] [--limit N]

For each kind of change every image of the folder gets one copy; recall is the share of copies that are joined to
their original under the right name of the turn. Below stand the pairs of the untouched folder, with the user's groups
beside them where they are given. `agreement` is what decides, `bits` what proposes (see ai_models.duplicates.matching).
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ai_models.core.images import RGBImage, decode, read_image, resize, walk_images
from ai_models.core.records import ImageRecord, Manifest, read_groups_csv
from ai_models.duplicates import SYMMETRIES, Fingerprint, fingerprint
from ai_models.duplicates.matching import MAX_BITS, Match, agreement, detail, hash_bits, near_matches

Change = Callable[[RGBImage], RGBImage]


def saved(image: RGBImage, fmt: str = "JPEG", **options: int) -> RGBImage:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, fmt, **options)
    return decode(stream.getvalue())


def saved_turned(image: RGBImage, orientation: int) -> RGBImage:
    """Store with an EXIF orientation, so that the reader turns the pixels."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=80, exif=exif)
    return decode(stream.getvalue())


def reduced(image: RGBImage, share: float) -> RGBImage:
    size = (max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


KINDS: dict[str, tuple[str, Change]] = {
    **{f"JPEG q{q}": ("identity", lambda i, q=q: saved(i, quality=q)) for q in (30, 50, 75, 95)},
    "WebP q50": ("identity", lambda i: saved(i, "WEBP", quality=50)),
    **{
        f"{s.name}, JPEG q30": (s.name, lambda i, s=s: saved(np.ascontiguousarray(s.on_pixels(i)), quality=30))
        for s in SYMMETRIES[1:]
    },
    "EXIF 6 (turned by the reader)": ("turn270", lambda i: saved_turned(i, 6)),
    "half size": ("identity", lambda i: reduced(i, 0.5)),
    "half size by area": ("identity", lambda i: cv2.resize(i, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)),
    "half size, JPEG q50, turn90": ("turn90", lambda i: saved(np.rot90(reduced(i, 0.5)).copy(), quality=50)),
    "half size, JPEG q30": ("identity", lambda i: saved(reduced(i, 0.5), quality=30)),
    "squeezed to 224 x 224": ("identity", lambda i: resize(i, 224)),
    "brightness x 1.2": ("identity", lambda i: np.clip(i * 1.2, 0, 255).astype(np.uint8)),
    "Gaussian noise, sd 8": (
        "identity",
        lambda i: np.clip(i + np.random.default_rng(0).normal(0, 8, i.shape), 0, 255).astype(np.uint8),
    ),
}  # fmt: skip


def compare(a: Fingerprint, b: Fingerprint, name: str) -> tuple[int, float, float]:
    symmetry = next(s for s in SYMMETRIES if s.name == name)
    bits = int((hash_bits(symmetry.on_spectra(a.spectrum)) != hash_bits(b.spectrum)).sum())
    whole, worst = agreement(symmetry.on_pixels(detail(a.thumbnail))[None], detail(b.thumbnail)[None])
    return bits, float(whole[0]), float(worst[0])


def recall(images: list[RGBImage], prints: list[Fingerprint], kind: str) -> None:
    name, change = KINDS[kind]
    copies = [fingerprint(np.ascontiguousarray(change(image))) for image in images]
    n = len(images)
    matches = near_matches([*prints, *copies])
    found = {m.a for m in matches if m.b == m.a + n}
    named = {m.a for m in matches if m.b == m.a + n and m.symmetry.name == name}
    figures = np.array([compare(a, b, name) for a, b in zip(prints, copies, strict=True)])
    bits, whole, tile = figures[:, 0].max(), figures[:, 1].min(), figures[:, 2].min()
    print(f"{kind:34s}{len(found) / n:8.4f}{len(named) / n:8.4f}{bits:8.0f}{whole:8.3f}{tile:8.3f}")


def draw(matches: list[Match], files: list[Path], target: Path) -> None:
    rows = []
    for m in matches[:60]:
        first = m.symmetry.on_pixels(resize(read_image(files[m.a]), 160))
        rows.append(np.hstack([first, resize(read_image(files[m.b]), 160), np.full((160, 8, 3), 255, np.uint8)]))
    while len(rows) % 4:
        rows.append(np.zeros_like(rows[0]))
    Image.fromarray(np.vstack([np.hstack(rows[i : i + 4]) for i in range(0, len(rows), 4)])).save(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", type=Path)
    parser.add_argument("--montage", type=Path)
    parser.add_argument("--limit", type=int, default=0)
    given = parser.parse_args()
    paths = list(walk_images(given.folder))
    if given.limit:
        paths = paths[:: max(1, len(paths) // given.limit)]
    files = [given.folder / path for path in paths]
    images = [read_image(file) for file in files]
    prints = [fingerprint(image) for image in images]
    print(f"{given.folder.name}: {len(images)} images\n")
    print(f"{'copy':34s}{'recall':>8s}{'named':>8s}{'bits<=':>8s}{'agree>=':>8s}{'tile>=':>8s}")
    for kind in KINDS:
        recall(images, prints, kind)
    start = time.perf_counter()
    matches = near_matches(prints)
    print(f"\npairs of the folder itself: {len(matches)} in {time.perf_counter() - start:.2f} s")
    groups = {}
    if given.groups:
        manifest = Manifest(given.folder, tuple(ImageRecord(path) for path in paths))
        groups = read_groups_csv(given.groups, manifest)
        right = sum(groups.get(paths[m.a]) == groups.get(paths[m.b]) for m in matches)
        print(f"of these in one group of {given.groups.name}: {right}")
    for m in matches[:200]:
        same = "" if not groups else "same " if groups.get(paths[m.a]) == groups.get(paths[m.b]) else "OTHER "
        print(f"  {same}{m.agreement:.3f} {m.symmetry.name:10s} {paths[m.a]}  {paths[m.b]}")
    closest = nearest_apart(prints, matches)
    print(f"closest pairs left apart, within {MAX_BITS} + 16 bits:")
    for whole, tile, bits, a, b in closest[:5]:
        print(f"  {whole:.3f} tile {tile:.3f} bits {bits} {paths[a]}  {paths[b]}")
    if given.montage and matches:
        draw(matches, files, given.montage)


def nearest_apart(prints: list[Fingerprint], matches: list[Match]) -> list[tuple[float, float, int, int, int]]:
    joined = {(m.a, m.b) for m in matches}
    signs = hash_bits(np.stack([p.spectrum for p in prints]))
    found = []
    for symmetry in SYMMETRIES:
        turned = np.where(hash_bits(symmetry.on_spectra(np.stack([p.spectrum for p in prints]))), 1.0, -1.0)
        bits = ((signs.shape[1] - turned @ np.where(signs, 1.0, -1.0).T) / 2).astype(int)
        for a, b in np.argwhere(np.triu(bits <= MAX_BITS + 16, 1)):
            if (a, b) not in joined:
                count, whole, tile = compare(prints[a], prints[b], symmetry.name)
                found.append((whole, tile, count, int(a), int(b)))
    return sorted(found, reverse=True)


if __name__ == "__main__":
    main()
