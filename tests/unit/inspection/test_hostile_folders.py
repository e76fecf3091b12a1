import json
import os
import sys

import pytest

from ai_models.core.paths import from_text
from ai_models.core.records import Manifest
from ai_models.inspection import inspect_dataset

STRANGE = [
    'quote\'s "class"',
    "comma, class",
    "new\nline",
    "ปรกโพธิ์ ๙ ใบ",
    "🪙",
    "<b>bold",
    "back\\slash",
    "é" * 120,
]


def snapshot(root):
    return {
        path: (os.lstat(path).st_mtime_ns, os.lstat(path).st_size)
        for folder, _, names in os.walk(root)
        for path in (os.path.join(folder, name) for name in names)
    }


@pytest.mark.skipif(sys.platform == "win32", reason="pipes, links and undecodable names are of POSIX systems")
def test_everything_strange_is_survived_and_named(folder, make_picture, tmp_path):
    for seed, name in enumerate(STRANGE, start=100):
        (folder / name).mkdir()
        make_picture(seed).save(folder / name / "1.jpg")
    raw = os.fsencode(folder) + b"/coin/\xff\xfe.jpg"
    with open(raw, "wb") as stream:
        make_picture(200).save(stream, "JPEG")
    make_picture(201).save(folder / "coin" / ("x" * 251 + ".jpg"))
    (folder / "dir.jpg").mkdir()
    make_picture(202).save(folder / "dir.jpg" / "1.jpg")
    os.mkfifo(folder / "coin" / "pipe.jpg")
    (folder / "coin" / "loop").symlink_to(folder)
    (folder / "coin" / "self.jpg").symlink_to("self.jpg")
    outside = tmp_path / "outside"
    outside.mkdir()
    make_picture(203).save(outside / "1.jpg")
    (folder / "abroad").symlink_to(outside)
    (folder / "coin" / "link.jpg").symlink_to(outside / "1.jpg")
    (folder / "nothing").mkdir()
    before = snapshot(tmp_path)

    found = inspect_dataset(folder, tmp_path / "out")

    after = {path: state for path, state in snapshot(tmp_path).items() if "/out/" not in path}
    assert after == before
    assert {"dir.jpg", *STRANGE} <= set(found.manifest.classes)
    assert "abroad" not in found.manifest.classes
    paths = {r.path for r in found.manifest}
    assert os.fsdecode(b"coin/\xff\xfe.jpg") in paths
    assert f"coin/{'x' * 251}.jpg" in paths
    kinds = {f.kind: f.paths for f in found.findings}
    assert kinds["unreadable_not_a_file"] == ("coin/pipe.jpg",)
    assert kinds["unreadable_unreadable"] == ("coin/self.jpg",)
    assert kinds["links_out"] == ("coin/link.jpg",)
    assert "nothing" in kinds["empty_class"]
    assert Manifest.load(found.manifest_path, root=folder).records == found.manifest.records
    text = found.json_path.read_text("utf-8")
    assert {from_text(f["path"]) for f in json.loads(text)["files"]} == {f.path for f in found.scan.files}
    page = found.report_path.read_text("utf-8")
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
