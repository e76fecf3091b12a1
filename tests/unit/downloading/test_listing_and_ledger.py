"""The list is checked before anything is asked; the ledger survives being torn anywhere."""

from __future__ import annotations

import csv
import io

import pytest

from ai_models.core.errors import DataError
from ai_models.downloading import Entry, Record, read_list
from ai_models.downloading.ledger import Ledger
from ai_models.downloading.listing import class_fault


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "/etc", "C:\\x", "a\\b", "a\0", "a\nb", ".hidden", "a.", "con", "COM1", "Nul.txt",
     "lpt9", "what?", "a:b", "x" * 201, "ก" * 67, "\x1b[31mred", "provenance.csv", "Provenance.CSV"],
)  # fmt: skip
def test_classes_that_are_no_safe_folder(name):
    assert class_fault(name)


@pytest.mark.parametrize("name", ["พระรอด มหาวัน", "ก" * 66, "a b", "a.b", "console", "com", "com10", "-x", "è", "数"])
def test_classes_that_are(name):
    assert class_fault(name) == ""


def test_a_list_as_a_spreadsheet_writes_it(tmp_path):
    path = tmp_path / "l.csv"
    text = '\ufeffclass,licence, url \r\nพระ,"CC, BY\nfour", http://e.org/1 \r\n\r\nพระ,x,http://e.org/1\r\nb,,http://e.org/1\r\n'
    path.write_bytes(text.encode("utf-8"))
    assert read_list(path) == [
        Entry("http://e.org/1", "พระ", {"licence": "x"}),
        Entry("http://e.org/1", "b", {"licence": ""}),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"url,class\nhttp://e.org/1,\xff\n", "must be UTF-8, but is not at byte 25"),
        (b"url,class,url\nx,a,y\n", "names a column twice"),
        (b"url\nx\n", "lacks class"),
        (b'url,class\n"x"y,a\n', "is no CSV"),
        (b"url,class\n,a\n", "line 2: no url"),
        (b"url,class\nx,Cafe\ny,cafe\n", "line 3: class 'cafe' differs from 'Cafe' only in case"),
        ("url,class\nx,caf\u00e9\ny,cafe\u0301\n".encode(), "only in case or in how it is coded"),
        (b"url,class\n" + b"x,..\n" * 9, "line 6: class '..' is no safe name of a folder and 4 more"),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_used_names_the_lines(data, words, tmp_path):
    (tmp_path / "l.csv").write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_list(tmp_path / "l.csv")
    assert words in str(caught.value)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="check the path"):
        read_list(tmp_path / "none.csv")


EXTRA = {"note": 'two\nlines, "quoted"', "url2": "=1+1", "detail": "mine", "csv_x": "y"}
RECORDS = [
    Record(
        f"http://e.org/{i}", "ก", EXTRA, file=f"ก/{i}.jpg", sha256=str(i % 2), bytes=i, status=200, attempts=1,
        detail="a\nb" * (i % 2), verdict="ok",
    )
    for i in range(4)
]  # fmt: skip
ENTRIES = [Entry(r.url, r.label, r.extra) for r in RECORDS]


def _written(folder):
    folder.mkdir()
    with Ledger(folder, ENTRIES) as ledger:
        header = ledger.path.read_bytes()
        for record in RECORDS:
            ledger.append(record)
    return header, ledger.path.read_bytes()


def test_what_is_appended_is_read_again(tmp_path):
    _, data = _written(tmp_path / "o")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    assert rows[0][-6:] == ["note", "url2", "csv_detail", "csv_csv_x", "detail", "verdict"]
    assert Ledger(tmp_path / "o", ENTRIES).rewrite() == RECORDS
    assert (tmp_path / "o" / "provenance.csv").read_bytes() == data
    assert Ledger(tmp_path / "o", []).rewrite() == RECORDS  # rows that the list has no longer stay


def test_a_ledger_torn_at_any_byte_loses_its_last_row_alone(tmp_path):
    header, data = _written(tmp_path / "o")
    path = tmp_path / "o" / "provenance.csv"
    ends, at = [len(header)], len(header)
    for record in RECORDS:
        with Ledger(_fresh(tmp_path, record), ENTRIES) as alone:
            alone.append(record)
        at += len(alone.path.read_bytes()) - len(header)
        ends.append(at)
    assert ends[-1] == len(data)
    for cut in range(len(header), len(data) + 1):
        path.write_bytes(data[:cut])
        ledger = Ledger(tmp_path / "o", ENTRIES)
        whole = sum(end <= cut for end in ends) - 1
        assert [ledger.get(e) for e in ENTRIES] == [*RECORDS[:whole], *[None] * (4 - whole)], cut


def _fresh(tmp_path, record):
    folder = tmp_path / record.url.replace("/", "_")
    folder.mkdir()
    return folder


def test_a_closed_ledger_takes_nothing(tmp_path):
    (tmp_path / "o").mkdir()
    with Ledger(tmp_path / "o", ENTRIES) as ledger:
        pass
    ledger.append(RECORDS[0])
    assert ledger.get(ENTRIES[0]) is None


@pytest.mark.parametrize("cell", [("label", "../x"), ("bytes", "-1"), ("verdict", "fine")])
def test_a_ledger_that_was_tampered_with_is_not_believed(cell, tmp_path):
    _, data = _written(tmp_path / "o")
    column, value = ("class" if cell[0] == "label" else cell[0]), cell[1]
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    rows[0][column] = value
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (tmp_path / "o" / "provenance.csv").write_text(out.getvalue(), encoding="utf-8", newline="")
    ledger = Ledger(tmp_path / "o", ENTRIES)
    assert ledger.get(ENTRIES[0]) is None
    assert ledger.get(ENTRIES[1]) == RECORDS[1]
