import hashlib

import numpy as np

from ai_models.duplicates import Looks, look_at


def test_what_is_kept_comes_back(drawn):
    looks = Looks()
    seen = [look_at(image, local=i % 2 == 0) for i, image in enumerate(drawn[:6])]
    for i, look in enumerate(seen):
        looks.add(f"{i}.png", hashlib.sha256(bytes([i])).hexdigest(), look)
    assert len(looks) == 6
    for i in reversed(range(6)):
        assert looks[i].pixels == seen[i].fingerprint.pixels
        np.testing.assert_array_equal(looks[i].thumbnail, seen[i].fingerprint.thumbnail)
        np.testing.assert_array_equal(looks[i].signs, seen[i].fingerprint.signs)
        found = looks.keypoints(i)
        if seen[i].keypoints is None:
            assert len(found.points) == 0
        else:
            assert found.size == seen[i].keypoints.size
            np.testing.assert_array_equal(found.points, seen[i].keypoints.points)
            np.testing.assert_array_equal(found.descriptors, seen[i].keypoints.descriptors)
