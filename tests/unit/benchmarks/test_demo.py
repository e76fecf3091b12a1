"""The demo's own code: commands as a user types them, and nothing claimed of a planted file that was not seen."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from ai_models.cli import COMMANDS
from ai_models.core.records import ImageRecord, Manifest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def demo():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("demo_of_benchmarks", BENCHMARKS / "demo.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))
        sys.modules.pop("demo_data", None)


@pytest.fixture(scope="module")
def data(demo, tmp_path_factory):
    return demo.build(tmp_path_factory.mktemp("demo") / "data")


def test_the_inspector_sees_everything_that_was_planted(demo, data, tmp_path, capsys):
    demo.call("inspect", data_dir=data.photographs, groups=data.groups, output_dir=tmp_path / "found")
    manifest = Manifest.load(tmp_path / "found" / "manifest.csv", root=data.photographs)
    shown = capsys.readouterr().out
    assert f"$ amulet-ai inspect --data-dir {data.photographs}" in shown
    demo.tell_planted(data, manifest)
    told = capsys.readouterr().out
    assert told.count("planted") == len(data.planted) == 5
    assert "NOT" not in told


def test_what_was_not_seen_is_said(demo, data, capsys):
    paths = [p.relative_to(data.photographs).as_posix() for p in sorted(data.photographs.rglob("*.*"))]
    blind = Manifest(data.photographs, tuple(ImageRecord(path, group=path) for path in paths))
    demo.tell_planted(data, blind)
    assert capsys.readouterr().out.count("NOT") == 5


def test_the_stages_are_walked_in_the_order_of_the_pipeline(demo, data, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(demo, "call", lambda command, **options: called.append(command))
    monkeypatch.setattr(demo, "tell_planted", lambda *arguments: None)
    monkeypatch.setattr(demo.Manifest, "load", lambda *arguments, **options: None)
    demo.walk(data, tmp_path)
    assert called == [c for c in COMMANDS if c in called]
    assert called == ["inspect", "split", "augment", "extract", "train", "evaluate", "predict"]


def test_the_ending_says_what_the_figures_are_worth(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "walk", lambda *arguments: None)
    monkeypatch.setattr(demo, "finish", lambda *arguments: None)
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output-dir", str(tmp_path / "demo")])
    assert demo.main() == 0
    printed = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "nothing for any other folder" in printed
    assert "patches of ONE photograph" in printed


def test_a_foreign_folder_ends_in_one_sentence(demo, tmp_path, monkeypatch, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.jpg").write_bytes(b"mine")
    monkeypatch.setattr(sys, "argv", ["demo.py", "--output-dir", str(tmp_path)])
    assert demo.main() == 2
    assert re.fullmatch(r"Error: .*name another folder\n", capsys.readouterr().err)
    assert (tmp_path / "data" / "mine.jpg").read_bytes() == b"mine"
