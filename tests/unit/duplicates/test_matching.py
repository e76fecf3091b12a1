import io

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from ai_models.core.images import decode, read_image, walk_images
from ai_models.duplicates import SYMMETRIES, fingerprint
from ai_models.duplicates import matching as matching_module
from ai_models.duplicates.matching import hash_bits, near_matches


def scene(seed, height=150, width=200):
    """Blobs at several scales: a picture with layout and detail."""
    rng = np.random.default_rng(seed)
    layers = []
    for cells in (4, 12, 40):
        small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        layers.append(np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32))
    return np.clip(np.mean(layers, axis=0) * 1.6 - 76, 0, 255).astype(np.uint8)


def saved(image, quality=30, fmt="JPEG", **options):
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, fmt, quality=quality, **options)
    return decode(stream.getvalue())


@pytest.fixture(scope="module")
def scenes():
    return [scene(seed) for seed in range(40)]


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda s: s.name)
def test_every_turned_and_re_encoded_copy_is_found_and_named(scenes, symmetry):
    copies = [saved(symmetry.on_pixels(image)) for image in scenes]
    matches = near_matches([fingerprint(image) for image in (*scenes, *copies)])
    assert [(m.a, m.b, m.symmetry.name) for m in matches] == [(i, i + 40, symmetry.name) for i in range(40)]


def test_half_size_copies_are_found(scenes):
    copies = [saved(np.asarray(Image.fromarray(i).resize((100, 75))), quality=50) for i in scenes]
    matches = near_matches([fingerprint(image) for image in (*scenes, *copies)])
    assert [(m.a, m.b) for m in matches] == [(i, i + 40) for i in range(40)]


@pytest.mark.parametrize(("rows", "columns"), [((45, 105), (60, 140)), ((75, 113), (100, 150))], ids=["large", "small"])
def test_different_objects_before_one_background_stay_apart(rows, columns):
    background = scene(0)
    pictures = []
    for seed in range(1, 9):
        picture = background.copy()
        picture[slice(*rows), slice(*columns)] = scene(seed, rows[1] - rows[0], columns[1] - columns[0])
        pictures.append(fingerprint(picture))
    assert near_matches(pictures) == []


@pytest.mark.parametrize(("low", "high"), [(0, 256), (118, 138)], ids=["strong", "weak"])
def test_noise_stays_apart_and_its_copies_do_not(low, high):
    noise = [np.random.default_rng(i).integers(low, high, (128, 128, 3), dtype=np.uint8) for i in range(60)]
    assert near_matches([fingerprint(image) for image in noise]) == []
    copies = [saved(image[:, ::-1], quality=90) for image in noise]
    found = near_matches([fingerprint(image) for image in (*noise, *copies)])
    assert {(m.a, m.b) for m in found} <= {(i, i + 60) for i in range(60)}
    assert low > 0 or len(found) == 60


def test_flat_pictures_are_never_near():
    flat = [np.full((80, 80, 3), level, np.uint8) for level in (0, 1, 90, 90, 255)]
    ramps = [
        np.repeat(np.linspace(0, top, 80).astype(np.uint8)[None, :, None], 80, 0).repeat(3, 2) for top in (200, 210)
    ]
    assert near_matches([fingerprint(image) for image in (*flat, *ramps)]) == []


def test_blocks_and_the_pruning_of_what_is_joined_change_nothing(scenes, monkeypatch):
    prints = [fingerprint(image) for image in (*scenes[:12], *(saved(i) for i in scenes[:12]), *scenes[:12])]
    whole = near_matches(prints)
    monkeypatch.setattr(matching_module, "_ROWS", 5)
    assert near_matches(prints) == whole
    monkeypatch.setattr(matching_module, "_MANY", 0)
    joined = {(m.a % 12, m.b % 12) for m in near_matches(prints)}
    assert joined == {(i, i) for i in range(12)}
    assert 24 <= len(near_matches(prints)) <= len(whole)


def test_bits_agree_with_imagehash(scenes):
    """`imagehash.phash` cuts the same coefficients at their median; clear of both cuts the bits agree."""
    for image in scenes[:10]:
        print_ = fingerprint(image)
        theirs = imagehash.phash(Image.fromarray(print_.thumbnail), hash_size=16, highfreq_factor=4).hash.reshape(-1)[
            1:
        ]
        spectrum = cv2.dct(print_.thumbnail.astype(np.float32))[:16, :16].reshape(-1)[1:]
        clear = np.abs(spectrum) > 0.1 * np.abs(spectrum).std()
        assert (hash_bits(print_.signs) == theirs)[clear].mean() > 0.99


def test_no_pair_of_distinct_photographs_is_joined_and_every_planted_one_is(shared_data):
    images = [read_image(shared_data / "amulets" / path) for path in sorted(walk_images(shared_data / "amulets"))]
    prints = [fingerprint(image) for image in images]
    assert near_matches(prints) == []
    turned = [saved(np.rot90(image), exif=orientation(3)) for image in images]  # the reader turns by 180 degrees more
    matches = near_matches(prints + [fingerprint(image) for image in turned])
    n = len(images)
    assert [(m.a, m.b, m.symmetry.name) for m in matches] == [(i, i + n, "turn270") for i in range(n)]


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif
