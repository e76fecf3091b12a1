"""Image files behind URLs: the bytes of the file, or the refusal that a local one would get."""

from __future__ import annotations

import builtins
import io

import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import ImageError, MissingExtraError
from ai_models.core.remote_files import is_url, read_file
from ai_models.core.settings import FeatureConfig
from ai_models.features import HybridFeatureExtractor

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(48 * 40 * 3, dtype=np.uint8).reshape(48, 40, 3)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def store():
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/amulets", recursive=True)


@pytest.mark.parametrize(
    ("item", "expected"),
    [("s3://bucket/a.jpg", True), ("FILE:///a", True), ("a/b.jpg", False), ("C:/a.jpg", False), (b"s3://a", False)],
)
def test_what_is_a_url(item, expected):
    assert is_url(item) is expected


def test_the_bytes_are_those_of_the_file(png, store, tmp_path):
    store.pipe("/amulets/พระ 1.png", png)
    (tmp_path / "พระ 1.png").write_bytes(png)
    assert read_file("memory://amulets/พระ 1.png") == png
    assert read_file((tmp_path / "พระ 1.png").as_uri()) == png
    assert read_file(f"file://{tmp_path}/พระ 1.png") == png


@pytest.mark.parametrize("limit", [{"max_bytes": 100}, {"max_pixels": 48 * 40 - 1}])
def test_the_limits_of_local_files_hold(png, store, limit):
    store.pipe("/amulets/1.png", png)
    with pytest.raises(ImageError, match="bomb"):
        read_file("memory://amulets/1.png", **limit)


def test_a_store_that_understates_a_size_is_caught(png, store, monkeypatch):
    store.pipe("/amulets/1.png", png)
    with monkeypatch.context() as patch:
        patch.setattr(type(store), "info", lambda *_, **__: {"type": "file", "size": 1})
        with pytest.raises(ImageError, match="bomb: more than the 100 bytes"):
            read_file("memory://amulets/1.png", max_bytes=100)


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("memory://amulets/none.png", "unreadable"),
        ("memory://amulets/folder", "not_a_file"),
        ("memory://amulets/empty.png", "empty"),
        ("file:///nowhere/1.png", "unreadable"),
        ("http://localhost/1.png", "unreadable: URLs are read from"),
        ("zip://a::file:///b.zip", "unreadable: URLs are read from"),
        ("simplecache::memory://amulets/empty.png", "unreadable: URLs are read from"),
    ],
)
def test_what_cannot_be_read_is_said(url, verdict, store):
    store.pipe("/amulets/folder/1.png", b"x")
    store.pipe("/amulets/empty.png", b"")
    with pytest.raises(ImageError, match=verdict):
        read_file(url)


def test_a_store_without_its_package_names_it(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.split(".")[0] == "s3fs":
            raise ModuleNotFoundError("No module named 's3fs'", name="s3fs")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"s3:// images needs another package \(.*s3fs"):
        read_file("s3://bucket/1.png")


def test_features_of_a_url_are_those_of_the_file(png, store, tmp_path):
    store.pipe("/amulets/1.png", png)
    (tmp_path / "1.png").write_bytes(png)
    extractor = HybridFeatureExtractor(
        FeatureConfig(use_cnn_features=False, image_size=64, cache_dir=str(tmp_path / "cache")), workers=1
    )
    raw = extractor.extract_raw(
        ["memory://amulets/1.png", tmp_path / "1.png", "memory://amulets/2.png"], on_error="record", label=""
    )
    assert list(raw.errors) == [2]
    assert all(np.array_equal(rows[0], rows[1]) for rows in raw.blocks.values())
    assert all(rows[0].any() for rows in raw.blocks.values())
