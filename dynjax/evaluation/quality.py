"""All metrics of the results for one picture, by the conventions that stand in the table's header."""
import logging

import numpy as np

from dynjax import metrics

log = logging.getLogger("dynjax.evaluation")


def quality(results, target, *, border, name, niqe_statistics=None):
    """Measures several results for one picture against it.

    PSNR and SSIM on RGB and on Y without `border` pixels on every side, LPIPS and NIQE on the whole picture; all after
    rounding to 8 bits. Grey pictures are measured as RGB with three equal channels. A metric that needs a larger
    picture is NaN; one warning of the logger "dynjax.evaluation" names all such metrics of a picture.

    LPIPS takes nearly all of the time; it looks at the target once for all results.

    Args:
      results: A pictures [H, W, 3] or [H, W, 1]; clipped to [0, 1].
      target: of the same shape.
      border: pixels left out on every side.
      name: of the picture, for warnings.
      niqe_statistics: file of pristine statistics; without one there is no NIQE.

    Returns:
      A times {"psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg"[, "niqe"]: float}.
    """
    results = np.stack([_eight_bit_rgb(result) for result in results])
    target = _eight_bit_rgb(target)[None]
    one_by_one = lambda metric: lambda: [value for result in results for value in metric(result[None])]
    cut = dict(border=border, quantize=True)
    columns = {
        "psnr_rgb": one_by_one(lambda result: metrics.psnr(result, target, channel="rgb", **cut)),
        "psnr_y": one_by_one(lambda result: metrics.psnr(result, target, channel="y", **cut)),
        "ssim_rgb": one_by_one(lambda result: metrics.ssim(result, target, channel="rgb", **cut)),
        "ssim_y": one_by_one(lambda result: metrics.ssim(result, target, channel="y", **cut)),
        "lpips_alex": lambda: metrics.lpips(results, target, net="alex"),
        "lpips_vgg": lambda: metrics.lpips(results, target, net="vgg"),
    }
    if niqe_statistics is not None:
        columns["niqe"] = one_by_one(lambda result: metrics.niqe(result, statistics=niqe_statistics))
    reasons = {}   # {why there is no value: metrics}
    columns = {metric: _values(compute, metric, len(results), reasons) for metric, compute in columns.items()}
    if reasons:
        log.warning("%s has no %s", name, "; no ".join(f"{', '.join(without)}: {why}"
                                                       for why, without in reasons.items()))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


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


def _values(compute, metric, count, reasons):
    try:
        return [float(value) for value in compute()]
    except ValueError as error:
        reasons.setdefault(str(error), []).append(metric)
        return [float("nan")] * count
