"""The space of alpha: points to look at, points that were trained, words for both."""
import jax
import numpy as np
import pytest

import dynjax
from dynjax.control import AlphaSpace
from dynjax.networks import EDSR

NAMES = ("fidelity", "perceptual")


@pytest.mark.parametrize("space, count, points", [
    (AlphaSpace(NAMES), 3, [[1, 0], [0.5, 0.5], [0, 1]]),
    (AlphaSpace(NAMES), 5, [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]]),
    (AlphaSpace(("a", "b", "c")), 3, [[1, 0, 0], [.5, .5, 0], [.5, 0, .5], [0, 1, 0], [0, .5, .5], [0, 0, 1]]),
    (AlphaSpace(("a", "b", "c")), 2, [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
    (AlphaSpace(("strength",)), 3, [[0], [0.5], [1]]),
    (AlphaSpace(NAMES, "box"), 2, [[0, 0], [0, 1], [1, 0], [1, 1]]),
    (AlphaSpace(("x", "y"), "range", -1, 1), 3, [[-1, -1], [0, 0], [1, 1]])])
def test_a_sweep_goes_through_the_domain(space, count, points):
    np.testing.assert_array_equal(space.sweep(count), points)
    assert space.sweep(count).dtype == np.float32
    assert all(space.contains(point) for point in space.sweep(count))


def test_a_range_goes_on_beyond_its_ends():
    space = AlphaSpace(("x",), "range")
    np.testing.assert_allclose(space.sweep(5, outside=0.5)[:, 0], [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5])
    np.testing.assert_array_equal(space.ends, [[0], [1]])
    assert not space.contains([1.25]) and space.contains([0.25])


@pytest.mark.parametrize("point, inside", [
    ([0.3, 0.7], True), ([0.6, 0.6], False), ([1.2, -0.2], False), ([0.5], False), (0.5, False),
    ({"fidelity": 0.3, "perceptual": 0.7}, True), ({"fidelity": 1.0}, False), ([[1, 0], [0, 1]], True),
    ([[1, 0], [1, 1]], False)])
def test_what_was_trained_on_the_simplex(point, inside):
    assert AlphaSpace(NAMES).contains(point) == inside


def test_labels():
    assert AlphaSpace(NAMES).label([0.25, 0.75]) == "fidelity 0.25, perceptual 0.75"
    blocks = AlphaSpace(("a", "b"), "range")
    assert blocks.label([0.5, 0.5]) == "alpha 0.50" and blocks.label([0.5, 1]) == "0.50, 1.00"


@pytest.mark.parametrize("arguments, said", [
    (((),), "no names"), ((NAMES, "cube"), "domain 'cube'; wanted one of simplex, box, range"),
    ((NAMES, "range", 1, 0), "from 1 to 0")])
def test_no_such_space(arguments, said):
    with pytest.raises(ValueError, match=said):
        AlphaSpace(*arguments)
    with pytest.raises(ValueError, match="count=1; wanted 2 or more"):
        AlphaSpace(NAMES).sweep(1)


def test_controls_know_their_space():
    net, single, dual = EDSR(features=2, blocks=1, scale=1), dynjax.TuningBlock(), dynjax.DualTuningBlock()
    assert dynjax.Tunable(net, alpha=NAMES).space == AlphaSpace(NAMES)
    assert dynjax.Tunable(net, alpha=2, domain="box").space == AlphaSpace(("0", "1"), "box")
    assert dynjax.DynamicNet(net, before={"tail": single}).space == AlphaSpace(("tail",), "range")
    assert dynjax.DynamicNet(net, before={"tail": dual}).space == AlphaSpace(("tail",), "range", -1, 1)
    x = jax.numpy.zeros((1, 8, 8, 3))
    with pytest.raises(ValueError, match="got no key or no x"):
        dynjax.DynamicNet(net, before={"tail": single}).from_base(net.init(jax.random.key(0), x))


def test_a_point_may_come_by_name_and_over_a_range_as_one_number():
    space = AlphaSpace(["x", "y"], "range")
    assert space.names == ("x", "y") and hash(space) and AlphaSpace("x").names == ("x",)
    assert space.contains(0.5) and not space.contains(1.5) and not AlphaSpace(NAMES).contains(1.0)
    assert space.contains({"x": np.array([0.5, 1.0]), "y": 0.5})
    assert space.label(0.5) == "alpha 0.50" and space.label({"y": 0.5, "x": 0}) == "0.00, 0.50"
    assert AlphaSpace(NAMES).label({"perceptual": 0.25, "fidelity": 0.75}) == "fidelity 0.75, perceptual 0.25"


@pytest.mark.parametrize("point", [[1], 0.5, {"fidelity": 1}, [[1, 0]]])
def test_a_label_of_no_point_is_told(point):
    with pytest.raises(ValueError, match="wanted one number for each of fidelity, perceptual"):
        AlphaSpace(NAMES).label(point)
