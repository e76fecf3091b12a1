"""Settings from the environment, and the model that is newest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ai_models.core.errors import ConfigError, DataError
from ai_models.core.images import MAX_BYTES, MAX_PIXELS
from ai_models.serving.settings import ServiceSettings, newest_model_dir


def test_every_setting_comes_from_its_variable():
    variables = {
        "AMULET_AI_MODEL_DIR": "a model",
        "AMULET_AI_MAX_BYTES": " 5000 ",
        "AMULET_AI_MAX_PIXELS": "600",
        "AMULET_AI_WORKERS": "3",
        "AMULET_AI_TIME_LIMIT": "2.5",
        "AMULET_AI_OTHER": "x",
    }
    assert ServiceSettings.from_environment(variables) == ServiceSettings(
        "a model", 5000, 600, workers=3, time_limit=2.5
    )
    assert ServiceSettings.from_environment(variables, model_dir="mine", workers=None).model_dir == "mine"
    assert ServiceSettings.from_environment({"AMULET_AI_MAX_BYTES": ""}) == ServiceSettings()


def test_the_environment_of_the_process_is_read(monkeypatch):
    monkeypatch.setenv("AMULET_AI_WORKERS", "7")
    assert ServiceSettings.from_environment().workers == 7


def test_all_faults_at_once():
    with pytest.raises(ConfigError, match="AMULET_AI_MAX_BYTES must be a whole number, got '20MB'; AMULET_AI_WORKERS"):
        ServiceSettings.from_environment({"AMULET_AI_MAX_BYTES": "20MB", "AMULET_AI_WORKERS": "1.5"})
    with pytest.raises(ConfigError, match="AMULET_AI_TIME_LIMIT must be a number, got 'soon'"):
        ServiceSettings.from_environment({"AMULET_AI_TIME_LIMIT": "soon"})
    with pytest.raises(ConfigError, match="workers must be in"):
        ServiceSettings.from_environment({"AMULET_AI_WORKERS": "-1"})
    for number in ("nan", "inf"):
        with pytest.raises(ConfigError, match="time_limit must be"):
            ServiceSettings.from_environment({"AMULET_AI_TIME_LIMIT": number})


def test_limits_stay_within_those_of_the_decode_path():
    assert ServiceSettings(max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)
    for name, value in (("max_bytes", MAX_BYTES + 1), ("max_pixels", MAX_PIXELS + 1)):
        with pytest.raises(ConfigError, match=name):
            ServiceSettings(**{name: value})


@pytest.mark.parametrize("n", [1024, 1025, 1026, 1027])
def test_the_body_limit_holds_the_largest_image(n):
    import base64

    around = ServiceSettings(max_bytes=n).body_limit(encoded=False) - n
    assert ServiceSettings(max_bytes=n).body_limit(encoded=True) - around == len(base64.b64encode(bytes(n)))


def test_the_newest_model_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no model found in 'saved_models/'"):
        ServiceSettings().model_directory()
    for name, time in (("old", 100), ("new", 300), ("middle", 200)):
        bundle = tmp_path / "saved_models" / name / "bundle.json"
        bundle.parent.mkdir(parents=True)
        bundle.write_text("{}")
        os.utime(bundle, (time, time))
    (tmp_path / "saved_models" / "unfinished").mkdir()
    assert ServiceSettings().model_directory() == Path("saved_models/new")
    assert newest_model_dir(tmp_path / "saved_models").name == "new"
    assert ServiceSettings("elsewhere").model_directory() == Path("elsewhere")
