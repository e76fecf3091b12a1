"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ai_models"
MODULES = sorted(PACKAGE.rglob("*.py"))
ENTRIES = [
    PACKAGE / f"{name}.py"
    for name in (
        "dataset_inspector", "augmentation_pipeline", "feature_extractors", "hybrid_trainer", "evaluation_suite",
        "production_deployment",
    )
    if (PACKAGE / f"{name}.py").exists()
]  # fmt: skip


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_import_contracts_hold():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed here")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_layer_of_the_house_is_named_once():
    contract = configparser.ConfigParser()
    contract.read(ROOT / "setup.cfg")
    layers = contract["importlinter:contract:house"]["layers"]
    named = re.findall(r"\w+", layers)
    assert len(named) == len(set(named))
    here = {p.stem for p in PACKAGE.glob("*.py")} | {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert here - {"__init__"} <= set(named)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_module_shadows_the_standard_library(path):
    names = [part.removesuffix(".py") for part in path.relative_to(PACKAGE).parts]
    assert not set(names) & (sys.stdlib_module_names - {"__init__", "__main__"})
    assert not set(names) & {"utils", "helpers", "common", "misc", "manager"}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_files_fit_a_reader(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_public_names_have_docstrings(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "_version.py":
        assert ast.get_docstring(tree), "module"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
    offered = _offered(tree)
    assert offered <= _defined(tree) | {"__version__"}


def _offered(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return set(ast.literal_eval(node.value))
    return set()


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("path", ENTRIES, ids=_name)
def test_entry_files_define_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))]
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


def test_functions_fit_a_screen():
    long = [
        f"{_name(path)}:{node.name} ({node.end_lineno - node.lineno + 1})"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - _body_start(node) > 60
    ]
    assert long == []


def _body_start(node: ast.FunctionDef) -> int:
    """Return the line where a function's code begins, after its docstring."""
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
        first = node.body[1]
    return first.lineno


def test_the_two_commands_stand_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_nothing_points_out_of_the_repository(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(work|root|tmp)/", text)
