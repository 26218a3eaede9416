"""What holds for every size, number and order, tried on sizes, numbers and orders that nobody chose."""
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dynjax.control import AlphaSpace, alpha_array
from dynjax.control.tunable import phi
from dynjax.image.resize import resize_bicubic
from dynjax.image.tiles import tile_spans

# The same examples every time: a test that fails by chance tells nobody what changed.
settings.register_profile("ours", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("ours")
NUMBERS = st.floats(-3, 3, width=32)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 30), st.integers(1, 8))
def test_tiles_keep_every_pixel_once_and_have_one_length(side, tiles, overlap, multiple):
    tile, overlap = tiles * multiple, -(-overlap // multiple) * multiple
    spans = list(tile_spans(side, tile, overlap, multiple))
    kept = [pixel for _, _, first, last in spans for pixel in range(first, last)]
    assert kept == list(range(side))
    assert len({length for _, length, *_ in spans}) == 1
    for start, length, first, last in spans:
        assert start % multiple == 0 and 0 <= start <= first < last <= start + length <= side
        # The context is whole wherever the image goes on.
        assert first - start >= min(overlap, first) and start + length - last >= min(overlap, side - last)


@given(st.integers(1, 4), st.integers(0, 3), st.lists(st.integers(0, 3), max_size=2), st.data())
def test_phi_begins_as_shares_of_alpha(objectives, more, hidden, data):
    """Kernel w follows number w mod P, and those that follow one share it: hidden layers are ReLU, so alpha >= 0."""
    alpha = np.array(data.draw(st.lists(st.floats(0, 3, width=32), min_size=objectives, max_size=objectives)), "f4")
    count = objectives + more
    layer = phi.initial(objectives, count, hidden=tuple(objectives + width for width in hidden))
    found = np.asarray(phi.weights(layer, alpha))
    followed = np.arange(count) % objectives
    np.testing.assert_allclose(found, alpha[followed] / np.bincount(followed)[followed], rtol=1e-5, atol=1e-6)


@settings(max_examples=12)
@given(st.integers(4, 24), st.integers(4, 24), st.sampled_from([0.5, 2, 3]), NUMBERS)
def test_a_flat_image_stays_flat_in_any_size(height, width, scale, value):
    image = np.full((1, height, width, 1), value, np.float32)
    np.testing.assert_allclose(resize_bicubic(image, scale), value, rtol=1e-5, atol=1e-5)


@given(st.lists(NUMBERS, min_size=1, max_size=4), st.randoms())
def test_alpha_is_the_same_by_name_in_any_order_and_as_a_list(values, random):
    names = tuple(f"objective {index}" for index in range(len(values)))
    items = list(zip(names, values, strict=True))
    random.shuffle(items)
    np.testing.assert_array_equal(alpha_array(dict(items), names), np.asarray(values, np.float32))
    np.testing.assert_array_equal(alpha_array(values, names), alpha_array(dict(items), names))
    rows = {name: np.full(3, value, np.float32) for name, value in items}
    np.testing.assert_array_equal(alpha_array(rows, names), np.tile(np.asarray(values, np.float32), (3, 1)))


@given(st.integers(1, 3), st.integers(2, 6), st.sampled_from(["simplex", "box", "range"]))
def test_a_sweep_stays_within_what_was_trained_and_has_both_ends(numbers, count, domain):
    space = AlphaSpace(tuple(map(str, range(numbers))), domain)
    points = space.sweep(count)
    assert all(space.contains(point) for point in points) and len(np.unique(points, axis=0)) == len(points)
    assert {tuple(end) for end in np.asarray(space.ends)} <= {tuple(point) for point in points}
