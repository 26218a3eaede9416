"""Joint denoising and deblurring with two knobs: alpha "denoise" and alpha "sharpen", each from 0 to 1 by itself.

    python3 train.py --config configs/denoise_deblur_tunable.py
    python3 evaluate.py --config configs/denoise_deblur_tunable.py

Table 3 of Maggioni et al. 2023; alpha (1, 0) is the clean picture. Presets: default (minutes on two CPU cores,
photographs of scikit-image), fixed (the same budget for an ordinary network at one alpha, (1, 0) unless
--config.alpha.sampler says otherwise), paper (DIV2K, 64 channels, 16 blocks), smoke (seconds).
"""
from ml_collections import ConfigDict

from configs import denoise_tunable

PRESETS = ("default", "fixed", "paper", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = denoise_tunable.get_config(preset)
    config.name = "denoise_deblur_tunable"
    config.task = ConfigDict(dict(
        name="denoise_deblur", sigma_255=(5.0, 30.0), blur=(0.0, 4.0),
        levels=((5.0, 1.0), (15.0, 1.0), (15.0, 2.0), (25.0, 2.0)), delta=0.9, gamma=1.0, sharpen_std=1.5,
        sharpen_support=9, sharpen_noise=False, clip=False, noise_seed=0))
    config.alpha.names, config.alpha.sampler = ("denoise", "sharpen"), "uniform"
    # Alpha weights nothing here: it acts through what the output is compared with.
    config.alpha.weights_losses = False
    config.objectives = ConfigDict(dict(restored=dict(weight=1.0, terms=dict(l1=dict(scale=1.0, target="restored")))))
    config.evaluation.alphas = 3
    if preset == "fixed":
        config.alpha.sampler = "[[1.0, 0.0]]"
    elif preset == "smoke":
        config.task.levels, config.evaluation.alphas = ((15.0, 1.0),), 2
    return config
