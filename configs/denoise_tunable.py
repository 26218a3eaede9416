"""Tunable denoising: from clean (alpha "fidelity") to 90 % of the noise kept (alpha "noise").

    python3 train.py --config configs/denoise_tunable.py
    python3 evaluate.py --config configs/denoise_tunable.py

Table 1 of Maggioni et al. 2023. Presets: default (minutes on two CPU cores, photographs of scikit-image), fixed (the
same budget for an ordinary network at one alpha, fidelity unless --config.alpha.sampler says otherwise, such as
"[[0.5, 0.5]]"), paper (DIV2K, 64 channels, 16 blocks), smoke (seconds). Measured tables and hardware: docs/results.md.
"""

from configs.common import experiment, tunable


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    config = experiment(
        "denoise_tunable", preset,
        # `preserve`: the noisy aim follows alpha ("scaled") or keeps all of `delta` ("fixed").
        task=dict(name="denoise", sigma_255=(5.0, 30.0), levels_255=(5.0, 10.0, 15.0, 20.0, 25.0), preserve="scaled",
                  delta=0.9, clip=False, noise_seed=0),
        network=dict(name="EDSR", features=32, blocks=8, scale=1),
        control=tunable(),
        # One alpha for every group of images of a batch; stretched, so that both ends are often hit.
        alpha=dict(names=("fidelity", "noise"), sampler="simplex", stretch=0.1, group_size=4),
        objectives=dict(fidelity=dict(weight=1.0, terms=dict(l1=1.0)),
                        noise=dict(weight=1.0, terms=dict(l1=dict(scale=1.0, target="preserved")))),
        data=dict(source="samples", patch_size=64, permute_channels=True),
        evaluation=dict(source="samples", split="test", alphas=5),
        batch_size=8, steps=2_000, ema_decay=0.99,
        optimizer=dict(learning_rate=1e-3, clip=1.0),
        checkpoint_every=500, preview_every=500,
        kernel_init="replicate")
    if preset == "fixed":
        config.control.name, config.alpha.sampler = "", "[[1.0, 0.0]]"
    elif preset == "paper":
        config.update(dict(
            network=dict(features=64, blocks=16), steps=500_000, batch_size=16, ema_decay=0.999,
            data=dict(source="tfds:div2k/bicubic_x4", scales=(1.0,), permute_channels=False),
            evaluation=dict(source="tfds:div2k/bicubic_x4", split="validation"),
            optimizer=dict(learning_rate=1e-4, schedule="constant"),
            checkpoint_every=5_000, preview_every=5_000, log_every=100))
    elif preset == "smoke":
        config.update(dict(
            network=dict(features=8, blocks=1), steps=4, batch_size=4, data=dict(patch_size=16),
            checkpoint_every=2, preview_every=4, log_every=1, evaluation=dict(alphas=2),
            task=dict(levels_255=(15.0,))))
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, fixed, paper, smoke.")
    return config
