"""The extractor as a whole, on blocks that need no network."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ai_models.core.errors import DataError
from ai_models.core.images import read_image
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.features import BaseFeatureExtractor, HybridFeatureExtractor, register
from ai_models.features import chunks as chunks_module
from ai_models.features.extraction import block_key
from ai_models.features.hog import HogExtractor
from ai_models.quality import quality_row

SIZE = 64


@register
class Brightness(BaseFeatureExtractor):
    """A block of one's own."""

    name = "brightness"

    def extract_features(self, image: np.ndarray) -> np.ndarray:
        return np.array([image.mean() / 255], dtype=np.float32)

    def get_feature_names(self) -> list[str]:
        return ["mean"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    sources = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea()]
    folder = tmp_path / "images"
    folder.mkdir()
    paths = []
    for i in range(9):
        picture = sources[i % 3][i * 10 : i * 10 + 160, i * 15 : i * 15 + 150]
        ok, data = cv2.imencode(".jpg" if i % 2 else ".png", picture[..., ::-1])
        assert ok
        paths.append(folder / f"{i}.{'jpg' if i % 2 else 'png'}")
        paths[-1].write_bytes(data.tobytes())
    return paths


def config(tmp_path: Path, **changes: object) -> FeatureConfig:
    settings = {"use_cnn_features": False, "image_size": SIZE, "cache_dir": str(tmp_path / "cache"), "batch_size": 4}
    return FeatureConfig(**{**settings, **changes})


def blocks_equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)


def test_bytes_do_not_depend_on_workers_cache_batches_or_order(tmp_path: Path, files: list[Path]) -> None:
    plain = HybridFeatureExtractor(config(tmp_path, cache_features=False), workers=1).extract_raw(files)
    for workers, batch in ((1, 4), (2, 4), (2, 3), (3, 7), (2, 32)):
        chosen = config(
            tmp_path, batch_size=batch, use_orb_features=False, cache_dir=str(tmp_path / f"{workers}-{batch}")
        )
        for _ in ("cold", "warm"):
            assert blocks_equal(HybridFeatureExtractor(chosen, workers=workers).extract_raw(files).blocks, plain.blocks)
    backwards = HybridFeatureExtractor(chosen).extract_raw(files[::-1]).take(np.arange(9)[::-1])
    assert blocks_equal(backwards.blocks, plain.blocks)


