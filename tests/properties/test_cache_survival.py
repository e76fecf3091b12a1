"""The cache after kills, power losses, flipped bits and failing disks: small counts of benchmarks/cache_survival.py."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ai_models.features import FeatureCache
from ai_models.features.shards.shard import Shard

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches the disk through /proc")
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def benchmarks_to_import() -> Iterator[None]:
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))
    for name in set(sys.modules) - before:
        if name.startswith(("cache_", "watched_disk")):
            del sys.modules[name]


@pytest.fixture
def survival(benchmarks_to_import: None) -> ModuleType:
    return importlib.import_module("cache_survival")


def test_kills_lose_nothing_and_nothing_wrong_is_read(survival: ModuleType, tmp_path: Path) -> None:
    found = survival.kills(tmp_path, 40)
    assert (found["kills"], found["wrong"], found["lost"]) == (40, 0, 0)
    assert found["acknowledged"] > 500
    assert found["read"] > found["acknowledged"]
    assert found["reopened"] < 1


def test_a_power_loss_leaves_the_old_or_the_new(survival: ModuleType, tmp_path: Path) -> None:
    found = survival.power_losses(tmp_path, 300)
    assert found["replays"] >= 300
    assert found["served"] > 1000
    assert (found["wrong"], found["lost"]) == (0, 0)


@pytest.mark.parametrize("forgotten", ["of files", "of folders"])
def test_the_replay_sees_a_sync_that_is_missing(survival: ModuleType, tmp_path: Path, forgotten: str) -> None:
    module = importlib.import_module("cache_power_loss")
    recording = module.record(tmp_path / "recorded", puts=4)
    careless = copy.copy(recording)
    careless.operations = [
        (name, path, detail)
        for name, path, detail in recording.operations
        if not (name == "fsync" and path.endswith(".part") == (forgotten == "of files"))
    ]
    last = len(careless.operations)
    assert module.replay(careless, last, "nothing", 0, tmp_path / "careless").lost > 0
    assert module.replay(recording, len(recording.operations), "nothing", 0, tmp_path / "careful").lost == 0


def test_flipped_bits_are_noticed_and_never_served(survival: ModuleType, tmp_path: Path) -> None:
    found = survival.bit_flips(tmp_path, 300)
    assert (found["flipped"], found["unnoticed"], found["wrong"]) == (300, 0, 0)
    assert found["served"] > 300  # what is sound around it still is


def test_flips_would_be_served_without_the_digests(
    survival: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shard, "sound", lambda shard, memory, rows: np.ones(len(rows), dtype=bool))
    found = survival.bit_flips(tmp_path, 100)
    assert found["wrong"] > 0


def test_a_failing_disk_fails_no_job_and_changes_no_value(survival: ModuleType, tmp_path: Path) -> None:
    found = survival.disk_faults(tmp_path, 40)
    assert found["injected"] >= 40
    assert (found["wrong value"], found["failed job"]) == (0, 0)


def test_a_failing_disk_would_fail_a_job_that_lets_errors_through(
    survival: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(cache: FeatureCache, *args: object) -> bool:
        raise OSError(28, "No space left on device")

    job = importlib.import_module("cache_faults").Job()
    monkeypatch.setattr(FeatureCache, "put", careless)
    assert "No space left" in job.run(tmp_path)
