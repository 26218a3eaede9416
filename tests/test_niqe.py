"""NIQE against the published program, in its float64 form tightly, and published figures."""
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dynjax.metrics import niqe
from dynjax.metrics.niqe import _block_features, _fit, _normalise

PICTURES = ("chelsea", "chelsea_blur", "coffee_jpeg20", "coffee_gray_noise")


@pytest.fixture
def statistics(shared):
    return shared("data/weights/niqe_pris_params.npz")


def picture(case, name):
    image = case[f"in/niqe_{name}"] / 255
    return (image if image.ndim == 3 else image[..., None])[None]


@pytest.mark.parametrize("name", PICTURES)
def test_program_in_float64(parity, statistics, name):
    case = parity("torch_metrics")
    image = picture(case, name)
    for given in (image, jnp.asarray(image, jnp.float32)):
        np.testing.assert_allclose(niqe(given, statistics=statistics), [case[f"out/niqe_float64/{name}/crop0"]],
                                   atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", PICTURES)
def test_program_in_float32(parity, statistics, name):
    case = parity("torch_metrics")
    image = picture(case, name)
    flat = name == "coffee_jpeg20"                            # large flat areas: the last bits decide
    for border in (0, 5):
        wanted = case[f"out/niqe/{name}/crop{border}"]
        value = niqe(image, statistics=statistics, border=border)
        np.testing.assert_allclose(value, [wanted], atol=0.2 if flat else 3e-3, rtol=0)
        value = niqe(image, statistics=statistics, border=border, flat_areas="zero")
        np.testing.assert_allclose(value, [wanted], atol=1e-2 if flat else 3e-3, rtol=0)
    if image.shape[-1] == 3:
        value = niqe(image, statistics=statistics, channel="grey", flat_areas="zero")
        np.testing.assert_allclose(value, [case[f"out/niqe/{name}/crop0_gray"]], atol=1e-2 if flat else 3e-3, rtol=0)


def test_one_block_of_the_program(parity, statistics):
    case = parity("torch_metrics")
    normalised = _normalise(case["in/niqe_block_y"].astype(np.float64), np.load(statistics)["gaussian_window"])
    published = case["out/niqe_block_mscn"].astype(np.float64)
    np.testing.assert_allclose(normalised, published, atol=2e-4)      # its variance is a difference in float32
    np.testing.assert_allclose(np.concatenate(_fit(published[None])), case["out/aggd_alpha_left_right"], rtol=1e-6)
    np.testing.assert_allclose(_block_features(published, 96)[0], case["out/niqe_block_features18"], atol=1e-6)


def test_published_figures(shared, statistics):
    folder = shared("data/metric_calibration")
    expected = json.loads((folder / "expected.json").read_text())
    read = lambda name: np.asarray(Image.open(folder / name).convert("RGB"))[None] / 255
    baboon = read(expected["niqe_baboon"]["file"])
    np.testing.assert_allclose(niqe(baboon, statistics=statistics), expected["niqe_baboon"]["published"], atol=1e-3)
    for pair in expected["tid2013"]["pairs"].values():       # recomputed in float32
        for channel in ("y", "grey"):
            value = niqe(read(pair["dist"]), statistics=statistics, channel=channel, flat_areas="zero")
            np.testing.assert_allclose(value, pair["recomputed"][f"niqe_basicsr_{channel}"], rtol=0.01)


def test_batch_and_what_lies_beyond_whole_blocks(parity, statistics):
    image = picture(parity("torch_metrics"), "chelsea")
    batch = np.concatenate([image[:, :192, :288], image[:, ::-1][:, :192, :288]])
    values = niqe(batch, statistics=statistics)
    assert values.shape == (2,)
    np.testing.assert_array_equal(values[1:], niqe(batch[1:], statistics=statistics))
    np.testing.assert_array_equal(values[:1], niqe(image, statistics=statistics))


def test_flat_picture_has_no_value(statistics):
    assert np.isnan(niqe(np.full((1, 96, 192, 1), 0.5), statistics=statistics, flat_areas="zero"))


def test_sentences(statistics, tmp_path):
    image = np.zeros((1, 96, 192, 3))
    with pytest.raises(FileNotFoundError, match=r"no file niqe_absent\.npz; niqe needs .*statistics="):
        niqe(image, statistics="niqe_absent.npz")
    np.savez(tmp_path / "other.npz", x=1)
    with pytest.raises(ValueError, match=r"other\.npz holds x; wanted mu_pris_param"):
        niqe(image, statistics=tmp_path / "other.npz")
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"damaged\.npz cannot be read as \.npz"):
        niqe(image, statistics=tmp_path / "damaged.npz")
    for x, options, said in (
            (image[:, :, :191], {}, "pictures of 96 x 191 after border=0; wanted at least two whole blocks"),
            (image, {"border": 1}, "pictures of 94 x 190 after border=1"),
            (image, {"channel": "rgb"}, "channel='rgb'; wanted 'y' or 'grey'"),
            (image, {"flat_areas": "x"}, "flat_areas='x'"),
            (image[0], {}, r"shape \(96, 192, 3\)"),
            (image.astype(np.uint8), {}, "got uint8; wanted arrays of floats")):
        with pytest.raises(ValueError, match=said):
            niqe(x, statistics=statistics, **options)
