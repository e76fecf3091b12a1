"""The script that keeps the README's output real."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "readme.py"


@pytest.fixture(scope="module")
def readme():
    spec = importlib.util.spec_from_file_location("benchmarks_readme", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_block_is_read_as_commands_with_their_output(readme):
    block = "$ first --option\none\ntwo\n$ second\n$ python - <<'END'\nprint(1)\nEND\n1\n"
    assert readme.commands(block) == [
        ("first --option", ["one", "two"]),
        ("second", []),
        ("python - <<'END'\nprint(1)\nEND", ["1"]),
    ]


def test_output_is_replaced_by_what_is_printed(readme, tmp_path):
    failed = []
    assert readme.shown("echo new; echo er >&2", ["old"], tmp_path, failed) == ["$ echo new; echo er >&2", "new"]
    assert readme.shown("seq 9", ["...", "x", "y"], tmp_path, failed) == ["$ seq 9", "...", "8", "9"]
    assert readme.shown("true", ["old"], tmp_path, failed) == ["$ true"]
    assert failed == []
    readme.shown("false", [], tmp_path, failed)
    assert failed == ["false"]


def test_the_page_has_blocks_that_the_script_finds(readme):
    found = [
        c
        for block in readme.BLOCK.findall(readme.README.read_text(encoding="utf-8"))
        for c, _ in readme.commands(block)
    ]
    names = [command.split()[1] for command in found if command.startswith("amulet-ai ")]
    assert found[0] == "make demo"
    assert set(names) >= {"inspect", "split", "augment", "train", "evaluate", "predict", "run"}
