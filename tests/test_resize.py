"""Bicubic resizing against MATLAB's own files (Set5), a published port of imresize, and by hand."""
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dynjax.image import crop_to_multiple, resize_bicubic
from dynjax.image.resize import _taps

PICTURES = ("coffee_25x31", "astronaut_17x22")
SCALES = ("1d2", "1d3", "1d4", "2", "3", "4", "3d2", "7d10")
RNG = np.random.default_rng(0)


def levels(images):
    """8-bit values of k / 255."""
    assert abs(np.asarray(images, np.float64) * 255 - np.round(np.asarray(images, np.float64) * 255)).max() < 1e-4
    return np.round(np.asarray(images) * 255).astype(np.uint8)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_set5_as_matlab_wrote_it(shared, factor):
    folder = shared("data/set5")
    for path in sorted((folder / "HR").glob("*.png")):
        image = crop_to_multiple(np.asarray(Image.open(path).convert("RGB")), factor)
        wanted, = (folder / "LR_bicubic" / f"X{factor}").glob(f"{path.stem}*.png")
        wanted = np.asarray(Image.open(wanted).convert("RGB"))
        rounding = "once" if factor == 8 else "each_pass"      # what the files follow, found by trying both
        others = (image / 255, (image / 255).astype(np.float32), jnp.asarray(image)) if path.stem == "woman" else ()
        for given in (image, *others):
            np.testing.assert_array_equal(levels(resize_bicubic(given, 1 / factor, rounding=rounding)), wanted)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("label", SCALES)
def test_port_of_imresize(parity, name, label):
    case = parity("matlab_bicubic")
    image, scale = case[f"in/{name}"], Fraction(label.replace("d", "/"))
    wanted = case[f"out/{name}/scale_{label}"]
    for given in (image / 255, image):
        result = resize_bicubic(given, float(scale))
        assert result.shape == wanted.shape                    # sizes that the scale does not divide round up
        np.testing.assert_allclose(result, wanted, atol=5e-6, rtol=0)
    wanted = case[f"out/{name}/scale_{label}_matlab_uint8"]
    np.testing.assert_array_equal(levels(resize_bicubic(image / 255, scale, rounding="each_pass")), wanted)


@pytest.mark.parametrize("label", SCALES)
def test_port_of_imresize_on_the_device(parity, label):
    case, name, scale = parity("matlab_bicubic"), PICTURES[0], Fraction(label.replace("d", "/"))
    both = jax.jit(lambda image: [resize_bicubic(image, scale, rounding=how) for how in ("none", "each_pass")])
    plain, on_device = both(jnp.asarray(case[f"in/{name}"]))
    np.testing.assert_allclose(plain, case[f"out/{name}/scale_{label}"], atol=5e-6, rtol=0)
    on_device, wanted = levels(on_device), case[f"out/{name}/scale_{label}_matlab_uint8"]
    if label in ("3d2", "7d10"):       # full of ties, which the program decides by the last bit of float64
        assert abs(on_device.astype(int) - wanted).max() <= 1
        assert np.mean(on_device != wanted) < 0.01
    else:
        np.testing.assert_array_equal(on_device, wanted)


@pytest.mark.parametrize("name", PICTURES)
def test_without_antialiasing(parity, name):
    case = parity("matlab_bicubic")
    result = resize_bicubic(case[f"in/{name}"] / 255, 1 / 2, antialias=False)
    np.testing.assert_allclose(result, case[f"out/{name}/scale_1d2_noantialias"], atol=5e-6, rtol=0)


@pytest.mark.parametrize("size, label, pad", [(11, "1d3", 4), (10, "1d4", 6), (7, "2", 2), (7, "3", 2)])
def test_taps(parity, size, label, pad):
    case = parity("matlab_bicubic")
    name, = (n for n in case.names("out/indices_") if n.startswith(f"n{size}_scale_{label}_"))
    indices, weights = _taps(size, Fraction(label.replace("d", "/")), True)
    padded = np.pad(np.arange(size), 50, mode="symmetric")
    matrix, wanted = np.zeros((2, len(indices), size))
    rows = np.arange(len(indices))[:, None]
    np.add.at(matrix, (rows, indices), weights)
    columns = padded[case[f"out/indices_{name}"] - pad + 50]
    np.add.at(wanted, (rows, columns), case[f"out/weights_n{size}_scale_{label}"])
    np.testing.assert_allclose(matrix, wanted, atol=1e-6)


