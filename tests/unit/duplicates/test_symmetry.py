import cv2
import numpy as np
import pytest

from ai_models.duplicates import SYMMETRIES

PICTURE = np.arange(36, dtype=np.float32).reshape(6, 6) ** 1.5


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda s: s.name)
def test_spectrum_follows_the_pixels(symmetry):
    turned = np.ascontiguousarray(symmetry.on_pixels(PICTURE))
    np.testing.assert_allclose(symmetry.on_spectra(cv2.dct(PICTURE)), cv2.dct(turned), atol=1e-3)


def test_the_eight_are_eight_and_named_rightly():
    by_name = {s.name: s.on_pixels(PICTURE) for s in SYMMETRIES}
    assert len({a.tobytes() for a in by_name.values()}) == 8
    np.testing.assert_array_equal(by_name["identity"], PICTURE)
    np.testing.assert_array_equal(by_name["mirror"], np.fliplr(PICTURE))
    np.testing.assert_array_equal(by_name["flip"], np.flipud(PICTURE))
    np.testing.assert_array_equal(by_name["turn90"], np.rot90(PICTURE))
    np.testing.assert_array_equal(by_name["turn180"], np.rot90(PICTURE, 2))
    np.testing.assert_array_equal(by_name["turn270"], np.rot90(PICTURE, 3))
    np.testing.assert_array_equal(by_name["transpose"], PICTURE.T)
    np.testing.assert_array_equal(by_name["transverse"], np.rot90(PICTURE, 2).T)
