"""What the command line promises: the options, help that teaches, sentences instead of tracebacks."""

from __future__ import annotations

import logging

import click
import pytest

from ai_models._version import __version__
from ai_models.cli import COMMANDS, main
from ai_models.cli.command import declare
from ai_models.core.errors import DataError

PROMISED = {
    "download": "--csv --output-dir --source --consolidate-dir --link-mode --workers --retries --retry-failed "
    "--dry-run --per-host --delay --timeout --deadline --max-megabytes --max-redirects",
    "inspect": "--data-dir --output-dir --quick-mode --check-duplicates --corruption-threshold --verbose --strict "
    "--drop-failing --groups --overwrite --workers --no-check-duplicates",
    "split": "--data-dir --manifest --output --test-size --val-size --folds --groups --seed",
    "augment": "--input-dir --output-dir --target-samples --augmentation-factor --quality-threshold --verbose "
    "--preset --seed --manifest --groups --workers --overwrite",
    "extract": "--data-dir --manifest --output-dir --device --backbone --cache-dir --no-cache",
    "train": "--data-dir --output-dir --quick-mode --cv-folds --test-size --verbose --manifest --groups "
    "--seed --device --backbone --weights --preprocess --cache-dir --max-cache-size-gb --no-cache --workers "
    "--coverage --set-method --ood-alpha --confidence-threshold --use-dimensionality-reduction "
    "--no-use-dimensionality-reduction "
    "--overwrite --cnn --no-cnn --hog --no-hog --lbp --sift --colour --orb",
    "evaluate": "--model-dir --output-dir --test-data-dir --quick --ood-dir --seed --overwrite",
    "compare": "--output-dir --bootstrap-draws --seed --workers --overwrite",
    "predict": "--model-dir --data-dir --output",
    "explain": "--model-dir --output-dir --neighbours --score --no-score --steps --random-maps --seed --overwrite",
    "run": "--data-dir --output-dir --quick-mode --cv-folds --test-size --groups --seed --target-samples "
    "--augmentation-factor --ood-dir --workers --device --preprocess",
    "cache": "--verbose",
    "model": "--verbose",
    "model keygen": "--output --algorithm --passphrase",
    "model sign": "--key --name --model-version --passphrase --allow-unsigned --trusted-key --minimum-version",
    "model verify": "--allow-unsigned --trusted-key --minimum-version",
    "model trust": "--class",
    "serve": "--host --port --model-dir --allow-unsigned --trusted-key --minimum-version",
    "deploy": "--output-dir --type --instances --overwrite",
}


def _command(name: str) -> click.Command:
    command: click.Command | None = main
    for part in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), part)
    assert command is not None
    return command


def _walk() -> list[tuple[str, click.Command]]:
    found = [(name, _command(name)) for name in COMMANDS]
    for name, command in list(found):
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", made) for inner, made in command.commands.items()]
    return found


def test_the_commands_stand_in_the_order_of_the_pipeline(call):
    lines = call("--help").stdout.split("Commands:")[1].split("\n\n")[0].strip().splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert "..." not in "".join(lines)


@pytest.mark.parametrize(("name", "options"), PROMISED.items())
def test_promised_options_exist(name, options):
    known = {o for p in _command(name).params for o in (*p.opts, *p.secondary_opts)}
    assert set(options.split()) <= known


@pytest.mark.parametrize(("name", "command"), _walk(), ids=[name for name, _ in _walk()])
def test_help_teaches(name, command):
    assert command.help
    assert command.help.split("\n", maxsplit=1)[0].endswith(".")
    if not isinstance(command, click.Group):
        assert f"amulet-ai {name} " in f"{command.epilog} "
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert {"verbose", "version"} <= {p.name for p in command.params}


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_version_everywhere(call, name):
    assert call(*name.split(), "--version").stdout == f"amulet-ai {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--data-dirr", "x"], "No such option"),
        (["train"], "Name the images: --data-dir FOLDER, or --manifest FILE.csv"),
        (["augment"], "--input-dir FOLDER"),
        (["inspect"], "Missing option '--data-dir'"),
        (["predict", "--model-dir", "m"], "either --data-dir FOLDER, or one or more files"),
        (["predict", "--model-dir", "m", "--data-dir", "d", "f.jpg"], "either --data-dir FOLDER, or one or more files"),
        (["train", "--data-dir", "x", "--test-size", "2"], "2.0 is not in the range 0<=x<=0.9"),
        (["train", "--data-dir", "x", "--test-size", "nan"], "test_size must be in [0, 0.9], got nan"),
        (["train", "--data-dir", "x", "--cv-folds", "1"], "cv_folds must be at least 2"),
        (["train", "--data-dir", "x", "--device", "tpu"], "'tpu' is not one of 'auto', 'cpu', 'cuda'"),
        (["augment", "--input-dir", "x", "--preset", "hevy"], "'hevy' is not one of"),
        (["split", "--data-dir", "x", "--test-size", "0.5", "--val-size", "0.5"], "must leave at least 5 %"),
        (["extract", "--data-dir", "x", "--no-cnn", "--no-hog", "--no-lbp", "--no-sift", "--no-colour"], "are off"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_wrong_call_is_answered_with_status_2(call, arguments, words):
    done = call(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def _failing(error: BaseException) -> click.Command:
    @declare("fail", example="amulet-ai fail")
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (DataError("a class\n  is missing"), 2, "Error: a class is missing\n"),
        (FileNotFoundError(2, "No such file or directory", "a.jpg"), 2, "Error: no such file or directory: 'a.jpg': "),
        (PermissionError(13, "Permission denied", "b"), 2, "Error: permission denied: 'b'"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
    ids=["mistake", "file", "permission", "interrupt"],
)
def test_what_goes_wrong_has_its_status(error, status, said, monkeypatch):
    from click.testing import CliRunner

    done = CliRunner().invoke(_failing(error), [])
    assert done.exit_code == status
    assert said in done.stderr


def test_a_bug_shows_itself():
    from click.testing import CliRunner

    done = CliRunner().invoke(_failing(ZeroDivisionError("a bug")), [])
    assert isinstance(done.exception, ZeroDivisionError)
    assert done.exit_code == 1


def test_log_level_is_honoured_and_verbose_wins(call, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    call("cache", "info")
    assert logging.getLogger("ai_models").level == logging.ERROR
    call("--verbose", "cache", "info")
    assert logging.getLogger("ai_models").level == logging.DEBUG
    call("cache", "info", "-v")
    assert logging.getLogger("ai_models").level == logging.DEBUG
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    done = call("cache", "info")
    assert done.exit_code == 2
    assert "LOG_LEVEL must be one of" in done.stderr
