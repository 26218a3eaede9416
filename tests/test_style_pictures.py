"""Style pictures: any file becomes RGB in [0, 1]; the size keeps the ratio unless a square is asked for."""
import numpy as np
import pytest
from PIL import Image

from dynjax.data.drawn_styles import draw_style
from dynjax.data.style_pictures import open_style

PAINTING = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def painting(tmp_path):
    Image.fromarray(PAINTING).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


def test_a_file_at_its_own_size(painting, monkeypatch):
    for spec in (painting, str(painting)):
        style = open_style(spec)
        assert style.dtype == np.float32
        np.testing.assert_array_equal(style, PAINTING / np.float32(255))
    monkeypatch.setenv("HOME", str(painting.parent))
    np.testing.assert_array_equal(open_style("~/painting.png"), style)


def test_size_is_the_shorter_side_or_a_square(painting):
    lanczos = lambda width, height: np.asarray(Image.fromarray(PAINTING).resize((width, height), Image.LANCZOS)) / 255
    np.testing.assert_allclose(open_style(painting, 20), lanczos(30, 20), atol=1e-7)
    np.testing.assert_allclose(open_style(painting, 80), lanczos(120, 80), atol=1e-7)   # larger as well
    np.testing.assert_allclose(open_style(painting, 20, square=True), lanczos(20, 20), atol=1e-7)
    Image.fromarray(PAINTING).rotate(90, expand=True).save(painting)
    assert open_style(painting, 17).shape == (26, 17, 3)   # 17 * 60 / 40 = 25.5, Python rounds to even


def test_a_grey_painting_is_taken_as_rgb(painting):
    Image.fromarray(PAINTING).convert("L").save(painting)
    style = open_style(painting, 20)
    assert style.shape == (20, 30, 3)
    assert np.ptp(style, axis=-1).max() == 0
    assert style.std() > 0.05


def test_drawn_ones_are_drawn_at_the_size():
    assert open_style("drawn:mosaic").shape == (256, 256, 3)
    for square in (False, True):
        np.testing.assert_array_equal(open_style("drawn:waves", 48, square=square),
                                      draw_style("waves", 48) / np.float32(255))


@pytest.mark.parametrize("spec, options, words", [
    ("nowhere.png", {}, r"no style picture 'nowhere\.png'; wanted the path .* or one of drawn:strokes, drawn:mosaic"),
    ("", {}, "no style picture ''; wanted the path of a picture file"),
    ("drawn:", {}, "the name ''; wanted one of strokes, mosaic, waves"),
    ("drawn:cubism", {}, "the name 'cubism'; wanted one of strokes, mosaic, waves"),
    (__file__, {}, "cannot be read as a picture"),
    ("drawn:waves", {"size": 0}, "'drawn:waves' was asked for at size=0; wanted an integer of at least 16"),
    ("drawn:waves", {"square": True}, "square=True and no size; give the size of the square"),
])
def test_errors(spec, options, words):
    with pytest.raises(ValueError, match=words):
        open_style(spec, **options)
