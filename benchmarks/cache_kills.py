"""Writers and readers of one cache, killed at any moment, over and over."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_models.core.rng import generator
from ai_models.features import FeatureCache

__all__ = ["Kills", "kill"]

BLOCKS = tuple(f"{name}-{'0' * 32}" for name in ("alpha", "beta"))
_LIMIT = 10**10
_ROWS = 16
_WIDTH = 64


@dataclass
class Kills:
    """What was killed and what was found.

    Attributes
    ----------
    kills, acknowledged
        Processes that were ended by SIGKILL; rows whose `put` had returned.
    read
        Rows that were read while it went on, and at the end.
    wrong, lost
        Rows read that nobody put; acknowledged ones that were not there.
    slowest_open, slowest_open_cpu
        Seconds until an opening after a kill had read its first rows, while the others worked on; the slowest by the
        clock, and by the processor's time.
    reopened
        The same by the clock at the end, when all were dead.
    left_over
        Unfinished files that the killed left.
    """

    kills: int = 0
    acknowledged: int = 0
    read: int = 0
    wrong: int = 0
    lost: int = 0
    slowest_open: float = 0.0
    slowest_open_cpu: float = 0.0
    reopened: float = 0.0
    left_over: int = 0

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def row_of(block: str, key: str) -> NDArray[np.uint8]:
    """Return the one right row of a key: uint8 (64,)."""
    return np.frombuffer(hashlib.shake_128(f"{block} {key}".encode()).digest(_WIDTH), dtype=np.uint8)


def kill(folder: Path, kills: int, *, writers: int = 4, readers: int = 2) -> Kills:
    """Start writers and readers and kill one after the other, starting a new one in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    random = generator(0, "kills")
    context = multiprocessing.get_context("fork")  # a new process in milliseconds
    found = Kills()

    def start(slot: int, run: int) -> BaseProcess:
        work = _write if slot < writers else _read
        child = context.Process(target=work, args=(folder, slot, run), daemon=True)
        child.start()
        return child

    children = [start(slot, 0) for slot in range(writers + readers)]
    try:
        while found.kills < kills:
            time.sleep(random.uniform(0.0, 0.02))
            slot = int(random.integers(len(children)))
            child = children[slot]
            if child.pid is None or not child.is_alive():
                raise RuntimeError(f"a process ended by itself with {child.exitcode}")
            os.kill(child.pid, signal.SIGKILL)
            child.join()
            found.kills += 1
            children[slot] = start(slot, found.kills)
            if found.kills % 10 == 0:
                took, worked = _open(folder, random, merge=found.kills % 50 == 0)
                found.slowest_open = max(found.slowest_open, took)
                found.slowest_open_cpu = max(found.slowest_open_cpu, worked)
    finally:
        for child in children:
            child.kill()
            child.join()
    found.reopened = _open(folder, random, merge=False)[0]
    _count(folder, found)
    return found


def _write(folder: Path, slot: int, run: int) -> None:
    """Put rows and note, once `put` has returned, that they are there; merge now and then."""
    cache = FeatureCache(folder / "cache", _LIMIT)
    notes = os.open(folder / f"acknowledged-{slot}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    number = 0
    while True:
        block = BLOCKS[number % 2]
        keys = [hashlib.sha256(f"{slot} {run} {number} {i}".encode()).hexdigest() for i in range(_ROWS)]
        if not cache.put(block, keys, np.stack([row_of(block, key) for key in keys])):
            raise RuntimeError("put failed")
        os.write(notes, f"{block} {' '.join(keys)}\n".encode())
        number += 1
        if number % 3 == 0:
            cache.merge(block, [key for of, key in _acknowledged(folder) if of == block][-2000:])


def _read(folder: Path, slot: int, run: int) -> None:
    """Read what was noted, in any order, and note what is wrong or missing."""
    cache = FeatureCache(folder / "cache", _LIMIT)
    random = generator(run, "reader", slot)
    notes = os.open(folder / f"read-{slot}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    while True:
        noted = _acknowledged(folder)
        for block in BLOCKS:
            keys = [key for of, key in noted if of == block]
            keys = [keys[i] for i in random.permutation(len(keys))[:200]]
            if random.random() < 0.5:
                rows, present = cache.read(block, keys)
            else:
                seen = cache.view(block, sorted(keys))
                keys = sorted(keys) if seen is not None else []
                rows, present = (np.zeros(0), np.zeros(0, bool)) if seen is None else (seen, np.ones(len(seen), bool))
            wrong = sum(not np.array_equal(row_of(block, key), rows[i]) for i, key in enumerate(keys) if present[i])
            os.write(notes, f"{int(present.sum())} {wrong} {int((~present).sum())}\n".encode())


def _acknowledged(folder: Path, *, everything: bool = False) -> list[tuple[str, str]]:
    """Return block and key of the last rows whose `put` returned; a line that is being written is left out."""
    noted = []
    for path in sorted(folder.glob("acknowledged-*")):
        with path.open("rb") as stream:
            stream.seek(0 if everything else max(0, path.stat().st_size - 200_000))
            lines = stream.read().split(b"\n")[:-1]
        for line in lines:
            block, *keys = line.decode().split(" ")
            if block in BLOCKS and len(keys) == _ROWS:
                noted += [(block, key) for key in keys]
    return noted


def _open(folder: Path, random: np.random.Generator, *, merge: bool) -> tuple[float, float]:
    """Return the seconds to the first rows, by the clock and the processor's; merge as an ending job does, if asked."""
    noted = [key for block, key in _acknowledged(folder) if block == BLOCKS[0]]
    cache, began, used = FeatureCache(folder / "cache", _LIMIT), time.perf_counter(), time.process_time()
    cache.read(BLOCKS[0], [noted[i] for i in random.permutation(len(noted))[:64]])
    took = time.perf_counter() - began, time.process_time() - used
    if merge:
        for block in BLOCKS:
            cache.merge(block, [key for of, key in _acknowledged(folder, everything=True) if of == block])
    return took


def _count(folder: Path, found: Kills) -> None:
    """Read everything that was acknowledged, and what the readers noted."""
    cache = FeatureCache(folder / "cache", _LIMIT)
    for path in sorted(folder.glob("acknowledged-*")):
        for line in path.read_text().splitlines():
            block, *keys = line.split(" ")
            rows, present = cache.read(block, keys)
            found.acknowledged += len(keys)
            found.read += int(present.sum())
            found.lost += int((~present).sum())
            found.wrong += sum(not np.array_equal(row_of(block, key), rows[i]) for i, key in enumerate(keys))
    for path in sorted(folder.glob("read-*")):
        for line in path.read_text().splitlines():
            read, wrong, missing = map(int, line.split(" "))
            found.read += read
            found.wrong += wrong
            found.lost += missing
    found.left_over = sum(path.suffix == ".part" for path in (folder / "cache").rglob("*"))
