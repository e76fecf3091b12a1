"""Trainings that are killed and started again: whether all end with one model, and whether anything is done twice.

    python benchmarks/resume.py [--trainings 50] [--seed 0] [--json FILE]

One folder of drawn pictures is trained once without a break, then again and again, each time in a new place with an
empty cache and killed by SIGKILL one to three times: at a random moment of the time that an unbroken training takes, or
at a random one of the files that its first process puts under their final names (checkpoints, features, the model
itself), just before or just after. Odd trainings run on two workers. Every one must end with the digest of the unbroken
one, and no checkpoint may ever be written twice.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from killed_training import kill_at_write
from PIL import Image

import ai_models.crossfit.fitting
import ai_models.training.trainer  # noqa: F401 - loaded once, before any training starts
from ai_models.artifacts import verify_bundle
from ai_models.cli import main as cli
from ai_models.core.rng import generator

QUICK = ("--quick-mode", "--no-cnn", "--no-hog", "--image-size", "64")
EQUAL = ("metrics.json", "manifest.csv", "oof_predictions.csv", "training_features.npy", "MODEL_CARD.md")
SIZES = (14, 11, 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _draw(folder / "photographs")
        start = time.monotonic()
        unbroken = Training(folder, "unbroken", 1)
        unbroken.finish()
        seconds = time.monotonic() - start
        expected = unbroken.result()
        rows = []
        for number in range(arguments.trainings):
            rng, kills, attempt = generator(arguments.seed, "kills", number), list[str](), 0
            while not kills:  # one that ended before its first kill says nothing
                training = Training(folder, f"training {number}.{attempt}", 1 + number % 2)
                kills, attempt = training.kill_and_resume(rng, seconds), attempt + 1
            same = training.result() == expected
            rows.append({"kills": kills, "same": same, "written_twice": training.twice, "left": training.left()})
            print(f"{number + 1:>3}: {', '.join(kills)}: {'the same model' if same else 'ANOTHER MODEL'}", flush=True)
    found: dict[str, Any] = {
        "trainings": len(rows),
        "kills": sum(len(row["kills"]) for row in rows),
        "models": 1 + sum(not row["same"] for row in rows),
        "checkpoints_written_twice": sum(row["written_twice"] for row in rows),
        "left_behind": sum(len(row["left"]) for row in rows),
        "digest": expected["model"],
    }
    print(
        f"{found['trainings']} trainings, killed {found['kills']} times: {found['models']} model, "
        f"{found['checkpoints_written_twice']} checkpoints written twice, {found['left_behind']} files left behind"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({**found, "each": rows}, indent=1) + "\n", encoding="utf-8")
    sys.exit(int(found["models"] != 1 or found["checkpoints_written_twice"] > 0 or found["left_behind"] > 0))


class Started:
    """A training in a child of this process, which has all libraries loaded: moments fall into work, not into imports.

    Parameters
    ----------
    arguments
        Of ``amulet-ai``.
    said
        File that gets what it prints.
    writes, before
        It kills itself at this file that it puts under its final name, just before or just after that; 0: never.
    """

    def __init__(self, arguments: list[str], said: Path, writes: int, *, before: bool) -> None:
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                stream = said.open("wb")
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
                kill_at_write(writes, before=before)
                cli(arguments, standalone_mode=True)
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                os._exit(code)

    def wait(self, seconds: float = math.inf) -> int:
        """Return how it ended, negative for the number of a signal; it is killed when the time is over."""
        end = time.monotonic() + seconds
        while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                ended = os.waitpid(self.pid, 0)
                break
            time.sleep(0.005)
        return os.waitstatus_to_exitcode(ended[1])


class Training:
    """A model directory with a cache of its own, and the trainings that are started for it."""

    def __init__(self, folder: Path, name: str, workers: int) -> None:
        self.photographs, self.place, self.workers = folder / "photographs", folder / name, workers
        self.model = self.place / "model"
        self.twice = 0

    def start(self, *, writes: int = 0, before: bool = False) -> Started:
        arguments = ["train", "--data-dir", self.photographs, "--output-dir", self.model]
        arguments += ["--cache-dir", self.place / "cache", *QUICK, "--workers", self.workers]
        self.place.mkdir(exist_ok=True)
        return Started([str(word) for word in arguments], self.place / "said", writes, before=before)

    def finish(self) -> None:
        self._died(self.start().wait())

    def kill_and_resume(self, rng: np.random.Generator, seconds: float) -> list[str]:
        """Kill one to three starts, then let one end; return when they were killed."""
        kills: list[str] = []
        before = self._checkpoints()
        for _ in range(int(rng.integers(1, 4))):
            killed = self._killed_at_a_write(rng) if rng.random() < 0.5 else self._killed_after(rng, seconds)
            if not killed:
                return kills
            kills.append(killed)
            after = self._checkpoints()
            self.twice += sum(after.get(name) != written for name, written in before.items())
            before = after
        self.finish()
        return kills

    def _killed_at_a_write(self, rng: np.random.Generator) -> str:
        number, before = int(rng.integers(1, 30 if self.workers == 1 else 14)), bool(rng.integers(2))
        died = self._died(self.start(writes=number, before=before).wait())
        return f"{'before' if before else 'after'} write {number}" if died else ""

    def _killed_after(self, rng: np.random.Generator, seconds: float) -> str:
        moment = float(rng.uniform(0.05, 0.9)) * seconds
        died = self._died(self.start().wait(moment))
        return f"after {moment:.2f} s" if died else ""

    def _died(self, code: int) -> bool:
        if code not in (0, -signal.SIGKILL):
            raise RuntimeError(f"a training ended with {code}: {(self.place / 'said').read_text()}")
        return code != 0

    def _checkpoints(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of each checkpoint: written again, it would have others."""
        found = (self.model / ".unfinished").glob("*.checkpoint")
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    def result(self) -> dict[str, str]:
        bundle = verify_bundle(self.model)
        return {"model": bundle["model_digest"], **{name: bundle["files"][name]["sha256"] for name in EQUAL}}

    def left(self) -> list[str]:
        """Return what is in the folder that belongs to no model."""
        known = {*verify_bundle(self.model)["files"], "bundle.json"}
        return sorted(path.name for path in self.model.iterdir() if path.name not in known)


def _draw(folder: Path) -> None:
    """Write stripes in three directions, each picture with its own width, phase, tint and noise."""
    y, x = np.mgrid[0:64, 0:64] / 64
    for kind, count in enumerate(SIZES):
        (folder / f"stripes {kind}").mkdir(parents=True)
        for number in range(count):
            rng = generator(kind, "stripes", number)
            angle = 1.1 * kind + rng.normal(0, 0.2)
            wave = np.sin((30 + 10 * rng.random()) * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6.3))
            noise = np.kron(rng.normal(0, 25, (8, 8)), np.ones((8, 8))) + rng.normal(0, 15, (64, 64))
            pixels = (128 + 55 * wave + noise)[..., None] * rng.uniform(0.7, 1.0, 3)
            picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
            picture.save(folder / f"stripes {kind}" / f"{number:02d}.png")


if __name__ == "__main__":
    main()