def test_warm_decodes_nothing_and_a_new_block_computes_only_itself(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    computed: list[str] = []
    real = chunks_module.seen
    monkeypatch.setattr(chunks_module, "seen", lambda *args: decoded.append(1) or real(*args))
    compute = chunks_module.ChunkExtractor.compute

    def counted(self: object, block: BaseFeatureExtractor, images: list) -> np.ndarray:
        computed.extend([block.name] * len(images))
        return compute(self, block, images)

    monkeypatch.setattr(chunks_module.ChunkExtractor, "compute", counted)
    HybridFeatureExtractor(config(tmp_path, use_lbp_features=False)).extract_raw(files)
    assert len(decoded) == 9
    HybridFeatureExtractor(config(tmp_path, use_lbp_features=False)).extract_raw(files)
    assert len(decoded) == 9
    computed.clear()
    HybridFeatureExtractor(config(tmp_path)).extract_raw(files)
    assert (len(decoded), computed) == (18, ["lbp"] * 9)
    computed.clear()
    files[4].write_bytes(files[5].read_bytes()[:-2] + b"\x00" + b"\xff\xd9")  # one byte more is another image
    HybridFeatureExtractor(config(tmp_path)).extract_raw(files)
    assert sorted(computed) == ["colour", "hog", "lbp", "sift"]


def test_copies_are_computed_once(tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    real = chunks_module.seen
    monkeypatch.setattr(chunks_module, "seen", lambda *args: decoded.append(1) or real(*args))
    raw = HybridFeatureExtractor(config(tmp_path), workers=1).extract_raw([files[0]] * 4)
    assert len(decoded) == 1
    assert (raw.blocks["hog"] == raw.blocks["hog"][0]).all()


def test_extract_equals_a_row_of_the_batch(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path, use_orb_features=True)).fit(files)
    batch = extractor.extract_batch(files)
    assert batch.dtype == np.float32
    assert batch.shape == (9, extractor.n_features_out_) == (9, len(extractor.get_feature_names_out()))
    for i, file in enumerate(files):
        np.testing.assert_array_equal(extractor.extract(file), batch[i])
        np.testing.assert_array_equal(extractor.extract(file.read_bytes()), batch[i])
    slices = extractor.block_slices
    assert list(slices) == ["hog", "lbp", "sift", "colour", "orb"]
    assert slices["hog"].start == 0
    assert slices["orb"].stop == batch.shape[1]
    np.testing.assert_array_equal(batch[:, slices["hog"]], extractor.extract_raw(files).blocks["hog"])
    assert extractor.get_feature_names_out()[slices["colour"]][0] == "colour_cell_0_0_hue_0_saturation_0"


def test_arrays_paths_and_bytes_may_be_mixed(tmp_path: Path, files: list[Path]) -> None:
    picture = skimage.data.astronaut()
    extractor = HybridFeatureExtractor(config(tmp_path))
    raw = extractor.extract_raw([str(files[0]), files[1].read_bytes(), picture, np.ascontiguousarray(picture)])
    assert len(raw) == 4
    np.testing.assert_array_equal(raw.blocks["hog"][2], raw.blocks["hog"][3])
    for wrong in (picture[..., 0], picture.astype(np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(DataError, match="must be uint8"):
            extractor.extract_raw([wrong])
    with pytest.raises(DataError, match="got int"):
        extractor.extract_raw([3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="put it into a list"):
        extractor.extract_raw(str(files[0]))


def test_unreadable_images_raise_by_name_or_are_recorded(tmp_path: Path, files: list[Path]) -> None:
    files[3].write_bytes(b"no image at all")
    missing = tmp_path / "nowhere.jpg"
    items = [*files, missing]
    extractor = HybridFeatureExtractor(config(tmp_path))
    with pytest.raises(DataError, match=r"3\.jpg.*unsupported"):
        extractor.extract_raw(items)
    raw = extractor.extract_raw(items, on_error="record")
    assert sorted(raw.errors) == [3, 9]
    assert not raw.blocks["hog"][[3, 9]].any()
    encoded = extractor.fit_raw(raw).encode(raw)
    assert not encoded[[3, 9]].any()
    assert encoded[[0, 1, 2, 4]].any(axis=1).all()
    taken = raw.take([9, 0])
    assert list(taken.errors) == [0]
    np.testing.assert_array_equal(taken.blocks["hog"][1], raw.blocks["hog"][0])
    assert sorted(raw.take(np.arange(10) % 2 == 1).errors) == [1, 4]
    none = extractor.extract_raw([missing, files[3]], on_error="record")
    assert {k: v.shape[1:] for k, v in none.blocks.items()} == {k: v.shape[1:] for k, v in raw.blocks.items()}
    with pytest.raises(DataError, match="no readable image"):
        extractor.fit_raw(none)
    assert len(extractor.extract_raw([])) == 0


def test_the_codebook_knows_only_the_rows_it_was_fitted_on(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path))
    with pytest.raises(NotFittedError, match="call fit"):
        extractor.transform(files)
    raw = extractor.extract_raw(files)
    once = extractor.fit_raw(raw.take([0, 1, 2, 3])).encode(raw.take([0]))
    changed = [*files[:4], files[0]]
    again = clone(extractor).fit(changed[:4]).encode(raw.take([0]))
    np.testing.assert_array_equal(once, again)
    other = clone(extractor).fit(files[4:]).encode(raw.take([0]))
    assert not np.array_equal(once, other)
    assert not np.array_equal(clone(extractor).set_params(seed=1).fit(files[:4]).encode(raw.take([0])), once)


def test_it_is_a_scikit_learn_transformer(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path), PreprocessConfig(), seed=3, workers=1)
    copy = clone(extractor)
    assert copy.get_params()["seed"] == 3
    assert copy.config == extractor.config
    labels = [i % 3 for i in range(9)]
    pipeline = make_pipeline(copy, LogisticRegression(max_iter=200)).fit(files, labels)
    assert pipeline.predict(files).tolist() == labels


def test_every_thing_that_changes_the_output_changes_the_keys(tmp_path: Path, files: list[Path]) -> None:
    base = HybridFeatureExtractor(config(tmp_path))
    digests = {
        HybridFeatureExtractor(config(tmp_path, **changes), pre, seed).digest()
        for changes, pre, seed in (
            ({}, None, 0),
            ({"image_size": 96}, None, 0),
            ({"use_lbp_features": False}, None, 0),
            ({"use_orb_features": True}, None, 0),
            ({}, PreprocessConfig(preset="basic"), 0),
            ({}, PreprocessConfig(preset="basic", clahe_clip=3.0), 0),
            ({}, None, 1),
        )
    }
    assert len(digests) == 7
    for same in ({"batch_size": 9}, {"cache_features": False}, {"cache_dir": "elsewhere"}, {"device": "cpu"}):
        assert HybridFeatureExtractor(config(tmp_path, **same)).digest() == base.digest()
    block, none = HogExtractor(config(tmp_path)), PreprocessConfig()

    class Newer(HogExtractor):
        version = HogExtractor.version + 1

    keys = {
        block_key(block, none),
        block_key(HogExtractor(config(tmp_path, image_size=96)), none),
        block_key(block, PreprocessConfig(preset="basic")),
        block_key(Newer(config(tmp_path)), none),
    }
    assert len(keys) == 4


def test_the_decoder_is_in_the_key_but_not_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path))
    block = HogExtractor(config(tmp_path))
    before = extractor.digest(), block_key(block, PreprocessConfig())
    monkeypatch.setattr(chunks_module.images, "decoder_id", lambda: "another")
    assert extractor.digest() == before[0]
    assert block_key(block, PreprocessConfig()) != before[1]


