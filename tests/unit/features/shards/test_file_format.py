"""What is read from a shard is what was written, or nothing; old formats stay readable, newer ones are left alone."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import shutil
import struct
import tracemalloc
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ai_models.features import FeatureCache
from ai_models.features.shards.file_format import FORMAT, NewerFormatError, open_shard
from ai_models.features.shards.shard import DamagedError

GOLDEN = Path(__file__).parents[3] / "golden"
NAME = "0" * 32 + ".shard"
ALL = np.arange(3)


@pytest.fixture(scope="module")
def golden() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_shard", GOLDEN / "make_shard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def written(golden: ModuleType, tmp_path: Path) -> Path:
    return Path(golden.write(tmp_path))


def old(golden: ModuleType, folder: Path, number: int) -> Path:
    path = folder / golden.BLOCK / NAME
    path.parent.mkdir()
    return Path(shutil.copy(GOLDEN / "cache" / f"format-{number}.shard", path))


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_every_format_that_was_ever_written_is_read(golden: ModuleType, tmp_path: Path, number: int) -> None:
    shard = open_shard(old(golden, tmp_path, number))
    rows, sound = shard.read(ALL)
    assert sound.all()
    np.testing.assert_array_equal(rows, golden.ROWS)
    found = FeatureCache(tmp_path, 10**6).get(golden.BLOCK, golden.KEYS)
    np.testing.assert_array_equal(np.stack([found[key] for key in golden.KEYS]), golden.ROWS)
    assert FeatureCache(tmp_path, 10**6).info().shards == 1


def test_the_layout_changes_only_with_the_number(golden: ModuleType, written: Path) -> None:
    assert written.read_bytes() == (GOLDEN / "cache" / f"format-{FORMAT}.shard").read_bytes()


def test_the_layout_is_as_documented(golden: ModuleType, written: Path) -> None:
    data = written.read_bytes()
    magic, number, length, digest = struct.unpack_from("<8sII32s", data)
    assert (magic, number) == (b"AMULETFS", 2)
    assert hashlib.sha256(data[:16] + data[48 : 48 + length]).digest() == digest
    count, described = struct.unpack_from("<QI", data, 48)
    fields = json.loads(data[60 : 60 + described])
    assert fields == {"block": golden.BLOCK, "dtype": "float32", "shape": [2, 4]}
    keys = data[60 + described :][: 32 * count]
    assert [keys[i : i + 32].hex() for i in (0, 32)] == golden.KEYS[:2]
    assert keys[64:] == hashlib.sha256(b"onnx").digest()
    digests = data[60 + described + 32 * count :][: 16 * count]
    assert digests == b"".join(hashlib.sha256(row.tobytes()).digest()[:16] for row in golden.ROWS)
    assert (48 + length) % 64 == 0
    assert data[48 + length :] == golden.ROWS.tobytes()


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_any_flipped_bit_of_a_shard_is_noticed(golden: ModuleType, tmp_path: Path, number: int) -> None:
    path = old(golden, tmp_path, number)
    data = path.read_bytes()
    with path.open("r+b", buffering=0) as stream:
        for at, byte in enumerate(data):
            for bit in range(8):
                stream.seek(at)
                stream.write(bytes([byte ^ 1 << bit]))
                try:
                    rows, sound = open_shard(path).read(ALL)
                except DamagedError:
                    continue
                assert not sound.all(), f"bit {bit} of byte {at} was not noticed"
                np.testing.assert_array_equal(rows[sound], golden.ROWS[sound])
            stream.seek(at)
            stream.write(data[at : at + 1])
    assert open_shard(path).read(ALL)[1].all()


def test_a_newer_format_is_left_alone(
    golden: ModuleType, written: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(written.read_bytes())
    (length,) = struct.unpack_from("<I", data, 12)
    data[8:12] = struct.pack("<I", FORMAT + 1)
    data[16:48] = hashlib.sha256(data[:16] + data[48 : 48 + length]).digest()
    written.write_bytes(data)
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}"):
        open_shard(written)
    cache = FeatureCache(tmp_path, 10**6)
    with caplog.at_level(logging.WARNING):
        assert cache.get(golden.BLOCK, golden.KEYS) == {}
    assert f"formats up to {FORMAT}" in caplog.text
    assert cache.verify() == []
    info = cache.info()
    assert (info.shards, info.damaged, info.newer) == (0, 0, 1)
    assert written.read_bytes() == data


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**32 - 1])
def test_a_wrong_length_reserves_no_memory(written: Path, length: int) -> None:
    data = bytearray(written.read_bytes())
    data[12:16] = struct.pack("<I", length)
    written.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError):
            open_shard(written)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff" * 12,
        struct.pack("<QI", 2**63, 2) + b"{}",
        struct.pack("<QI", 1, 4) + b"null" + bytes(48),
        struct.pack("<QI", 1, 2**31) + b"{}",
        struct.pack("<QI", 0, 58) + b'{"block":"a","dtype":"object","shape":[2]}'.ljust(58),
        struct.pack("<QI", 0, 58) + b'{"block":"a","dtype":"uint8","shape":[-2]}'.ljust(58),
        struct.pack("<QI", 0, 58) + b'{"block":"a","dtype":"uint8","shape":["x"]}'.ljust(58),
        struct.pack("<QI", 0, 9000) + b"[" * 9000,
    ],
    ids=["empty", "ones", "rows", "no table", "length", "objects", "negative", "words", "deep"],
)
def test_a_header_that_says_nonsense_under_a_good_checksum_is_damaged(written: Path, header: bytes) -> None:
    prelude = struct.pack("<8sII", b"AMULETFS", FORMAT, len(header))
    written.write_bytes(prelude + hashlib.sha256(prelude + header).digest() + header)
    with pytest.raises(DamagedError):
        open_shard(written)


@pytest.mark.parametrize("shape", [[2**40], [2**62, 2**62], [0]])
def test_a_shape_that_the_file_does_not_hold_is_damaged(written: Path, golden: ModuleType, shape: list[int]) -> None:
    fields = json.dumps({"block": golden.BLOCK, "dtype": "uint8", "shape": shape}).encode()
    header = struct.pack("<QI", 1, len(fields)) + fields + bytes(48)
    prelude = struct.pack("<8sII", b"AMULETFS", FORMAT, len(header))
    written.write_bytes(prelude + hashlib.sha256(prelude + header).digest() + header + b"row")
    with pytest.raises(DamagedError, match="should have"):
        open_shard(written)
