"""All metrics of one picture, by the conventions that stand in the table's header."""
import logging

import numpy as np

from dynjax import metrics

log = logging.getLogger("dynjax.evaluation")


def quality(result, target, *, border, niqe_statistics=None, name="the picture"):
    """Measures one picture against another.

    PSNR and SSIM on RGB and on Y without `border` pixels on every side, LPIPS and NIQE on the whole picture; all after
    rounding to 8 bits. Grey pictures are measured as RGB with three equal channels. A metric that needs a larger
    picture is NaN, with a warning of the logger "dynjax.evaluation" that names the picture.

    LPIPS compiles a program a size, because padding would change its value: 0.25 s for VGG16 against 0.3 s (96 x 128
    pixels) to 3.6 s (300 x 451) for one comparison on two CPU cores.

    Args:
      result: [H, W, 3] or [H, W, 1]; clipped to [0, 1].
      target: of the same shape.
      border: pixels left out on every side.
      niqe_statistics: file of pristine statistics; without one there is no NIQE.
      name: what to call the picture in warnings.

    Returns:
      {"psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg"[, "niqe"]: float}.
    """
    result, target = (_eight_bit_rgb(image)[None] for image in (result, target))
    cut = dict(border=border, quantize=True)
    values = {
        "psnr_rgb": lambda: metrics.psnr(result, target, channel="rgb", **cut),
        "psnr_y": lambda: metrics.psnr(result, target, channel="y", **cut),
        "ssim_rgb": lambda: metrics.ssim(result, target, channel="rgb", **cut),
        "ssim_y": lambda: metrics.ssim(result, target, channel="y", **cut),
        "lpips_alex": lambda: metrics.lpips(result, target, net="alex"),
        "lpips_vgg": lambda: metrics.lpips(result, target, net="vgg"),
    }
    if niqe_statistics is not None:
        values["niqe"] = lambda: metrics.niqe(result, statistics=niqe_statistics)
    return {metric: _value(compute, metric, name) for metric, compute in values.items()}


def check_statistics(niqe_statistics):
    """Tries a file of pristine statistics on noise, so that a wrong one shows before hours of work.

    Raises:
      ValueError: there is no such file, or it holds something else.
    """
    if niqe_statistics is None:
        return
    noise = np.random.default_rng(0).uniform(size=(1, 96, 192, 3)).astype(np.float32)
    try:
        metrics.niqe(noise, statistics=niqe_statistics)
    except FileNotFoundError as error:
        raise ValueError(str(error)) from None


def _eight_bit_rgb(image):
    image = np.round(np.clip(np.asarray(image, np.float32), 0, 1) * 255) / np.float32(255)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _value(compute, metric, name):
    try:
        return float(np.asarray(compute())[0])
    except ValueError as error:
        log.warning("no %s of %s: %s", metric, name, error)
        return float("nan")
