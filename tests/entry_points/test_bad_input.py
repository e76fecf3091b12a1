"""Bad input: status 2, one sentence that says what to do, no traceback, nothing of the user's changed."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from click.testing import CliRunner

from ai_models.cli import main


@pytest.fixture
def places(tmp_path, build):
    """Folders that cannot be worked with, by name."""
    found = {name: tmp_path / "user" / name for name in ("empty", "text", "one-class", "one-each", "broken", "flat")}
    for name in ("empty", "text", "broken/a", "broken/b", "flat"):
        (tmp_path / "user" / name).mkdir(parents=True)
    (found["text"] / "notes.txt").write_text("no image", encoding="utf-8")
    build(found["one-class"], {"ash": 8})
    build(found["one-each"], {"ash": 1, "birch": 1})
    (found["broken"] / "a" / "1.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    (found["broken"] / "b" / "2.png").write_bytes(b"")
    shutil.copy(found["one-class"] / "ash" / "00.png", found["flat"] / "x.png")
    found["file"] = tmp_path / "user" / "a-file"
    found["file"].write_text("a file", encoding="utf-8")
    found["nothing"] = tmp_path / "user" / "nothing"
    found["user"] = tmp_path / "user"
    return found


READERS = {
    "inspect": ("inspect", "--data-dir"),
    "split": ("split", "--data-dir"),
    "augment": ("augment", "--input-dir"),
    "extract": ("extract", "--data-dir"),
    "train": ("train", "--data-dir"),
    "run": ("run", "--data-dir"),
}
UNUSABLE = {
    "nothing": "there is nothing at",
    "file": "is a file",
    "empty": "no image found in",
    "text": "no image found in",
    "broken": "can be read",
}
UNTRAINABLE = {"one-class": "at least two classes", "one-each": "has 1 group", "flat": "at least two classes"}


def _answered(done, words: str) -> None:
    assert done.exit_code == 2, done.output
    said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(said) == 1
    assert words in said[0]
    assert said[0].split("Error: ", 1)[1].rstrip(".")
    assert "Traceback" not in done.output


@pytest.mark.parametrize("place", UNUSABLE)
@pytest.mark.parametrize("command", READERS)
def test_a_folder_without_a_readable_image(call, places, tree_hash, command, place):
    before = tree_hash(places["user"])
    _answered(call(*READERS[command], places[place]), UNUSABLE[place])
    assert tree_hash(places["user"]) == before


@pytest.mark.parametrize("place", UNTRAINABLE)
@pytest.mark.parametrize("command", ["split", "augment", "train", "run"])
def test_a_folder_that_no_honest_split_exists_for(call, places, tree_hash, command, place):
    before = tree_hash(places["user"])
    _answered(call(*READERS[command], places[place]), UNTRAINABLE[place])
    assert tree_hash(places["user"]) == before


@pytest.mark.parametrize("command", READERS)
def test_a_place_that_cannot_be_written(call, photographs, places, tree_hash, command):
    before = tree_hash(places["user"])
    option = "--output" if command == "split" else "--output-dir"
    _answered(call(*READERS[command], photographs, option, places["file"] / "below"), "a-file")
    assert tree_hash(places["user"]) == before


@pytest.mark.parametrize("command", [c for c in READERS if c != "split"])
def test_a_folder_that_holds_something_else_is_left_alone(call, photographs, places, tree_hash, command):
    before = tree_hash(places["text"])
    _answered(call(*READERS[command], photographs, "--output-dir", places["text"]), "notes.txt")
    _answered(call(*READERS[command], photographs, "--output-dir", places["text"], "--overwrite"), "notes.txt")
    assert tree_hash(places["text"]) == before


@pytest.mark.parametrize("command", [c for c in READERS if c != "split"])
def test_the_folder_of_images_is_never_written_into(call, photographs, tree_hash, command):
    before = tree_hash(photographs)
    done = call(*READERS[command], photographs, "--output-dir", photographs / "result")
    _answered(done, "outside")
    assert tree_hash(photographs) == before


@pytest.mark.parametrize("command", ["evaluate", "predict"])
@pytest.mark.parametrize("place", ["nothing", "file", "empty", "text"])
def test_a_model_directory_that_is_none(call, places, photographs, command, place):
    more = ["--data-dir", photographs] if command == "predict" else []
    done = call(command, "--model-dir", places[place], *more)
    _answered(done, str(places[place]))


@pytest.mark.parametrize("harm", ["changed", "missing", "newer format", "not JSON"])
def test_a_model_directory_that_was_harmed(call, model_dir, tmp_path, photographs, harm):
    copy = shutil.copytree(model_dir, tmp_path / "harmed")
    bundle = copy / "bundle.json"
    if harm == "changed":
        with (copy / "model.joblib").open("r+b") as stream:
            stream.seek(1000)
            stream.write(b"\0harm\0")
    elif harm == "missing":
        (copy / "model.joblib").unlink()
    elif harm == "newer format":
        content = json.loads(bundle.read_text(encoding="utf-8"))
        number = next(key for key, value in content.items() if "format" in key and isinstance(value, int))
        bundle.write_text(json.dumps({**content, number: 999}), encoding="utf-8")
    else:
        bundle.write_text("{", encoding="utf-8")
    _answered(call("predict", "--model-dir", copy, "--data-dir", photographs), "harmed")


def test_predict_refuses_what_is_no_image_list(call, model_dir, places, tmp_path):
    _answered(call("predict", "--model-dir", model_dir, places["nothing"]), "does not exist")
    _answered(call("predict", "--model-dir", model_dir, places["empty"]), "is a folder: give it as --data-dir")
    _answered(call("predict", "--model-dir", model_dir, "--data-dir", places["text"]), "no image found")
    kept = places["file"]
    digest = hashlib.sha256(kept.read_bytes()).hexdigest()
    done = call("predict", "--model-dir", model_dir, "--data-dir", places["flat"], "--output", kept)
    _answered(done, "exists: name another file or add --overwrite")
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("label,fold\na,0\n", "no column 'path'"),
        ("path,label,fold\nash/00.png,ash,many\n", "column 'fold' must be a whole number"),
        ("path,label\n../ash/00.png,ash\n", "must lie below"),
        ("path,label\nash/nowhere.png,ash\n", "no such file"),
    ],
    ids=["no path", "no number", "outside", "no file"],
)
def test_a_manifest_that_cannot_be_used(call, photographs, tmp_path, table, words):
    manifest = tmp_path / "rows.csv"
    manifest.write_text(table, encoding="utf-8")
    _answered(call("train", "--data-dir", photographs, "--manifest", manifest), words)


def test_groups_that_cannot_be_used(call, photographs, tmp_path):
    groups = tmp_path / "groups.csv"
    _answered(call("split", "--data-dir", photographs, "--groups", groups), "cannot read the table")
    groups.write_text("image,object\nash/00.png,1\n", encoding="utf-8")
    _answered(call("split", "--data-dir", photographs, "--groups", groups), "columns 'file' and 'group'")
    groups.write_text("file,group\nash/unknown.png,1\n", encoding="utf-8")
    _answered(call("split", "--data-dir", photographs, "--groups", groups), "is in")


def test_too_many_folds_name_the_class_and_the_way_out(call, photographs):
    done = call("split", "--data-dir", photographs, "--folds", "9")
    _answered(done, "class 'cedar' has 9 groups")
    assert "lower the folds to 7" in done.stderr


@pytest.mark.parametrize("module", ["jinja2", "matplotlib"])
def test_a_part_that_is_not_installed_is_one_sentence_with_the_pip_line(module: str, monkeypatch, tmp_path) -> None:
    def without(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.setattr("ai_models.evaluation.evaluate_model", without)
    asked = ["evaluate", "--model-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert f"needs {module}, which is not installed: pip install 'amulet-ai[train]'" in result.output
    monkeypatch.setattr("ai_models.evaluation.evaluate_model", lambda *_, **__: __import__("no_such_module"))
    assert isinstance(CliRunner().invoke(main, asked).exception, ModuleNotFoundError)  # a bug shows itself
