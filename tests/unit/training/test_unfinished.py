"""A model directory in the making: what may stand in it, what is taken up again, and what is never touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_models.cli.places import free_place
from ai_models.core.errors import OutputError
from ai_models.training.unfinished import ModelDir, is_unfinished


def _write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_stopped_training_left_is_taken_up(tmp_path: Path) -> None:
    place = ModelDir(tmp_path / "m")
    assert is_unfinished(tmp_path / "m")
    for name in ("model.joblib", "metrics.json", ".0123456789abcdef.part", ".unfinished/key.checkpoint"):
        _write(place.path / name)
    assert not ModelDir(tmp_path / "m").resumed
    _write(place.path / "bundle.json")
    assert is_unfinished(place.path), "stopped between its last file and its end"
    again = ModelDir(tmp_path / "m")
    again.finish()
    assert {path.name for path in place.path.iterdir()} == {"model.joblib", "metrics.json", "bundle.json"}
    assert not is_unfinished(place.path)
    with pytest.raises(OutputError, match="--overwrite"):
        ModelDir(tmp_path / "m")


def test_a_stopped_replacement_still_asks(tmp_path: Path) -> None:
    _write(tmp_path / "bundle.json")
    ModelDir(tmp_path, overwrite=True)
    assert not is_unfinished(tmp_path), "the earlier model may be whole"
    with pytest.raises(OutputError, match="--overwrite"):
        ModelDir(tmp_path)
    ModelDir(tmp_path, overwrite=True).finish()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.json"]


@pytest.mark.parametrize("name", ["diary.txt", "model.joblib", ".part"])
def test_foreign_files_are_refused_and_kept(name: str, tmp_path: Path) -> None:
    _write(tmp_path / name, "mine")
    with pytest.raises(OutputError, match=name):
        ModelDir(tmp_path)
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_stopped_run_replaces_its_own_stages_and_no_others(tmp_path: Path) -> None:
    first = ModelDir(tmp_path / "m", whole_run=True)
    assert not first.resumed
    half, whole = _write(first.path / "inspection" / "a.html"), _write(first.path / "data" / "augmentation.json")
    second = ModelDir(tmp_path / "m", whole_run=True)
    assert second.resumed
    assert second.stage("inspection", ours="inspection.json") == half.parent
    assert not half.exists()
    assert second.stage("data", ours="augmentation.json") == whole.parent
    assert whole.exists()
    _write(second.path / "bundle.json")
    assert is_unfinished(second.path), "its report is missing"
    assert ModelDir(tmp_path / "m", whole_run=True).resumed
    with pytest.raises(OutputError, match="--overwrite"):
        ModelDir(tmp_path / "m")  # a training alone would replace the run's model unasked


def test_stages_that_stood_there_before_a_run_are_not_its_own(tmp_path: Path) -> None:
    before = _write(tmp_path / "inspection" / "notes.txt", "mine")
    ModelDir(tmp_path, whole_run=True)
    again = ModelDir(tmp_path, whole_run=True)
    assert not again.resumed
    again.stage("inspection", ours="inspection.json")
    assert before.read_text() == "mine"


def test_the_usual_place_is_that_of_what_was_stopped(tmp_path: Path) -> None:
    assert free_place(tmp_path, "photos", taken_up=is_unfinished) == tmp_path / "photos"
    place = ModelDir(tmp_path / "photos")
    assert free_place(tmp_path, "photos") == tmp_path / "photos-2"
    assert free_place(tmp_path, "photos", taken_up=is_unfinished) == tmp_path / "photos"
    _write(place.path / "bundle.json")
    place.finish()
    assert free_place(tmp_path, "photos", taken_up=is_unfinished) == tmp_path / "photos-2"
