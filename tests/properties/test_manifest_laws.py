"""What holds for every manifest: it comes back from disk as it was, copies stand with their parents."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_models.core.errors import DataError
from ai_models.core.paths import from_text, to_text
from ai_models.core.records import ImageRecord, Manifest, Split

# what os.fsdecode can give on Linux: any bytes but NUL, undecodable ones as lone surrogates
names = st.binary(min_size=1, max_size=40).map(lambda b: os.fsdecode(b.replace(b"\0", b"0")))
awkward = st.sampled_from(
    ["พระสมเด็จ", "a,b", 'q"uote', "new\nline", "cr\rlf\n", "back\\slash", "\\x41", "\\xe9", "\udce9", "=1+1", " "]
)
parts = st.one_of(names, awkward).map(lambda t: t.replace("/", "_")).filter(lambda t: t not in (".", ".."))
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def _records(path: str) -> st.SearchStrategy[ImageRecord]:
    return st.builds(
        ImageRecord,
        path=st.just(path),
        label=parts,
        sha256=st.sampled_from(["", "ab" * 32]),
        width=st.integers(0, 10**6),
        height=st.integers(0, 10**6),
        group=st.one_of(st.just(""), names),
        split=st.sampled_from(Split),
        fold=st.integers(-1, 50),
        extra=st.fixed_dictionaries({"note": texts, "side": texts}),
        source_id=st.just(""),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    rows: list[ImageRecord] = []
    for path in draw(st.lists(paths, min_size=1, max_size=6, unique=True)):
        rows += [draw(_records(path))]
    taken = {r.path for r in rows}
    for number in range(draw(st.integers(0, 3))):
        parent = rows[number % len(taken)]
        copy = f"augmented/{number}.jpg"
        if copy not in taken and not parent.source_id:
            rows.append(dataclasses.replace(parent, path=copy, source_id=parent.path))
    return Manifest(Path("root"), tuple(rows))


_few = settings(deadline=None, max_examples=40)


@given(name=st.one_of(names, awkward))
def test_names_come_back_from_text(name: str) -> None:
    assert from_text(to_text(name)) == name
    to_text(name).encode("utf-8")


@_few
@given(manifest=manifests(), kind=st.sampled_from(["csv", "parquet"]))
def test_a_saved_manifest_comes_back(manifest: Manifest, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = manifest.save(Path(folder) / f"m.{kind}")
        again = Manifest.load(file, root="root")
        assert again == manifest
        assert again.to_csv() == manifest.to_csv()


@_few
@given(manifest=manifests(), data=st.data())
def test_a_copy_that_leaves_its_parent_is_refused(manifest: Manifest, data: st.DataObject) -> None:
    copies = manifest.copies()
    if not copies:
        return
    copy = data.draw(st.sampled_from(copies))
    moved = data.draw(
        st.sampled_from(
            [
                dataclasses.replace(copy, fold=copy.fold + 1),
                dataclasses.replace(copy, group=copy.group + "x"),
                dataclasses.replace(copy, split=Split.TEST if copy.split is not Split.TEST else Split.VAL),
                dataclasses.replace(copy, source_id="not there"),
                dataclasses.replace(copy, source_id=copy.path),
            ]
        )
    )
    with pytest.raises(DataError):
        manifest.map(lambda r: moved if r is copy else r)


@_few
@given(manifest=manifests(), keep=st.sets(st.integers(0, 8)))
def test_choosing_rows_never_leaves_a_copy_alone(manifest: Manifest, keep: set[int]) -> None:
    kept = {r.path for i, r in enumerate(manifest) if i in keep}
    chosen = manifest.where(lambda r: r.path in kept)
    assert all(c.source_id in kept for c in chosen.copies())
    assert not chosen.originals().copies()


@_few
@given(manifest=manifests())
def test_a_copy_is_of_its_parents_group(manifest: Manifest) -> None:
    groups = dict(zip((r.path for r in manifest), manifest.groups, strict=True))
    assert all(groups[c.path] == groups[c.source_id] for c in manifest.copies())


@given(path=paths)
def test_paths_are_kept_as_they_are(path: str) -> None:
    assert PurePosixPath(path).as_posix() == path
