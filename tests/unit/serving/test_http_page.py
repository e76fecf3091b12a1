"""docs/http.md says everything, and its lines work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ai_models.serving.settings import ServiceSettings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ai_models" / "serving").rglob("*.py"))
NAMED = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))


def test_every_route_and_no_other(service):
    description = service.get("/openapi.json").json()
    told = {f"{method.upper()} {path}" for path, methods in description["paths"].items() for method in methods}
    table = PAGE.split("## Routes")[1].split("## Asking")[0]
    named = set(re.findall(r"`((?:GET|POST) [^`]+)`", table))
    assert named - {"GET /", "GET /docs", "GET /openapi.json"} == told
    for line in table.splitlines():
        for method, path in re.findall(r"`(GET|POST) ([^`]+)`", line):
            operation = description["paths"].get(path, {}).get(method.lower(), {})
            scope = re.search(r"Scope of the key: `(\w+)`", operation.get("description", ""))
            assert (f"| `{scope[1]}` |" if scope else "| |") in line, path


def test_every_field_of_every_answer(service):
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    answers = (
        "PredictResponse",
        "BatchResponse",
        "Explained",
        "HeatMapTrust",
        "NearExample",
        "Health",
        "ProblemDetails",
    )
    for name in answers:
        assert [field for field in schemas[name]["properties"] if field not in NAMED] == [], name


def test_every_kind_of_problem_with_its_status():
    kinds = dict(map(reversed, re.findall(r"(?:Problem|_content)\(\s*(\d{3}),\s*\"([a-z0-9-]+)\"", SOURCES)))
    assert len(kinds) >= 20
    table = PAGE.split("## Errors")[1].split("## Keys")[0]
    rows = dict(re.findall(r"^\| (\d{3}) \| ([^|]+) \|", table, re.MULTILINE))
    assert [(kind, status) for kind, status in kinds.items() if f"`{kind}`" not in rows.get(status, "")] == []
    named = {kind for row in rows.values() for kind in re.findall(r"`([a-z0-9-]+)`", row)}
    assert named - set(kinds) == set()


def test_settings_and_their_defaults():
    rows = re.findall(r"^\| (`AMULET_AI_[^|]+) \| ([^|]*?) ?\|", PAGE, re.MULTILINE)
    for names, defaults in rows:
        for name, told in zip(re.findall(r"AMULET_AI_(\w+)", names), defaults.split(", "), strict=True):
            default = getattr(ServiceSettings(), name.lower())
            number = int(told.split()[0].replace(",", "")) if told[:1].isdigit() else None
            shown = default // 2**20 if told.endswith("MiB") else default
            assert told == str(default).lower() or number == shown or told.strip("`") == default, name


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("base64") is None, reason="needs curl and base64")
def test_the_lines_work(service, photograph, tmp_path):
    shutil.copy(photograph, tmp_path / "photograph.jpg")
    block = PAGE.split("```sh\n")[1].split("```")[0]
    for line in block.strip().splitlines():
        command = line.replace("localhost:8000", f"{service.base_url.host}:{service.base_url.port}")
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
        if "/metrics" in line:
            assert "amulet_predictions_total" in done.stdout
        else:
            said = json.loads(done.stdout)
            assert "detail" not in said or said["success"], line
            assert said.get("status") in (None, "ok", "ready"), line
