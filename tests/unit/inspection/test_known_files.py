"""A file that was seen before is not decoded again, and what is said of it is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ai_models.core.images import Verdict
from ai_models.core.settings import InspectionConfig
from ai_models.duplicates import search
from ai_models.inspection import Scan, files, known_files, scan


def config(cache: Path, **changes: object) -> InspectionConfig:
    return InspectionConfig(workers=1, cache_dir=str(cache)).replace(**changes)


def said(found: Scan) -> tuple[object, ...]:
    return found.manifest.to_csv(), found.files, found.edges, found.evidence


@pytest.fixture
def looked(monkeypatch) -> list[int]:
    """One entry for each file that was decoded."""
    seen: list[int] = []
    decode = files.examine_bytes

    def counted(data: bytes):
        seen.append(len(data))
        return decode(data)

    monkeypatch.setattr(files, "examine_bytes", counted)
    return seen


@pytest.fixture
def registered(monkeypatch) -> list[int]:
    """One entry for each pair that was laid over one another."""
    tried: list[int] = []
    register = search.register

    def counted(a, b):
        tried.append(1)
        return register(a, b)

    monkeypatch.setattr(search, "register", counted)
    return tried


@pytest.mark.parametrize("quick", [False, True])
def test_a_second_scan_says_the_same_and_decodes_nothing(folder, tmp_path, looked, registered, quick) -> None:
    Image.open(folder / "coin" / "6.jpg").rotate(20, expand=True).save(folder / "coin" / "turned.jpg", quality=70)
    (folder / "coin" / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    settings = config(tmp_path / "cache", quick_mode=quick)
    first = scan(folder, settings)
    assert (len(looked), len(registered)) == (12, 55)
    looked.clear()
    registered.clear()
    assert said(scan(folder, settings)) == said(first)
    assert len(looked) == 1  # a file that cannot be read is tried again
    assert not registered
    assert said(scan(folder, settings.replace(cache_features=False))) == said(first)
    assert (len(looked), len(registered)) == (13, 55)


def test_only_new_content_is_looked_at(folder, tmp_path, looked, registered) -> None:
    settings = config(tmp_path / "cache")
    scan(folder, settings)
    looked.clear()
    registered.clear()
    Image.open(folder / "coin" / "4.jpg").rotate(3).save(folder / "coin" / "4.jpg", quality=80)
    (folder / "coin" / "5.jpg").rename(folder / "coin" / "5.png")
    found = scan(folder, settings)
    assert (len(looked), len(registered)) == (1, 9)
    moved = next(f.probe for f in found.files if f.path == "coin/5.png")
    assert moved.verdict is Verdict.WRONG_EXTENSION
    assert said(found) == said(scan(folder, settings.replace(cache_features=False)))


def test_other_questions_are_asked_anew(folder, tmp_path, looked) -> None:
    settings = config(tmp_path / "cache")
    scan(folder, settings)
    for changes in ({"quick_mode": True}, {"check_duplicates": False}):
        looked.clear()
        other = settings.replace(**changes)
        assert said(scan(folder, other)) == said(scan(folder, other.replace(cache_features=False)))
        assert len(looked) == 20
    looked.clear()
    strict = settings.replace(strict=True)
    assert said(scan(folder, strict)) == said(scan(folder, strict.replace(cache_features=False)))
    assert len(looked) == 10  # levels are not what is kept


def test_a_new_version_looks_again(folder, tmp_path, looked, monkeypatch) -> None:
    settings = config(tmp_path / "cache")
    scan(folder, settings)
    monkeypatch.setattr(known_files, "VERSION", known_files.VERSION + 1)
    scan(folder, settings)
    assert len(looked) == 20


def test_a_damaged_cache_costs_time_alone(folder, tmp_path, looked) -> None:
    settings = config(tmp_path / "cache")
    first = scan(folder, settings)
    for shard in (tmp_path / "cache").glob("*/*.shard"):
        data = bytearray(shard.read_bytes())
        data[len(data) // 2] ^= 4
        shard.write_bytes(bytes(data))
    assert said(scan(folder, settings)) == said(first)
