"""The service under load, as a process of its own: what becomes of requests when it ends, reloads or is flooded."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from ai_models.artifacts import read_bundle

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and signals")


@pytest.fixture(scope="module")
def measured():
    """The benchmark, whose small version this is."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("service_load")
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in ("service_load", "service_client", "service_process", "machine"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def images(texture_folder):
    return [path.read_bytes() for path in sorted(texture_folder.glob("*/*.png"))[:8]]


@pytest.mark.parametrize("by_name", [False, True], ids=["serve", "uvicorn"])
def test_an_end_under_load_loses_no_request_that_was_read(measured, tiny_model, images, by_name):
    given = argparse.Namespace(model=tiny_model, times=2, by_name=by_name)
    found = measured.stop(given, images)
    assert found["lost"] == 0, found
    assert found["answered"] == found["heads read"] > 20
    assert max(found["exit s"]) <= 10
    assert found["exit status"] == [-signal.SIGTERM if by_name else 0]  # uvicorn ends by the signal, as it always does


@pytest.mark.slow
def test_a_flood_is_refused_at_once_and_the_rest_is_answered(measured, tiny_model, images):
    found = measured.overload(argparse.Namespace(model=tiny_model, seconds=3.0, slow=30), images)
    assert found["refused"] > 0
    assert set(found["other statuses"]) <= {0}
    assert found["refusal p99 ms"] < 1000
    assert found["livez failed"] == 0
    assert found["goodput share"] > 0.3  # a figure only on a machine that does nothing else: see docs/service.md
    assert found["memory ratio"] < 1.5


@pytest.mark.slow
def test_a_new_model_takes_over_and_one_that_cannot_be_used_does_not(
    measured, tiny_model, tiny_network_model, images, tmp_path
):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    with (broken / "model.joblib").open("ab") as stream:
        stream.write(b"x")
    link = tmp_path / "model"
    link.symlink_to(tiny_model)
    first, second = (read_bundle(folder)["model_digest"][:12] for folder in (tiny_model, tiny_network_model))
    with measured.service(link, watch_seconds=0.2, workers=1, heads=True) as running:
        address, answers, end = f"http://127.0.0.1:{running.port}", [], threading.Event()

        def ask() -> None:
            with httpx.Client(base_url=address, timeout=30) as client:
                while not end.is_set():
                    answer = client.post("/predict/file", files={"file": images[0]})
                    answers.append((answer.status_code, answer.json().get("model_version")))

        askers = [threading.Thread(target=ask) for _ in range(3)]
        for asker in askers:
            asker.start()
        _point(link, tiny_network_model)  # seen by looking
        _wait(lambda: httpx.get(f"{address}/health").json()["model_version"] == second)
        _point(link, broken)
        _wait(lambda: "SHA-256 differs" in httpx.get(f"{address}/health").json()["reload_failure"])
        assert httpx.get(f"{address}/readyz").status_code == 200
        _point(link, tiny_model)
        running.process.send_signal(signal.SIGHUP)  # told
        _wait(lambda: httpx.get(f"{address}/health").json()["model_version"] == first)
        assert httpx.get(f"{address}/health").json()["reload_failure"] == ""
        time.sleep(0.2)
        end.set()
        for asker in askers:
            asker.join()
    assert {status for status, _ in answers} == {200}
    versions = [version for _, version in answers]
    assert set(versions) == {first, second}
    assert versions[0] == versions[-1] == first
    assert first in versions[: versions.index(second)]


def _point(link: Path, target: Path) -> None:
    other = link.with_name("next")
    other.symlink_to(target)
    os.replace(other, link)


def _wait(true) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
