import csv
import json
import shutil

import pytest

from ai_models.core.errors import OutputError
from ai_models.core.records import Manifest
from ai_models.core.settings import InspectionConfig
from ai_models.inspection import DatasetInspector, inspect_dataset


@pytest.fixture
def troubled(folder):
    shutil.copy(folder / "coin" / "4.jpg", folder / "พระสีวลี" / "copy.jpg")
    (folder / "coin" / "cut.jpg").write_bytes((folder / "coin" / "5.jpg").read_bytes()[:2000])
    return folder


def test_four_files_are_written(troubled, tmp_path):
    found = DatasetInspector().inspect(troubled, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "duplicates.csv",
        "inspection.html",
        "inspection.json",
        "manifest.csv",
    ]
    assert Manifest.load(found.manifest_path, root=troubled).records == found.manifest.records
    edges = list(csv.DictReader(found.duplicates_path.read_text("utf-8").splitlines()))
    assert [(e["a"], e["b"], e["kind"]) for e in edges] == [(e.a, e.b, e.kind) for e in found.scan.edges]
    document = json.loads(found.json_path.read_text("utf-8"))
    assert document["classes"] == {"coin": {"images": 6, "groups": 6}, "พระสีวลี": {"images": 5, "groups": 5}}
    assert document["totals"] == {"files": 12, "readable": 11, "photographs": 11, "copies": 0, "groups": 10}
    assert document["findings"][0]["kind"] == "label_conflict"
    assert 0 < document["score"]["overall"] < 100
    page = found.report_path.read_text("utf-8")
    assert "พระสีวลี" in page
    assert page.count("<script") == 1  # the one that sorts tables
    assert page.count("data:image/webp") >= 2


def test_equal_folders_give_equal_bytes(troubled, tmp_path):
    for name, workers in (("one", 1), ("two", 2)):
        inspect_dataset(troubled, tmp_path / name, InspectionConfig(workers=workers))
    for file in ("inspection.json", "manifest.csv", "inspection.html"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_earlier_result_is_replaced_only_when_asked(troubled, tmp_path):
    inspect_dataset(troubled, tmp_path / "out", InspectionConfig(quick_mode=True))
    with pytest.raises(OutputError, match="--overwrite"):
        inspect_dataset(troubled, tmp_path / "out")
    inspect_dataset(troubled, tmp_path / "out", InspectionConfig(quick_mode=True), overwrite=True)


def test_nothing_is_written_where_others_files_are(troubled):
    with pytest.raises(OutputError, match="other files"):
        inspect_dataset(troubled, troubled)


@pytest.mark.parametrize("settings", [{"quick_mode": True}, {"check_duplicates": False}, {"strict": True}])
def test_each_setting_changes_the_result(troubled, tmp_path, settings):
    plain = inspect_dataset(troubled, tmp_path / "plain")
    other = inspect_dataset(troubled, tmp_path / "other", InspectionConfig(**settings))
    assert plain.json_path.read_bytes() != other.json_path.read_bytes()
    assert plain.report_path.read_bytes() != other.report_path.read_bytes()


def test_a_folder_without_classes_is_looked_at_too(troubled, tmp_path):
    flat = tmp_path / "flat"
    shutil.copytree(troubled / "coin", flat)
    found = inspect_dataset(flat, tmp_path / "out")
    assert {f.kind for f in found.findings} >= {"no_classes"}
    assert found.advice.folds == 0
