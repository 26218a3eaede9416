"""Tunable x4 super-resolution by SwinIR: alpha as in sr_tunable.py.

    python3 train.py --config configs/swinir_sr_tunable.py
    python3 evaluate.py --config configs/swinir_sr_tunable.py

Table 5 of Maggioni et al. 2023. Presets: default (minutes on two CPU cores: 24 features, two groups of two blocks),
plain (the same budget on fidelity alone), paper (DIV2K, the published network, VGG features and a critic), smoke
(seconds).
"""
from ml_collections import ConfigDict

from configs import sr_tunable

PRESETS = ("default", "plain", "paper", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = sr_tunable.get_config(preset)
    config.name = "swinir_sr_tunable"
    config.network = ConfigDict(dict(
        name="SwinIR", features=24, depths=(2, 2), heads=(3, 3), scale=4, upsampler="pixelshuffledirect",
        drop_path=0.0))
    config.control.frozen = ("**/norm*",)
    if preset == "paper":
        config.network.update(dict(features=180, depths=(6,) * 6, heads=(6,) * 6, upsampler="pixelshuffle",
                                   drop_path=0.1))
        config.update(dict(batch_size=32, optimizer=dict(learning_rate=2e-4, lr_milestones=(0.5, 0.8, 0.9, 0.95))))
    elif preset == "smoke":
        config.network.update(dict(features=8, depths=(2,), heads=(2,), window=4))
    else:
        config.steps = 1_500
    return config
