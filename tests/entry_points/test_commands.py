"""What the commands do when all is well: where they write, what the next one finds, what it says."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ai_models.cli import main
from ai_models.core.paths import to_text
from ai_models.core.records import Manifest, Split

BLOCKS = ("--no-cnn", "--no-hog", "--image-size", "64", "--no-cache")


def _done(result):
    assert result.exit_code == 0, result.output
    return result


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_inspect_goes_to_a_new_numbered_place(call, photographs, tree_hash):
    before = tree_hash(photographs)
    for name in ("inspection-photos", "inspection-photos-2", "inspection-photos-3"):
        said = _done(call("inspect", "--data-dir", photographs, "--quick-mode")).stdout
        assert f"report    reports/{name}/inspection.html" in said
        assert Path(f"reports/{name}/manifest.csv").is_file()
    assert "34 photographs of 34 objects in 3 classes" in said
    assert tree_hash(photographs) == before


def test_an_earlier_result_is_replaced_only_when_asked(call, photographs):
    where = ("inspect", "--data-dir", photographs, "--quick-mode", "--output-dir", "mine")
    _done(call(*where))
    refused = call(*where)
    assert refused.exit_code == 2
    assert "add --overwrite" in refused.stderr
    _done(call(*where, "--overwrite"))


def test_split_writes_the_columns_and_a_table(call, photographs):
    said = _done(call("split", "--data-dir", photographs, "--folds", "3", "--seed", "4")).stdout
    split = Manifest.load("reports/split-photos.csv", root=photographs)
    assert {r.fold for r in split.on(Split.TRAIN)} == {0, 1, 2}
    assert {r.split for r in split} == {Split.TRAIN, Split.VAL, Split.TEST}
    assert "all" in said
    assert "reports/split-photos.csv" in said
    again = ("split", "--manifest", "reports/split-photos.csv", "--data-dir", photographs)
    _done(call(*again, "--folds", "3", "--output", "again.csv"))
    assert Path("again.csv").read_bytes() == Path("reports/split-photos.csv").read_bytes()
    assert call(*again, "--output", "again.csv").exit_code == 2
    _done(call(*again, "--folds", "3", "--output", "again.csv", "--overwrite"))
    other = _done(call("split", "--data-dir", photographs, "--folds", "3", "--seed", "5"))
    assert "split-photos-2.csv" in other.stdout
    assert Path("reports/split-photos-2.csv").read_bytes() != Path("again.csv").read_bytes()


def test_split_keeps_the_users_groups_together(call, photographs, tmp_path):
    groups = tmp_path / "groups.csv"
    named = [f"ash/{i:02d}.png" for i in range(0, 6)]
    groups.write_text("file,group\n" + "".join(f"{n},one object\n" for n in named), encoding="utf-8")
    _done(call("split", "--data-dir", photographs, "--groups", groups, "--folds", "3", "--output", "s.csv"))
    split = {r.path: r for r in Manifest.load("s.csv", root=photographs)}
    assert len({(split[n].split, split[n].fold, split[n].group) for n in named}) == 1
    _done(call("split", "--data-dir", photographs, "--manifest", "s.csv", "--groups", groups, "--output", "t.csv"))


def test_split_extends_an_earlier_split_and_leaves_out_what_links_it(call, photographs, tmp_path):
    root = Path(shutil.copytree(photographs, tmp_path / "mine"))
    _done(call("split", "--data-dir", root, "--folds", "3", "--output", "s.csv"))
    old = {r.path: (r.split, r.fold) for r in Manifest.load("s.csv", root=root)}
    far = next(path for path in sorted(old) if old[path] != old["ash/00.png"])
    for name in ("ash/link.png", "ash/twin.png"):
        Image.open(root / "ash" / "00.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / name)
    Image.open(root / "ash" / "01.png").rotate(90).save(root / "ash" / "01-turned.png")
    Path("g.csv").write_text(f"file,group\nash/link.png,one\n{far},one\n", encoding="utf-8")
    said = _done(
        call("split", "--data-dir", root, "--extend", "s.csv", "--groups", "g.csv", "--folds", "3", "--output", "t.csv")
    )
    assert "manifest  t.csv" in said.stdout
    new = {r.path: (r.split, r.fold) for r in Manifest.load("t.csv", root=root)}
    assert {path: new[path] for path in old} == old
    assert new["ash/link.png"] == (Split.EXCLUDED, -1)
    assert new["ash/twin.png"] in {old["ash/00.png"], (Split.EXCLUDED, -1)}, "never as an object of its own"
    assert new["ash/01-turned.png"] == old["ash/01.png"]
    refused = call("split", "--manifest", "s.csv", "--extend", "s.csv")
    assert refused.exit_code == 2
    assert "--extend FILE.csv needs --data-dir" in refused.stderr


def test_a_users_own_manifest_without_groups_gets_them_from_the_images(call, photographs, tmp_path, tree_hash):
    root = Path(shutil.copytree(photographs, tmp_path / "mine"))
    Image.open(root / "ash" / "00.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "ash" / "twin.png")
    table = "path,label,place\n" + "".join(
        f"{p.relative_to(root).as_posix()},{p.parent.name},museum\n" for p in sorted(root.rglob("*.png"))
    )
    (root / "rows.csv").write_text(table, encoding="utf-8")
    _done(call("split", "--manifest", root / "rows.csv", "--folds", "3", "--output", "s.csv"))
    rows = {r.path: r for r in Manifest.load("s.csv", root=root)}
    assert rows["ash/twin.png"].group == rows["ash/00.png"].group
    assert rows["ash/twin.png"].split == rows["ash/00.png"].split
    assert len({r.group for r in rows.values()}) == len(rows) - 1
    assert rows["ash/00.png"].extra == {"place": "museum"}


def test_the_chain_by_folders_keeps_copies_out_of_every_score(call, photographs, quick, tree_hash):
    before = tree_hash(photographs)
    options = ("--target-samples", "14", "--quality-threshold", "0", "--cv-folds", "3")
    said = _done(call("augment", "--input-dir", photographs, "--output-dir", "more", *options)).stdout
    rows = Manifest.load("more/manifest.csv")
    copies = rows.copies()
    assert copies
    assert all(r.split is Split.TRAIN for r in copies)
    made = [r for r in copies if r.label == "cedar"]
    objects = len({r.source_id for r in made})  # each photograph here shows an object of its own
    assert f"cedar: 9 photographs of 9 objects, {len(made)} copies of {objects} objects" in said
    assert "look at   more/contact_sheets" in said
    strict = ("--target-samples", "14", "--quality-threshold", "1", "--cv-folds", "3")
    said = _done(call("augment", "--input-dir", photographs, "--output-dir", "none", *strict)).stdout
    assert "cedar: 9 photographs of 9 objects, 0 copies of 0 objects; thrown away: " in said
    assert " copies not made" in said
    assert "look at" not in said
    said = _done(call("train", "--data-dir", "more", *quick)).stdout
    assert "model     saved_models/more" in said
    kept = Manifest.load("saved_models/more/manifest.csv")
    assert {(r.path, r.split, r.group, r.source_id) for r in kept} == {
        (r.path, r.split, r.group, r.source_id) for r in rows
    }
    scored = {row["path"] for row in _rows(Path("saved_models/more/oof_predictions.csv").read_text(encoding="utf-8"))}
    assert scored == {r.path for r in rows.on(Split.TRAIN).originals()}
    assert tree_hash(photographs) == before


def test_extract_fits_codebooks_on_training_rows_only(call, photographs, tmp_path):
    _done(call("split", "--data-dir", photographs, "--folds", "3", "--output", "s.csv"))
    rows = Manifest.load("s.csv", root=photographs)
    changed = Path(shutil.copytree(photographs, tmp_path / "changed"))
    for row in rows.on(Split.TEST):
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (72, 72, 3), np.uint8)).save(changed / row.path)
    for root, place in ((photographs, "one"), (changed, "two")):
        _done(call("extract", "--data-dir", root, "--manifest", "s.csv", "--output-dir", place, *BLOCKS))
    one, two = (np.load(f"{place}/features.npy") for place in ("one", "two"))
    described = json.loads(Path("one/features.json").read_text(encoding="utf-8"))
    assert one.dtype == np.float32
    assert one.shape == (len(rows), len(described["names"])) == (described["rows"], described["blocks"]["colour"][1])
    assert [r.path for r in Manifest.load("one/manifest.csv")] == [r.path for r in rows]
    learnt = [r.split is not Split.TEST for r in rows]
    assert (one[learnt] == two[learnt]).all()
    assert not (one == two).all()


def test_extract_leaves_codebooks_out_where_nothing_is_split(call, photographs):
    said = _done(call("extract", "--data-dir", photographs, *BLOCKS)).stdout
    assert "block sift is left out: its codebook is fitted on training rows" in said
    assert "(lbp, colour)" in said
    done = call("extract", "--data-dir", photographs, *BLOCKS, "--no-lbp", "--no-colour")
    assert done.exit_code == 2
    assert "sift need" in done.stderr
    assert "amulet-ai split" in done.stderr


def test_train_takes_the_split_as_it_is(call, photographs, quick):
    _done(call("split", "--data-dir", photographs, "--folds", "3", "--val-size", "0", "--output", "s.csv"))
    _done(call("train", "--data-dir", photographs, "--manifest", "s.csv", *quick, "--output-dir", "m"))
    given, kept = (Manifest.load(p, root=photographs) for p in ("s.csv", "m/manifest.csv"))
    assert {r.path: r.split for r in kept} == {r.path: r.split for r in given}
    bundle = json.loads(Path("m/bundle.json").read_text(encoding="utf-8"))
    assert bundle["classes"] == ["ash", "birch", "cedar"]


def test_predict_has_a_row_for_every_file(call, model_dir, photographs, tmp_path):
    folder = tmp_path / "new"
    (folder / "deep" / "er").mkdir(parents=True)
    shutil.copy(photographs / "ash" / "01.png", folder / "flat.png")
    shutil.copy(photographs / "birch" / "01.png", folder / "deep" / "er" / "b.PNG")
    (folder / "deep" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("no image", encoding="utf-8")
    odd = b"odd\xff.png".decode("utf-8", "surrogateescape")
    shutil.copy(photographs / "cedar" / "01.png", folder / odd)
    said = _done(call("predict", "--model-dir", model_dir, "--data-dir", folder, "--output", "p.csv")).stdout
    rows = _rows(Path("p.csv").read_text(encoding="utf-8"))
    assert {row["path"] for row in rows} == {"flat.png", "deep/er/b.PNG", "deep/broken.jpg", to_text(odd)}
    header = ["path", "predicted_class", "confidence", "p_ash", "p_birch", "p_cedar"]
    judged = ["prediction_set", "ood_score", "ood_p_value", "verdict", "reason", "prediction_set_by_class"]
    assert list(rows[0]) == [*header, *judged]
    by_path = {row["path"]: row for row in rows}
    assert by_path["deep/broken.jpg"]["verdict"] == "unreadable"
    assert by_path["deep/broken.jpg"]["predicted_class"] == ""
    assert by_path["deep/er/b.PNG"]["predicted_class"] == "birch"
    assert sum(float(by_path["flat.png"][f"p_{c}"]) for c in ("ash", "birch", "cedar")) == pytest.approx(1)
    assert "4 images:" in said
    assert "1 unreadable" in said
    printed = _done(call("predict", "--model-dir", model_dir, "--data-dir", folder, "--output", "-"))
    assert printed.stdout_bytes == Path("p.csv").read_bytes()


def test_predict_takes_files_and_finds_a_default_place(call, model_dir, photographs):
    file = photographs / "ash" / "02.png"
    said = _done(call("predict", "--model-dir", model_dir, file, file)).stdout
    assert "reports/predictions-textures.csv" in said
    rows = _rows(Path("reports/predictions-textures.csv").read_text(encoding="utf-8"))
    assert [row["path"] for row in rows] == [str(file)] * 2


def test_evaluate_scores_the_rows_that_were_kept(call, model_dir, tree_hash):
    before = tree_hash(model_dir)
    said = _done(call("evaluate", "--model-dir", model_dir, "--quick", "--bootstrap-draws", "100")).stdout
    assert "balanced accuracy" in said
    assert "report    reports/evaluation-textures/report.html" in said
    held_out = Manifest.load(model_dir / "manifest.csv").on(Split.TEST)
    rows = _rows(Path("reports/evaluation-textures/predictions.csv").read_text(encoding="utf-8"))
    assert {row["path"] for row in rows} == {r.path for r in held_out}
    assert tree_hash(model_dir) == before


def test_evaluate_answers_claims_and_refuses_what_it_cannot_read(call, model_dir):
    arguments = ("evaluate", "--model-dir", model_dir, "--quick", "--bootstrap-draws", "100", "--output-dir", "e")
    refused = call(*arguments, "--claim", "balanced_acuracy > 0.9", "--claim", "f1 > 0.8")
    assert refused.exit_code == 2
    assert "did you mean 'balanced_accuracy'?" in refused.stderr
    assert "add 'in every class'" in refused.stderr
    refused = call(*arguments, "--claim", "recall > 0.5 in class oak")
    assert refused.exit_code == 2
    assert "there are ash, birch, cedar" in refused.stderr
    assert not Path("e").exists() or not list(Path("e").iterdir())
    said = _done(call(*arguments, "--claim", "accuracy > 0.1", "--claim", "recall > 99.9% in class ash")).stdout
    assert "claim              accuracy > 0.1: supported (" in said
    assert "claim              recall > 0.999 in class ash: n" in said
    page = Path("e/report.html").read_text(encoding="utf-8")
    assert "What you asked" in page
    assert "accuracy &gt; 0.1" in page


def test_compare_a_model_with_its_evaluation(call, model_dir):
    _done(call("evaluate", "--model-dir", model_dir, "--quick", "--bootstrap-draws", "100", "--output-dir", "e"))
    said = _done(call("compare", model_dir, "e", "--bootstrap-draws", "100")).stdout
    assert said.startswith("no difference in log loss")
    assert "report    reports/comparison-textures-e/comparison.html" in said
    refused = call("compare", model_dir, "nowhere")
    assert refused.exit_code == 2
    assert "neither a model directory nor an evaluation" in refused.stderr


def test_run_goes_the_whole_way_and_changes_nothing_of_the_users(call, photographs, quick, tree_hash):
    before = tree_hash(photographs)
    where = ("run", "--data-dir", photographs, "--output-dir", "m", *quick, "--bootstrap-draws", "100")
    where += ("--augmentation-factor", "0.2")
    done = _done(call(*where))
    assert [line[:3] for line in done.stderr.splitlines() if line[1:3] == "/6"] == [f"{i}/6" for i in range(1, 7)]
    for name in (
        "model.joblib",
        "bundle.json",
        "inspection/inspection.html",
        "data/manifest.csv",
        "report/report.html",
    ):
        assert Path("m", name).is_file(), name
    assert "balanced accuracy" in done.stdout
    assert "model     m" in done.stdout
    assert tree_hash(photographs) == before
    refused = call(*where)
    assert refused.exit_code == 2
    assert "add --overwrite" in refused.stderr


def test_cache_says_what_it_holds_checks_it_and_forgets_it(call, photographs):
    _done(call("extract", "--data-dir", photographs, "--no-cnn", "--no-hog", "--image-size", "64", "--cache-dir", "c"))
    said = _done(call("cache", "info", "--cache-dir", "c")).stdout
    assert re.search(r"^lbp +34 images$", said, re.MULTILINE)
    assert "everything is as it was written" in _done(call("cache", "verify", "--cache-dir", "c")).stdout
    shard = next(Path("c").rglob("*.shard"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"\x00\x01")
    broken = call("cache", "verify", "--cache-dir", "c")
    assert broken.exit_code == 2
    assert "damaged" in broken.stderr
    Path("c/notes.txt").write_text("mine", encoding="utf-8")
    assert "freed" in _done(call("cache", "clear", "--cache-dir", "c")).stdout
    assert not list(Path("c").rglob("*.shard"))
    assert Path("c/notes.txt").exists()


def test_predict_for_a_place_with_other_frequencies(tiny_model: Path, split_textures: Manifest, tmp_path: Path) -> None:
    file = str(split_textures.files[0])
    classes = sorted(set(split_textures.labels.tolist()))
    prior = tmp_path / "prior.csv"
    prior.write_text("class,share\n" + "".join(f"{c},{10.0**-i}\n" for i, c in enumerate(classes)), encoding="utf-8")

    def probabilities(*more: str) -> dict[str, float]:
        told = CliRunner().invoke(main, ["predict", "--model-dir", str(tiny_model), file, "--output", "-", *more])
        assert told.exit_code == 0, told.output
        row = next(csv.DictReader(io.StringIO(told.stdout)))
        return {c: float(row[f"p_{c}"]) for c in classes}

    plain, other = probabilities(), probabilities("--class-prior", str(prior))
    odds = (other[classes[0]] / other[classes[1]]) / (plain[classes[0]] / plain[classes[1]])
    trained = split_textures.on(Split.TRAIN).counts()
    assert odds == pytest.approx(10.0 * trained[classes[1]][0] / trained[classes[0]][0], rel=1e-3)
    wrong = CliRunner().invoke(main, ["predict", "--model-dir", str(tiny_model), file, "--class-prior", "equal"])
    assert wrong.exit_code == 2
    assert "training, uniform or a CSV file" in wrong.output
