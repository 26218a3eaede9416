"""The one table of metrics: name, function, title, decimals, direction, convention; every column of every result."""
import dataclasses
from collections.abc import Callable

import numpy as np

from dynjax.metrics.l1 import l1
from dynjax.metrics.lpips import lpips
from dynjax.metrics.psnr import psnr
from dynjax.metrics.sharpness import laplacian_energy
from dynjax.metrics.ssim import ssim
from dynjax.registry import Registry


@dataclasses.dataclass(frozen=True)
class Metric:
    """A column of evaluation's tables.

    Attributes:
      title: for readers, such as "PSNR RGB".
      compute: compute(results [A, H, W, 3], target [1, H, W, 3], border=pixels) -> A values, images in [0, 1] after
        rounding to 8 bits; None where it is not computed of a result and a target alone (a task's own, NIQE). Raises
        ValueError, with the reason, where there is no value.
      higher_is_better: None where neither direction is.
      decimals: that are worth reading.
      whole: looks at the whole image whatever the task's `judged` part of it is.
      convention: a sentence for above the tables; {region} is " of ..." where a task looks at a part of the image.
      label: how it is written below an image, {} the value; by default title and value, "" for not at all.
      chosen: whether the best alpha of each image may be chosen by it.
    """
    title: str
    compute: Callable | None = None
    higher_is_better: bool | None = False
    decimals: int = 4
    whole: bool = False
    convention: str = ""
    label: str | None = None
    chosen: bool = False


def _each(metric):
    """metric(one result [1, H, W, 3], target, border) of several results beside one target."""
    return lambda results, target, *, border: [value for result in results
                                               for value in metric(result[None], target, border)]


def _l1(result, target, border):
    return l1(result, target, border=border, quantize=True)


def _psnr(channel):
    return _each(lambda result, target, border: psnr(result, target, channel=channel, border=border, quantize=True))


def _ssim(channel):
    return _each(lambda result, target, border: ssim(result, target, channel=channel, border=border, quantize=True))


def _lpips(net):
    return lambda results, target, *, border: lpips(results, target, net=net)   # which looks at the target once


def _sharpness(results, target, *, border):
    """The Laplacian's energy beside the target's."""
    energies = [laplacian_energy(image[None], border=border, quantize=True) for image in (*results, target[0])]
    if not np.all(energies[-1]):
        raise ValueError("the target is flat, and nothing is as sharp as that")
    return [float(energy[0] / energies[-1][0]) for energy in energies[:-1]]


METRICS = Registry("metric")
for _name, _metric in {
        "l1": Metric("L1", _each(_l1), chosen=True,
                     convention="L1, lower is better: mean absolute difference{region}, on the scale 0 to 1."),
        "psnr_rgb": Metric("PSNR RGB", _psnr("rgb"), True, 2, label="PSNR {} dB", chosen=True),
        "psnr_y": Metric("PSNR Y", _psnr("y"), True, 2, label="", chosen=True),
        "ssim_rgb": Metric("SSIM RGB", _ssim("rgb"), True, label="", chosen=True),
        "ssim_y": Metric("SSIM Y", _ssim("y"), True, label="", chosen=True),
        "lpips_alex": Metric("LPIPS AlexNet", _lpips("alex"), whole=True, label="LPIPS {} AlexNet", chosen=True),
        "lpips_vgg": Metric("LPIPS VGG", _lpips("vgg"), whole=True, label="LPIPS {} VGG", chosen=True),
        "niqe": Metric("NIQE", decimals=2, whole=True, label="", chosen=True),
        "sharpness": Metric("sharpness", _sharpness, None, 3, convention="Sharpness: mean squared Laplacian{region} "
                            "divided by the target's; 1 is as sharp as the target."),
        "psnr_aim": Metric("PSNR to aim", None, True, 2, convention="PSNR to aim: to what an answer should be at that "
                           "alpha, higher is better."),
        "noise_left": Metric("noise left", None, None, 3,
                             convention="Noise left: the share of the noise that is still there, 0 to 1."),
        "detail_gain": Metric("detail gain", None, None, 3, convention="Detail gain: how much of the sharpening mask "
                              "was added; 0 is as sharp as the target."),
}.items():
    METRICS.register(_metric, name=_name)
