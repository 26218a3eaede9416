"""All metrics of the results for one picture, by the conventions that stand in the table's header."""
import logging

import numpy as np

from dynjax import metrics
from dynjax.metrics.preparation import to_levels

log = logging.getLogger("dynjax.evaluation")


DEFAULT = ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg")


def quality(results, target, *, border, name, niqe_statistics=None, wanted=DEFAULT, view=None):
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
      wanted: names of dynjax.metrics.METRICS, in the order of the result.
      view: pictures [B, H, W, 3] -> the part of them that all but LPIPS and NIQE look at; None is all.

    Returns:
      A times {each name of `wanted`[, "niqe"]: float}.
    """
    results = np.stack([_eight_bit_rgb(result) for result in results])
    target = _eight_bit_rgb(target)[None]
    seen, seen_target = (results, target) if view is None else map(np.asarray, (view(results), view(target)))
    def compute(metric):
        found = metrics.METRICS.get(metric)
        pictures = (results, target) if found.whole else (seen, seen_target)
        return lambda: found.compute(*pictures, border=border)

    columns = {metric: compute(metric) for metric in wanted}
    if niqe_statistics is not None:
        columns["niqe"] = lambda: [value for result in results
                                   for value in metrics.niqe(result[None], statistics=niqe_statistics)]
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
    known = [*DEFAULT, *(name for name in metrics.METRICS.names()
                         if metrics.METRICS.get(name).compute and name not in DEFAULT)]
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


def _values(compute, metric, count, reasons):
    try:
        return [float(value) for value in compute()]
    except ValueError as error:
        reasons.setdefault(str(error), []).append(metric)
        return [float("nan")] * count
