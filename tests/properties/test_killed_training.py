"""A training that is killed, at any moment and as often as you like, ends with the model of an unbroken one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ai_models.artifacts import verify_bundle
from ai_models.core.rng import generator

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "killed_training.py"
QUICK = ("--quick-mode", "--no-cnn", "--no-hog", "--no-sift", "--image-size", "64")
MOST_STARTS = 3
Unbroken = tuple[dict[str, object], set[str], float]


class Folder:
    """A model directory that trainings are started for, with a feature cache of its own."""

    def __init__(self, photographs: Path, place: Path, *more: str) -> None:
        self.model, self.photographs, self.more = place / "model", photographs, more
        self.cache = place / "cache"

    def start(self, *, writes: int = 0, before: bool = False) -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), str(writes), str(int(before)), "train"]
        command += ["--data-dir", str(self.photographs), "--output-dir", str(self.model)]
        command += ["--cache-dir", str(self.cache), *QUICK, *self.more]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self) -> str:
        """Train to the end and return what was said."""
        process = self.start()
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return said

    def killed(self, *, writes: int, before: bool) -> bool:
        """Start, and return whether the training died at the write that it was to die at."""
        process = self.start(writes=writes, before=before)
        said, _ = process.communicate(timeout=300)
        assert process.returncode in (0, -signal.SIGKILL), said
        return process.returncode != 0

    def checkpoints(self) -> dict[str, tuple[int, int]]:
        """Return inode and time of each checkpoint: written again, it would have others."""
        found = (self.model / ".unfinished").glob("*.checkpoint")
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    def result(self) -> dict[str, object]:
        """Return the digest of the model, and the hashes of the files that are the same for equal models."""
        bundle = verify_bundle(self.model)
        equal = ("metrics.json", "manifest.csv", "oof_predictions.csv", "training_features.npy", "MODEL_CARD.md")
        return {"model": bundle["model_digest"], **{name: bundle["files"][name]["sha256"] for name in equal}}

    def whole(self) -> bool:
        """Return whether a training has ended here, up to the removal of what it had kept."""
        return "bundle.json" in self.names() and ".unfinished" not in self.names()

    def names(self) -> set[str]:
        return {path.name for path in self.model.iterdir()}


@pytest.fixture(scope="module")
def unbroken(texture_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    """Result of a training that nobody killed, its files, and the seconds that it took."""
    folder = Folder(texture_folder, tmp_path_factory.mktemp("unbroken"), "--workers", "1")
    start = time.monotonic()
    folder.finish()
    return folder.result(), folder.names(), time.monotonic() - start


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_any_moment_it_ends_with_the_same_model(
    seed: int, texture_folder: Path, unbroken: Unbroken, tmp_path: Path
) -> None:
    expected, names, seconds = unbroken
    rng = generator(seed, "killed training")
    folder = Folder(texture_folder, tmp_path, "--workers", str(1 + seed))
    process = folder.start()
    while len(folder.checkpoints()) < rng.integers(1, 20):
        assert process.poll() is None, "the training ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=30)  # in vain where workers outlive it: they hold its output
    before = folder.checkpoints()
    assert before
    for start in range(MOST_STARTS):
        process = folder.start()
        try:
            said, _ = process.communicate(timeout=rng.uniform(0.4, 1.1) * seconds * 1.3**start)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate(timeout=30)  # in vain where workers outlive it: they hold its output
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
        after = folder.checkpoints()
        if "bundle.json" in folder.names():  # killed after its last file: what it had kept is being removed
            after = before = {}
        if folder.whole():
            break
        assert before.items() <= after.items(), "what was there was worked out again"
        before = after
    else:
        folder.finish()
    assert folder.result() == expected
    assert folder.names() == names, "something was left behind"


def test_killed_while_the_model_is_written_it_ends_with_the_same_model(
    texture_folder: Path, unbroken: Unbroken, tmp_path: Path
) -> None:
    expected, names, _ = unbroken
    folder = Folder(texture_folder, tmp_path, "--workers", "1")
    assert folder.killed(writes=5, before=True)
    assert folder.killed(writes=14, before=False)
    kept = folder.checkpoints()
    assert kept
    files = len(names)
    while folder.killed(writes=files - 2, before=True):  # all but two of the model's files, the last checkpoints before
        assert kept.items() <= folder.checkpoints().items()
        if (folder.model / "model.joblib").exists():
            break
    assert "bundle.json" not in folder.names()
    assert len(folder.checkpoints()) > len(kept)
    folder.finish()
    assert folder.result() == expected
    assert folder.names() == names
    assert json.loads((folder.model / "bundle.json").read_text("utf-8"))["files"].keys() == names - {"bundle.json"}


def test_what_a_killed_training_left_is_no_reason_to_take_foreign_files_for_ours(
    texture_folder: Path, tmp_path: Path
) -> None:
    folder = Folder(texture_folder, tmp_path, "--workers", "1")
    (folder.model / ".unfinished").mkdir(parents=True)
    (folder.model / "diary.txt").write_text("mine")
    process = folder.start()
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "diary.txt" in said
    assert (folder.model / "diary.txt").read_text() == "mine"
