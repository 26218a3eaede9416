"""Tunable denoising by SwinIR: alpha as in denoise_tunable.py.

    python3 train.py --config configs/swinir_denoise_tunable.py
    python3 evaluate.py --config configs/swinir_denoise_tunable.py

Table 2a of Maggioni et al. 2023. Presets: default (minutes on two CPU cores: 24 features, two groups of two blocks),
fixed (the same budget for an ordinary network), paper (the published network at sigma 25: patches of 128, Charbonnier;
a folder, "folder:PATH", in place of the published four data sets), smoke (seconds).
"""
from ml_collections import ConfigDict

from configs import denoise_tunable

PRESETS = ("default", "fixed", "paper", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = denoise_tunable.get_config(preset)
    config.name = "swinir_denoise_tunable"
    config.network = ConfigDict(dict(name="SwinIR", features=24, depths=(2, 2), heads=(3, 3), drop_path=0.0))
    config.control.frozen = () if preset == "fixed" else ("**/norm*",)
    if preset == "paper":
        config.network.update(dict(features=180, depths=(6,) * 6, heads=(6,) * 6, drop_path=0.1))
        config.task.update(dict(sigma_255=(25.0, 25.0), levels_255=(25.0,)))
        charbonnier = lambda target: dict(weight=1.0, terms=dict(charbonnier=dict(scale=1.0, eps=1e-9, target=target)))
        config.objectives = ConfigDict(dict(fidelity=charbonnier("target"), noise=charbonnier("preserved")))
        config.update(dict(
            batch_size=8, steps=1_600_000, data=dict(source="folder:train", split="", patch_size=128),
            evaluation=dict(source="folder:cbsd68", split=""),
            optimizer=dict(learning_rate=2e-4, schedule="halving", lr_milestones=(0.5, 0.75, 0.875, 0.9375))))
    elif preset == "smoke":
        config.network.update(dict(features=8, depths=(2,), heads=(2,), window=4))
    else:
        config.update(dict(batch_size=4, steps=2_000, data=dict(patch_size=48)))
    return config
