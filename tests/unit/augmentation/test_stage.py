"""The folder that the stage leaves: photographs untouched, copies repeatable, counts that add up."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ai_models import quality
from ai_models.augmentation import AugmentationPipeline, augment_manifest, stage
from ai_models.augmentation.copying import copy_path
from ai_models.core.errors import DataError, OutputError
from ai_models.core.images import read_image, walk_images
from ai_models.core.records import ImageRecord, Manifest, Split
from ai_models.core.settings import AugmentationConfig
from ai_models.transforms import PRESETS


def scene(seed: int, height: int = 80, width: int = 96) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = [np.kron(rng.uniform(0, 255, (height // c, width // c, 3)), np.ones((c, c, 1))) for c in (4, 16)]
    return ((blocks[0] + blocks[1]) / 2).astype(np.uint8)


SIDES = {0: Split.TEST, 1: Split.VAL}


def build(root: Path, sizes: dict[str, int]) -> Manifest:
    rows = []
    for label, n in sizes.items():
        (root / label).mkdir(parents=True)
        for i in range(n):
            path = f"{label}/{i}.jpg"
            Image.fromarray(scene(len(rows))).save(root / path, quality=95)
            digest = hashlib.sha256((root / path).read_bytes()).hexdigest()
            side = SIDES.get(i, Split.TRAIN)
            fold = i % 2 if side is Split.TRAIN else -1
            row = ImageRecord(
                path, label, digest, 96, 80, f"g{len(rows)}", split=side, fold=fold, extra={"side": "front"}
            )
            rows.append(row)
    return Manifest(root, tuple(rows))


def tree(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {os.fsdecode(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def photographs(tmp_path: Path) -> Manifest:
    return build(tmp_path / "photographs", {"พระ": 5, "plain": 9})


def test_the_folder_holds_photographs_copies_and_manifest(photographs: Manifest, tmp_path: Path) -> None:
    before = tree(photographs.root)
    out = tmp_path / "out"
    result = AugmentationPipeline(AugmentationConfig(workers=1)).run(photographs, out)
    assert result == Manifest.load(out / "manifest.csv")
    unmarked = [replace(r, extra={"side": r.extra["side"]}) for r in result.originals()]
    assert tuple(unmarked) == photographs.records
    assert {r.extra["transforms"] for r in result.originals()} == {""}
    assert len(result.copies()) == 4  # the other class has 7 training photographs, this one 3
    parents = {r.path: r for r in photographs}
    for copy in result.copies():
        parent = parents[copy.source_id]
        assert parent.split is Split.TRAIN
        for name in ("label", "group", "split", "fold"):
            assert getattr(copy, name) == getattr(parent, name)
        assert copy.extra["side"] == "front"
        assert set(copy.extra["transforms"].split("+")) <= {t.name for t in PRESETS["light"]}
        pixels = read_image(out / copy.path)
        assert (copy.height, copy.width) == pixels.shape[:2] == (80, 96)
        assert copy.sha256 == hashlib.sha256((out / copy.path).read_bytes()).hexdigest()
        assert np.abs(pixels.astype(int) - read_image(out / copy.source_id)).mean() > 0.5
    assert tree(photographs.root) == before
    carried = tree(out)
    assert {path: carried[path] for path in before} == before
    sheets = {"contact_sheets/พระ.png", "contact_sheets/.amulet-ai-not-photographs"}
    assert set(carried) == {r.path for r in result} | sheets | {"manifest.csv", "augmentation.json"}
    assert os.path.samefile(out / "plain/0.jpg", photographs.root / "plain/0.jpg")


def test_the_counts_add_up(photographs: Manifest, tmp_path: Path) -> None:
    augment_manifest(photographs, tmp_path / "out", AugmentationConfig(seed=5))
    counts = json.loads((tmp_path / "out" / "augmentation.json").read_text())
    checked = counts["classes"]["พระ"].pop("label_check")
    assert {c["reason"] for c in checked.values()} == {"3 objects, 8 needed"}
    assert set(checked) == {t.name for t in PRESETS["light"]}
    assert counts["classes"]["พระ"] == {
        "photographs": 3, "copies": 4, "after": 7, "strength": 1.2857, "not_made": 0, "rejected": {},
    }  # fmt: skip
    assert counts["classes"]["plain"]["copies"] == counts["classes"]["plain"]["not_made"] == 0
    assert (counts["copies"], counts["not_made"], counts["rejected"]) == (4, 0, {})
    assert (counts["settings"]["preset"], counts["settings"]["seed"]) == ("light", 5)


def test_bytes_do_not_depend_on_workers_or_order(photographs: Manifest, tmp_path: Path) -> None:
    config = AugmentationConfig(target_samples=12, augmentation_factor=4, preset="heavy")
    augment_manifest(photographs, tmp_path / "one", config.replace(workers=1))
    augment_manifest(photographs, tmp_path / "three", config.replace(workers=3))
    assert tree(tmp_path / "one") == tree(tmp_path / "three")
    turned = replace(photographs, records=photographs.records[::-1])
    augment_manifest(turned, tmp_path / "turned", config)
    one, turned_tree = tree(tmp_path / "one"), tree(tmp_path / "turned")
    assert {k: v for k, v in one.items() if k != "manifest.csv"} == {
        k: v for k, v in turned_tree.items() if k != "manifest.csv"
    }


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"preset": "robust"}, {"target_samples": 5}, {"augmentation_factor": 0.5}]
)
def test_every_setting_changes_the_result(photographs: Manifest, tmp_path: Path, change: dict[str, object]) -> None:
    augment_manifest(photographs, tmp_path / "one", AugmentationConfig())
    augment_manifest(photographs, tmp_path / "two", AugmentationConfig().replace(**change))
    copies = [{k: v for k, v in tree(tmp_path / n).items() if k.startswith("augmented")} for n in ("one", "two")]
    assert copies[0] != copies[1]


def test_a_copy_does_not_depend_on_the_other_photographs(photographs: Manifest, tmp_path: Path) -> None:
    config = AugmentationConfig(target_samples=20, augmentation_factor=2, preset="medium")
    few = photographs.where(lambda r: not r.path.startswith("plain/8"))
    first, second = (augment_manifest(m, tmp_path / n, config) for m, n in ((photographs, "all"), (few, "few")))
    shared = {c.path: c.sha256 for c in first.copies() if c.label == "plain"}
    again = {c.path: c.sha256 for c in second.copies() if c.label == "plain"}
    both = set(again) & set(shared)
    assert len(both) > 8
    assert all(again[path] == shared[path] for path in both)


def test_every_copy_is_drawn_anew(tmp_path: Path) -> None:
    root = tmp_path / "photographs"
    root.mkdir()
    for level in (1, 9):  # equal pixels in files of different bytes
        Image.fromarray(scene(0)).save(root / f"{level}.png", compress_level=level)
    rows = tuple(ImageRecord(f"{level}.png", "a", split=Split.TRAIN) for level in (1, 9))
    config = AugmentationConfig(target_samples=22, augmentation_factor=10)
    result = augment_manifest(Manifest(root, rows), tmp_path / "out", config)
    assert len({c.sha256 for c in result.copies()}) == len(result.copies()) == 20


def test_the_gate_throws_copies_away_and_counts_why(photographs: Manifest, tmp_path: Path) -> None:
    result = augment_manifest(photographs, tmp_path / "out", AugmentationConfig(quality_threshold=1.0))
    counts = json.loads((tmp_path / "out" / "augmentation.json").read_text())
    assert len(result.copies()) == 0
    assert (counts["copies"], counts["not_made"]) == (0, 4)
    assert counts["rejected"] == counts["classes"]["พระ"]["rejected"] == {"low overall score": 20}
    assert (counts["classes"]["พระ"]["not_made"], counts["classes"]["plain"]["rejected"]) == (4, {})
    threshold = 0.8
    passed = augment_manifest(photographs, tmp_path / "some", AugmentationConfig(quality_threshold=threshold))
    for copy in passed.copies():  # judged before the last encoding
        assert quality.assess(read_image(passed.root / copy.path)).overall / 100 > threshold - 0.05


def test_unreadable_parents_are_counted_not_hidden(photographs: Manifest, tmp_path: Path) -> None:
    broken = photographs.root / "พระ/2.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    unseen = photographs.map(lambda r: replace(r, sha256="", width=0, height=0))
    result = augment_manifest(unseen, tmp_path / "out", AugmentationConfig(augmentation_factor=9))
    counts = json.loads((tmp_path / "out" / "augmentation.json").read_text())
    assert counts["rejected"]["truncated"] == counts["not_made"] > 0
    assert all(c.source_id != "พระ/2.jpg" for c in result.copies())


def test_a_photograph_that_changed_since_is_refused(photographs: Manifest, tmp_path: Path) -> None:
    shutil.copy(photographs.root / "plain/3.jpg", photographs.root / "พระ/3.jpg")
    with pytest.raises(DataError, match="not the file that the manifest describes"):
        augment_manifest(photographs, tmp_path / "out", AugmentationConfig(augmentation_factor=9, target_samples=99))
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupt_leaves_nothing_behind(
    photographs: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "_counts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        augment_manifest(photographs, tmp_path / "out", AugmentationConfig())
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("where", [".", "inside", "..", "../photographs/plain/deeper"])
def test_output_inside_or_around_the_photographs_is_refused(photographs: Manifest, where: str) -> None:
    before = tree(photographs.root)
    with pytest.raises(DataError, match="must lie outside the photographs' folder"):
        augment_manifest(photographs, photographs.root / where, AugmentationConfig(), overwrite=True)
    assert tree(photographs.root) == before


def test_a_missing_photograph_is_refused(photographs: Manifest, tmp_path: Path) -> None:
    (photographs.root / "plain/0.jpg").unlink()
    with pytest.raises(DataError, match=r"names 'plain/0.jpg', but .* has no such file"):
        augment_manifest(photographs, tmp_path / "out", AugmentationConfig())


def test_rows_that_never_were_readable_stay_rows(photographs: Manifest, tmp_path: Path) -> None:
    os.mkfifo(photographs.root / "pipe.jpg")
    rows = (*photographs.records, ImageRecord("pipe.jpg"), ImageRecord("gone.jpg", split=Split.EXCLUDED))
    result = augment_manifest(replace(photographs, records=rows), tmp_path / "out", AugmentationConfig())
    assert {"pipe.jpg", "gone.jpg"} <= {r.path for r in result}
    assert not (tmp_path / "out" / "pipe.jpg").exists()


# -- an earlier result -------------------------------------------------------------------------------------


def test_an_earlier_result_is_replaced_only_when_asked(photographs: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = tree(photographs.root)
    augment_manifest(photographs, out, AugmentationConfig(target_samples=9, augmentation_factor=9))
    (out / "augmented" / "note.txt").write_text("mine")
    (out / "contact_sheets" / "mine.png").write_text("mine")
    first = tree(out)
    assert "contact_sheets/plain.png" in first
    with pytest.raises(OutputError, match="--overwrite"):
        augment_manifest(photographs, out, AugmentationConfig())
    assert tree(out) == first
    result = augment_manifest(photographs, out, AugmentationConfig(), overwrite=True)
    listed = {r.path for r in result}
    own = {"contact_sheets/พระ.png", "contact_sheets/.amulet-ai-not-photographs", "manifest.csv", "augmentation.json"}
    assert set(tree(out)) == listed | own | {"augmented/note.txt", "contact_sheets/mine.png"}
    assert tree(photographs.root) == before


def test_a_folder_of_somebody_else_is_never_touched(photographs: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "plain").mkdir(parents=True)
    (out / "plain" / "0.jpg").write_text("mine")
    photographs.save(out / "manifest.csv")  # a manifest alone does not make it ours
    before = tree(out)
    with pytest.raises(OutputError, match="already holds other files"):
        augment_manifest(photographs, out, AugmentationConfig(), overwrite=True)
    assert tree(out) == before


def test_foreign_files_among_an_earlier_result_are_not_overwritten(photographs: Manifest, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = photographs.where(lambda r: r.path != "plain/8.jpg")
    augment_manifest(small, out, AugmentationConfig())
    (out / "plain" / "8.jpg").write_text("mine")
    with pytest.raises(OutputError, match="not from an earlier run"):
        augment_manifest(photographs, out, AugmentationConfig(), overwrite=True)
    assert (out / "plain" / "8.jpg").read_text() == "mine"


@pytest.mark.parametrize("name", ["พระ.png", ".amulet-ai-not-photographs"])
def test_a_foreign_contact_sheet_is_not_overwritten(photographs: Manifest, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    only = photographs.where(lambda r: r.label == "plain")  # nothing to balance: no copies and no sheets
    augment_manifest(only, out, AugmentationConfig())
    (out / "contact_sheets").mkdir()
    (out / "contact_sheets" / name).write_text("mine")
    with pytest.raises(OutputError, match="not from an earlier run"):
        augment_manifest(photographs, out, AugmentationConfig(), overwrite=True)
    assert (out / "contact_sheets" / name).read_text() == "mine"


def test_photographs_in_a_folder_of_the_sheets_name_are_refused(photographs: Manifest, tmp_path: Path) -> None:
    (photographs.root / "plain").rename(photographs.root / "contact_sheets")
    moved = photographs.map(lambda r: replace(r, path=r.path.replace("plain/", "contact_sheets/")))
    with pytest.raises(DataError, match="a name that this stage writes"):
        augment_manifest(moved, tmp_path / "out", AugmentationConfig())


def test_contact_sheets_are_not_taken_for_photographs(photographs: Manifest, tmp_path: Path) -> None:
    result = augment_manifest(photographs, tmp_path / "out", AugmentationConfig())
    assert (result.root / "contact_sheets/พระ.png").is_file()
    assert set(walk_images(result.root)) == {r.path for r in result}


def test_a_contact_sheet_shows_photographs_and_their_copies(photographs: Manifest, tmp_path: Path) -> None:
    result = augment_manifest(photographs, tmp_path / "out", AugmentationConfig())
    sheet = read_image(result.root / "contact_sheets/พระ.png").astype(int)
    parents = list(dict.fromkeys(r.source_id for r in result.copies()))
    first = read_image(result.root / parents[0]).astype(int)  # 96 x 80: neither reduced nor enlarged
    top, left = 8 + (128 - 80) // 2, 8 + (128 - 96) // 2
    assert np.array_equal(sheet[top : top + 80, left : left + 96], first)
    beside = read_image(result.root / next(r.path for r in result.copies() if r.source_id == parents[0])).astype(int)
    assert np.array_equal(sheet[top : top + 80, left + 136 : left + 136 + 96], beside)


def test_links_that_are_impossible_become_copies(
    photographs: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    augment_manifest(photographs, tmp_path / "out", AugmentationConfig())
    carried, original = tmp_path / "out" / "plain/0.jpg", photographs.root / "plain/0.jpg"
    assert carried.read_bytes() == original.read_bytes()
    assert not os.path.samefile(carried, original)


# -- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("a/พระสมเด็จ.jpg", "พระ"),
        ("a/" + "ก" * 80 + ".jpg", "ก" * 85),
        ("a/caf\udce9.jpg", "x/../../y"),
        ("a/.jpg", ".."),
        ("a/new\nline\t.jpg", ".hidden"),
        ('a/<>:"|?*.jpg', " "),
    ],
)
def test_names_of_copies_are_safe(path: str, label: str) -> None:
    parts = copy_path(ImageRecord(path, label), 3).split("/")
    assert len(parts) == 3
    assert parts[0] == "augmented"
    for part in parts:
        part.encode("utf-8")
        assert 0 < len(os.fsencode(part)) <= 255
        assert not part.startswith(".")
        assert part.isprintable()
    assert parts[2].endswith("_aug3.jpg")


def test_equal_stems_of_different_folders_stay_apart() -> None:
    rows = [ImageRecord(f"a/{folder}/1.{ext}", "a") for folder in "xy" for ext in ("jpg", "png")]
    assert len({copy_path(r, 0) for r in rows}) == 4


def test_large_photographs_are_reduced_first(tmp_path: Path) -> None:
    root = tmp_path / "photographs"
    (root / "a").mkdir(parents=True)
    Image.fromarray(np.kron(scene(0), np.ones((25, 25, 1), np.uint8))).save(root / "a" / "1.jpg")
    row = ImageRecord("a/1.jpg", "a", split=Split.TRAIN)
    result = augment_manifest(Manifest(root, (row,)), tmp_path / "out", AugmentationConfig(target_samples=2))
    assert [(c.width, c.height) for c in result.copies()] == [(1024, 853)]
