"""Tunable denoising of real noise by NAFNet: pairs of noisy and clean pictures, alpha as in denoise_tunable.py.

    python3 train.py --config configs/nafnet_denoise_tunable.py:sidd --config.data.source=sidd:SIDD_Medium_Srgb
    python3 train.py --config configs/nafnet_denoise_tunable.py

Table 2b of Maggioni et al. 2023. Presets: default (minutes on two CPU cores: width 16, noise made on photographs of
scikit-image), sidd (the same network on pairs, "sidd:FOLDER" or "pairs:NOISY:CLEAN"), paper (SIDD, the published width
32 and blocks), fixed (the default's budget for an ordinary network), smoke (seconds).
"""
from ml_collections import ConfigDict

from configs import denoise_tunable

PRESETS = ("default", "sidd", "paper", "fixed", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = denoise_tunable.get_config("default" if preset == "sidd" else preset)
    config.name, config.preset = "nafnet_denoise_tunable", preset
    config.network = ConfigDict(dict(
        name="NAFNet", features=16, encoder_blocks=(1, 1, 2), middle_blocks=2, decoder_blocks=(1, 1, 1)))
    config.control.frozen = ("**/norm*",)
    if preset in ("sidd", "paper"):
        config.task = ConfigDict(dict(name="denoise_pairs", preserve="scaled", delta=0.9))
        config.data.source, config.evaluation.source = "sidd:SIDD_Medium_Srgb", "sidd:SIDD_validation"
        config.evaluation.split, config.data.permute_channels, config.data.scales = "valid", False, (1.0,)
    if preset == "paper":
        config.update(dict(
            network=dict(features=32, encoder_blocks=(2, 2, 4, 8), middle_blocks=12, decoder_blocks=(2, 2, 2, 2)),
            batch_size=32, steps=200_000, data=dict(patch_size=256, flips=False),
            optimizer=dict(learning_rate=1e-3, beta1=0.9, beta2=0.9, schedule="cosine")))
    elif preset == "smoke":
        config.network.update(dict(features=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,)))
    else:
        config.update(dict(batch_size=4, data=dict(patch_size=48)))
    return config
