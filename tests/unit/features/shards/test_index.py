"""Every key is found where it is, and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_models.features.shards.index import BlockIndex, packed
from ai_models.features.shards.shard import Shard


def shard(name: str, numbers: list[int]) -> Shard:
    keys = b"".join(number.to_bytes(32, "big") for number in numbers)
    return Shard(Path(name), "b", np.dtype(np.uint8), (1,), keys, bytes(16 * len(numbers)), 64)


def test_keys_are_packed() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert packed([]) == b""
    assert packed([digest]) == bytes.fromhex(digest)
    assert packed([digest, "onnx"]) == bytes.fromhex(digest) + hashlib.sha256(b"onnx").digest()
    for other in ("z" * 64, " " * 64, digest[:63] + " ", ""):
        assert packed([other, digest]) == hashlib.sha256(other.encode()).digest() + bytes.fromhex(digest)
    assert packed(["a" * 63, "b" * 65]) != bytes.fromhex("a" * 63 + "b" * 65)


@given(st.lists(st.lists(st.integers(0, 40), max_size=30, unique=True), max_size=6), st.lists(st.integers(0, 45)))
@pytest.mark.parametrize("large", [1, 10, 1000])
def test_the_index_equals_a_search(large: int, shards: list[list[int]], asked: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ai_models.features.shards.index._LARGE", large)
        index = BlockIndex()
        made = [shard(str(i), numbers) for i, numbers in enumerate(shards)]
        for each in made:
            index.add(each)
        for gone in (None, *made):  # and again as they leave, one after the other
            if gone is not None:
                index.remove([gone])
            held = {number for i, numbers in enumerate(shards) if str(i) in index.shards for number in numbers}
            found = {}
            for hit in index.find(b"".join(number.to_bytes(32, "big") for number in asked)):
                for row, position in zip(hit.rows.tolist(), hit.positions.tolist(), strict=True):
                    assert position not in found
                    found[position] = int.from_bytes(hit.shard.key(row), "big")
            assert found == {i: number for i, number in enumerate(asked) if number in held}
