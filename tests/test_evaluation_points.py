"""Points of alpha and the sizes that pictures are padded to."""
import numpy as np
import pytest

from dynjax.evaluation import alpha_points
from dynjax.evaluation.sizes import FewSizes, pad_to_bucket


def test_two_names_run_along_the_edge_from_the_first_to_the_second():
    points = alpha_points(("fidelity", "perceptual"), 5)
    np.testing.assert_array_equal(points, [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]])
    assert points.dtype == np.float32


def test_three_names_fill_the_simplex():
    points = alpha_points(("a", "b", "c"), 3)
    np.testing.assert_array_equal(
        points, [[1, 0, 0], [.5, .5, 0], [.5, 0, .5], [0, 1, 0], [0, .5, .5], [0, 0, 1]])


@pytest.mark.parametrize("names", [("a", "b"), 2])
def test_without_the_simplex_the_points_fill_the_square(names):
    np.testing.assert_array_equal(alpha_points(names, 2, simplex=False), [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_a_single_name_runs_from_zero_to_one():
    np.testing.assert_array_equal(alpha_points(("strength",), 3), [[0], [0.5], [1]])


def test_one_point_along_an_edge_is_refused():
    with pytest.raises(ValueError, match="count=1; wanted 2 or more"):
        alpha_points(("a", "b"), 1)
    with pytest.raises(ValueError, match="no names"):
        alpha_points((), 3)


def test_padding_mirrors_at_the_bottom_and_right_however_small_the_picture():
    image = np.array([[1, 2, 3]], np.float32)[..., None]
    padded = pad_to_bucket(image)
    assert padded.shape == (16, 16, 1)
    np.testing.assert_array_equal(padded[0, :8, 0], [1, 2, 3, 3, 2, 1, 1, 2])
    np.testing.assert_array_equal(padded[9], padded[0])
    assert pad_to_bucket(np.zeros((32, 48, 3))).shape == (32, 48, 3)


def test_the_first_sizes_pass_as_they_are():
    sizes = FewSizes(2)
    fit = lambda height, width: sizes.fit(np.zeros((height, width, 3))).shape[:2]
    assert [fit(5, 5), fit(16, 32), fit(5, 6), fit(5, 7), fit(5, 5)] == [(5, 5), (16, 32), (5, 6), (16, 16), (5, 5)]
    assert FewSizes(None).fit(np.zeros((7, 7, 3))).shape == (7, 7, 3)
