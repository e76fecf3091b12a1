"""Cost of each block for an image on one thread, and images a second of all together, cold and warm.

``python benchmarks/features.py FOLDER [--size 224] [--workers 2]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import cv2
from skimage.feature import hog as skimage_hog
from skimage.feature import local_binary_pattern as skimage_lbp

from ai_models.core.images import read_bytes, walk_images
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.execution import single_threaded_libraries
from ai_models.features import HybridFeatureExtractor, registered
from ai_models.features.extraction import working_image
from ai_models.features.hybrid import BUILT_IN

SAMPLE = 64


def per_image(name: str, count: int, seconds: float) -> None:
    print(f"{name:<28}{seconds / count * 1000:9.2f} ms an image")


def blocks(files: list[Path], config: FeatureConfig) -> None:
    data = [read_bytes(file) for file in files[:SAMPLE]]
    began = time.perf_counter()
    for item in data:
        working_image(item, config.image_size, PreprocessConfig())
    per_image("decode and resize", len(data), time.perf_counter() - began)
    for name in BUILT_IN:
        block = registered(name)(config)
        seen = [working_image(item, block.image_size, PreprocessConfig()) for item in data]
        block.extract_many(seen[:8])
        began = time.perf_counter()
        block.extract_many(seen)
        per_image(name, len(seen), time.perf_counter() - began)
    images = [working_image(item, config.image_size, PreprocessConfig()) for item in data]
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    began = time.perf_counter()
    for grey in greys:
        skimage_hog(grey, 9, (16, 16), (2, 2), "L2-Hys")
    per_image("hog, scikit-image", len(greys), time.perf_counter() - began)
    began = time.perf_counter()
    for grey in greys:
        skimage_lbp(grey, 8, 1, "nri_uniform")
    per_image("lbp, scikit-image", len(greys), time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    files = [given.folder / name for name in walk_images(given.folder)]
    with tempfile.TemporaryDirectory() as cache:
        config = FeatureConfig(image_size=given.size, cache_dir=cache)
        with single_threaded_libraries():
            blocks(files, config)
        for state in ("cold", "warm"):
            extractor = HybridFeatureExtractor(config, workers=given.workers)
            began = time.perf_counter()
            raw = extractor.extract_raw(files, on_error="record", label="")
            seconds = time.perf_counter() - began
            print(f"default blocks, {state}, {given.workers} workers: {len(files)} images in {seconds:.2f} s,"
                  f" {len(files) / seconds:.0f} a second")  # fmt: skip
        began = time.perf_counter()
        extractor.fit_raw(raw)
        fitted = time.perf_counter()
        matrix = extractor.encode(raw)
        print(f"codebook {fitted - began:.2f} s, encoding {time.perf_counter() - fitted:.2f} s -> {matrix.shape}")


if __name__ == "__main__":
    main()
