"""Randomness, optional imports, logging and progress."""

from __future__ import annotations

import hashlib
import io
import logging
import sys
from collections.abc import Iterator

import pytest

from ai_models.core import logs
from ai_models.core.errors import ConfigError, ImageError, MissingExtraError
from ai_models.core.optional import extra_with, require
from ai_models.core.progress import progress
from ai_models.core.rng import derive_seed, generator


def test_a_seed_is_the_hash_of_its_length_prefixed_parts() -> None:
    parts = (b"7", b"augment", b"ab", b"3")
    text = b"".join(len(p).to_bytes(8, "little") + p for p in parts)
    expected = int.from_bytes(hashlib.sha256(text).digest()[:4], "little")
    assert derive_seed(7, "augment", "ab", 3) == expected
    assert derive_seed(7, "augment", b"ab", "3") == expected


def test_purpose_content_and_borders_between_parts_count() -> None:
    seeds = {
        derive_seed(0, "a", "bc"),
        derive_seed(0, "ab", "c"),
        derive_seed(0, "a", "b", "c"),
        derive_seed(1, "a", "bc"),
    }
    assert len(seeds) == 4
    assert generator(0, "x", "\udce9").random() == generator(0, "x", "\udce9").random()
    assert generator(0, "x").random() != generator(0, "y").random()


def test_a_missing_module_names_the_extra() -> None:
    assert require("json", extra="train", purpose="reading") is sys.modules["json"]
    with pytest.raises(MissingExtraError, match=r"drawing needs no_such_thing, .* pip install 'amulet-ai\[train\]'"):
        require("no_such_thing.part", extra="train", purpose="drawing")


def test_the_extra_that_installs_a_module_is_known() -> None:
    assert extra_with("matplotlib.axes") == "train"
    assert extra_with("fastapi") == "serve"
    assert extra_with("numpy") is None
    assert extra_with("pytest") is None  # what developers have is nothing to tell a user


def test_a_fault_inside_a_module_is_not_its_absence(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_there.py").write_text("import another_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="another_that_is_missing") as error:
        require("half_there", extra="train", purpose="drawing")
    assert not isinstance(error.value, MissingExtraError)


@pytest.fixture
def package_logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("ai_models")
    kept = logger.handlers[:], logger.level, logger.propagate
    logger.handlers = []
    yield logger
    logger.handlers, logger.propagate = kept[0], kept[2]
    logger.setLevel(kept[1])


def test_the_level_comes_from_the_environment(package_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")
    logs.configure()
    logs.configure()
    assert package_logger.level == logging.ERROR
    assert [handler.name for handler in package_logger.handlers].count("amulet-ai") == 1
    logs.configure(verbose=True)
    assert logs.get_logger("ai_models.core").getEffectiveLevel() == logging.DEBUG
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(ConfigError, match="LOG_LEVEL must be one of"):
        logs.configure()


@pytest.mark.parametrize("live", [True, False])
def test_progress_passes_items_through_and_names_the_work(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: live  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress(iter("abc"), total=3, label="read", unit="row")) == ["a", "b", "c"]
    assert "read" in stream.getvalue()
    assert "3/3" in stream.getvalue()
    assert list(progress(iter(()), total=0, label="none")) == []
    assert "none" not in stream.getvalue()
    parts = ["abc", "de"]
    assert list(progress(parts, total=5, label="parts", unit="row", size=len)) == parts
    assert "5/5" in stream.getvalue()


def test_errors_survive_pickling() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(ImageError("corrupt", "bad block")))
    assert (error.verdict, error.detail, str(error)) == ("corrupt", "bad block", "corrupt: bad block")
