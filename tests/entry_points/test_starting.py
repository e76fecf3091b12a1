"""Every script, started in every way a user may: real processes."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ai_models

PACKAGE = Path(ai_models.__file__).parent
SCRIPTS = {
    "dataset_inspector": "inspect",
    "augmentation_pipeline": "augment",
    "feature_extractors": "extract",
    "hybrid_trainer": "train",
    "evaluation_suite": "evaluate",
}
BARE = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH")}


def _start(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, env=BARE, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", SCRIPTS)
def test_by_path_from_another_folder(name, tmp_path):
    done = _start(str(PACKAGE / f"{name}.py"), "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Usage: {name}.py [OPTIONS]" in done.stdout
    assert "Example:" in done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_by_symbolic_link(name, tmp_path):
    link = tmp_path / "linked.py"
    link.symlink_to(PACKAGE / f"{name}.py")
    done = _start(str(link), "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Usage: linked.py" in done.stdout


@pytest.mark.parametrize("how", ["by path", "by link", "safe path"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_uses_the_package_that_it_lies_in(name, how, another_copy, tmp_path):
    script = another_copy / f"{name}.py"
    if how == "by link":
        script = tmp_path / "linked.py"
        script.symlink_to(another_copy / f"{name}.py")
    done = _start(*(["-P"] if how == "safe path" else []), str(script), "--version", cwd=tmp_path)
    assert done.stdout == "amulet-ai 9.9.9\n", done.stderr


@pytest.fixture(scope="module")
def another_copy(tmp_path_factory):
    """Return a copy of the package, of another version, that is not installed."""
    copy = tmp_path_factory.mktemp("elsewhere") / "ai_models"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "_version.py").write_text('__version__ = "9.9.9"\n', encoding="utf-8")
    return copy


@pytest.mark.parametrize("name", SCRIPTS)
def test_with_a_safe_path(name, tmp_path):
    done = _start("-P", str(PACKAGE / f"{name}.py"), "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SCRIPTS)
def test_as_a_module(name):
    done = _start("-m", f"ai_models.{name}", "--help", cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    assert f"Usage: python -m ai_models.{name}" in done.stdout


def test_from_inside_the_package_folder_no_library_is_shadowed():
    done = _start("dataset_inspector.py", "--data-dir", "nowhere", cwd=PACKAGE)
    assert done.returncode == 2
    assert "must be an existing folder, but there is nothing at 'nowhere'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_package_and_the_installed_program_are_one(tmp_path):
    assert "inspect" in _start("-m", "ai_models", "--help", cwd=PACKAGE.parent).stdout
    program = Path(sys.executable).with_name("amulet-ai")
    if not program.exists():
        pytest.skip("the package is not installed in this environment")
    done = subprocess.run([program, "train", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: amulet-ai train" in done.stdout


def test_help_is_quick_and_loads_nothing_heavy(tmp_path):
    code = (
        "import sys, ai_models, ai_models.dataset_inspector, ai_models.hybrid_trainer\n"
        "from ai_models.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "main(['run', '--help'], standalone_mode=False)\n"
        "heavy = {'numpy', 'torch', 'sklearn', 'cv2', 'scipy', 'matplotlib', 'pandas', 'PIL'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    start = time.perf_counter()
    done = _start("-c", code, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 2  # .2 s on an idle machine


def test_a_broken_pipe_is_quiet(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m ai_models train --help | head -1", shell=True, cwd=PACKAGE.parent,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("Usage:")
    assert done.stderr == ""


def test_a_model_trained_by_a_script_loads_in_a_process_that_knows_nothing_of_it(photographs, quick, tmp_path):
    options = [*quick, "--no-colour", "--workers", "2", "--data-dir", str(photographs), "--output-dir", "model"]
    done = _start(str(PACKAGE / "hybrid_trainer.py"), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    code = (
        "import sys, joblib\n"
        f"sys.path.insert(0, {str(PACKAGE.parent)!r})\n"
        "model = joblib.load('model/model.joblib')\n"
        f"print(type(model).__module__, model.predict([{str(photographs / 'ash' / '00.png')!r}])[0])\n"
    )
    loaded = _start("-c", code, cwd=tmp_path)
    assert loaded.stdout.split() == ["ai_models.classifier", "ash"], loaded.stderr


@pytest.mark.parametrize("name", ["", *SCRIPTS])
def test_every_public_name_is_there(name):
    module = importlib.import_module(f"ai_models.{name}".rstrip("."))
    for public in module.__all__:
        assert getattr(module, public) is not None


def test_public_names_are_those_of_the_stages():
    from ai_models import evaluation_suite, feature_extractors, hybrid_trainer
    from ai_models.core.settings import EvaluationConfig, FeatureConfig

    assert feature_extractors.FeatureConfig is FeatureConfig
    assert feature_extractors.HybridFeatureExtractor.__module__ == "ai_models.features.hybrid"
    assert hybrid_trainer.HybridTrainer.__module__.startswith("ai_models.training")
    assert evaluation_suite.EvaluationConfig is EvaluationConfig
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = feature_extractors.nothing
