"""Real clusters: a `dask scheduler` and `dask worker` processes of one thread, as a user starts them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def dask_processes() -> ModuleType:
    """The module that starts clusters, which the benchmark uses too."""
    pytest.importorskip("distributed")
    path = Path(__file__).parents[3] / "benchmarks" / "dask_processes.py"
    spec = importlib.util.spec_from_file_location("dask_processes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def two_workers(dask_processes, tmp_path_factory):
    """A scheduler and two workers; kill none of them."""
    with dask_processes.running(tmp_path_factory.mktemp("cluster"), 2) as processes:
        yield processes


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two hundred distinct photographs."""
    folder = tmp_path_factory.mktemp("pictures")
    files = [folder / f"ภาพ-{number:03d}.jpg" for number in range(200)]
    for number, file in enumerate(files):
        coarse = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))).save(file, quality=90)
    return files
