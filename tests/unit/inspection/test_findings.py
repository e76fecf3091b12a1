import shutil

from PIL import Image, ImageOps

from ai_models.core.settings import InspectionConfig
from ai_models.inspection import findings, scan


def kinds(folder, **settings):
    return {f.kind: f for f in findings(scan(folder, InspectionConfig(**settings)))}


def test_a_clean_folder_has_only_its_small_size_found(folder):
    assert set(kinds(folder)) == {"small_class"}


def test_findings_stand_by_rank(folder):
    shutil.copy(folder / "coin" / "4.jpg", folder / "พระสีวลี" / "4.jpg")
    (folder / "coin" / "bad.jpg").write_bytes(b"")
    found = findings(scan(folder))
    assert [f.rank for f in found] == sorted(f.rank for f in found)
    assert found[0].kind == "label_conflict"


def test_label_conflict_is_grave_also_when_turned(folder):
    image = Image.open(folder / "coin" / "4.jpg")
    ImageOps.mirror(image).save(folder / "พระสีวลี" / "other.jpg", quality=50)
    found = kinds(folder)["label_conflict"]
    assert found.rank == 1
    assert found.paths == ("coin/4.jpg", "พระสีวลี/other.jpg")
    assert "label_conflict" not in kinds(folder, check_duplicates=False)
    assert "label_conflict" in kinds(folder, quick_mode=True)


def test_a_duplicate_across_sides_is_a_leak(folder, tmp_path):
    root = tmp_path / "divided"
    shutil.copytree(folder, root / "train")
    (root / "test" / "coin").mkdir(parents=True)
    Image.open(folder / "coin" / "5.jpg").rotate(180).save(root / "test" / "coin" / "new.jpg", quality=60)
    found = kinds(root)["leak"]
    assert found.rank == 1
    assert found.paths == ("test/coin/new.jpg", "train/coin/5.jpg")
    assert "test, train" in found.message


def test_joined_user_groups_are_told(folder, tmp_path):
    shutil.copy(folder / "coin" / "4.jpg", folder / "coin" / "again.jpg")
    table = tmp_path / "groups.csv"
    table.write_text("file,group\ncoin/4.jpg,one\ncoin/again.jpg,two\n")
    found = [f for f in findings(scan(folder, groups_csv=table)) if f.kind == "groups_joined"]
    assert len(found) == 1
    assert "'one', 'two'" in found[0].message


def test_names_that_differ_only_in_form(folder, make_picture):
    for seed, name in enumerate(("Coin", "c_oin", "cafe\u0301", "caf\u00e9", "cafe"), start=50):
        (folder / name).mkdir()
        make_picture(seed).save(folder / name / "1.jpg")
    found = [f.message for f in findings(scan(folder)) if f.kind == "class_names_alike"]
    assert len(found) == 2
    assert "'Coin', 'c_oin', 'coin'" in found[0]
    assert "cafe'" not in found[1]


def test_files_formats_and_sizes(folder, make_picture):
    make_picture(60, (40, 300)).save(folder / "coin" / "strip.jpg")
    make_picture(61, (20, 20)).save(folder / "coin" / "tiny.jpg")
    make_picture(62).save(folder / "coin" / "really png.jpg", format="PNG")
    make_picture(63).convert("L").save(folder / "coin" / "grey.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    make_picture(64).save(folder / "coin" / "phone.jpg", exif=exif)
    (folder / "coin" / "notes.txt").write_text("x")
    (folder / "coin" / "cut.jpg").write_bytes((folder / "coin" / "4.jpg").read_bytes()[:900])
    found = kinds(folder)
    assert found["odd_shape"].paths == ("coin/strip.jpg",)
    assert found["tiny"].paths == ("coin/strip.jpg", "coin/tiny.jpg")
    assert found["odd_size"].paths == ("coin/tiny.jpg",)
    assert found["wrong_extension"].paths == ("coin/really png.jpg",)
    assert "JPEG 14, PNG 1" in found["mixed_formats"].message
    assert "RGB 14, L 1" in found["mixed_modes"].message
    assert found["exif_turned"].message.startswith("1 photograph of 1 object carries")
    assert found["other_files"].paths == ("coin/notes.txt",)
    assert found["unreadable_corrupt"].paths == ("coin/cut.jpg",)
    assert "coin/tiny.jpg" in found["low_quality"].paths


def test_a_format_that_gives_the_class_away(folder):
    for file in sorted((folder / "พระสีวลี").iterdir()):
        Image.open(file).save(file.with_suffix(".png"))
        file.unlink()
    messages = [f.message for f in findings(scan(folder)) if f.kind == "format_tells_class"]
    assert len(messages) == 2


def test_classes(folder, make_picture):
    make_picture(70).save(folder / "loose.jpg")
    (folder / "nothing").mkdir()
    found = kinds(folder)
    assert found["unlabelled"].paths == ("loose.jpg",)
    assert found["empty_class"].paths == ("nothing",)
    for seed in range(71, 80):
        make_picture(seed).save(folder / "coin" / f"{seed}.jpg")
    assert "3.8 times" in kinds(folder)["imbalance"].message
    shutil.rmtree(folder / "coin")
    assert "พระสีวลี" in kinds(folder)["single_class"].message
    shutil.rmtree(folder / "พระสีวลี")
    assert "no_classes" in kinds(folder)
