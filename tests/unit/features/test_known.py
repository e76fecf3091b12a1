"""A run that finds everything reads it at once, and is the run that computed it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.settings import FeatureConfig
from ai_models.features import FeatureCache, HybridFeatureExtractor, RawFeatures
from ai_models.features.chunks import ChunkExtractor

N = 40
BLOCKS = ("lbp", "colour")


def extractor(folder: Path, workers: int = 2, **changes: object) -> HybridFeatureExtractor:
    off = {f"use_{name}_features": False for name in ("cnn", "stages", "hog", "sift", "orb")}
    settings = {**off, "image_size": 32, "batch_size": 4, "cache_dir": str(folder / "cache"), **changes}
    return HybridFeatureExtractor(FeatureConfig(**settings), workers=workers)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Pictures, one of them twice, and one file that is none."""
    (tmp_path / "images").mkdir()
    paths = [tmp_path / "images" / f"{i:02d}.png" for i in range(N)]
    for i, path in enumerate(paths):
        picture = np.random.default_rng(i if i != 7 else 3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(picture).save(path)
    return paths


def equal(a: RawFeatures, b: RawFeatures) -> bool:
    assert a.quality is not None
    assert b.quality is not None
    return (
        list(a.blocks) == list(b.blocks)
        and all(np.array_equal(a.blocks[name], b.blocks[name]) for name in a.blocks)
        and np.array_equal(a.quality, b.quality)
        and a.errors == b.errors
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_known_is_not_computed_and_equals_what_was(
    tmp_path: Path, files: list[Path], workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = extractor(tmp_path, cache_features=False).extract_raw(files)
    extractor(tmp_path, workers).extract_raw(files)

    def refuse(*args: object) -> None:
        raise AssertionError("a chunk was computed")

    monkeypatch.setattr(ChunkExtractor, "run", refuse)
    warm = extractor(tmp_path, workers)
    assert equal(warm.extract_raw(files), plain)
    assert (warm.cache_stats["hits"], warm.cache_stats["misses"]) == (3 * N, 0)
    assert equal(extractor(tmp_path).extract_raw(files[::-1]), plain.take(np.arange(N)[::-1]))


def test_a_run_leaves_one_shard_a_block(tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_models.features.extraction._KEEP_EVERY", 0.0)
    extractor(tmp_path, workers=1).extract_raw(files)
    assert len(list(tmp_path.glob("cache/*/*.shard"))) == 3


def test_known_and_unknown_and_unreadable_may_be_mixed(tmp_path: Path, files: list[Path]) -> None:
    extractor(tmp_path).extract_raw(files[10:30])
    files[20].write_bytes(b"no picture")
    files[35].unlink()
    plain = extractor(tmp_path, cache_features=False).extract_raw(files, on_error="record")
    assert set(plain.errors) == {20, 35}
    for _ in range(2):
        assert equal(extractor(tmp_path).extract_raw(files, on_error="record"), plain)


def test_nothing_readable_is_the_same_with_and_without_a_cache(tmp_path: Path, files: list[Path]) -> None:
    for path in files:
        path.unlink()
    plain = extractor(tmp_path, cache_features=False).extract_raw(files, on_error="record")
    assert len(plain.errors) == N
    for _ in range(2):
        assert equal(extractor(tmp_path).extract_raw(files, on_error="record"), plain)


def test_what_is_lost_between_the_look_and_the_read_is_computed(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = extractor(tmp_path, cache_features=False).extract_raw(files)
    extractor(tmp_path).extract_raw(files)
    read = FeatureCache.read

    def forgetful(
        cache: FeatureCache, block_key: str, keys: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:  # as if others had removed half of one block, and all of another
        rows, present = read(cache, block_key, keys)
        every = {"lbp": 2, "colour": 1}.get(block_key.partition("-")[0], N + 1)
        lost = np.arange(1, len(keys) + 1) % every == 0
        rows[present & lost] = 0
        return rows, present & ~lost

    monkeypatch.setattr(FeatureCache, "read", forgetful)
    assert equal(extractor(tmp_path).extract_raw(files), plain)


def test_the_parts_of_a_known_run_are_the_same(tmp_path: Path, files: list[Path]) -> None:
    plain = extractor(tmp_path, cache_features=False).extract_raw(files)
    extractor(tmp_path).extract_raw(files)
    for start, part in extractor(tmp_path).iter_raw(files):
        assert equal(part, plain.take(np.arange(start, start + len(part))))
