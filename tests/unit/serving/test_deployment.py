"""The files that put the service onto a server, looked at with the programs that read them."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ai_models.core.errors import OutputError
from ai_models.serving.deployment import pinned_requirements, write_deployment
from ai_models.serving.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
COMMON = {"DEPLOY.md", "nginx.conf", "requirements.txt", "ai_models"}
DOCKER = {"Dockerfile", "docker-compose.yml", ".dockerignore"}
SYSTEMD = {"hybrid-ml-service.service"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("deployment")
    write_deployment(place, settings=ServiceSettings(max_bytes=3_000_000))
    return place


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(("docker",), DOCKER), (("systemd",), SYSTEMD), (("docker", "systemd"), DOCKER | SYSTEMD)],
    ids=str,
)
def test_a_kind_writes_its_files(tmp_path, kinds, expected):
    written = write_deployment(tmp_path, kinds)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in written} == COMMON | expected
    guide = (tmp_path / "DEPLOY.md").read_text()
    assert ("## Docker" in guide) == ("docker" in kinds)
    assert ("## systemd" in guide) == ("systemd" in kinds)
    assert not any("@{" in p.read_text() or "@@" in p.read_text() for p in tmp_path.iterdir() if p.is_file())


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "Dockerfile").write_text("mine")
    with pytest.raises(OutputError, match="already holds other files"):
        write_deployment(tmp_path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["Dockerfile"]
    assert (tmp_path / "Dockerfile").read_text() == "mine"


def test_an_earlier_result_is_replaced_when_asked(tmp_path):
    write_deployment(tmp_path, ("systemd",))
    with pytest.raises(OutputError, match="--overwrite"):
        write_deployment(tmp_path)
    write_deployment(tmp_path, settings=ServiceSettings(max_bytes=5000), overwrite=True)
    assert 'AMULET_AI_MAX_BYTES: "5000"' in (tmp_path / "docker-compose.yml").read_text()


def test_limits_are_carried_into_every_file(folder):
    assert "client_max_body_size 4065536;" in (folder / "nginx.conf").read_text()
    assert "AMULET_AI_MAX_BYTES=3000000" in (folder / "hybrid-ml-service.service").read_text()
    assert 'AMULET_AI_MAX_BYTES: "3000000"' in (folder / "docker-compose.yml").read_text()


def test_requirements_are_those_that_run_here_and_hold_no_torch(folder):
    pinned = dict(line.split("==") for line in (folder / "requirements.txt").read_text().split())
    assert {"numpy", "scikit-learn", "onnxruntime", "click", "fastapi", "uvicorn", "prometheus-client"} <= set(pinned)
    assert not {"torch", "pandas", "matplotlib", "timm", "pytest"} & set(pinned)
    assert pinned["numpy"] == importlib.metadata.version("numpy")


def test_requirements_of_an_installed_package_are_the_same(monkeypatch, tmp_path):
    try:
        importlib.metadata.requires("amulet-ai")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is not installed in this environment")
    here = pinned_requirements()
    monkeypatch.setattr("ai_models.serving.deployment._PACKAGE", tmp_path / "ai_models")
    assert pinned_requirements() == here


def test_the_program_in_the_folder_starts(folder):
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; sys.path.insert(0, '.'); from ai_models.cli import main; main()"]
        + ["serve", "--port", "0", "--model-dir", "model"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "'model' is not a model directory" in done.stderr
    assert not list((folder / "ai_models").rglob("*.pyc")) or sys.dont_write_bytecode is False
    assert (folder / "ai_models" / "serving" / "templates" / "docs.html").is_file()
    assert {p.relative_to(folder) for p in folder.rglob("*.py")} == {
        p.relative_to(ROOT) for p in (ROOT / "ai_models").rglob("*.py")
    }


def test_compose_is_what_it_says(folder):
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]
    service = services["amulet-ai"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["volumes"] == ["${MODEL_DIR:-./model}:/model:ro"]
    assert services["nginx"]["depends_on"]["amulet-ai"]["condition"] == "service_healthy"
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        subprocess.run([docker, "compose", "config", "--quiet"], cwd=folder, check=True)


def test_the_dockerfile_is_in_two_stages_and_not_root(folder):
    lines = (folder / "Dockerfile").read_text().splitlines()
    assert sum(line.startswith("FROM python:") for line in lines) == 2
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in last
    assert any(line.startswith("HEALTHCHECK") for line in last)
    assert not any("pip install" in line for line in last)
    copied = [line.split()[1] for line in lines if line.startswith("COPY") and "--from" not in line]
    allowed = (folder / ".dockerignore").read_text().splitlines()
    assert all((folder / name).exists() and f"!{name}" in allowed for name in copied)


def test_the_unit_is_valid_and_hardened(folder, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = tmp_path / "hybrid-ml-service.service"
    text = (folder / unit.name).read_text()
    unit.write_text(text.replace("/opt/amulet-ai/venv/bin/python", sys.executable))
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", unit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_nginx_reads_its_file(folder, tmp_path):
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed here")
    whole = tmp_path / "whole.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}}\n"
        f"http {{ access_log off; include {folder}/nginx.conf; }}\n"
    )
    done = subprocess.run(
        [nginx, "-t", "-c", whole, "-e", tmp_path / "log"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
