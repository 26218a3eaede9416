"""All metrics of the results for one picture, by the conventions that stand in the table's header."""
import logging

import numpy as np

from dynjax import metrics
from dynjax.metrics.preparation import to_levels

log = logging.getLogger("dynjax.evaluation")


METRICS = ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg")


def quality(results, target, *, border, name, niqe_statistics=None, wanted=METRICS, view=None):
    """Measures several results for one picture against it.

    PSNR and SSIM on RGB and on Y, L1 and sharpness without `border` pixels on every side, LPIPS and NIQE on the whole
    picture; all after rounding to 8 bits. Sharpness is the Laplacian's energy divided by the target's. Grey pictures
    are measured as RGB with three equal channels. A metric that needs a larger picture is NaN; one warning of the
    logger "dynjax.evaluation" names all such metrics of a picture.

    LPIPS takes nearly all of the time; it looks at the target once for all results.

    Args:
      results: A pictures [H, W, 3] or [H, W, 1]; clipped to [0, 1].
      target: of the same shape.
      border: pixels left out on every side.
      name: of the picture, for warnings.
      niqe_statistics: file of pristine statistics; without one there is no NIQE.
      wanted: names of METRICS, "l1" and "sharpness", in the order of the result.
      view: pictures [B, H, W, 3] -> the part of them that all but LPIPS and NIQE look at; None is all.

    Returns:
      A times {each name of `wanted`[, "niqe"]: float}.
    """
    results = np.stack([_eight_bit_rgb(result) for result in results])
    target = _eight_bit_rgb(target)[None]
    seen, seen_target = (results, target) if view is None else map(np.asarray, (view(results), view(target)))
    one_by_one = lambda metric, pictures=seen: lambda: [value for result in pictures for value in metric(result[None])]
    cut = dict(border=border, quantize=True)
    columns = {
        "l1": one_by_one(lambda result: metrics.l1(result, seen_target, **cut)),
        "psnr_rgb": one_by_one(lambda result: metrics.psnr(result, seen_target, channel="rgb", **cut)),
        "psnr_y": one_by_one(lambda result: metrics.psnr(result, seen_target, channel="y", **cut)),
        "ssim_rgb": one_by_one(lambda result: metrics.ssim(result, seen_target, channel="rgb", **cut)),
        "ssim_y": one_by_one(lambda result: metrics.ssim(result, seen_target, channel="y", **cut)),
        "lpips_alex": lambda: metrics.lpips(results, target, net="alex"),
        "lpips_vgg": lambda: metrics.lpips(results, target, net="vgg"),
        "sharpness": one_by_one(lambda result: _sharpness(result, seen_target, cut)),
    }
    columns = {metric: columns[metric] for metric in wanted}
    if niqe_statistics is not None:
        columns["niqe"] = one_by_one(lambda result: metrics.niqe(result, statistics=niqe_statistics), results)
    reasons = {}   # {why there is no value: metrics}
    columns = {metric: _values(compute, metric, len(results), reasons) for metric, compute in columns.items()}
    if reasons:
        log.warning("%s has no %s", name, "; no ".join(f"{', '.join(without)}: {why}"
                                                       for why, without in reasons.items()))
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def check_metrics(names):
    """The names as a tuple.

    Raises:
      ValueError: none, or one that `quality` does not know.
    """
    known = (*METRICS, "l1", "sharpness")
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        raise ValueError(f"metrics are {', '.join(names) or 'none'}; wanted some of {', '.join(known)}. NIQE "
                         "is measured too where a file of its statistics is given.")
    return tuple(names)


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
    image = to_levels(np.asarray(image, np.float32)) / np.float32(255)
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def _sharpness(result, target, cut):
    """The Laplacian's energy beside the target's."""
    energy, wanted = (metrics.laplacian_energy(picture, **cut) for picture in (result, target))
    if not wanted.all():
        raise ValueError("the target is flat, and nothing is as sharp as that")
    return energy / wanted


def _values(compute, metric, count, reasons):
    try:
        return [float(value) for value in compute()]
    except ValueError as error:
        reasons.setdefault(str(error), []).append(metric)
        return [float("nan")] * count
