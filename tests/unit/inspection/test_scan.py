import shutil
from dataclasses import replace

import pytest
from PIL import Image

from ai_models.core.errors import DataError
from ai_models.core.records import Manifest, Split
from ai_models.core.settings import InspectionConfig
from ai_models.inspection import scan


def groups_of(manifest):
    return {r.path: r.group for r in manifest}


def test_rows_are_right(folder):
    found = scan(folder)
    assert found.manifest.root == folder
    assert found.manifest.counts() == {"coin": (6, 6), "พระสีวลี": (4, 4)}
    assert {(r.width, r.height) for r in found.manifest} == {(120, 96)}
    assert all(len(r.sha256) == 64 and r.group == f"g-{r.sha256[:10]}" for r in found.manifest)
    assert found.edges == ()


def test_planted_copies_share_a_group(folder):
    shutil.copy(folder / "coin" / "4.jpg", folder / "coin" / "again.jpg")
    Image.open(folder / "coin" / "5.jpg").save(folder / "coin" / "lossless.png")
    Image.open(folder / "coin" / "6.jpg").rotate(270, expand=True).save(folder / "coin" / "turned.jpg", quality=40)
    found = scan(folder)
    group = groups_of(found.manifest)
    for first, copy in (("4.jpg", "again.jpg"), ("5.jpg", "lossless.png"), ("6.jpg", "turned.jpg")):
        assert group[f"coin/{first}"] == group[f"coin/{copy}"]
    assert len(set(group.values())) == 10
    assert [e.kind for e in found.edges] == ["bytes", "pixels", "near"]
    quick = scan(folder, InspectionConfig(quick_mode=True))
    assert quick.edges == found.edges
    assert all(f.scores is None for f in quick.files)
    unchecked = scan(folder, InspectionConfig(check_duplicates=False))
    assert [e.kind for e in unchecked.edges] == ["bytes", "pixels"]
    assert set(groups_of(unchecked.manifest).values()) == {""}, "half a graph must not pass for a whole one"
    assert all(f.scores is not None for f in unchecked.files)


def test_sides_of_existing_folders_are_kept(folder, tmp_path):
    root = tmp_path / "divided"
    for side in ("train", "valid", "test"):
        shutil.copytree(folder, root / side)
    found = scan(root)
    assert found.layout.kind == "split"
    assert [len(found.manifest.on(s)) for s in (Split.TRAIN, Split.VAL, Split.TEST)] == [10, 10, 10]
    assert set(found.manifest.classes) == {"coin", "พระสีวลี"}


