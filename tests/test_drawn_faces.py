"""Drawn faces: fixed by their numbers, and those numbers can be read back from the picture, blurred or noisy too."""
import dataclasses

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from dynjax.data.drawn_faces import Face, draw_face, hair_colour, random_face
from dynjax.data.face_measures import measure_hair, measure_smile

COUNT = 200


@pytest.fixture(scope="module")
def faces():
    """Random faces whose hair and smile are spread evenly over their whole range."""
    rng = np.random.default_rng(0)
    hair, smile = rng.random(COUNT), rng.uniform(-1, 1, COUNT)
    drawn = [draw_face(dataclasses.replace(random_face(rng), hair=h, smile=s))
             for h, s in zip(hair, smile, strict=True)]
    return {"hair": hair, "smile": smile, "pictures": np.stack(drawn)}


def damaged(pictures, blur, noise):
    """Floats in [0, 1], blurred by a Gaussian of `blur` pixels, with white noise."""
    blurred = gaussian_filter(pictures / 255, (0, blur, blur, 0))
    return blurred + noise * np.random.default_rng(1).normal(size=blurred.shape)


@pytest.mark.parametrize("blur, noise", [(0, 0), (1, 0), (2, 0), (0, 0.05), (1, 0.02)])
def test_attributes_are_read_back(faces, blur, noise):
    pictures = damaged(faces["pictures"], blur, noise) if blur or noise else faces["pictures"]
    assert spearmanr(measure_hair(pictures), faces["hair"])[0] > 0.99
    assert spearmanr(measure_smile(pictures), faces["smile"])[0] > 0.95


def test_measures_are_in_the_units_of_the_drawing(faces):
    np.testing.assert_allclose(measure_hair(faces["pictures"]), faces["hair"], atol=0.04)   # light, strands, rounding
    np.testing.assert_allclose(measure_smile(faces["pictures"]), faces["smile"], atol=0.15)   # lips are 2 pixels thick
    large = draw_face(Face(hair=0.3, smile=0.8), 256)
    np.testing.assert_allclose((measure_hair(large), measure_smile(large)), (0.3, 0.8), atol=0.08)


def test_one_attribute_does_not_move_the_measure_of_the_other(faces):
    for measure, other in ((measure_hair, "smile"), (measure_smile, "hair")):
        assert abs(spearmanr(measure(faces["pictures"]), faces[other])[0]) < 0.15   # 0.14 is two sigma of 200
    fair, dark = (draw_face(Face(hair=hair, smile=0.5)) for hair in (1, 0))
    assert abs(measure_smile(fair) - measure_smile(dark)) < 1e-6
    glad, sad = (draw_face(Face(hair=0.5, smile=smile)) for smile in (1, -1))
    assert measure_hair(glad) == measure_hair(sad)


def test_measures_take_one_picture_batches_and_floats(faces):
    pictures = faces["pictures"][:6]
    for measure in (measure_hair, measure_smile):
        values = measure(pictures)
        assert measure(pictures.reshape(2, 3, 64, 64, 3)).shape == (2, 3)
        assert measure(pictures[1]) == pytest.approx(values[1], abs=1e-12)
        np.testing.assert_allclose(measure(pictures / np.float32(255)), values, atol=1e-5)
    assert measure_smile(np.full((64, 64, 3), 0.5)) == 0   # nothing to see: no smile, and no division by zero
    for bad in (pictures[0, ..., 0], pictures[:, :60], np.zeros((8, 8, 3))):
        with pytest.raises(ValueError, match=r"measure_hair got shape .*; wanted \[\.\.\., H, W, 3\], square"):
            measure_hair(bad)
    with pytest.raises(ValueError, match="measure_smile got dtype int64; wanted uint8, or floats"):
        measure_smile(pictures.astype(np.int64))


def test_a_face_is_fixed_by_its_numbers():
    first, again, other = (draw_face(random_face(np.random.default_rng(seed))) for seed in (3, 3, 4))
    assert (first.dtype, first.shape) == (np.uint8, (64, 64, 3))
    np.testing.assert_array_equal(first, again)
    assert abs(first.astype(int) - other).mean() > 10
    assert draw_face(Face(), np.int64(17)).shape == (17, 17, 3)


def test_edges_are_smooth():
    """A white disc's edge on black: what is drawn at four times the size has grey pixels between."""
    eye = draw_face(Face(skin=0, iris=(0, 0, 0)), 64)[28:36, 20:30].max(-1)
    assert len(np.unique(eye)) > 8


def test_random_faces_have_unambiguous_labels():
    drawn = [random_face(np.random.default_rng(seed)) for seed in range(300)]
    hair, smile = np.array([(face.hair, face.smile) for face in drawn]).T
    assert abs(hair - 0.5).min() >= 0.15 and abs(smile).min() >= 0.3
    for above in (hair > 0.5, smile > 0):
        assert 110 < above.sum() < 190   # 150 +- 4.6 sigma
    assert abs(np.corrcoef(hair, smile)[0, 1]) < 0.2
    assert abs(np.corrcoef(hair, [face.skin for face in drawn])[0, 1]) < 0.2


def test_hair_brightens_evenly():
    brightness = [np.dot((0.299, 0.587, 0.114), hair_colour(hair)) for hair in np.linspace(0, 1, 9)]
    np.testing.assert_allclose(np.diff(brightness), np.diff(brightness).mean(), rtol=1e-3)


@pytest.mark.parametrize("numbers, size, words", [
    ({"hair": 1.2}, 64, r"hair=1\.2; wanted a number from 0 to 1"),
    ({"smile": -2}, 64, "smile=-2; wanted a number from -1 to 1"),
    ({"skin": float("nan")}, 64, "skin=nan"),
    ({}, 8, "size=8; wanted an integer of at least 16"),
])
def test_errors(numbers, size, words):
    with pytest.raises(ValueError, match=words):
        draw_face(Face(**numbers), size)