def test_halving_by_hand():
    # A step at scale 1/2: the taps at +-0.25, 0.75, 1.25, 1.75 weigh 111, 29, -9, -3 of 256 (Keys' formula, halved).
    step = np.repeat([0.0, 1.0], 8)[None, :, None]
    row = resize_bicubic(step, Fraction(1, 2))[0, :, 0]
    np.testing.assert_allclose(row, np.array([0, 0, -3, 17, 239, 259, 256, 256]) / 256, atol=1e-15)
    rounded = levels(resize_bicubic(step, 1 / 2, rounding="once"))[0, :, 0]     # 17 * 255 / 256 = 16.9
    np.testing.assert_array_equal(rounded, [0, 0, 0, 17, 238, 255, 255, 255])


def test_one_pass_after_the_other_differs_from_one_rounding():
    image = RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    once, each = (levels(resize_bicubic(image, 1 / 4, rounding=how)).astype(int) for how in ("once", "each_pass"))
    assert 0 < np.mean(once != each) < 0.4
    assert abs(once - each).max() <= 2


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (3, 2, 2)])
@pytest.mark.parametrize("scale", [1 / 8, 1 / 3, 3])
def test_pictures_smaller_than_the_kernel(shape, scale):
    image = RNG.random(shape)
    # mirroring by numpy's own padding, far enough on both sides, then the inner part (the padding is a whole number
    # of output samples)
    pad = 24
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="symmetric")
    result = resize_bicubic(image, scale)
    start = round(pad * scale)
    height, width = result.shape[:2]
    np.testing.assert_allclose(result, resize_bicubic(padded, scale)[start:start + height, start:start + width],
                               atol=1e-12)


def test_types_and_leading_axes():
    image = RNG.random((2, 3, 8, 12, 1))
    result = resize_bicubic(image, 1 / 4)
    assert result.shape == (2, 3, 2, 3, 1)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result[1, 2], resize_bicubic(image[1, 2], 1 / 4))
    assert resize_bicubic(image.astype(np.float32), 1 / 4).dtype == np.float32
    assert resize_bicubic(jnp.asarray(image), 1 / 4).dtype == jnp.float32
    assert resize_bicubic(np.zeros((100, 1, 1)), Fraction(7, 100)).shape == (7, 1, 1)
    assert resize_bicubic(np.zeros((100, 1, 1)), 0.07).shape == (8, 1, 1)      # 100 * 0.07 > 7 in floats: as MATLAB


def test_jit_and_gradient():
    image = jnp.asarray(RNG.random((1, 9, 7, 2)), jnp.float32)
    resize = lambda image: resize_bicubic(image, Fraction(1, 2))
    np.testing.assert_allclose(jax.jit(resize)(image), resize(np.asarray(image)), atol=1e-6)
    # linear: the gradient of <c, A x> is the adjoint of c, so <grad, v> = <c, A v>
    cotangent = jnp.asarray(RNG.random((1, 5, 4, 2)), jnp.float32)
    gradient = jax.grad(lambda x: jnp.sum(resize(x) * cotangent))(image)
    v = RNG.random(image.shape)
    np.testing.assert_allclose(np.sum(gradient * v), np.sum(np.asarray(cotangent) * resize(v)), rtol=1e-5)


def test_crop_to_multiple():
    image = RNG.random((2, 10, 13, 3))
    np.testing.assert_array_equal(crop_to_multiple(image, 4), image[:, :8, :12])
    with pytest.raises(ValueError, match="10 x 13, smaller than multiple=11"):
        crop_to_multiple(image, 11)
    with pytest.raises(ValueError, match="multiple=0"):
        crop_to_multiple(image, 0)


@pytest.mark.parametrize("image, scale, options, said", [
    (np.zeros((4, 4)), 2, {}, r"got \(4, 4\); wanted an array \[..., H, W, C\]"),
    (np.zeros((4, 4, 1), int), 2, {}, "type int64"),
    (np.zeros((4, 4, 1)), 0, {}, "scale=0"),
    (np.zeros((4, 4, 1)), float("nan"), {}, "scale=nan"),
    (np.zeros((4, 4, 1)), (2, 2), {}, r"scale=\(2, 2\)"),
    (np.zeros((4, 4, 1)), 2, {"rounding": "twice"}, "rounding='twice'; wanted one of none, once, each_pass"),
    ([[[1.0]]], 2, {}, "got list"),
])
def test_bad_input(image, scale, options, said):
    with pytest.raises(ValueError, match=said):
        resize_bicubic(image, scale, **options)
