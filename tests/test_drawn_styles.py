"""Drawn styles: the same for a name and seed, at every size the same picture, and clearly different from each other."""
import colorsys

import numpy as np
import pytest
from PIL import Image

from dynjax.data.drawn_styles import STYLES, draw_style
from dynjax.objectives import Gram


@pytest.fixture(scope="module")
def drawn():
    return {name: draw_style(name, 192) for name in STYLES}


def test_three_pictures_that_a_seed_fixes(drawn):
    assert STYLES == ("strokes", "mosaic", "waves")
    for name, picture in drawn.items():
        assert (picture.dtype, picture.shape) == (np.uint8, (192, 192, 3))
        np.testing.assert_array_equal(draw_style(name, 192, seed=0), picture)
        other = draw_style(name, 192, seed=1).astype(float)
        assert abs(other - picture).mean() > 20, name
        assert draw_style(name, np.int64(33), seed=2).shape == (33, 33, 3)   # odd, and numpy's integers


@pytest.mark.parametrize("name", STYLES)
def test_size_is_only_the_sampling(drawn, name):
    reduced = np.asarray(Image.fromarray(drawn[name]).resize((64, 64), Image.Resampling.BOX)).astype(float)
    small = draw_style(name, 64).astype(float)
    assert np.corrcoef(reduced.ravel(), small.ravel())[0, 1] > 0.9


def test_the_looks_differ(drawn):
    red, _, blue = np.moveaxis(drawn["strokes"].mean((0, 1)), -1, 0)
    assert red > 2 * blue
    red, green, blue = drawn["waves"].mean((0, 1))
    assert red < green and red < blue - 20
    hues = {}
    for name, picture in drawn.items():
        colours = [colorsys.rgb_to_hsv(*colour) for colour in picture[::3, ::3].reshape(-1, 3) / 255]
        counts = np.histogram([hue for hue, saturation, value in colours if saturation > 0.3 and value > 0.3],
                              bins=6, range=(0, 1))[0]
        hues[name] = np.count_nonzero(counts > 0.12 * counts.sum())   # sixths of the colour circle that are in use
    assert hues["mosaic"] >= 4
    assert max(hues["strokes"], hues["waves"]) <= 1
    dark_grey = {name: ((picture.max(-1) < 90) & (np.ptp(picture, axis=-1) < 25)).mean()
                 for name, picture in drawn.items()}
    assert 0.05 < dark_grey["mosaic"] < 0.4   # joints
    assert dark_grey["strokes"] < 0.02


@pytest.mark.parametrize("name", STYLES)
def test_gram_matrices_are_as_large_as_those_of_paintings(name):
    """Twelve paintings and prints of 256 pixels have mean squares from 0.0001 to 0.0022; weights are made for these."""
    matrices = Gram(f"drawn:{name}", size=192, layers=("relu2_2",)).constants()
    assert 1e-4 < np.square(matrices["relu2_2"]).mean() < 2.2e-3


@pytest.mark.parametrize("name, options, words", [
    ("cubism", {}, "the name 'cubism'; wanted one of strokes, mosaic, waves"),
    ("waves", {"size": 8}, "size=8; wanted an integer of at least 16"),
    ("waves", {"size": 64.0}, r"size=64\.0"),
    ("waves", {"seed": -1}, "seed=-1; wanted an integer of at least 0"),
])
def test_errors(name, options, words):
    with pytest.raises(ValueError, match=words):
        draw_style(name, **options)
