import cv2
import numpy as np
import pytest

from ai_models.duplicates.keypoints import MOST, Keypoints, keypoints, mirrored, normalised, working_grey
from ai_models.duplicates.registration import LEAST_INLIERS, agreement, evidence, register

CHANGES = {
    "turned by 15 degrees": lambda i, turned, cropped: turned(i, 15),
    "cropped": lambda i, turned, cropped: cropped(i, 10, 30),
    "darker": lambda i, turned, cropped: (i * 0.5).astype(np.uint8),
    "mirrored": lambda i, turned, cropped: np.ascontiguousarray(i[:, ::-1]),
    "upside down": lambda i, turned, cropped: np.ascontiguousarray(i[::-1, ::-1]),
    "smaller": lambda i, turned, cropped: cv2.resize(i, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA),
    "mirrored and cropped": lambda i, turned, cropped: cropped(np.ascontiguousarray(i[:, ::-1]), 20, 5),
}


def both(a, b):
    one, two = working_grey(a), working_grey(b)
    return register(keypoints(one), keypoints(two)), one, two


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_picture_lies_over_its_original(drawn, turned, cropped, change):
    for image in drawn[:6]:
        laid, one, two = both(image, change(image, turned, cropped))
        assert laid is not None
        assert evidence(laid, one, two) > 0.4


def test_different_pictures_do_not(drawn):
    for a, b in zip(drawn[:10], drawn[10:20], strict=True):
        laid, one, two = both(a, b)
        assert laid is None or evidence(laid, one, two) < 0.2


def test_the_homography_is_the_one_that_was_applied(drawn):
    known = np.array([[0.9, 0.15, 4.0], [-0.1, 0.95, 12.0], [2e-4, 1e-4, 1.0]])
    seen = cv2.warpPerspective(drawn[0], known, (200, 200))
    laid, *_ = both(drawn[0], seen)
    corners = np.array([[[40.0, 40.0], [160.0, 40.0], [160.0, 160.0], [40.0, 160.0]]])
    found = cv2.perspectiveTransform(corners, laid.homography)
    assert np.abs(found - cv2.perspectiveTransform(corners, known)).max() < 2.0
    assert not laid.mirrored


def test_mirrored_features_are_those_of_the_mirror_image(drawn):
    """The permuted descriptors against those that OpenCV finds when it looks at the mirror image."""
    grey = working_grey(drawn[1])
    ours, theirs = mirrored(keypoints(grey)), keypoints(np.ascontiguousarray(grey[:, ::-1]))
    apart = np.linalg.norm(ours.points[:, None] - theirs.points[None], axis=2)
    likeness = normalised(ours.descriptors) @ normalised(theirs.descriptors).T
    near = apart.min(axis=1) < 1
    assert near.mean() > 0.8
    best = np.where(apart < 1, likeness, 0).max(axis=1)[near]
    assert np.median(best) > 0.97


def test_another_object_on_the_same_ground_is_no_evidence(drawn):
    """A fixed camera: the ground lies over itself exactly, and the thing in the middle is another."""
    one, two = drawn[2].copy(), drawn[2].copy()
    one[50:150, 50:150] = drawn[3][50:150, 50:150]
    two[50:150, 50:150] = drawn[4][50:150, 50:150]
    laid, a, b = both(one, two)
    assert laid is not None
    assert laid.inliers > 50
    assert evidence(laid, a, b) < 0.25
    assert evidence(*both(one, one)) > 0.9


def test_plain_ground_does_not_count(drawn):
    """The same object on a plain ground, with other noise on the ground."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(2):
        picture = np.full((200, 200, 3), (200, 10, 10), np.float64) + rng.normal(0, 1.0, (200, 200, 3))
        picture[60:140, 60:140] = drawn[5][60:140, 60:140]
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    laid, a, b = both(*pictures)
    assert agreement(laid, a, b) > 0.8


@pytest.mark.parametrize(
    "image", [np.zeros((60, 80, 3), np.uint8), np.full((3, 3, 3), 9, np.uint8)], ids=["black", "tiny"]
)
def test_a_picture_without_features_lies_over_nothing(image, drawn):
    empty = keypoints(working_grey(image))
    assert len(empty.points) < LEAST_INLIERS
    assert register(empty, keypoints(working_grey(drawn[0]))) is None


def test_large_pictures_are_reduced_and_features_bounded():
    rng = np.random.default_rng(0)
    grey = working_grey(rng.integers(0, 256, (900, 1200, 3), dtype=np.uint8))
    assert grey.shape == (240, 320)
    found = keypoints(grey)
    assert isinstance(found, Keypoints)
    assert len(found.points) == MOST


def test_a_small_picture_proves_less(drawn):
    whole, reduced = drawn[0], cv2.resize(drawn[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert evidence(*both(reduced, reduced)) == pytest.approx(0.5 * evidence(*both(whole, whole)), abs=0.05)
