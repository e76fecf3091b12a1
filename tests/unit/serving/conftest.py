"""A real service in a process of its own, with small limits, and pictures to send to it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

import ai_models
from ai_models.artifacts import load_model
from ai_models.classifier import HybridClassifier

MAX_BYTES = 200_000
MAX_PIXELS = 1_000_000
PLAIN = {k: v for k, v in os.environ.items() if not k.startswith("AMULET_AI_") and k != "LOG_LEVEL"}


@pytest.fixture(scope="session")
def service(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a running service; the log is in ``service.log`` of its working folder."""
    place = tmp_path_factory.mktemp("service")
    limits = {"AMULET_AI_MAX_BYTES": str(MAX_BYTES), "AMULET_AI_MAX_PIXELS": str(MAX_PIXELS), "LOG_LEVEL": "INFO"}
    with (place / "service.log").open("wb") as log:
        command = [sys.executable, "-m", "ai_models", "serve", "--port", "0", "--model-dir", str(tiny_model)]
        root = str(Path(ai_models.__file__).parents[1])
        process = subprocess.Popen(
            command, cwd=place, env=PLAIN | limits | {"PYTHONPATH": root}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving   http://127.0.0.1:"), (place / "service.log").read_text()
    with httpx.Client(base_url=line.split()[1], timeout=60) as client:
        client.headers["x-working-folder"] = str(place)
        yield client
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.fixture(scope="session")
def model(tiny_model: Path) -> HybridClassifier:
    """The model that the service has loaded."""
    return load_model(tiny_model)


@pytest.fixture(scope="session")
def photograph(texture_folder: Path) -> Path:
    """One picture of the training classes."""
    return texture_folder / "checks" / "03.png"


def _encoded(kind: str, size: tuple[int, int] = (48, 40)) -> bytes:
    """Return the file of a plain picture."""
    stream = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize(size).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(scope="session")
def gradient_png() -> bytes:
    """A picture that shows nothing known."""
    return _encoded("PNG")


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """Encode a plain picture of a size in a format."""
    return _encoded


@pytest.fixture(scope="session")
def max_bytes() -> int:
    """The largest image that the service takes."""
    return MAX_BYTES