def test_preprocessing_reaches_the_blocks(tmp_path: Path, files: list[Path]) -> None:
    plain = HybridFeatureExtractor(config(tmp_path)).extract_raw(files[:2])
    basic = HybridFeatureExtractor(config(tmp_path), PreprocessConfig(preset="basic")).extract_raw(files[:2])
    assert not np.array_equal(plain.blocks["colour"], basic.blocks["colour"])


def test_a_damaged_cache_changes_nothing(tmp_path: Path, files: list[Path]) -> None:
    raw = HybridFeatureExtractor(config(tmp_path)).extract_raw(files)
    for i, path in enumerate(sorted((tmp_path / "cache").glob("*/*.shard"))):
        data = bytearray(path.read_bytes())
        data[-1 - i] ^= 255
        path.write_bytes(data)
    again = HybridFeatureExtractor(config(tmp_path)).extract_raw(files)
    assert blocks_equal(raw.blocks, again.blocks)


def test_cache_is_switched_measured_and_cleared(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path, cache_features=False))
    extractor.extract_raw(files)
    assert extractor.cache_stats == {}
    assert not (tmp_path / "cache").exists()
    extractor.enable_cache(max_size=0.5)
    extractor.extract_raw(files)
    extractor.extract_raw(files)
    stats = extractor.cache_stats
    kept = 9 * (4 + 1)  # four blocks and the quality of the photograph
    assert (stats["hits"], stats["misses"], stats["max_bytes"]) == (kept, kept, 500_000_000)
    extractor.clear_cache()
    assert extractor.cache_stats["bytes"] == 0


def test_the_quality_comes_with_the_features_cached_or_not(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path))
    fresh, cached = extractor.extract_raw(files), extractor.extract_raw(files)
    assert fresh.quality is not None
    assert cached.quality is not None
    assert (fresh.quality == cached.quality).all()
    side = min(block.image_size for block in extractor._blocks())
    by_hand = np.stack([quality_row(read_image(file, size=side), side) for file in files])
    assert (fresh.quality == by_hand).all()
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    mixed = extractor.extract_raw([files[1], broken, files[0].read_bytes()], on_error="record")
    assert (mixed.quality == np.stack([by_hand[1], np.zeros(5), by_hand[0]])).all()
    assert (mixed.take([2, 0]).quality == by_hand[:2]).all()


def test_one_image_is_not_kept(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path)).fit(files[:3])
    before = extractor.cache_stats["rows"]
    extractor.extract(files[5])
    assert extractor.cache_stats["rows"] == before


def test_a_block_of_ones_own(tmp_path: Path, files: list[Path]) -> None:
    chosen = config(
        tmp_path, use_hog_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False,
        custom_blocks=("brightness",),
    )  # fmt: skip
    extractor = HybridFeatureExtractor(chosen)
    rows = extractor.transform(files)
    assert rows.shape == (9, 1)
    assert extractor.get_feature_names_out().tolist() == ["brightness_mean"]


@register
class Wrong(Brightness):
    """Breaks its contract."""

    name = "wrong"

    def extract_features(self, image: np.ndarray) -> np.ndarray:
        return np.array([np.nan], dtype=np.float32)


def test_a_block_that_breaks_its_contract_is_named(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(DataError, match="feature block 'wrong' must return a vector of finite numbers"):
        HybridFeatureExtractor(config(tmp_path, custom_blocks=("wrong",))).extract_raw(files)


def test_pickled_and_back(tmp_path: Path, files: list[Path]) -> None:
    extractor = HybridFeatureExtractor(config(tmp_path)).fit(files)
    expected = extractor.transform(files)
    data = pickle.dumps(extractor)
    assert b"FeatureCache" not in data
    loaded = pickle.loads(data)
    np.testing.assert_array_equal(loaded.transform(files), expected)
    loaded.config = loaded.config.replace(cache_features=False, batch_size=2)
    np.testing.assert_array_equal(loaded.transform(files), expected)
    assert loaded.digest() == extractor.digest()


def test_large_files_are_held_a_few_at_a_time(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = HybridFeatureExtractor(config(tmp_path, cache_features=False)).extract_raw(files)
    monkeypatch.setattr(chunks_module, "_HELD_BYTES", 1)
    again = HybridFeatureExtractor(config(tmp_path, cache_features=False)).extract_raw(files)
    assert blocks_equal(expected.blocks, again.blocks)


def test_real_photographs_come_back_fast(shared_data: Path, tmp_path: Path) -> None:
    photographs = sorted((shared_data / "amulets").glob("*/*"))[:60]
    HybridFeatureExtractor(config(tmp_path)).extract_raw(photographs)
    began = time.perf_counter()
    HybridFeatureExtractor(config(tmp_path)).extract_raw(photographs)
    assert (time.perf_counter() - began) / len(photographs) < 0.006
