"""Probes depend on their photograph alone, survive the disk, and folds judge by their own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models.core.errors import DataError
from ai_models.core.images import resize
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import FeatureConfig, PreprocessConfig
from ai_models.crossfit.label_probes import LabelProbes, probe_labels, probed_photographs
from ai_models.crossfit.rows import FittingRows
from ai_models.features import HybridFeatureExtractor
from ai_models.transforms import HORIZONTAL_FLIP, PRESETS

HOG = FeatureConfig(use_cnn_features=False, use_lbp_features=False, use_sift_features=False, use_colour_features=False)
HOG = HOG.replace(image_size=64, cache_features=False)
TRANSFORMS = (HORIZONTAL_FLIP, *PRESETS["minimal"])


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rows = []
    for i in range(6):
        label = "ab"[i % 2]
        path = tmp_path / f"พระ{i}.png"
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows.append(ImageRecord(path.name, label, digest, 50, 40, f"g{i}", split=Split.TRAIN, fold=i % 3))
    return Manifest(tmp_path, tuple(rows))


def probed(manifest: Manifest, workers: int = 1) -> LabelProbes:
    return probe_labels(
        manifest.root, manifest.records, TRANSFORMS, {"a": 1.0, "b": 1.5},
        features=HOG, preprocess=PreprocessConfig(), seed=0, workers=workers,
    )  # fmt: skip


def test_a_probe_depends_on_its_photograph_alone(manifest: Manifest) -> None:
    every, few = probed(manifest, workers=3), probed(manifest.where(lambda r: r.group in {"g1", "g4"}))
    assert few.paths == (every.paths[1], every.paths[4])
    assert np.array_equal(few.plain, every.plain[[1, 4]])
    assert np.array_equal(few.changed, every.changed[:, [1, 4]])
    image = np.asarray(Image.open(manifest.root / every.paths[4]))
    expected = HybridFeatureExtractor(HOG).extract_batch([resize(image[:, ::-1], 64)])
    assert np.array_equal(every.changed[0, 4], expected[0].astype(np.float16))
    assert not np.array_equal(every.changed[0], every.changed[1])


def test_unreadable_photographs_are_left_out(manifest: Manifest) -> None:
    manifest.files[2].write_bytes(b"no image")
    assert probed(manifest).paths == tuple(r.path for i, r in enumerate(manifest) if i != 2)


def test_probes_survive_the_disk(manifest: Manifest, tmp_path: Path) -> None:
    probes = probed(manifest)
    first, second = (probes.save(tmp_path / f"{n}.npz") for n in "ab")
    assert first.read_bytes() == second.read_bytes()
    read = LabelProbes.load(first)
    assert (read.paths, read.transforms) == (probes.paths, probes.transforms)
    assert np.array_equal(read.plain, probes.plain)
    assert np.array_equal(read.changed, probes.changed)


@pytest.mark.parametrize("fault", ["text", "cut", "parts", "pickle"])
def test_a_damaged_file_is_one_sentence(manifest: Manifest, tmp_path: Path, fault: str) -> None:
    path = probed(manifest).save(tmp_path / "p.npz")
    if fault == "text":
        path.write_text("hello")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif fault == "parts":
        replace(LabelProbes.load(path), paths=("a",)).save(path)
    else:
        np.savez(path, paths=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="run 'amulet-ai augment' anew"):
        LabelProbes.load(path)


def test_one_photograph_of_an_object_and_so_many_of_a_class() -> None:
    places = [(label, i) for label in "ab" for i in range(90)]
    rows = [ImageRecord(f"{c}{i}.png", c, sha256=f"{c}{i}", group=f"{c}{i // 2}") for c, i in places]
    chosen = probed_photographs(rows, seed=0)
    assert len(chosen) == 64
    assert len({r.group for r in chosen}) == 64
    assert probed_photographs(rows[::-1], seed=0) == chosen
    assert probed_photographs(rows, seed=1) != chosen


# -- in a fold ---------------------------------------------------------------------------------------------


def fitting_rows(carried_in_folds: set[int]) -> FittingRows:
    """Two classes of 24 objects in 3 folds; changed by "noise", class a looks like b in some folds."""
    records, plain, changed = [], [], []
    for label, way in (("a", 0), ("b", 1)):
        for i in range(24):
            path = f"{label}{i}.png"
            records.append(ImageRecord(path, label, group=path, split=Split.TRAIN, fold=i % 3))
            plain.append(np.eye(2)[way] + 0.01 * i)
            changed.append(plain[-1][::-1] if label == "a" and i % 3 in carried_in_folds else plain[-1])
    probes = LabelProbes(
        tuple(r.path for r in records), ("noise", "blur"),
        np.array(plain, np.float16), np.array([changed, plain], np.float16),
    )  # fmt: skip
    copies = [
        replace(r, path=f"{r.path}_{name}", source_id=r.path, extra={"transforms": name})
        for r in records
        for name in ("noise+jpeg", "blur")
    ]
    return FittingRows.of(Manifest(Path("."), (*records, *copies)), probes)


def kept(rows: FittingRows, fold: int) -> set[tuple[int, bool]]:
    """(label, whether by noise) of the copies that a fold fits on."""
    own = rows.photographs
    fitted = rows.with_copies(own[rows.folds[own] != fold])
    assert rows.check is not None
    return {(int(rows.y[i]), bool(rows.check.used[i, 0])) for i in fitted if rows.parents[i] >= 0}


EVERYTHING = {(0, False), (0, True), (1, False), (1, True)}


def test_a_fold_leaves_out_what_its_own_rows_show_to_be_unsafe() -> None:
    assert [kept(fitting_rows(set()), fold) for fold in range(3)] == [EVERYTHING] * 3
    assert [kept(fitting_rows({0, 1, 2}), fold) for fold in range(3)] == [EVERYTHING - {(0, True)}] * 3


def test_the_held_out_fold_has_no_say() -> None:
    rows = fitting_rows({1})  # what fold 1 alone could show
    assert [kept(rows, fold) for fold in range(3)] == [EVERYTHING - {(0, True)}, EVERYTHING, EVERYTHING - {(0, True)}]


def test_the_check_follows_rows_that_are_taken_and_refolded() -> None:
    rows = fitting_rows({1})
    own = rows.photographs
    outside = np.concatenate([own[rows.folds[own] != 2], np.flatnonzero((rows.parents >= 0) & (rows.folds != 2))])
    inside = rows.take(outside)
    inside = inside.refolded(inside.folds[inside.photographs])
    assert kept(inside, 1) == EVERYTHING  # only fold 0 is left to fit on, which shows nothing
    assert kept(inside, 0) == EVERYTHING - {(0, True)}
