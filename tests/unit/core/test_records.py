"""The manifest's table: what is refused, with the line, and what is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_models.core.errors import DataError, MissingExtraError
from ai_models.core.records import ImageRecord, Manifest, Split, read_groups_csv


def _load(folder: Path, text: str) -> Manifest:
    (folder / "m.csv").write_text(text, encoding="utf-8")
    return Manifest.load(folder / "m.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'path'"),
        ("file,label\na.jpg,x\n", "no column 'path'"),
        ("path,width\na.jpg,1\nb.jpg,wide\n", "line 3: column 'width' must be a whole number from 0, got 'wide'"),
        ('path,note,width\n"a.jpg","two\nlines",1\nb.jpg,,-1\n', "line 4: column 'width'"),
        ("path,fold\na.jpg,1.0\n", "line 2: column 'fold' must be a whole number from -1, got '1.0'"),
        ("path,split\na.jpg,dev\n", "line 2: column 'split' must be one of train, val"),
        ("path\n../a.jpg\n", "line 2: 'path' must lie below"),
        ("path\n/etc/a.jpg\n", "line 2: 'path' must lie below"),
        ("path,label\n,x\n", "line 2: 'path' must lie below"),
        ("path\n.\n", "line 2: 'path' must lie below"),
        ("path\na.jpg\na.jpg\n", "names 'a.jpg' more than once"),
        ("path\na/b.jpg\na//b.jpg\n", "names 'a/b.jpg' more than once"),
        ("path,label,label\na.jpg,x,y\n", "column 'label' more than once"),
        ("path,label\na,b.jpg,x\n", "line 2 has 3 cells, the header 2"),
        ('path\n"a.jpg\n', "cannot read the table"),
        ("path,source_id\na.jpg,b.jpg\n", "is a copy of 'b.jpg', which the manifest lacks"),
        ("path,source_id\na,\nb,a\nc,b\n", "copy of the copy"),
    ],
)
def test_bad_tables_are_refused_with_the_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        _load(tmp_path, text)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the table"):
        Manifest.load(tmp_path / "none.csv")
    (tmp_path / "m.csv").write_bytes(b"path\n\xff\xfe.jpg\n")
    with pytest.raises(DataError, match="UTF-8"):
        Manifest.load(tmp_path / "m.csv")
    (tmp_path / "m.parquet").write_bytes(b"path\na.jpg\n")
    with pytest.raises(DataError, match="cannot read the table"):
        Manifest.load(tmp_path / "m.parquet")


def test_a_table_of_another_hand_is_read(tmp_path: Path) -> None:
    manifest = _load(tmp_path, "\ufeffpath,label,side\n\na/1.jpg,พระ,front\nb.jpg\n./c.jpg,x," + "y" * 200_000 + "\n")
    assert [r.path for r in manifest] == ["a/1.jpg", "b.jpg", "c.jpg"]
    first, second, third = manifest.records
    assert (first.label, first.fold, first.split, first.extra["side"]) == ("พระ", -1, Split.UNASSIGNED, "front")
    assert (second.label, second.width) == ("", 0)
    assert len(third.extra["side"]) == 200_000
    assert manifest.root == tmp_path
    assert len(_load(tmp_path, "path,label\n")) == 0


def test_parquet_of_another_hand_is_read(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"path": ["a", "b"], "fold": [1.0, None], "label": ["x", None], "n": [1, 2]})
    frame.to_parquet(tmp_path / "m.parquet")
    first, second = Manifest.load(tmp_path / "m.parquet")
    assert (first.fold, first.label, first.extra["n"]) == (1, "x", "1")
    assert (second.fold, second.label) == (-1, "")


def test_parquet_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'amulet-ai\[train\]'"):
        Manifest(tmp_path, (ImageRecord("a"),)).save(tmp_path / "m.parquet")


def _small() -> Manifest:
    return Manifest(
        Path("root"),
        (
            ImageRecord("a/1.jpg", "a", group="g", split=Split.TRAIN, fold=0),
            ImageRecord("a/2.jpg", "a", group="g", split=Split.TRAIN, fold=0),
            ImageRecord("b/1.jpg", "b", split=Split.TEST),
            ImageRecord("copy.jpg", "a", group="g", source_id="a/1.jpg", split=Split.TRAIN, fold=0),
            ImageRecord("x.jpg", "x", split=Split.EXCLUDED),
            ImageRecord("unknown.jpg"),
        ),
    )


def test_counts_and_views() -> None:
    manifest = _small()
    assert manifest.classes == ["a", "b"]
    assert manifest.counts() == {"a": (2, 1), "b": (1, 1)}
    assert manifest.is_split
    assert [r.path for r in manifest.on(Split.TEST)] == ["b/1.jpg"]
    assert [r.path for r in manifest.copies()] == ["copy.jpg"]
    assert manifest.copies()[0].is_copy
    assert manifest.folds.tolist() == [0, 0, -1, 0, -1, -1]
    assert manifest.labels.tolist() == ["a", "a", "b", "a", "x", ""]
    assert len(set(manifest.groups.tolist())) == 4
    assert manifest.files[0] == Path("root/a/1.jpg")
    assert list(manifest.to_frame()["path"]) == [r.path for r in manifest]


def test_groups_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("file,group,note\na/1.jpg,g1,x\n./b/1.jpg, g2 ,\nelse.jpg,g3,\na/2.jpg,,\n")
    assert read_groups_csv(file, _small()) == {"a/1.jpg": "g1", "b/1.jpg": "g2"}
    for text, message in (
        ("file\na/1.jpg\n", "must have the columns 'file' and 'group', got file"),
        ("", "got none"),
        ("file,group\na/1.jpg,g1\na/1.jpg,g2\n", "gives 'a/1.jpg' two groups"),
        ("file,group\nz.jpg,g1\n", "no file of"),
    ):
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            read_groups_csv(file, _small())
