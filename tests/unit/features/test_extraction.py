"""How items are cut into chunks, handed out in parts and kept."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import skimage.data

from ai_models.core.errors import DataError
from ai_models.core.settings import FeatureConfig
from ai_models.features import FeatureCache, HybridFeatureExtractor
from ai_models.features import extraction as extraction_module
from ai_models.features.extraction import _cuts


@pytest.fixture
def files(tmp_path):
    picture = skimage.data.astronaut()
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(23):
        cv2.imwrite(str(folder / f"{i:02}.png"), picture[i * 9 : i * 9 + 150, i * 7 : i * 7 + 160, ::-1])
    return sorted(folder.iterdir())


def extractor(tmp_path, workers=2, **changes):
    settings = {"use_cnn_features": False, "image_size": 64, "cache_dir": str(tmp_path / "cache")}
    return HybridFeatureExtractor(FeatureConfig(**{**settings, **changes}), workers=workers)


@pytest.mark.parametrize(
    ("count", "least", "most", "workers"), [*itertools.product((0, 1, 7, 173, 5000), (1, 4, 32), (32, 64), (1, 2, 16))]
)
def test_chunks_cover_every_item_once_and_end_small(count, least, most, workers):
    cuts = _cuts(count, least, most, workers)
    assert [row for cut in cuts for row in range(count)[cut]] == list(range(count))
    sizes = [cut.stop - cut.start for cut in cuts]
    assert all(size <= most for size in sizes)
    assert all(size % least == 0 for size in sizes[:-1])
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    if count >= 2 * workers * most and workers > 1:
        assert sizes[0] == most
        assert sizes[-1] <= max(least, most // workers)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_parts_come_in_order_and_are_the_whole(tmp_path, files, workers):
    whole = extractor(tmp_path, cache_features=False).extract_raw(files)
    parts = list(extractor(tmp_path, workers, cache_features=False, batch_size=5).iter_raw(files))
    assert len(parts) > 2
    assert [start for start, _ in parts] == np.cumsum([0, *(len(part) for _, part in parts[:-1])]).tolist()
    for name, rows in whole.blocks.items():
        assert np.concatenate([part.blocks[name] for _, part in parts]).tobytes() == rows.tobytes()
    assert np.concatenate([part.quality for _, part in parts]).tobytes() == whole.quality.tobytes()


def test_a_part_without_a_readable_image_has_the_shape_of_the_others(tmp_path, files):
    for file in files[:10]:
        file.write_bytes(b"no image")
    parts = list(extractor(tmp_path, 1, batch_size=4).iter_raw(files, on_error="record"))
    assert sorted(start + row for start, part in parts for row in part.errors) == list(range(10))
    shapes = {name: {part.blocks[name].shape[1:] for _, part in parts} for name in parts[0][1].blocks}
    assert all(len(found) == 1 for found in shapes.values())
    assert not any(rows.any() for rows in parts[0][1].blocks.values())


def test_no_image_at_all_has_the_shape_of_the_others(tmp_path, files):
    none = extractor(tmp_path).extract_raw([])
    some = extractor(tmp_path).extract_raw(files[:1])
    assert {n: b.shape[1:] for n, b in none.blocks.items()} == {n: b.shape[1:] for n, b in some.blocks.items()}
    assert len(none) == 0


def _kept(tmp_path) -> dict[str, int]:
    return FeatureCache(tmp_path / "cache", 2**30).info().rows_by_block


def test_what_was_done_is_kept_when_an_image_stops_the_run(tmp_path, files):
    files[20].write_bytes(b"no image")
    with pytest.raises(DataError, match=r"20\.png"):
        extractor(tmp_path, 1, batch_size=4).extract_raw(files)
    assert _kept(tmp_path)["hog"] >= 16


def test_what_was_done_is_kept_when_the_reader_goes_away(tmp_path, files):
    parts = extractor(tmp_path, 1, batch_size=4).iter_raw(files)
    next(parts)
    parts.close()
    assert _kept(tmp_path)["hog"] == 4


def test_rows_are_kept_now_and_then_not_only_at_the_end(tmp_path, files, monkeypatch):
    monkeypatch.setattr(extraction_module, "_KEEP_EVERY", 0.0)
    parts = extractor(tmp_path, 1, batch_size=4).iter_raw(files)
    next(parts)
    next(parts)
    assert _kept(tmp_path)["hog"] == 8
    parts.close()
