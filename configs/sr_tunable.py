"""Tunable x4 super-resolution: from faithful (alpha "fidelity") to pleasing (alpha "perceptual").

    python3 train.py --config configs/sr_tunable.py
    python3 evaluate.py --config configs/sr_tunable.py

Presets: default (minutes on two CPU cores, photographs of scikit-image), plain (the same budget on fidelity alone, to
compare with), adversarial (half an hour on two cores: VGG16 features and a critic, on a folder of photographs), paper
(DIV2K, 64 channels, 16 blocks, VGG and critic), smoke (seconds). Measured tables and hardware: docs/results.md.
"""
from ml_collections import ConfigDict

from configs.common import experiment, tunable


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    config = experiment(
        "sr_tunable", preset,
        task=dict(name="super_resolution", scale=4),
        network=dict(name="EDSR", features=32, blocks=12, scale=4, upsampler="direct"),
        control=tunable(),
        # One alpha for every group of images of a batch; stretched, so that both ends are often hit.
        alpha=dict(names=("fidelity", "perceptual"), sampler="simplex", stretch=0.35, group_size=2),
        objectives=dict(
            fidelity=dict(weight=1.0, terms=dict(l1=1.0)),
            perceptual=dict(weight=1.5, terms=dict(l1=0.5, lpips=dict(scale=0.03, net="alex")))),
        critic=dict(name="", learning_rate=1e-4, features=64, stages=5),
        data=dict(source="samples", patch_size=96, scales=(1.0, 0.7, 0.5, 0.35), permute_channels=True),
        evaluation=dict(source="samples", split="test", alphas=5),
        batch_size=8, steps=3_000,
        optimizer=dict(learning_rate=1e-3, clip=1.0),
        checkpoint_every=500, preview_every=500,
        kernel_init="replicate")
    if preset == "paper":
        config.update(dict(
            network=dict(features=64, blocks=16, upsampler="stepwise"), steps=500_000, batch_size=16,
            data=dict(source="tfds:div2k/bicubic_x4", patch_size=192, scales=(1.0,), permute_channels=False),
            evaluation=dict(source="tfds:div2k/bicubic_x4", split="validation"),
            optimizer=dict(learning_rate=1e-4, schedule="halving", lr_milestones=(0.5, 0.8, 0.9, 0.95)),
            critic=dict(name="VGGCritic"), ema_decay=0.999, checkpoint_every=5_000, preview_every=5_000,
            log_every=100))
        config.alpha.group_size = 4
        config.objectives.perceptual = ConfigDict(dict(weight=1.0, terms=dict(
            l1=1e-2, perceptual=dict(scale=1.0, net="vgg16", layers=("conv5_3",)), adversarial=5e-3)))
    elif preset == "plain":
        # One objective and the identity as phi: an ordinary network.
        config.alpha.names, config.control.phi = ("fidelity",), "identity"
        del config.objectives["perceptual"]
    elif preset == "adversarial":
        config.update(dict(
            steps=2_000, batch_size=4, ema_decay=0.99, checkpoint_every=250, preview_every=250,
            critic=dict(name="VGGCritic", features=16, stages=4, learning_rate=2e-5),
            optimizer=dict(learning_rate=2e-4),
            data=dict(source="folder:bsds_train", scales=(1.0, 0.7, 0.5), permute_channels=False)))
        config.objectives.perceptual = ConfigDict(dict(weight=0.5, terms=dict(
            l1=0.4, perceptual=dict(scale=0.02, net="vgg16", layers=("relu2_2", "conv3_3")), adversarial=7.5e-4)))
    elif preset == "smoke":
        config.update(dict(
            network=dict(features=8, blocks=1), steps=4, batch_size=4, data=dict(patch_size=32),
            checkpoint_every=2, preview_every=4, log_every=1, evaluation=dict(alphas=2)))
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, plain, adversarial, paper, smoke.")
    return config
