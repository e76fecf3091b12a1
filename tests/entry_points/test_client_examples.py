"""The examples of docs/client.md, run as they stand against a service that asks for keys."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_models.client import Answer, Client, NotAllowedError, Problem

ROOT = Path(__file__).parents[2]
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "client.md").read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture(scope="module")
def service(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables of the environment by which a running service is asked."""
    place = tmp_path_factory.mktemp("service")
    bare = {name: v for name, v in os.environ.items() if not name.startswith("AMULET_AI_") or "TRUST" in name}
    command = [sys.executable, "-m", "ai_models"]
    keys = ["keys", "create", "--name", "examples", "--keys-file", "keys.json"]
    made = subprocess.run([*command, *keys], cwd=place, env=bare, capture_output=True, text=True, check=True)
    serve = ["serve", "--model-dir", str(tiny_model), "--port", "0", "--keys-file", "keys.json", "--workers", "1"]
    process = subprocess.Popen(
        [*command, *serve], cwd=place, env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found, process.communicate(timeout=20)
        yield {**bare, "AMULET_AI_URL": found[0], "AMULET_AI_KEY": made.stdout.strip()}
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.fixture
def photograph(texture_folder: Path, tmp_path: Path) -> Path:
    """Where the examples are run: beside a photograph, whatever its format is."""
    shutil.copy(texture_folder / "checks" / "00.png", tmp_path / "photograph.jpg")
    return tmp_path


def _run(command: list[str], place: Path, variables: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=place, env=variables, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def expected(service: dict[str, str], photograph: Path) -> Answer:
    with Client(service["AMULET_AI_URL"], key=service["AMULET_AI_KEY"]) as client:
        return client.predict(photograph / "photograph.jpg", confidence_threshold=0.7)


def test_curl(service: dict[str, str], photograph: Path, expected: Answer) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed here")
    told = json.loads(_run(["sh", "-c", BLOCKS["sh"]], photograph, service))
    assert (told["verdict"], told["predicted_class"]) == (expected.verdict, expected.predicted_class)
    assert told["confidence"] == pytest.approx(expected.confidence)


def test_python(service: dict[str, str], photograph: Path, expected: Answer) -> None:
    shutil.copy(ROOT / "ai_models" / "client.py", photograph / "copied.py")
    program = BLOCKS["python"].replace("from ai_models.client", "from copied")
    (photograph / "example.py").write_text(program, encoding="utf-8")
    bare = {**service, "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"}
    lines = _run([sys.executable, "-S", "example.py"], photograph, bare).splitlines()  # without any installed package
    first = f"{expected.verdict} {expected.predicted_class} {expected.confidence:.3f}"
    assert lines[0] == " ".join([first, *expected.prediction_set])
    assert lines[1] in ("in_domain", "unsure", "ood")
    assert "image" in lines[2]


def test_javascript(service: dict[str, str], photograph: Path, expected: Answer) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed here")
    (photograph / "example.mjs").write_text(BLOCKS["javascript"], encoding="utf-8")
    line = _run(["node", "example.mjs"], photograph, service).strip()
    first = f"{expected.predicted_class} {expected.confidence:.3f}"
    assert line.partition(" ")[2].startswith(first)


def test_the_client_and_the_service_understand_one_another(service: dict[str, str], photograph: Path) -> None:
    with Client(service["AMULET_AI_URL"], key=service["AMULET_AI_KEY"]) as client:
        assert client.ready()
        assert client.health()["model_loaded"] is True
        good, bad = client.predict_batch([photograph / "photograph.jpg", b"GIF89a"])
        assert isinstance(good, Answer)
        assert sum(good.probabilities.values()) == pytest.approx(1)
        assert isinstance(bad, Problem)
        assert (bad.status, bad.image_verdict) == (422, "truncated")
        assert good.disclaimer
    with Client(service["AMULET_AI_URL"], key="ak_wrong") as client, pytest.raises(NotAllowedError) as caught:
        client.predict(b"x")
    assert caught.value.problem.type.endswith("unknown-key")
