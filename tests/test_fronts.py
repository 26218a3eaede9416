"""Figures of curves in the plane of two objectives; every expected number is worked out by hand beside it."""
import numpy as np
import pytest
from scipy.stats import spearmanr

from dynjax.evaluation import (
    convex_area,
    distance_to_curve,
    hypervolume,
    monotonicity,
    nearest_alpha,
    sign_changes,
)

STAIRS = [[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]]
CORNER = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]   # two units to the right, then two up


def test_hypervolume_is_the_area_under_the_stairs():
    assert hypervolume(STAIRS, [4, 4]) == 3 * 1 + 2 * 1 + 1 * 1
    assert hypervolume([*STAIRS, [3, 3], [2, 2]], [4, 4]) == 6        # dominated ones and doubles add nothing
    assert hypervolume([*STAIRS, [5, 0], [0, 4]], [4, 4]) == 6        # nor do those beyond the reference
    assert hypervolume([[1, 1], [1, 2], [2, 1]], [4, 4]) == 9
    assert hypervolume([[-2, -1]], [0, 0]) == 2 and hypervolume([], [0, 0]) == 0


def test_distance_is_to_the_polyline_not_to_its_points():
    points = [[1, 1], [1, -3], [3, 3], [-3, -4], [2, 1]]
    np.testing.assert_allclose(distance_to_curve(points, CORNER, log=False), [1, 3, 2**0.5, 5, 0], atol=1e-12)
    np.testing.assert_allclose(distance_to_curve([[3, 4]], [[0, 0]], log=False), [5])


def test_distance_is_between_natural_logarithms_by_default():
    curve = np.exp([[0.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(distance_to_curve(np.exp([[0.5, 2.0], [4.0, -4.0]]), curve), [2, 5])   # 3, 4, 5


def test_the_nearest_alpha_lies_between_the_points():
    assert nearest_alpha([2.5, 1], CORNER, [0, 0.4, 1], log=False) == pytest.approx(0.7)   # half way up
    assert nearest_alpha([9, 9], CORNER, [0, 0.4, 1], log=False) == 1
    assert nearest_alpha([1, 1], CORNER, [0, 0.4, 1], log=False) == pytest.approx(0.2)     # the first of two places
    assert nearest_alpha(np.exp([0.25, 0]), np.exp(CORNER), [0, 0.4, 1]) == pytest.approx(0.05)
    found = nearest_alpha([2.5, 1], CORNER, [[0, 1], [0.4, 0.6], [1, 0]], log=False)
    np.testing.assert_allclose(found, [0.7, 0.3])
    assert nearest_alpha([5, 5], [[0, 0]], [0.3], log=False) == 0.3


def test_monotonicity_is_spearman_s_rank_correlation():
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with rank differences 0, 1, 1: 1 - 12 / 24
    assert monotonicity([0, 0.5, 1], [1, 30, 2]) == pytest.approx(0.5)
    assert monotonicity([0, 0.1, 1], [1, 2, 300]) == pytest.approx(1)
    tied = np.array([3.0, 1.0, 1.0, 2.0, 0.5])
    assert monotonicity(np.arange(5), tied) == pytest.approx(spearmanr(np.arange(5), tied).statistic)
    images = np.stack([tied, -np.arange(5.0), np.full(5, 7.0)], axis=1)
    np.testing.assert_allclose(monotonicity(np.arange(5), images),
                               [spearmanr(np.arange(5), tied).statistic, -1, np.nan])
    assert monotonicity(np.arange(3), np.zeros((3, 4, 2))).shape == (4, 2)


def test_the_convex_area_spans_all_points():
    square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    assert convex_area([*square, [0.5, 0.5]]) == pytest.approx(1)
    assert convex_area([[0, 0], [2, 0], [0, 3]]) == pytest.approx(3)
    assert convex_area([[0, 0], [1, 1], [2, 2], [3, 3]]) == 0 and convex_area([]) == 0


def test_turns_are_counted_without_level_steps():
    assert sign_changes([0, 1, 1, 2, 1, 3]) == 2      # up, level, up, down, up
    assert sign_changes([3, 2, 2, 1]) == 0 and sign_changes([1]) == 0 and sign_changes([5, 5]) == 0


@pytest.mark.parametrize("call, why", [
    (lambda: hypervolume([[1, 2, 3]], [4, 4]), r"points of shape \(1, 3\); wanted \(N, 2\)"),
    (lambda: hypervolume(STAIRS, [4]), "reference"),
    (lambda: hypervolume([[np.nan, 1]], [4, 4]), "not finite"),
    (lambda: distance_to_curve([[1, 1]], CORNER), "log=False"),
    (lambda: distance_to_curve([[1, 1]], []), r"\(0, 2\)"),
    (lambda: nearest_alpha([1, 1], CORNER, [0, 1], log=False), "one alpha"),
    (lambda: monotonicity([0, 1], [0, 1, 2]), r"\(A,\) and \(A, \.\.\.\)"),
    (lambda: monotonicity([0, 1], [0, np.inf]), "not finite"),
    (lambda: convex_area([1, 2]), "wanted"),
    (lambda: sign_changes([[1, 2]]), "finite numbers"),
])
def test_bad_input_gets_a_sentence(call, why):
    with pytest.raises(ValueError, match=why):
        call()
