"""A class that is saved otherwise than the rest is a finding, in the list, the document and the page."""

import json

import pytest

from ai_models.core.settings import InspectionConfig
from ai_models.inspection import inspect_dataset, scan


@pytest.fixture
def saved_otherwise(tmp_path, make_picture):
    root = tmp_path / "photographs"
    for seed in range(24):
        name = "พระสีวลี" if seed % 2 else "coin"
        (root / name).mkdir(parents=True, exist_ok=True)
        make_picture(seed).save(root / name / f"{seed}.jpg", quality=60 if seed % 2 else 92)
    return root


def test_a_shortcut_is_a_finding(saved_otherwise, tmp_path):
    found = inspect_dataset(saved_otherwise, tmp_path / "out")
    told = {f.kind: f for f in found.findings}
    assert told["shortcut_jpeg_quality"].rank == 2
    assert "save all classes at one quality" in told["shortcut_jpeg_quality"].message
    assert "1.00" in told["shortcut_jpeg_quality"].message
    assert "shortcut_camera" not in told
    traits = json.loads(found.json_path.read_text("utf-8"))["shortcuts"]["traits"]
    assert traits["JPEG quality"]["balanced_accuracy"]["estimate"] == 1.0
    assert traits["camera"]["same_for_all"]
    page = found.report_path.read_text("utf-8")
    assert "JPEG quality" in page
    assert "the same for every photograph" in page


def test_quick_mode_asks_nothing(saved_otherwise, tmp_path):
    found = inspect_dataset(saved_otherwise, tmp_path / "out", InspectionConfig(quick_mode=True))
    assert found.scan.shortcuts is None
    assert json.loads(found.json_path.read_text("utf-8"))["shortcuts"] is None
    assert not [f for f in found.findings if f.kind.startswith("shortcut")]


def test_two_small_classes_are_not_asked(folder, tmp_path):
    assert scan(folder).shortcuts is None
    assert "at least five different objects" in inspect_dataset(folder, tmp_path / "out").report_path.read_text("utf-8")
