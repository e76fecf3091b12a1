"""Which rows are scored."""

from pathlib import Path

import numpy as np
import pytest

from ai_models.core.errors import BundleError, DataError
from ai_models.core.predictions import OodVerdict, Predictions, Reason
from ai_models.core.settings import FeatureConfig
from ai_models.evaluation.rows import choose_rows, folder_manifest, read_out_of_fold

CLASSES = ("blue", "green", "พระแดง")


@pytest.mark.parametrize("top", ["", "test/", "Test/"])
def test_labels_are_the_class_folders(tmp_path, coloured, top):
    coloured(tmp_path / f"{top}green" / "deep" / "a.png", "green", 1)
    coloured(tmp_path / f"{top}blue" / "b.png", "blue", 2)
    assert {r.path.rsplit("/", 1)[1]: r.label for r in folder_manifest(tmp_path)} == {"a.png": "green", "b.png": "blue"}


def test_a_changed_copy_of_a_training_picture_is_a_leak(model_dir, photographs, tmp_path):
    """A training picture turned and one with another label are found; equal new pictures become one object."""
    from PIL import Image

    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 255, (6, 6, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    (tmp_path / "green").mkdir()
    Image.fromarray(scene).save(tmp_path / "green" / "one.png")
    Image.fromarray(scene[::-1]).save(tmp_path / "green" / "two.png")
    training = next(p for p in sorted((photographs / "blue").iterdir()) if is_training(model_dir, p))
    Image.open(training).rotate(90).save(tmp_path / "green" / "turned.png")
    found = choose_rows(model_dir, CLASSES, test_data_dir=tmp_path)
    assert [(item.path, item.kind) for item in found.left_out] == [("green/turned.png", "leak")]
    assert f"blue/{training.name}" in found.left_out[0].detail
    assert len(set(found.manifest.groups.tolist())) == 1
    assert len(found.manifest) == 2


def test_what_comparisons_find_is_kept_only_where_it_may_be(model_dir, tmp_path):
    place, cache = tmp_path / "new", tmp_path / "kept"
    rng = np.random.default_rng(1)
    from PIL import Image

    (place / "green").mkdir(parents=True)
    for name in ("one", "two"):
        scene = np.kron(rng.integers(0, 255, (12, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        Image.fromarray(scene).save(place / "green" / f"{name}.png")
    off = FeatureConfig(cache_features=False, cache_dir=str(cache))
    before = [choose_rows(model_dir, CLASSES, test_data_dir=place, features=f) for f in (None, off)]
    assert not cache.exists()
    assert not list(Path.cwd().iterdir())
    after = choose_rows(model_dir, CLASSES, test_data_dir=place, features=off.replace(cache_features=True))
    assert before == [after, after]
    assert list(cache.glob("compared.pair-*"))


def is_training(model_dir, path):
    from ai_models.core.records import Manifest, Split

    rows = Manifest.load(model_dir / "manifest.csv").on(Split.TRAIN)
    return f"{path.parent.name}/{path.name}" in {r.path for r in rows}


def test_held_out_files_that_went_or_changed_are_named(model_dir, tmp_path):
    import json
    import shutil

    moved = tmp_path / "model"
    shutil.copytree(model_dir, moved)
    settings = json.loads((moved / "training_config.json").read_text())
    root = tmp_path / "photographs"
    shutil.copytree(settings["data_root"], root)
    (moved / "training_config.json").write_text(json.dumps(settings | {"data_root": str(root)}))
    before = choose_rows(moved, CLASSES).manifest
    first, second = before.records[0].path, before.records[1].path
    (root / first).unlink()
    (root / second).write_bytes((root / before.records[2].path).read_bytes())
    found = choose_rows(moved, CLASSES)
    assert {(i.path, i.kind) for i in found.left_out} == {(first, "unreadable"), (second, "changed")}
    assert len(found.manifest) == len(before) - 2
    shutil.rmtree(root)
    with pytest.raises(DataError, match=r"are not in .* any more"):
        choose_rows(moved, CLASSES)


def test_out_of_fold_file_is_read_as_it_was_written(tmp_path):
    p = np.array([[0.25, 0.75], [np.nan, np.nan]])
    sets = np.array([[False, True], [False, False]])
    verdicts = (OodVerdict.UNSURE, OodVerdict.UNREADABLE)
    unusual = (np.array([1.5, np.nan]), np.array([0.5, np.nan]))
    written = Predictions(("a_b", "c\\d"), p, sets, *unusual, verdicts, sets_by_class=~sets & ~np.isnan(p))
    (tmp_path / "oof_predictions.csv").write_bytes(written.to_csv(["x\\y.png", "z.png"], {"label": ["a_b", "c"]}))
    places, read = read_out_of_fold(tmp_path, written.classes)
    assert places == {"x\\y.png": 0, "z.png": 1}
    np.testing.assert_array_equal(read.probabilities, p)
    np.testing.assert_array_equal(read.sets, sets)
    np.testing.assert_array_equal(read.sets_by_class, written.sets_by_class)
    assert read.verdicts == verdicts
    assert read.reasons == (Reason.NONE, Reason.UNREADABLE)
    with pytest.raises(BundleError, match="cannot be read"):
        read_out_of_fold(tmp_path, ("other",))
