"""A small folder of textures that the commands are tried on, and a hash of a folder to see that nothing changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from ai_models.cli import main
from ai_models.core.rng import generator

Build = Callable[[Path, Mapping[str, int]], Path]
QUICK = ("--quick-mode", "--no-cnn", "--no-hog", "--no-sift", "--image-size", "64", "--workers", "1", "--no-cache")


def texture(kind: int, number: int, side: int = 72) -> np.ndarray:
    """Stripes of an angle and a width that tell the class, with a phase and noise of the image's own."""
    rng = generator(kind, "test-texture", number)
    y, x = np.mgrid[:side, :side] / side
    angle = kind * 1.1 + rng.normal(0, 0.15)
    waves = np.sin(2 * np.pi * (4 + 3 * kind) * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6.3))
    base = rng.uniform(90, 160, 3) + 20 * np.array([kind == 0, kind == 1, kind == 2])
    blobs = np.kron(rng.normal(0, 25, (6, 6)), np.ones((side // 6, side // 6)))[..., None]
    noisy = base + 55 * waves[..., None] + blobs + rng.normal(0, 12, (side, side, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def build() -> Build:
    """Write a folder with the given number of pictures a class."""

    def write(root: Path, sizes: Mapping[str, int]) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for kind, (name, n) in enumerate(sizes.items()):
            (root / name).mkdir(parents=True)
            for number in range(n):
                Image.fromarray(texture(kind, number)).save(root / name / f"{number:02d}.png")
        return root

    return write


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory, build: Build) -> Path:
    """Three unbalanced classes; read only."""
    return build(tmp_path_factory.mktemp("photographs") / "photos", {"ash": 14, "birch": 11, "cedar": 9})


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call ``amulet-ai`` in an empty working folder."""
    place = tmp_path / "working"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("LOG_LEVEL", raising=False)

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments])

    return run


def tree_hash(folder: Path) -> str:
    """Return a hash of every name, kind and byte below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(f"{path.relative_to(folder)}\0{path.is_dir()}\0".encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@pytest.fixture
def quick() -> tuple[str, ...]:
    """Return options that make training a matter of seconds."""
    return QUICK


@pytest.fixture(name="tree_hash")
def _tree_hash() -> Callable[[Path], str]:
    return tree_hash


@pytest.fixture(scope="session")
def model_dir(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small model of the textures; read only."""
    place = tmp_path_factory.mktemp("models") / "textures"
    arguments = ["train", "--data-dir", photographs, "--output-dir", place, *QUICK]
    done = CliRunner().invoke(main, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return place
