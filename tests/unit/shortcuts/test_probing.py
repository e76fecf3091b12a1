"""The probe under the null, with planted shortcuts, and at its borders."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ai_models.core.images import Probe, Verdict
from ai_models.shortcuts import FRAME_BYTES, MATERIAL, TRAITS, Traits, describe_frame, probe_shortcuts, read_traits
from ai_models.shortcuts.frame import frame_matrix

BASE = Probe(Verdict.OK, format="JPEG", mode="RGB", width=224, height=224, bytes=9000, jpeg_quality=92)
BLANK = bytes(FRAME_BYTES)


def plain(n: int, seed: int = 0) -> list[Traits]:
    """Photographs whose frames are noise and whose files are alike but for their bytes."""
    rng = np.random.default_rng(seed)
    frames = [rng.integers(0, 256, FRAME_BYTES, dtype=np.uint8).tobytes() for _ in range(n)]
    return [Traits(replace(BASE, bytes=int(rng.integers(6000, 12000))), frame) for frame in frames]


def told(probe, trait):
    return next(s for s in probe.shortcuts if s.trait == trait)


def names(n: int) -> list[str]:
    return [f"g{i}" for i in range(n)]


def test_p_values_are_uniform_where_nothing_is_to_be_found():
    """120 folders: uneven objects of 1 to 3 photographs that are alike, uneven classes, a smooth and a tied trait."""
    p_values, shares = [], []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        member = np.repeat(np.arange(48), rng.integers(1, 4, 48))
        label = np.array(["a", "b", "c"])[np.r_[np.repeat([0, 1, 2], 6), rng.choice(3, 30, p=[0.5, 0.3, 0.2])]]
        own = rng.integers(6000, 12000, 48)
        quality = rng.choice([75, 85, 95], 48)
        rows = [
            Traits(replace(BASE, bytes=int(own[g] + rng.integers(50)), jpeg_quality=int(quality[g])), BLANK)
            for g in member
        ]  # fmt: skip
        probe = probe_shortcuts(rows, label[member].tolist(), [f"g{g}" for g in member], seed=seed, permutations=49)
        for trait in ("file size", "JPEG quality"):
            p_values.append(told(probe, trait).p_value)
            shares.append(told(probe, trait).balanced_accuracy.estimate)
    p = np.array(p_values)
    for level in (0.1, 0.2, 0.5, 0.8):  # 240 values, pairwise nearly independent: 3.3 standard errors
        assert abs(np.mean(p <= level) - level) < 3.3 * np.sqrt(level * (1 - level) / 240), level
    assert abs(np.mean(shares) - 1 / 3) < 0.01


def test_copies_of_an_object_do_not_vote_for_it():
    """Copies of one object would vote for each other if groups did not hold: 20 objects, 6 copies each."""
    rng = np.random.default_rng(3)
    member = np.repeat(np.arange(20), 6)
    label = np.array(["a", "b"])[rng.permutation(20) % 2][member]
    rows = [Traits(replace(BASE, bytes=7000 + 131 * int(g)), BLANK) for g in rng.permutation(20)[member]]
    probe = probe_shortcuts(rows, label.tolist(), [f"g{g}" for g in member])
    assert told(probe, "file size").balanced_accuracy.estimate < 0.75
    assert not told(probe, "file size").material
    alone = probe_shortcuts(rows, label.tolist(), names(len(rows)))
    assert told(alone, "file size").balanced_accuracy.estimate > 0.9


@pytest.mark.parametrize(
    ("trait", "change"),
    [
        ("image size", {"width": 320}),
        ("JPEG quality", {"jpeg_quality": 60}),
        ("file size", {"bytes": 60_000}),
        ("camera", {"camera": "Canon EOS 80D"}),
        ("file format", {"mode": "L"}),
    ],
)
def test_planted_shortcuts_are_found(trait, change):
    rows = plain(60)
    labels = ["a", "b", "c"] * 20
    rows = [
        Traits(replace(r.probe, **change), r.frame) if label == "c" else r
        for r, label in zip(rows, labels, strict=True)
    ]
    probe = probe_shortcuts(rows, labels, names(60))
    found = told(probe, trait)
    assert found.material
    assert found.p_holm <= 0.05
    # c is always told; a and b are then a toss
    assert found.balanced_accuracy.estimate == pytest.approx(2 / 3, abs=0.13)
    assert found.balanced_accuracy.low > 1 / 3 + MATERIAL / 2


def test_a_background_of_one_class_is_found_and_the_object_is_not_looked_at(tmp_path):
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for i in range(40):
        label = "red" if i % 2 else "grey"
        pixels = np.full((60, 80, 3), (150, 40, 40) if label == "red" else (120, 120, 120)) + rng.normal(
            0, 12, (60, 80, 3)
        )
        pixels[12:48, 12:68] = rng.integers(0, 256, 3)
        file = tmp_path / f"{i}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(file, compress_level=0)
        rows.append(read_traits(file))
        labels.append(label)
    probe = probe_shortcuts(rows, labels, names(40))
    assert told(probe, "border pixels").balanced_accuracy.estimate == 1.0
    assert told(probe, "border pixels").material
    for trait in ("image size", "JPEG quality", "camera", "file format", "file size"):
        assert told(probe, trait).balanced_accuracy is None, trait
    inner = np.zeros((60, 80, 3), np.uint8)
    other = inner.copy()
    other[8:-8, 8:-8] = 255
    assert describe_frame(inner) == describe_frame(other)


def test_the_same_for_all_is_told_so():
    probe = probe_shortcuts([Traits(BASE, BLANK)] * 20, ["a", "b"] * 10, names(20))
    assert [s.trait for s in probe.shortcuts] == list(TRAITS)
    assert all(s.balanced_accuracy is None and not s.material for s in probe.shortcuts)
    assert probe.to_dict()["traits"]["camera"] == {
        "same_for_all": True, "balanced_accuracy": None, "p_value": None, "p_holm": None, "material": False,
    }  # fmt: skip


def test_what_cannot_be_asked():
    rows = plain(20)
    assert probe_shortcuts([], [], []) is None
    assert probe_shortcuts(rows, ["a"] * 20, names(20)) is None
    assert probe_shortcuts(rows, ["a"] * 16 + ["b"] * 4, names(20)) is None
    assert probe_shortcuts(rows, ["a"] * 10 + ["b"] * 10, [f"g{i % 9}" for i in range(20)]) is None  # mixed objects
    assert probe_shortcuts(rows, ["a"] * 10 + [""] * 10, names(20)) is None
    probe = probe_shortcuts(rows, ["a"] * 8 + ["b"] * 8 + ["c"] * 4, names(20), permutations=9)
    assert (probe.labels, probe.images, probe.chance) == (("a", "b"), 16, 0.5)


def test_many_rows_are_bounded_and_the_choice_is_repeatable():
    rows = plain(3000)
    labels = ["a"] * 2900 + ["b"] * 100
    probe = probe_shortcuts(rows, labels, names(3000), permutations=9)
    assert probe.images == 1500
    one = probe_shortcuts(rows[:50], ["a", "b"] * 25, ["same", "other"] * 5 + names(40), permutations=9)
    assert one.images == one.groups + 8  # two objects of five photographs
    again = probe_shortcuts(rows, labels, names(3000), permutations=9)
    assert again == probe


def test_holm_by_hand():
    rows = plain(60)
    labels = ["a", "b"] * 30
    rows = [
        Traits(replace(r.probe, jpeg_quality=60 if label == "a" else 90, width=200 + i), r.frame)
        for i, (r, label) in enumerate(zip(rows, labels, strict=True))
    ]
    found = [s for s in probe_shortcuts(rows, labels, names(60)).shortcuts if s.balanced_accuracy is not None]
    ordered = sorted(found, key=lambda s: s.p_value)
    floor = 0.0
    for rank, one in enumerate(ordered):
        floor = max(floor, min(1.0, one.p_value * (len(ordered) - rank)))
        assert one.p_holm == pytest.approx(floor)
    assert ordered[0].trait == "JPEG quality"
    assert ordered[0].p_value == pytest.approx(1 / 201)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (224, 224), (3000, 20)])
def test_frames_of_any_size(size):
    image = np.full((*size, 3), 77, dtype=np.uint8)
    frame = np.frombuffer(describe_frame(image), dtype=np.uint8)
    assert frame.shape == (FRAME_BYTES,)
    assert frame[3:6].tolist() == [0, 0, 0]  # no spread
    assert np.ptp(frame[-48::3]) == 0


def test_frame_parts_weigh_the_same():
    table = frame_matrix([t.frame for t in plain(30)])
    for part in np.split(table, [6, 30], axis=1):
        assert part.var(axis=0).sum() == pytest.approx(1)
