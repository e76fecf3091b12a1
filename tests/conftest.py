"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs to measure on; absent on most machines, the test is then skipped."""
    folder = Path(os.environ.get("AMULET_AI_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "amulets").is_dir():
        pytest.skip("no folder of real photographs: set AMULET_AI_DATA")
    return folder
