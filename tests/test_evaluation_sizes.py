"""The sizes that pictures are padded to."""
import numpy as np

from dynjax.evaluation.restoration.sizes import ShapeBuckets, pad_to_bucket


def test_padding_mirrors_at_the_bottom_and_right_however_small_the_picture():
    image = np.array([[1, 2, 3]], np.float32)[..., None]
    padded = pad_to_bucket(image)
    assert padded.shape == (16, 16, 1)
    np.testing.assert_array_equal(padded[0, :8, 0], [1, 2, 3, 3, 2, 1, 1, 2])
    np.testing.assert_array_equal(padded[9], padded[0])
    assert pad_to_bucket(np.zeros((32, 48, 3))).shape == (32, 48, 3)


def test_the_first_sizes_pass_as_they_are():
    sizes = ShapeBuckets(2)
    fit = lambda height, width: sizes.fit(np.zeros((height, width, 3))).shape[:2]
    assert [fit(5, 5), fit(16, 32), fit(5, 6), fit(5, 7), fit(5, 5)] == [(5, 5), (16, 32), (5, 6), (16, 16), (5, 5)]
    assert ShapeBuckets(None).fit(np.zeros((7, 7, 3))).shape == (7, 7, 3)
