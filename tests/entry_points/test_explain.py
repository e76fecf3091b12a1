"""``amulet-ai explain``: a page, pictures and numbers that agree; sentences for what cannot be explained."""

from __future__ import annotations

import html
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.records import Split

FAST = ("--steps", "3", "--random-maps", "2", "--workers", "1")


@pytest.fixture(scope="module")
def images(split_textures):
    return split_textures.on(Split.TEST).files[:2]


def written(folder):
    return json.loads((folder / "explanations.json").read_text(encoding="utf-8"))


def test_a_page_pictures_and_numbers(call, tiny_network_model, images):
    done = call("explain", "--model-dir", tiny_network_model, *images, "--output-dir", "why", *FAST)
    assert done.exit_code == 0, done.output
    rows = written(Path("why"))["images"]
    page = Path("why/explain.html").read_text(encoding="utf-8")
    assert len(rows) == 2
    for row, image in zip(rows, images, strict=True):
        told = row["explanation"]
        assert row["path"] == str(image)
        assert told["predicted_class"] in done.output
        assert told["members"]["margin"] == pytest.approx(sum(told["members"]["parts"].values()))
        blocks = told["blocks"]
        assert blocks["margin"] == pytest.approx(blocks["base"] + sum(blocks["parts"].values()))
        assert len(told["nearest"]) == 5
        assert all(n["path"] in page.replace("<wbr>", "") for n in told["nearest"])
        test = told["heat_map"]["test"]
        assert len(test["heat_map"]["deletion"]) == 4
        assert len(test["random"]) == 2
        assert told["heat_map"]["standing"] in html.unescape(page)
        with Image.open(Path("why") / row["picture"]) as picture:
            assert picture.format == "PNG"
            assert picture.width > 2 * picture.height
    assert page.count("data:image/webp;base64,") == 2 * (5 + 1)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    again = call("explain", "--model-dir", tiny_network_model, *images, "--output-dir", "again", *FAST)
    assert again.exit_code == 0
    for name in ("explain.html", "explanations.json"):
        assert Path("again", name).read_bytes() == Path("why", name).read_bytes()


def test_the_same_by_any_number_of_threads(call, tiny_network_model, images):
    for workers in ("1", "3"):
        arguments = ("explain", "--model-dir", tiny_network_model, images[0], "--output-dir", workers, "--steps", "3")
        assert call(*arguments, "--workers", workers).exit_code == 0
    one, three = (written(Path(workers))["images"] for workers in ("1", "3"))
    assert one == three


def test_a_model_without_a_network_has_all_but_the_map(call, model_dir, photographs):
    done = call("explain", "--model-dir", model_dir, photographs / "ash" / "00.png", "--output-dir", "why", *FAST)
    assert done.exit_code == 0, done.output
    told = written(Path("why"))["images"][0]["explanation"]
    assert told["heat_map"] == {
        "none_because": "no voting member of this model looks at a network's features, so there is no heat map"
    }
    assert told["nearest"]
    assert told["blocks"]["parts"]
    assert not list(Path("why").glob("*.png"))
    assert "No heat map: no voting member" in Path("why/explain.html").read_text(encoding="utf-8")


def test_a_training_photograph_is_named_as_such_and_is_not_its_own_evidence(call, tiny_network_model, split_textures):
    row = next(r for r in split_textures.on(Split.TRAIN) if r.label == "ลายทาง")
    file = split_textures.root / row.path
    assert call("explain", "--model-dir", tiny_network_model, file, "--output-dir", "o", "--no-score").exit_code == 0
    found = written(Path("o"))["images"][0]
    assert f"The model was trained on this very photograph ('{row.path}')" in found["note"]
    assert row.path not in [n["path"] for n in found["explanation"]["nearest"]]
    assert "test" not in found["explanation"]["heat_map"]
    assert "was trained on this very photograph" in Path("o/explain.html").read_text(encoding="utf-8")


