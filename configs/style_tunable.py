"""Three styles and everything between them in one network, by tunable convolutions.

    python3 train.py --config configs/style_tunable.py
    python3 evaluate.py --config configs/style_tunable.py

The style network and losses of Maggioni et al. 2023 (figure 7): each style's objective is a Gram distance, content,
total variation and colour; alpha lies on the simplex. The paper reads VGG19; its weights must be had from elsewhere
(net="vgg19", weights=FILE), so VGG16's stand in. Presets: default (minutes on two CPU cores), cin (norms alone
are tuned: conditional instance norm, Dumoulin et al. 2017), paper (the published width and patch, on a folder of
photographs), smoke (seconds).
"""
from ml_collections import ConfigDict

from configs.common import experiment, tunable

STYLES = ("strokes", "mosaic", "waves")
LAYERS = ("relu3_3",)


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    objective = lambda picture: dict(weight=1.0, terms=dict(
        gram=dict(scale=3e4, picture=f"drawn:{picture}", size=256, layers=LAYERS),
        perceptual=dict(scale=1.0, net="vgg16", layers=LAYERS, distance="l2"), total_variation=1.0, chroma=10.0))
    config = experiment(
        "style_tunable", preset,
        task=dict(name="style"),
        network=dict(name="StyleNet", features=16, scales=2, blocks=(2, 4, 2)),
        control=tunable(frozen=("**/norm*",)),
        alpha=dict(names=STYLES, sampler="simplex", stretch=0.35, group_size=2),
        objectives={name: objective(name) for name in STYLES},
        data=dict(source="samples", patch_size=64),
        evaluation=dict(source="samples", split="test", size=160, alphas=3, axes=STYLES[:2]),
        batch_size=4, steps=900,
        optimizer=dict(learning_rate=2e-3),
        checkpoint_every=200, preview_every=200,
        kernel_init="replicate")
    if preset == "paper":
        config.update(dict(
            network=dict(features=64, blocks=(2, 6, 2)), steps=100_000, optimizer=dict(learning_rate=1e-4),
            data=dict(source="folder:train2014", split="", patch_size=256, scales=(1.0,)),
            checkpoint_every=5_000, preview_every=1_000, log_every=100))
        for name in STYLES:
            config.objectives[name].terms.gram.scale = 5e5
    elif preset == "cin":
        config.network = ConfigDict(dict(name="DumoulinNet", widths=(16, 32, 64, 32, 16), blocks=4))
        config.control = ConfigDict(dict(name="CIN"))
    elif preset == "smoke":
        config.update(dict(
            network=dict(features=4, scales=1, blocks=(1, 1, 1)), batch_size=2, steps=4, data=dict(patch_size=32),
            checkpoint_every=2, preview_every=4, log_every=1, evaluation=dict(alphas=2)))
        for name in STYLES:
            config.objectives[name].terms.gram.size = 32
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, cin, paper, smoke.")
    return config
