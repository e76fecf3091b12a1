import pytest

from ai_models.core.records import Split
from ai_models.inspection.layout import Layout, empty_classes


@pytest.mark.parametrize(
    ("paths", "kind", "places"),
    [
        (["a/1.jpg", "b/x/2.jpg"], "classes", [("a", ""), ("b", "")]),
        (["1.jpg", "2.jpg"], "flat", [("", ""), ("", "")]),
        (["1.jpg", "a/2.jpg"], "classes", [("", ""), ("a", "")]),
        (["train/a/1.jpg", "Validation/b/deep/2.jpg"], "split", [("a", "train"), ("b", "val")]),
        (["valid/a/1.jpg", "test/2.jpg", "3.jpg"], "split", [("a", "val"), ("", "test"), ("", "")]),
        (["train/a/1.jpg", "other/2.jpg"], "classes", [("train", ""), ("other", "")]),
    ],
)
def test_labels_and_sides_come_from_folders(paths, kind, places):
    layout = Layout.of(paths)
    assert layout.kind == kind
    assert [layout.place(path) for path in paths] == [(label, Split(side)) for label, side in places]


def test_empty_classes(tmp_path):
    for name in ("train/a", "train/b", "test/a", "notes"):
        (tmp_path / name).mkdir(parents=True)
    held = ["train/a/1.jpg", "test/a/1.jpg"]
    assert empty_classes(tmp_path, Layout("split"), held) == ["train/b"]
    assert empty_classes(tmp_path, Layout("classes"), ["train/a/1.jpg", "test/a/1.jpg"]) == ["notes"]
    assert empty_classes(tmp_path, Layout("flat"), []) == []
