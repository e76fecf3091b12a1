"""The base install, in an environment of its own: it loads and predicts, is light, and brings no training."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TRAINING = {"torch", "torchvision", "timm", "pandas", "pyarrow", "matplotlib", "onnx", "jinja2", "skimage", "tqdm"}
SERVICE = {"fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client", "psutil"}
OURS_OR_BASE = {
    "ai_models", "numpy", "scipy", "sklearn", "joblib", "threadpoolctl", "cv2", "PIL", "onnxruntime", "click",
    "platformdirs",
}  # fmt: skip
THEIRS = {"narwhals", "cloudpickle", "flatbuffers", "google", "packaging"}
"""What the packages of the base bring along."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def benchmark() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield importlib.import_module("base_install")
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def python(benchmark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment that holds the base install of this checkout and nothing else."""
    try:
        return Path(benchmark.installed(tmp_path_factory.mktemp("base")))
    except subprocess.CalledProcessError as error:
        if re.search("NewConnectionError|ConnectTimeout|NameResolution|from versions: none", error.stderr):
            pytest.skip("no index of packages can be reached from here")
        raise AssertionError(error.stderr) from error


def test_it_loads_and_predicts_without_training(benchmark: Any, python: Path, tiny_network_model: Path) -> None:
    found = min((benchmark.started(python, tiny_network_model) for _ in range(3)), key=lambda run: run["busy"])
    assert found["fault"] == "", "the golden pictures get the answers of training"
    modules = set(found["modules"]) - sys.stdlib_module_names
    assert {"onnxruntime", "sklearn", "cv2", "PIL"} <= modules, "the network ran, and the decision"
    assert not modules & (TRAINING | SERVICE | {"click"})
    strange = {name for name in modules - OURS_OR_BASE - THEIRS if not name.startswith("_")}
    assert not strange, "a package that the base does not name was imported"
    assert found["busy"] < 2.0, "seconds of the processor to import and to load"


def test_it_is_light_and_holds_no_extra(benchmark: Any, python: Path) -> None:
    packages = benchmark.site_packages(python)
    size = benchmark.sizes(packages)
    assert sum(size.values()) < 600e6
    assert size["ai_models"] > 1e6
    assert not (TRAINING | SERVICE) & set(size)


def test_what_the_base_lacks_is_said_in_a_sentence(python: Path, tiny_network_model: Path, tmp_path: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-I", "-m", "ai_models", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    picture = tmp_path / "golden.png"
    draw = (
        "import sys\nfrom PIL import Image\nfrom ai_models.artifacts import read_golden\n"
        "Image.fromarray(read_golden(sys.argv[1]).images[0]).save(sys.argv[2])"
    )
    subprocess.run([python, "-I", "-c", draw, tiny_network_model, picture], check=True)
    said = call("predict", "--model-dir", str(tiny_network_model), str(picture))
    assert said.returncode == 0, said.stderr
    for arguments in (
        ["serve", "--model-dir", str(tiny_network_model), "--port", "0"],
        ["evaluate", "--model-dir", str(tiny_network_model), "--output-dir", str(tmp_path / "report")],
    ):
        refused = call(*arguments)
        assert refused.returncode == 2, refused.stderr
        assert re.search(r"pip install 'amulet-ai\[\w+\]'", refused.stderr), refused.stderr
        assert "Traceback" not in refused.stderr
