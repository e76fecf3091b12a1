"""The files that put the service onto a server, looked at with the programs that read them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ai_models.core.errors import OutputError
from ai_models.serving.counters import Counters
from ai_models.serving.deployment import KINDS, pinned_requirements, write_deployment
from ai_models.serving.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
COMMON = {"DEPLOY.md", "prometheus.yml", "grafana-dashboard.json", "requirements.txt", "ai_models"}
IMAGE = {"Dockerfile", ".dockerignore"}
DOCKER = {*IMAGE, "docker-compose.yml", "nginx-compose.conf"}
SYSTEMD = {"hybrid-ml-service.service", "nginx.conf"}
KUBERNETES = {*IMAGE, "kubernetes.yaml"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("deployment")
    write_deployment(place, settings=ServiceSettings(max_bytes=3_000_000, max_batch_bytes=6_000_000), instances=3)
    return place


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("docker",), DOCKER),
        (("systemd",), SYSTEMD),
        (("kubernetes",), KUBERNETES),
        (KINDS, DOCKER | SYSTEMD | KUBERNETES),
    ],
    ids=str,
)
def test_a_kind_writes_its_files(tmp_path, kinds, expected):
    written = write_deployment(tmp_path, kinds)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in written} == COMMON | expected
    guide = (tmp_path / "DEPLOY.md").read_text()
    assert ("## Docker" in guide) == ("docker" in kinds)
    assert ("## systemd" in guide) == ("systemd" in kinds)
    assert ("## Kubernetes" in guide) == ("kubernetes" in kinds)
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
    batch = 8_000_000 + 64 * 1024 + 32 * 1024  # in base64, and what stands around it and around each image
    for name in ("nginx.conf", "nginx-compose.conf"):
        assert f"client_max_body_size {batch};" in (folder / name).read_text()
    assert 'AMULET_AI_MAX_BYTES, value: "3000000"' in (folder / "kubernetes.yaml").read_text()
    assert "AMULET_AI_MAX_BYTES=3000000" in (folder / "hybrid-ml-service.service").read_text()
    assert 'AMULET_AI_MAX_BYTES: "3000000"' in (folder / "docker-compose.yml").read_text()


def test_requirements_are_those_that_run_here_and_hold_no_torch(folder):
    pinned = dict(line.split("==") for line in (folder / "requirements.txt").read_text().split())
    assert {"numpy", "scikit-learn", "onnxruntime", "click", "fastapi", "uvicorn", "prometheus-client"} <= set(pinned)
    assert "cryptography" in pinned, "signatures are checked"
    assert not {"skops", "torch", "pandas", "matplotlib", "timm", "pytest"} & set(pinned)
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


def test_instances_are_in_every_file(folder, tmp_path):
    assert [line.split()[1] for line in _lines(folder / "nginx.conf", "    server ")] == [
        "127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002",
    ]  # fmt: skip
    assert "replicas: 3" in (folder / "docker-compose.yml").read_text()
    assert "replicas: 3" in (folder / "kubernetes.yaml").read_text()
    assert '["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"]' in (folder / "prometheus.yml").read_text()
    assert "hybrid-ml-service hybrid-ml-service@8001 hybrid-ml-service@8002" in (folder / "DEPLOY.md").read_text()
    assert "--port %i\n" in (folder / "hybrid-ml-service@.service").read_text()
    write_deployment(tmp_path, ("systemd",))
    assert not (tmp_path / "hybrid-ml-service@.service").exists()
    assert len(_lines(tmp_path / "nginx.conf", "    server ")) == 1


def _lines(path, start):
    return [line for line in path.read_text().splitlines() if line.startswith(start)]


def test_variables_are_settings_of_the_service_or_of_trust(folder):
    trust = {"TRUSTED_KEY", "MINIMUM_VERSION", "ALLOW_UNSIGNED", "TRUST_DIR"}
    settings = {f.name.upper() for f in dataclasses.fields(ServiceSettings)} | trust
    for path in folder.iterdir():
        if path.is_file():
            assert set(re.findall(r"AMULET_AI_([A-Z_]+)", path.read_text())) <= settings, path


def test_compose_follows_its_specification(folder):
    yaml = pytest.importorskip("yaml")
    compose_spec = pytest.importorskip("compose_spec")
    text = (folder / "docker-compose.yml").read_text().replace("${MODEL_DIR:-./model}", "./model")  # as compose does
    compose_spec.PyCompose.from_yaml(text).validate()
    with pytest.raises(Exception, match="portz"):
        compose_spec.PyCompose.from_yaml(text.replace("ports:", "portz:"))
    whole = yaml.safe_load(text)
    services = whole["services"]
    service = services["amulet-ai"]
    assert {v.split(":")[0] for v in service["volumes"]} == {"./model", "./secrets", *whole["volumes"]}
    assert {name for s in services.values() for name in s["networks"]} == set(whole["networks"])
    assert "ports" not in service, "nginx alone is reached from outside"
    assert all(s["read_only"] is True and s["cap_drop"] == ["ALL"] for s in services.values())
    assert services["nginx"]["ports"] == ["80:8080", "443:8443"]
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0:
        subprocess.run([docker, "compose", "config", "--quiet"], cwd=folder, check=True)


def test_the_dockerfile_passes_its_linter(folder, tmp_path):
    linter = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        pytest.skip("hadolint is not installed here")
    done = subprocess.run([linter, folder / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    worse = tmp_path / "Dockerfile"
    worse.write_text((folder / "Dockerfile").read_text().replace("USER 10001:10001", "USER root"))
    assert "DL3002" in subprocess.run([linter, worse], capture_output=True, text=True, check=False).stdout


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


def test_kubernetes_knows_its_manifests_and_they_hold_no_secret(folder):
    yaml = pytest.importorskip("yaml")
    validate = pytest.importorskip("kubernetes_validate")
    found = list(yaml.safe_load_all((folder / "kubernetes.yaml").read_text()))
    assert [d["kind"] for d in found] == ["Deployment", "Service", "PodDisruptionBudget"]
    for manifest in found:
        validate.validate(manifest, validate.latest_version(), strict=True)
    with pytest.raises(validate.ValidationError):
        validate.validate(found[0] | {"spec": {"replica": 3}}, validate.latest_version(), strict=True)
    pod = found[0]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert found[1]["spec"]["selector"] == found[0]["spec"]["template"]["metadata"]["labels"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert volumes["keys"]["secret"] == {"secretName": "amulet-ai-keys"}


@pytest.mark.parametrize("name", ["hybrid-ml-service.service", "hybrid-ml-service@.service"])
def test_the_unit_is_valid_and_hardened(folder, tmp_path, name):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = tmp_path / name.replace("@", "@8001")
    text = (folder / name).read_text()
    unit.write_text(text.replace("/opt/amulet-ai/venv/bin/python", sys.executable))
    done = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_prometheus_and_grafana_ask_for_what_the_service_tells(folder):
    yaml = pytest.importorskip("yaml")
    (job,) = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    assert (job["job_name"], job["authorization"]["type"]) == ("amulet-ai", "Bearer")
    counters = Counters()
    counters.predicted("in_domain", 0.02)
    counters.answered("POST", "/predict", 200)
    counters.loaded("abc")
    told = {
        line.split("{")[0].split(" ")[0] for line in counters.exposition()[0].decode().splitlines() if line[0] != "#"
    }
    board = json.loads((folder / "grafana-dashboard.json").read_text())
    asked = {
        name
        for panel in board["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:amulet|process)_[a-z_]+", target["expr"])
    }
    assert len(asked) >= 6
    assert asked <= told
    assert "absent_total" not in told
    assert [v["name"] for v in board["templating"]["list"]] == ["datasource"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len({p["id"] for p in board["panels"]}) == len(board["panels"])
