"""The entry file of the service, started as users and servers start it: real processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import ai_models

PACKAGE = Path(ai_models.__file__).parent
SCRIPT = PACKAGE / "production_deployment.py"
BARE = {
    k: v
    for k, v in os.environ.items()
    if k == "AMULET_AI_TRUST_DIR" or not k.startswith(("AMULET_AI_", "PYTHONPATH", "PYTHONSAFEPATH", "LOG_LEVEL"))
}


ANYONE = {"AMULET_AI_ALLOW_ANONYMOUS": "true"}


def _call(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=BARE | variables, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


@contextmanager
def _serving(*command: str | Path, cwd: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a service and yield its process and address."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=cwd, env=BARE | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+:\d+", line)
        assert found, (line, process.communicate(timeout=20))
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda s: s.name)
def test_by_path_with_the_newest_model_until_it_is_told_to_stop(tmp_path, tiny_model, texture_folder, number):
    (tmp_path / "saved_models").mkdir()
    shutil.copytree(tiny_model, tmp_path / "saved_models" / "mine")
    with _serving(SCRIPT, "serve", "--port", "0", cwd=tmp_path) as (process, address):
        picture = (texture_folder / "checks" / "00.png").read_bytes()
        assert httpx.post(f"{address}/predict/file", files={"file": picture}).json()["success"] is True
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert errors == ""
    assert [p.name for p in tmp_path.iterdir()] == ["saved_models"]


def test_a_server_takes_the_application_by_name(tmp_path, tiny_model):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["-m", "uvicorn", "ai_models.production_deployment:app", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, *command], cwd=PACKAGE.parent, env=BARE | {"AMULET_AI_MODEL_DIR": str(tiny_model)},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        lines = []
        while not any("Uvicorn running" in line for line in lines):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        assert httpx.get(f"http://127.0.0.1:{port}/health").json()["model_loaded"] is True
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_server_that_finds_no_model_says_so_in_a_sentence(tmp_path):
    done = _call(
        "-m", "uvicorn", "ai_models.production_deployment:app", "--port", "0",
        cwd=PACKAGE.parent, AMULET_AI_MODEL_DIR=str(tmp_path),
    )  # fmt: skip
    assert done.returncode != 0
    assert "is not a model directory (no bundle.json)" in done.stderr
    assert "Traceback" not in done.stderr


def test_importing_loads_no_model_and_nothing_heavy():
    code = (
        "import sys, ai_models.production_deployment as entry\n"
        "assert not {'fastapi', 'numpy', 'sklearn'} & set(sys.modules)\n"
        "app = entry.app\n"
        "assert type(app).__mro__[1].__name__ == 'FastAPI'\n"
        "assert app.state.predictor is None\n"
        "assert not {'torch', 'matplotlib', 'onnxruntime', 'ai_models.training'} & set(sys.modules), 'heavy'\n"
    )
    done = _call("-c", code, cwd=PACKAGE.parent, AMULET_AI_MODEL_DIR="nowhere")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("how", "usage"),
    [
        ([SCRIPT], "production_deployment.py [OPTIONS] COMMAND"),
        (["-P", SCRIPT], "production_deployment.py [OPTIONS] COMMAND"),
        (["-m", "ai_models.production_deployment"], "python -m ai_models.production_deployment [OPTIONS] COMMAND"),
    ],
    ids=["path", "safe path", "module"],
)
def test_help_names_both_commands(how, usage):
    done = _call(*how, "--help", cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    assert f"Usage: {usage}" in done.stdout
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE) == ["serve", "deploy"]


def test_a_port_that_is_taken(tmp_path, tiny_model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _call(SCRIPT, "serve", "--port", str(port), "--model-dir", tiny_model, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: port {port} of 127.0.0.1 is taken by another program")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["serve"], {}, "no model found in 'saved_models/'"),
        (["serve", "--model-dir", "."], {}, "is not a model directory"),
        (["serve", "--host", "no.such.host.invalid", "--model-dir", "MODEL"], ANYONE, "--host must be an address"),
        (["serve", "--host", "192.0.2.1", "--model-dir", "MODEL"], {}, "there are no keys: make some"),
        (
            ["serve", "--host", "192.0.2.1", "--allow-anonymous", "--model-dir", "MODEL"],
            {},
            "cannot listen on port 8000 of 192.0.2.1",
        ),
        (["serve", "--keys-file", "none.json", "--model-dir", "MODEL"], {}, "the keys 'none.json' cannot be read"),
        (["serve", "--port", "70000"], {}, "70000 is not in the range"),
        (["serve"], {"AMULET_AI_WORKERS": "many"}, "AMULET_AI_WORKERS must be a whole number, got 'many'"),
        (["deploy"], {}, "Missing option '--output-dir'"),
        (["deploy", "--output-dir", "d", "--type", "k8s"], {}, "'k8s' is not one of 'docker', 'systemd', 'kubernetes'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_end_in_a_sentence(tmp_path, tiny_model, arguments, variables, words):
    arguments = [str(tiny_model) if a == "MODEL" else a for a in arguments]
    done = _call(SCRIPT, *arguments, cwd=tmp_path, **variables)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_deploy_writes_everything_and_keeps_what_is_there(tmp_path, call):
    done = call("deploy", "--output-dir", tmp_path / "server")
    assert done.exit_code == 0, done.output
    assert {"Dockerfile", "docker-compose.yml", ".dockerignore", "nginx.conf", "hybrid-ml-service.service"} <= {
        p.name for p in (tmp_path / "server").iterdir()
    }
    again = call("deploy", "--output-dir", tmp_path / "server", "--type", "docker")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert call("deploy", "--output-dir", tmp_path / "server", "--overwrite").exit_code == 0
    only = call("deploy", "--output-dir", tmp_path / "unit", "--type", "systemd")
    assert only.exit_code == 0
    assert not (tmp_path / "unit" / "Dockerfile").exists()


def test_a_missing_extra_is_one_sentence(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = call("serve", "--model-dir", "m")
    assert done.exit_code == 2
    assert "pip install 'amulet-ai[serve]'" in done.stderr