def test_a_moved_model_names_photographs_that_it_cannot_show(call, tiny_network_model, images, relist, tmp_path):
    moved = shutil.copytree(tiny_network_model, tmp_path / "moved")
    settings = json.loads((moved / "training_config.json").read_text(encoding="utf-8"))
    (moved / "training_config.json").write_text(json.dumps({**settings, "data_root": str(tmp_path / "gone")}))
    relist(moved)
    assert call("explain", "--model-dir", moved, images[0], "--output-dir", "o", "--no-score").exit_code == 0
    page = Path("o/explain.html").read_text(encoding="utf-8")
    assert page.count("no picture") == 5
    assert written(Path("o"))["images"][0]["explanation"]["nearest"][0]["path"] in page.replace("<wbr>", "")


def test_one_bad_file_among_good_ones(call, tiny_network_model, images, tmp_path):
    bad = tmp_path / "พัง.jpg"
    bad.write_bytes(b"not an image")
    done = call("explain", "--model-dir", tiny_network_model, bad, images[0], "--output-dir", "o", "--no-score")
    assert done.exit_code == 0, done.output
    assert f"{bad}: not explained" in done.output
    assert [row["explanation"] is None for row in written(Path("o"))["images"]] == [True, False]
    alone = call("explain", "--model-dir", tiny_network_model, bad, "--output-dir", "p", "--no-score")
    assert alone.exit_code == 2
    assert "none of the 1 images can be read" in alone.stderr


def test_mistakes_are_answered_with_a_sentence(call, tiny_network_model, images, tmp_path):
    def said(*arguments):
        done = call("explain", *arguments)
        assert done.exit_code == 2
        assert "Traceback" not in done.output
        return " ".join(done.stderr.split())

    assert "Missing argument 'IMAGE...'" in said("--model-dir", tiny_network_model)
    assert "does not exist: check the path" in said("--model-dir", tiny_network_model, "nothing.jpg")
    assert "is a folder: name the images in it" in said("--model-dir", tiny_network_model, tmp_path)
    assert "no bundle.json" in said("--model-dir", tmp_path, images[0])
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    assert "full" in said("--model-dir", tiny_network_model, images[0], "--output-dir", full)
    assert (full / "mine.txt").read_text() == "mine"


def test_a_model_of_an_earlier_version_or_a_damaged_one(call, tiny_network_model, images, relist, tmp_path):
    def without(name, data=None):
        folder = shutil.copytree(tiny_network_model, tmp_path / name)
        if data is None:
            (folder / "training_features.npy").unlink()
        else:
            (folder / "training_features.npy").write_bytes(data)
        relist(folder)
        return call("explain", "--model-dir", folder, images[0], "--output-dir", "o").stderr

    assert "kept no training_features.npy: train again" in without("earlier")
    assert "cannot be read" in without("damaged", b"\x93NUMPY")
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "cannot be read" in without("pickled", stream.getvalue())
    altered = shutil.copytree(tiny_network_model, tmp_path / "altered")
    (altered / "training_features.npy").write_bytes(b"x")
    assert "its SHA-256 differs" in call("explain", "--model-dir", altered, images[0], "--output-dir", "o").stderr


def test_without_torch_there_is_a_map_and_without_matplotlib_no_page(tiny_network_model, images, tmp_path):
    program = f"""
import sys, importlib.abc
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "onnx", "pandas", "matplotlib", "jinja2"):
            raise ModuleNotFoundError(name, name=name.split(".")[0])
sys.meta_path.insert(0, Absent())
from ai_models.cli import main
main(["explain", "--model-dir", {str(tiny_network_model)!r}, {str(images[0])!r}, "--output-dir", "o",
      "--steps", "2", "--random-maps", "1", "--workers", "1"])
"""
    kept = {"PYTHONPATH": str(Path(__file__).parents[2]), "AMULET_AI_TRUST_DIR": os.environ["AMULET_AI_TRUST_DIR"]}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=kept, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "explain.html needs " in done.stderr
    assert "pip install 'amulet-ai[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "standing" in written(tmp_path / "o")["images"][0]["explanation"]["heat_map"]
    assert len(list((tmp_path / "o").glob("*.png"))) == 1
