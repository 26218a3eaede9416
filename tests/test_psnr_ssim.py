"""PSNR, PSNR-B and SSIM against the published programs, scikit-image and hand calculation."""
import io
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
from PIL import Image

from dynjax.metrics import psnr, psnrb, ssim

PAIRS = ("chelsea_noise25", "coffee_jpeg30", "astronaut_updown3")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("metric", [psnr, ssim, psnrb])
@pytest.mark.parametrize("border", [0, 3, 4])
@pytest.mark.parametrize("pair", PAIRS)
def test_published_program(parity, metric, border, pair):
    case = parity("torch_metrics")
    restored, target = (case[f"in/{which}_{pair}"][None] / 255 for which in ("dis", "ref"))
    entry = f"out/{metric.__name__}/{pair}/crop{border}"
    for channel, tolerance in (("rgb", 1e-6), ("y", 1e-5)):        # the program makes Y in float32
        for kind in (lambda x: x, lambda x: x.astype(np.float32), lambda x: jnp.asarray(x, jnp.float32)):
            value = metric(kind(restored), kind(target), channel=channel, border=border)
            assert value.dtype == np.float64
            np.testing.assert_allclose(value, [case[f"{entry}/{channel}"]], atol=tolerance, rtol=0)
    if border == 4 and metric is not psnrb:
        for channel in ("rgb", "y"):
            grey = metric(restored[..., 1:2], target[..., 1:2], border=border, channel=channel)
            np.testing.assert_allclose(grey, [case[f"{entry}/gray_of_channel1"]], atol=1e-6, rtol=0)


def test_published_figures(shared):
    folder = shared("data/metric_calibration")
    expected = json.loads((folder / "expected.json").read_text())
    read = lambda name: np.asarray(Image.open(folder / name).convert("RGB"))[None] / np.float32(255)
    for pair in expected["tid2013"]["pairs"].values():
        a, b, known = read(pair["ref"]), read(pair["dist"]), pair["recomputed"]
        np.testing.assert_allclose(psnr(a, b), known["psnr_rgb_db"], atol=1e-6)
        np.testing.assert_allclose(ssim(a, b), known["ssim_rgb_mean"], atol=1e-6)
        np.testing.assert_allclose(ssim(a, b, channel="y"), known["ssim_y_bt601_unrounded"], atol=1e-6)
    for pair in expected["psnr_ssim_basicsr"]["pairs"].values():
        a, b = read(pair["gt"]), read(pair["test"])
        np.testing.assert_allclose(psnr(a, b, border=4), pair["psnr_rgb_matlab"], atol=1e-6)
        np.testing.assert_allclose(ssim(a, b, border=4), pair["ssim_rgb_matlab"], atol=1e-6)


def test_by_hand():
    a = np.full((2, 20, 20, 3), 100 / 255)
    b = a.copy()
    b[1, ..., 0] += 3 / 255                                   # one channel of three: mse 3
    np.testing.assert_allclose(psnr(a, b), [np.inf, 10 * np.log10(255**2 / 3)])
    # constant pictures: only the brightness term is left, (2 x y + c1) / (x x + y y + c1)
    c1 = 2.55**2
    np.testing.assert_allclose(ssim(a, b), [1, (2 + (2 * 100 * 103 + c1) / (100**2 + 103**2 + c1)) / 3])
    assert psnrb(a, b)[0] == np.inf


def test_blocks_lower_psnrb_only_when_they_are_in_the_restored_picture():
    smooth = np.full((1, 32, 32, 1), 0.5)
    blocky = smooth + 8 / 255 * (np.arange(32) // 8 % 2)[None, None, :, None]
    plain = psnr(blocky, smooth)
    np.testing.assert_allclose(psnrb(smooth, blocky), plain)
    # by hand: 32 rows x 3 edges of squared steps 64 over 32 * 3 * 2 edges is 32; times log2 8 / log2 32
    half = np.round(127.5)
    error = np.mean((np.round((blocky * 255)) - half) ** 2)
    np.testing.assert_allclose(psnrb(blocky, smooth), 10 * np.log10(255**2 / (error + 3 / 5 * 32)))


def test_quantize():
    a = np.full((1, 16, 16, 3), 0.5)
    assert psnr(a, a + 0.4 / 255)[0] == np.inf                # 127.5 and 127.9 both round to 128
    np.testing.assert_allclose(psnr(a, a + 0.4 / 255, quantize=False), 10 * np.log10(255**2 / 0.16))
    assert psnr(a + 0.6, a + 0.9)[0] == np.inf                # both clipped to white
    assert ssim(a + 0.6, a + 0.9, quantize=False)[0] < 1


def test_ssim_of_scikit_image():
    from skimage.metrics import structural_similarity
    a, b = RNG.random((2, 3, 23, 31, 3))
    wanted = [np.mean([structural_similarity(
        x[..., c] * 255, y[..., c] * 255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255) for c in range(3)]) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(a, b, quantize=False), wanted, atol=1e-12)


@pytest.mark.parametrize("metric", [psnr, ssim, psnrb])
def test_sentences(metric):
    a, name = np.zeros((1, 24, 24, 3)), metric.__name__
    for b, options, said in (
            (np.zeros((1, 24, 25, 3)), {}, r"shapes \(1, 24, 24, 3\) and \(1, 24, 25, 3\); wanted two equal"),
            (a[0], {}, r"shape \(24, 24, 3\); wanted \[B, H, W, C\]"),
            (a[..., :2], {}, r"shape \(1, 24, 24, 2\)"),
            (a.astype(np.uint8), {}, "got uint8; wanted arrays of floats"),
            ([0.5], {}, "got list"),
            (a, {"channel": "grey"}, "channel='grey'; wanted 'rgb' or 'y'"),
            (a, {"border": 12}, "border=12 for pictures of 24 x 24"),
            (a, {"border": -1}, "border=-1")):
        with pytest.raises(ValueError, match=f"^{name} .*{said}"):
            metric(a, b, **options)
    with pytest.raises(ValueError, match=f"{name} got a traced array"):
        jax.jit(metric)(a, a)
    if metric is not psnr:
        with pytest.raises(ValueError, match="got pictures of 8 x 8 after border=8"):
            metric(a, a, border=8)


def test_conventions_of_others_differ_by_what_the_docs_say():
    """docs/metrics.md: full-range Y, as pyiqa's, and scikit-image's default, on a photograph at JPEG quality 30."""
    from skimage.metrics import structural_similarity
    target, file = skimage.data.chelsea(), io.BytesIO()
    Image.fromarray(target).save(file, "JPEG", quality=30)
    image = np.asarray(Image.open(file))
    a, b = image[None] / 255, target[None] / 255
    full = (a - b) @ np.array([0.299, 0.587, 0.114])
    studio_less_full = psnr(a, b, channel="y", quantize=False)[0] - 10 * np.log10(1 / np.mean(full**2))
    assert studio_less_full == pytest.approx(20 * np.log10(255 / 219), abs=2e-3)
    assert structural_similarity(image, target, channel_axis=-1) - ssim(a, b)[0] == pytest.approx(0.0103, abs=2e-3)
