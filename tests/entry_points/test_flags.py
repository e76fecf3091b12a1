"""Every option reaches the stage that it is about: turn one, and what the stage is called with changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ai_models.cli import main
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import ComputeConfig

STAGES = {
    "download": ["ai_models.downloading.download"],
    "inspect": ["ai_models.inspection.inspect_dataset"],
    "split": ["ai_models.pipeline.prepare_manifest", "ai_models.splitting.split_manifest"],
    "augment": [
        "ai_models.pipeline.prepare_manifest",
        "ai_models.splitting.split_for_training",
        "ai_models.augmentation.augment_manifest",
    ],
    "extract": ["ai_models.pipeline.prepare_manifest", "ai_models.features.table.write_features"],
    "train": [
        "ai_models.pipeline.prepare_manifest",
        "ai_models.splitting.split_for_training",
        "ai_models.training.train_model",
    ],
    "evaluate": ["ai_models.evaluation.evaluate_model"],
    "compare": ["ai_models.evaluation.comparison.compare_models"],
    "explain": ["ai_models.evaluation.explanations.explain_images"],
    "run": ["ai_models.pipeline.run"],
    "export": ["ai_models.artifacts.export.export_model"],
    "deploy": ["ai_models.serving.deployment.write_deployment"],
    "serve": ["ai_models.serving.server.serve"],
}
ELSEWHERE = {"verbose", "version", "help"}  # tried in test_help
# judged before any stage: tried in test_commands and test_download
JUDGED_BEFORE = {("download", "dry_run"), ("split", "output"), ("split", "overwrite")}
TOGETHER = {  # options that are refused alone
    "wide_backbone": ("--preset", "accurate"),
    "wide_weights": ("--preset", "accurate"),
    "wide_image_size": ("--preset", "accurate"),
    "scheduler": ("--engine", "dask"),
}
PLACES = {
    "download": ("--csv", "l.csv", "--output-dir", "o"),
    "split": ("--data-dir", "d", "--output", "o.csv"),
    "evaluate": ("--model-dir", "m", "--output-dir", "o"),
    "compare": ("a", "b", "--output-dir", "o"),
    "explain": ("--model-dir", "m", "--output-dir", "o", __file__),
    "export": ("--model-dir", "m", "--format", "int8", "--output-dir", "o"),
    "deploy": ("--output-dir", "o"),
    "serve": (),
}


class _StopError(Exception):
    """The last stage was called."""


def _calls(monkeypatch: pytest.MonkeyPatch, command: str, arguments: tuple[str, ...]) -> str:
    """Return what every stage of a command was called with."""
    seen: list[Any] = []
    rows = Manifest(Path("d"), (ImageRecord("a/1.png", label="a", split=Split.TRAIN, fold=0),))

    def stage(name: str, last: bool) -> Any:
        def called(*positional: Any, **named: Any) -> Manifest:
            for spoken in ("tell", "ready"):
                named.pop(spoken, None)
            seen.append((name, positional, sorted(named.items())))
            if last:
                raise _StopError
            return rows

        return called

    @contextmanager
    def computing(config: ComputeConfig, **where: Any) -> Iterator[None]:
        seen.append(("computing", config, sorted(where.items())))
        yield

    monkeypatch.setattr("ai_models.cluster.computing", computing)
    for target in STAGES[command]:
        module, name = target.rsplit(".", 1)
        monkeypatch.setattr(f"{module}.{name}", stage(name, target == STAGES[command][-1]))
    result = CliRunner().invoke(main, [command, *arguments])
    assert isinstance(result.exception, _StopError), result.output
    return repr(seen)


def _other(option: click.Option) -> tuple[str, ...]:
    """Return arguments that give an option another value than its default."""
    spelled = option.opts[0] if option.opts[0].startswith("--") else option.opts[-1]
    kind = option.type
    if option.is_flag:
        return (option.secondary_opts[0] if option.default and option.secondary_opts else spelled,)
    if option.name == "trusted_keys":
        return spelled, str(Path(__file__).parents[1] / "golden" / "key.pub.pem")
    if option.name == "claims":
        return spelled, "ece < 0.1"
    if isinstance(kind, click.Choice):
        return spelled, next(str(choice) for choice in kind.choices if choice != option.default)
    if isinstance(kind, click.IntRange):
        default = option.default if isinstance(option.default, int) else 0
        return spelled, str(default + (2 if default == 0 else 1 if default == kind.min else -1))
    if isinstance(kind, click.FloatRange):
        low = kind.min or 0
        return spelled, str(low + 0.37 * ((kind.max or 10) - low))
    return spelled, "other"


def _command(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    return command


def _options() -> list[tuple[str, str]]:
    return [
        (command, parameter.name or "")
        for command in STAGES
        for parameter in _command(command).params
        if isinstance(parameter, click.Option) and parameter.name not in ELSEWHERE
        if (command, parameter.name) not in JUDGED_BEFORE
    ]


@pytest.mark.parametrize(("command", "name"), _options(), ids=lambda value: value)
def test_turning_an_option_changes_what_a_stage_is_called_with(command, name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    option = next(p for p in _command(command).params if p.name == name)
    assert isinstance(option, click.Option)
    source = "--input-dir" if command == "augment" else "--data-dir"
    usual = (*PLACES.get(command, (source, "d", "--output-dir", "o")), *TOGETHER.get(name, ()))
    before = _calls(monkeypatch, command, usual)
    assert _calls(monkeypatch, command, (*usual, *_other(option))) != before
