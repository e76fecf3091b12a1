"""Options that are read from the settings: help, default, bounds and choices are written once, in `core.settings`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from ai_models.core.config import Config
from ai_models.core.settings import FeatureConfig, PreprocessConfig

__all__ = ["PLACE", "build", "build_features", "feature_settings", "overwrite", "preprocess_setting", "settings"]

Settings = TypeVar("Settings", bound=Config)
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PLACE = click.Path(path_type=Path)  # what must be there is judged by the stage, whose sentence says what to do

overwrite = click.option("--overwrite", is_flag=True, help="Replace an earlier result of this command in that folder.")


def settings(config: type[Config], *names: str, **spelled: str) -> Decorator:
    """Add an option for each named setting.

    Parameters
    ----------
    config
        The settings.
    names
        Fields whose option has their name: ``test_size`` becomes ``--test-size``.
    spelled
        Field -> the option's own spelling, such as ``use_hog_features="--hog/--no-hog"``.
    """
    wanted = dict.fromkeys(names, "") | spelled
    fields = {f.name: f for f in dataclasses.fields(config)}

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(wanted):
            function = _option(fields[name], wanted[name], name)(function)
        return function

    return add


def preprocess_setting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--preprocess``, the preset of `PreprocessConfig`."""
    return _option(_preset_of(PreprocessConfig), "--preprocess", "preprocess")(function)


def feature_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `FeatureConfig`; its preset is named otherwise among the values, for others have one too."""
    return _option(_preset_of(FeatureConfig), "--preset", _FEATURE_PRESET)(_feature_settings(function))


def build_features(values: Mapping[str, Any]) -> FeatureConfig:
    """Return the settings of features from the values of a command's options."""
    return build(FeatureConfig, {**values, "preset": values.get(_FEATURE_PRESET, FeatureConfig.preset)})


def _preset_of(config: type[Config]) -> dataclasses.Field[Any]:
    return next(f for f in dataclasses.fields(config) if f.name == "preset")


_FEATURE_PRESET = "networks"
_feature_settings = settings(
    FeatureConfig,
    "backbone",
    "weights",
    "device",
    "image_size",
    "wide_backbone",
    "wide_weights",
    "wide_image_size",
    "batch_size",
    use_cnn_features="--cnn/--no-cnn",
    use_stages_features="--stages/--no-stages",
    use_hog_features="--hog/--no-hog",
    use_lbp_features="--lbp/--no-lbp",
    use_sift_features="--sift/--no-sift",
    use_colour_features="--colour/--no-colour",
    use_orb_features="--orb/--no-orb",
    custom_blocks="--block",
    cache_features="--cache/--no-cache",
    cache_dir="--cache-dir",
    max_cache_size_gb="--max-cache-size-gb",
)


def build(config: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Return the settings from the values of a command's options; values that are not its own are passed over."""
    known = {f.name for f in dataclasses.fields(config)}
    return config(**{name: value for name, value in values.items() if name in known})


def _option(field: dataclasses.Field[Any], spelling: str, name: str) -> Decorator:
    default, text = field.default, str(field.metadata["help"])
    flag = f"--{field.name.replace('_', '-')}"
    if isinstance(default, bool):
        spelling = spelling or (f"{flag}/--no-{flag[2:]}" if default else flag)
    if not field.metadata["choices"]:  # a choice is typed as it is written
        text = text[0].upper() + text[1:]
    shown: dict[str, Any] = {"help": f"{text}.", "default": default, "type": _type(field)}
    shown |= {"is_flag": True, "type": None} if isinstance(default, bool) else {}
    shown |= {"multiple": True, "metavar": "NAME"} if isinstance(default, tuple) else {}
    return click.option(spelling or flag, name, show_default=default not in ("", ()), **shown)


def _type(field: dataclasses.Field[Any]) -> click.ParamType[Any]:
    low, high, choices = (field.metadata[key] for key in ("ge", "le", "choices"))
    if choices:
        return click.Choice(choices)
    if isinstance(field.default, int):
        return click.IntRange(low, high)
    return click.FloatRange(low, high) if isinstance(field.default, float) else click.STRING