def test_unreadable_files_stay_out_and_are_listed(folder):
    (folder / "coin" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (folder / "coin" / "empty.png").write_bytes(b"")
    found = scan(folder)
    assert len(found.manifest) == 10
    assert len(found.files) == 12


def test_corruption_threshold_tells_damaged_from_corrupt(folder):
    whole = folder / "coin" / "4.jpg"
    whole.write_bytes(whole.read_bytes()[:-1500])
    share = next(f.probe.missing_rows for f in scan(folder).files if f.path == "coin/4.jpg")
    assert 0 < share < 1
    for threshold, state in ((share + 0.01, "damaged"), (share - 0.01, "corrupt")):
        found = scan(folder, InspectionConfig(corruption_threshold=threshold))
        file = next(f for f in found.files if f.path == "coin/4.jpg")
        assert file.state(found.config.corruption_threshold) == state
        assert "coin/4.jpg" not in groups_of(found.manifest)


def test_failing_images_go_only_when_asked(folder, make_picture):
    make_picture(3).point(lambda v: v // 40).save(folder / "coin" / "dark.png")
    kept = scan(folder)
    assert len(kept.manifest) == 11
    assert [f.path for f in kept.files if f.failures] == ["coin/dark.png"]
    assert len(scan(folder, InspectionConfig(keep_failing=False)).manifest) == 10
    strict = scan(folder, InspectionConfig(strict=True))
    assert sum(bool(f.failures) for f in strict.files) > 1


def test_user_groups_join_the_graph(folder, tmp_path):
    shutil.copy(folder / "coin" / "4.jpg", folder / "coin" / "again.jpg")
    table = tmp_path / "groups.csv"
    table.write_text("file,group\ncoin/4.jpg,piece 1\ncoin/5.jpg,piece 1\ncoin/again.jpg,piece 2\n")
    group = groups_of(scan(folder, groups_csv=table).manifest)
    assert {group[f"coin/{name}.jpg"] for name in ("4", "5", "again")} == {"piece 1"}
    table.write_text("file,group\nelsewhere.jpg,piece 1\n")
    with pytest.raises(DataError, match="relative to that folder"):
        scan(folder, groups_csv=table)


def test_workers_change_nothing(folder):
    one, three = (scan(folder, InspectionConfig(workers=n)) for n in (1, 3))
    assert one.manifest.to_csv() == three.manifest.to_csv()
    assert one.files == three.files


@pytest.fixture
def augmented(folder, make_picture):
    """Return the folder with two copies of one photograph and a manifest that says so."""
    make_picture(4).rotate(7).save(folder / "coin" / "4-a.jpg")
    make_picture(4).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "coin" / "4-b.jpg")
    rows = [replace(r, split=Split.TRAIN if "coin" in r.path else Split.TEST) for r in scan(folder).manifest]
    parent = next(r for r in rows if r.path == "coin/4.jpg")
    rows = [
        replace(r, source_id=parent.path, group=parent.group, split=parent.split) if "4-" in r.path else r for r in rows
    ]
    rows = [replace(r, extra={"note": "x"}) for r in rows]
    Manifest(folder, tuple(rows)).save(folder / "manifest.csv")
    return folder


def test_a_manifest_in_the_folder_is_honoured(augmented):
    found = scan(augmented)
    assert found.edges == ()
    assert [r.path for r in found.manifest.copies()] == ["coin/4-a.jpg", "coin/4-b.jpg"]
    assert len(found.manifest.on(Split.TEST)) == 4
    assert {r.extra["note"] for r in found.manifest} == {"x"}
    assert len(found.manifest.originals()) == 10
    assert found.manifest.to_csv() == (augmented / "manifest.csv").read_bytes()


def test_new_files_beside_a_manifest_join_by_what_they_show(augmented):
    Image.open(augmented / "coin" / "4.jpg").transpose(Image.Transpose.ROTATE_90).save(augmented / "coin" / "new.jpg")
    group = groups_of(scan(augmented).manifest)
    assert group["coin/new.jpg"] == group["coin/4.jpg"] == group["coin/4-a.jpg"]


def test_given_groups_carry_an_earlier_group_along(augmented, tmp_path):
    earlier = Manifest.load(augmented / "manifest.csv")
    both = {"coin/5.jpg", "coin/6.jpg"}
    earlier.map(lambda r: replace(r, group="g-pair") if r.path in both else r).save(augmented / "manifest.csv")
    table = tmp_path / "groups.csv"
    table.write_text("file,group\ncoin/5.jpg,piece 1\n")
    group = groups_of(scan(augmented, groups_csv=table).manifest)
    assert group["coin/5.jpg"] == group["coin/6.jpg"] == "piece 1"


def test_copies_go_with_a_parent_that_is_gone(augmented):
    (augmented / "coin" / "4.jpg").unlink()
    found = scan(augmented)
    assert found.missing == ("coin/4.jpg",)
    assert not found.manifest.copies()


def test_a_foreign_manifest_is_no_manifest(folder):
    (folder / "manifest.csv").write_text("name;value\n1;2\n")
    assert len(scan(folder).manifest) == 10


def test_bad_folders_end_in_one_sentence(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.jpg").write_text("no image")
    for place, words in (
        (tmp_path / "absent", "nothing at"),
        (folder / "coin" / "4.jpg", "is a file"),
        (tmp_path / "empty", "no image found"),
        (tmp_path / "none", "can be read"),
    ):
        with pytest.raises(DataError, match=words) as caught:
            scan(place)
        assert "\n" not in str(caught.value)
