"""A signed model, and the attacks of the benchmark."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="session")
def attacks() -> Iterator[ModuleType]:
    """The module `benchmarks/bundle_attacks.py`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("bundle_attacks")
        for name in ("bundle_attacks", "structural_attacks", "malicious_pickles"):
            sys.modules.pop(name, None)


@pytest.fixture(params=["ed25519", "ecdsa"])
def signed(request, attacks: ModuleType, tiny_model: Path, tmp_path: Path) -> object:
    """A signed copy of a small model that opens by its signature alone, by each kind of key."""
    pytest.importorskip("cryptography")
    return attacks.signed_copy(tiny_model, tmp_path, request.param)


@pytest.fixture
def looked_up(attacks: ModuleType) -> Callable[..., object]:
    """Give what is looked up while a model is opened."""
    return attacks.listening
