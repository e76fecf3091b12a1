"""What the documents say is so: examples run, links lead somewhere, tables list what the code has."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from ai_models.core.formats import EXTENSIONS, Verdict
from ai_models.core.images import MAX_BYTES, MAX_PIXELS
from ai_models.core.predictions import OodVerdict, Predictions
from ai_models.core.records import COLUMNS
from ai_models.downloading import Outcome, Record
from ai_models.downloading.outcome import may_pass

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def _page(name):
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http:", "https:")):
            assert (page.parent / target).is_file(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_of_the_project_exist(page):
    for path in re.findall(r"\b((?:ai_models|benchmarks)/[\w/]+\.py)\b", page.read_text(encoding="utf-8")):
        assert (ROOT / path).is_file(), path


def test_the_readme_links_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in DOCS.glob("*.md") if f"(docs/{p.name})" not in text] == []


def test_every_column_of_the_manifest_is_explained():
    first_cells = re.findall(r"^\| (.+?) \|", _page("manifest.md"), re.MULTILINE)
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert [name for name in named if name in COLUMNS] == list(COLUMNS)


def test_every_verdict_and_ending_is_explained():
    text = _page("images-read.md")
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == [str(v) for v in Verdict]
    listed = " ".join(re.findall(r"^\| \w+ \| `([^`]+)` \|", text, re.MULTILINE)).split()
    assert sorted(listed) == sorted(EXTENSIONS)
    assert f"{MAX_PIXELS:,}" in text
    assert f"{MAX_BYTES // 2**20} MiB" in text
    assert set(re.findall(r"^\| `(\w+)` \|", _page("model.md"), re.MULTILINE)) >= {str(v) for v in OodVerdict}


def test_every_outcome_and_column_of_a_download_is_explained():
    text = _page("download.md")
    columns, outcomes = text.split("| verdict | meaning |")
    assert re.findall(r"^\| `(\w+)` \|", outcomes, re.MULTILINE) == [str(o) for o in Outcome if o is not Outcome.OK]
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.+?) \|", columns, re.MULTILINE))))
    assert named == {f.name.replace("label", "class") for f in fields(Record)} - {"extra"}
    again = re.findall(r"^\| `(\w+)` \|.*\| yes \|$", outcomes, re.MULTILINE)
    assert again == [str(o) for o in Outcome if may_pass(o, 0)]


def test_every_setting_of_the_service_is_listed():
    pytest.importorskip("fastapi")
    from ai_models.serving.settings import ServiceSettings

    rows = re.findall(r"^\| `AMULET_AI_(\w+)` \| (.*?) ?\| (.+) \|$", _page("service.md"), re.MULTILINE)
    known = [
        (f.name.upper(), "" if f.default == "" else f"`{str(f.default).lower()}`", f.metadata["help"])
        for f in fields(ServiceSettings)
    ]
    assert rows == known  # benchmarks/service_page.py writes them


def test_the_examples_run(photographs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photographs").symlink_to(photographs)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "predictions.csv").write_bytes(_predictions_csv())
    monkeypatch.syspath_prepend(tmp_path)
    from ai_models.features import registry

    monkeypatch.setattr(registry, "_BLOCKS", dict(registry._BLOCKS))
    space = {"__name__": "my_blocks"}
    for code in re.findall(r"^```python\n(.*?)^```$", _page("extending.md"), re.MULTILINE | re.DOTALL):
        exec(compile(code, "extending.md", "exec"), space)
    printed = capsys.readouterr().out
    assert "my_members:nearest(hog)" in printed
    assert "of the vote" in printed
    # three objects: one right, one asked for (0.2), one wrong (1)
    assert "cost 0.400 [0.000, 1.000]" in printed


def test_the_warm_predictor_of_the_page_answers(photographs, model_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "mine").symlink_to(model_dir)
    (tmp_path / "photograph.jpg").symlink_to(next(photographs.rglob("*.*")))
    for code in re.findall(r"^```python\n(.*?)^```$", _page("latency.md"), re.MULTILINE | re.DOTALL):
        exec(compile(code, "latency.md", "exec"), {})
    assert capsys.readouterr().out.split()[0] in {str(v) for v in OodVerdict} - {"unreadable"}


def test_the_table_of_latency_is_that_of_its_figures(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from latency import RESULTS, table

    assert table(json.loads(RESULTS.read_text(encoding="utf-8"))) in _page("latency.md")


def test_the_example_of_the_cache_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", _page("cache.md"), re.MULTILINE | re.DOTALL)
    space = {}
    exec(compile(code, "cache.md", "exec"), space)
    assert space["present"].all()
    assert space["view"].shape == space["rows"].shape == (2, 5)


def test_the_figures_of_the_cache_are_those_that_were_measured():
    results = ROOT / "benchmarks" / "results"
    survival = json.loads((results / "cache_survival.json").read_text())
    speed = json.loads((results / "cache_speed.json").read_text())
    measured = {f"{value:,}" for part in survival.values() for value in part.values()}
    measured |= {f"{value:.2f}" for part in survival.values() for value in part.values()}
    measured |= {f"{value:.2f}" for part in speed.values() for value in part.values()}
    measured |= {name for part in speed for name in re.findall(r"[\d,]*\d", part)}
    rows = re.findall(r"^\| .*\|$", _page("cache.md").split("## What was measured")[1], re.MULTILINE)
    stated = set(re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", "\n".join(rows)))
    assert len(stated) > 15
    assert stated - measured == set()


def _predictions_csv():
    verdicts = (OodVerdict.IN_DOMAIN, OodVerdict.UNSURE, OodVerdict.IN_DOMAIN)
    rows = Predictions(
        ("a", "b"),
        np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]]),
        np.ones((3, 2), bool),
        np.zeros(3),
        np.ones(3),
        verdicts,
    )
    return rows.to_csv(["1", "2", "3"], {"label": ["a", "a", "b"], "group": ["x", "y", "z"]})
