"""A manifest that is streamed: the rows of the ordinary table, one batch in memory, what cannot be read named."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ai_models.cli import main
from ai_models.core import manifest_stream
from ai_models.core.errors import DataError
from ai_models.core.manifest_stream import ManifestStream, is_streamed
from ai_models.core.records import ImageRecord, Manifest
from ai_models.core.settings import FeatureConfig
from ai_models.features import streamed_table
from ai_models.features.streamed_table import write_streamed_features
from ai_models.features.table import write_features

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def manifest(tmp_path):
    """Sixty photographs in a Parquet manifest, one of them by URL; a Thai name and a backslash among them."""
    paths = [f"a/พระ {number:02d}.png" for number in range(58)] + ["a/back\\slash.png"]
    (tmp_path / "a").mkdir()
    for number, path in enumerate(paths):
        picture = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / path)
    Manifest(tmp_path, tuple(ImageRecord(path) for path in paths)).save(tmp_path / "manifest.parquet")
    return tmp_path / "manifest.parquet"


@pytest.fixture
def config(tmp_path):
    return FeatureConfig(use_cnn_features=False, image_size=64, cache_dir=str(tmp_path / "cache"))


def test_the_array_is_that_of_the_ordinary_table(manifest, config, tmp_path, monkeypatch):
    monkeypatch.setattr(streamed_table, "_BATCH", 7)
    there = write_streamed_features(ManifestStream(manifest), tmp_path / "streamed", features=config, workers=1)
    whole = write_features(Manifest.load(manifest), tmp_path / "whole", features=config, workers=1)
    assert (there.shape, there.blocks) == (whole.shape, whole.blocks)
    assert list(there.left_out) == ["sift"]
    assert (tmp_path / "streamed/features.npy").read_bytes() == (tmp_path / "whole/features.npy").read_bytes()
    assert json.loads((tmp_path / "streamed/features.json").read_text()) == json.loads(
        (tmp_path / "whole/features.json").read_text()
    )
    assert (tmp_path / "streamed/manifest.parquet").read_bytes() == manifest.read_bytes()
    assert not (tmp_path / "streamed/unreadable.csv").exists()


def test_urls_are_read_and_what_cannot_be_is_named(manifest, config, tmp_path, monkeypatch):
    monkeypatch.setattr(streamed_table, "_BATCH", 3)
    rows = ["a/พระ 00.png", (tmp_path / "a/พระ 01.png").as_uri(), "a/none.png", "a/พระ 02.png"]
    parquet.write_table(pyarrow.table({"path": rows, "note": list("wxyz")}), tmp_path / "mixed.parquet")
    table = write_streamed_features(ManifestStream(tmp_path / "mixed.parquet"), tmp_path / "out", features=config)
    found = np.load(tmp_path / "out/features.npy")
    write_features(Manifest.load(manifest), tmp_path / "whole", features=config, workers=1)
    assert np.array_equal(found[[0, 1, 3]], np.load(tmp_path / "whole/features.npy")[:3])
    assert not found[2].any()
    assert table.unreadable == 1
    with (tmp_path / "out/unreadable.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert [(row["row"], row["reason"].split(":")[0]) for row in listed] == [("2", "unreadable")]


def test_a_batch_holds_no_more_rows_than_asked_for(manifest):
    stream = ManifestStream(manifest)
    assert len(stream) == 59
    assert [len(batch) for batch in stream.batches(25)] == [25, 25, 9]
    assert [item for batch in stream.batches(25) for item in batch] == [
        str(file) for file in Manifest.load(manifest).files
    ]


@pytest.mark.parametrize("path", ["../a.png", "/a.png", "", None])
def test_paths_that_leave_the_folder_are_refused(path, tmp_path):
    parquet.write_table(pyarrow.table({"path": pyarrow.array([path], pyarrow.string())}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match="row 0: 'path' must lie below the manifest's folder or be a URL"):
        list(ManifestStream(tmp_path / "m.parquet").batches(10))


def test_manifests_that_cannot_be_used_are_one_sentence(config, tmp_path):
    parquet.write_table(pyarrow.table({"file": ["a.png"]}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match="has no column 'path'"):
        ManifestStream(tmp_path / "m.parquet")
    (tmp_path / "n.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        ManifestStream(tmp_path / "n.parquet")
    with pytest.raises(DataError, match="there is no manifest"):
        ManifestStream(tmp_path / "o.parquet")
    parquet.write_table(pyarrow.table({"path": ["a.png", "b.png"]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="not one of the first 2 images can be read"):
        write_streamed_features(ManifestStream(tmp_path / "p.parquet"), tmp_path / "out", features=config)
    assert not (tmp_path / "out" / "features.npy").exists()


def test_the_command_streams_long_manifests_and_says_so(manifest, tmp_path, monkeypatch):
    assert not is_streamed(manifest)
    monkeypatch.setattr(manifest_stream, "STREAMED_FROM", 50)
    assert is_streamed(manifest)
    call = ["extract", "--manifest", str(manifest), "--output-dir", str(tmp_path / "out"), "--no-cnn", "--image-size",
            "64", "--cache-dir", str(tmp_path / "cache")]  # fmt: skip
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 0, done.output
    assert "- rows were streamed" in done.output
    assert "- block sift is left out: its codebook is fitted in memory" in done.output
    assert "59 images x " in done.output
    refused = CliRunner().invoke(main, [*call, "--overwrite", "--group-pattern", "(.)"])
    assert refused.exit_code == 2
    assert "leave out --groups and --group-pattern" in refused.output
