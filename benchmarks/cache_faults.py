"""Flipped bits and failing disks: what the cache serves then, and what becomes of the job that uses it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from watched_disk import watched

from ai_models.core.rng import generator
from ai_models.core.settings import FeatureConfig
from ai_models.features import FeatureCache, HybridFeatureExtractor

__all__ = ["FAULTS", "Flips", "Job", "flip_bits", "injections"]

BLOCK = f"alpha-{'0' * 32}"
FAULTS = (errno.ENOSPC, errno.EIO)
_LIMIT = 10**8


class Flips(NamedTuple):
    """Bits that were flipped; those that changed nothing the cache noticed; rows served; wrong ones among them."""

    flipped: int
    unnoticed: int
    served: int
    wrong: int


def flip_bits(folder: Path, count: int) -> Flips:
    """Flip one bit somewhere in the shards, open the cache and read all, put the shard back; `count` times."""
    random = generator(0, "bit flips")
    rows = {f"{i:064x}": random.normal(size=(3, 40)).astype(np.float32) for i in range(60)}
    keys = list(rows)
    writer = FeatureCache(folder, _LIMIT)
    for start, stop in ((0, 40), (40, 41), (41, 60)):
        writer.put(BLOCK, keys[start:stop], np.stack([rows[key] for key in keys[start:stop]]))
    whole = {path: path.read_bytes() for path in (folder / BLOCK).iterdir()}
    places = [(path, at) for path, data in whole.items() for at in range(len(data))]
    unnoticed = served = wrong = 0
    with mock.patch.object(os, "fsync", return_value=None):  # nothing here depends on what outlasts a power loss
        for _ in range(count):
            path, at = places[random.integers(len(places))]
            with path.open("r+b") as stream:
                stream.seek(at)
                stream.write(bytes([whole[path][at] ^ 1 << int(random.integers(8))]))
            found = FeatureCache(folder, _LIMIT).get(BLOCK, keys)
            served += len(found)
            wrong += sum(not np.array_equal(row, rows[key]) for key, row in found.items())
            unnoticed += path.exists()
            for left in (folder / BLOCK).iterdir():
                if left not in whole:
                    left.unlink()
            path.write_bytes(whole[path])
    return Flips(count, unnoticed, served, wrong)


class Job:
    """Extracts features of some pictures, of more, and of all from the cache; puts rows in many shards and merges them.

    Parameters
    ----------
    blocks
        Which ``use_..._features`` are on.
    """

    def __init__(self, blocks: Sequence[str] = ("lbp", "colour")) -> None:
        self.blocks = blocks
        random = generator(0, "pictures")
        self.pictures = [random.integers(0, 256, (48, 48, 3), dtype=np.uint8) for _ in range(24)]
        self.expected = self._extractor(None).extract_raw(self.pictures, label="").blocks

    def run(self, folder: Path) -> str:
        """Do the work; return how it ended: ``"right"``, ``"wrong"``, or the error."""
        try:
            for pictures in (self.pictures[:18], self.pictures, self.pictures):
                found = self._extractor(folder).extract_raw(pictures, label="").blocks
                for name, rows in found.items():
                    if not np.array_equal(rows, self.expected[name][: len(pictures)]):
                        return "wrong"
            keys = [f"{i:064x}" for i in range(12)]
            rows = np.arange(120, dtype=np.float32).reshape(12, 10)
            cache = FeatureCache(folder, _LIMIT)
            for i in range(12):
                cache.put(BLOCK, keys[i : i + 1], rows[i : i + 1])
            cache.merge(BLOCK, keys)
            for reader in (cache, FeatureCache(folder, _LIMIT)):
                for key, row in reader.get(BLOCK, keys).items():
                    if not np.array_equal(row, rows[keys.index(key)]):
                        return "wrong"
        except Exception as error:  # the figure that is counted
            return repr(error)
        return "right"

    def _extractor(self, folder: Path | None) -> HybridFeatureExtractor:
        on = {
            f"use_{name}_features": name in self.blocks
            for name in ("cnn", "stages", "hog", "lbp", "sift", "colour", "orb")
        }
        place = {"cache_features": folder is not None, "cache_dir": str(folder or "")}
        return HybridFeatureExtractor(FeatureConfig(image_size=48, batch_size=2, **on, **place), workers=1)


def injections(job: Job, folder: Path, count: int) -> Iterator[tuple[str, str, str]]:
    """Run the job again and again in new folders below this one, letting each of its operations fail in turn.

    With a `count` other than 0 it is about so many, spread over the operations.

    Each fails once, and then from there on (a disk stays full), with ENOSPC and with EIO; afterwards the job runs once
    more on what is left, with a sound disk.

    Yields
    ------
    tuple
        The fault, how the job ended, and how the one after it ended.
    """
    with _failing(folder, _sound) as seen:
        job.run(folder / "sound")
    step = max(1, 4 * len(seen) // count) if count else 1
    for number in range(0, len(seen), step):
        for code in FAULTS:
            for lasting in (False, True):

                def fault(now: int, at: int = number, code: int = code, lasting: bool = lasting) -> int:
                    return code if now == at or (lasting and now > at) else 0

                place = folder / f"{number}-{code}-{lasting}"
                with _failing(folder, fault):
                    ended = job.run(place)
                what = f"{errno.errorcode[code]} {'from' if lasting else 'at'} operation {number} ({seen[number]})"
                yield what, ended, job.run(place)


def _sound(now: int) -> int:
    return 0


@contextmanager
def _failing(folder: Path, fault: Callable[[int], int]) -> Iterator[list[str]]:
    """Let operations fail by their number; yields the names of those that were performed or failed."""
    seen: list[str] = []

    def around(name: str, path: str, detail: Any, perform: Callable[[], Any]) -> Any:
        code = fault(len(seen))
        seen.append(name)
        if code:
            raise OSError(code, os.strerror(code), path)
        return perform()

    with watched(folder, around):
        yield seen
