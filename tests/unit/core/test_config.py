"""Settings check themselves, name every fault at once and hash to what they mean."""

from __future__ import annotations

import dataclasses
import json
import pickle
from dataclasses import dataclass

import pytest

from ai_models.core import settings
from ai_models.core.config import Config, canonical_json, setting
from ai_models.core.errors import ConfigError


@dataclass(frozen=True)
class Oven(Config):
    """Settings of an oven."""

    heat: float = setting(180.0, "degrees", ge=0, le=300)
    trays: int = setting(2, "trays", ge=1)
    mode: str = setting("fan", "which way", choices=("fan", "grill"))
    light: bool = setting(True, "lamp")
    racks: tuple[str, ...] = setting((), "names")
    offset: float = setting(0.0, "free")


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        Oven(heat=301, trays=0, mode="gril", light=1)  # type: ignore[arg-type]
    assert error.value.faults == (
        "heat must be in [0, 300], got 301.0",
        "trays must be at least 1, got 0",
        "mode must be one of fan, grill, got 'gril' (did you mean 'grill'?)",
        "light must be bool, got 1",
    )
    assert pickle.loads(pickle.dumps(error.value)).faults == error.value.faults


@pytest.mark.parametrize(
    "values",
    [
        {"trays": True},
        {"trays": 1.0},
        {"heat": "hot"},
        {"heat": float("nan")},
        {"offset": float("inf")},
        {"trays": None},
    ],
)
def test_wrong_types_and_no_numbers_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        Oven(**values)  # type: ignore[arg-type]


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'haet': did you mean 'heat'"):
        Oven.from_dict({"haet": 1})
    with pytest.raises(ConfigError, match="known are heat, trays"):
        Oven.from_dict({"zzz": 1})


def test_equal_settings_have_equal_digests() -> None:
    config = Oven(heat=200, racks=("a",))
    assert config == Oven(heat=200.0, racks=["a"])  # type: ignore[arg-type]
    assert config.digest() == Oven(heat=200.0, racks=("a",)).digest()
    assert Oven.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.digest() != config.replace(trays=3).digest()
    assert Oven(trays=10**400).trays == 10**400


def test_a_changed_setting_is_checked_again() -> None:
    with pytest.raises(ConfigError, match="heat"):
        Oven().replace(heat=-1)


def test_canonical_json_ignores_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": "พระ"}) == canonical_json({"a": "พระ", "b": 1}) == '{"a":"พระ","b":1}'.encode()


@pytest.mark.parametrize("name", [n for n in settings.__all__ if n.endswith("Config")])
def test_the_defaults_of_every_group_hold_and_tell_what_they_are(name: str) -> None:
    config = getattr(settings, name)()
    assert getattr(settings, name).from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert all(f.metadata["help"] for f in dataclasses.fields(config))


def test_faults_that_span_settings() -> None:
    with pytest.raises(ConfigError, match="SURF is non-free"):
        settings.FeatureConfig(use_surf_features=True)
    off = {f.name: False for f in dataclasses.fields(settings.FeatureConfig) if f.name.endswith("_features")}
    with pytest.raises(ConfigError, match="all feature blocks are off"):
        settings.FeatureConfig(**(off | {"cache_features": True}))
    with pytest.raises(ConfigError, match="at least 5 %"):
        settings.SplitConfig(test_size=0.5, val_size=0.46)
