"""Three styles and everything between them in one network, by tunable convolutions.

    python3 train.py --config configs/style_tunable.py
    python3 evaluate.py --config configs/style_tunable.py

The style network and losses of Maggioni et al. 2023 (figure 7): each style's objective is a Gram distance, content,
total variation and colour; alpha lies on the simplex. The paper reads VGG19; its weights must be had from elsewhere
(net="vgg19", weights=FILE), so VGG16's stand in. Presets: default (minutes on two CPU cores), cin (norms alone
are tuned: conditional instance norm, Dumoulin et al. 2017), paper (the published width and patch, on a folder of
photographs), smoke (seconds).
"""
from ml_collections import ConfigDict, config_dict

STYLES = ("strokes", "mosaic", "waves")
LAYERS = ("relu3_3",)


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    objective = lambda picture: dict(weight=1.0, terms=dict(
        gram=dict(scale=3e4, picture=f"drawn:{picture}", size=256, layers=LAYERS),
        perceptual=dict(scale=1.0, net="vgg16", layers=LAYERS, distance="l2"), total_variation=1.0, chroma=10.0))
    config = ConfigDict(dict(
        name="style_tunable", preset=preset, seed=0,
        task=dict(name="style"),
        network=dict(name="StyleNet", features=16, scales=2, blocks=(2, 4, 2)),
        control=dict(name="Tunable", kernels=config_dict.placeholder(int), phi="affine", hidden=(),
                     frozen=("**/norm*",)),
        alpha=dict(names=STYLES, sampler="simplex", stretch=0.35, group_size=2),
        objectives={name: objective(name) for name in STYLES},
        critic=dict(name="", learning_rate=1e-4),
        data=dict(source="samples", split="train", patch_size=64, crops_per_image=1, flips=True,
                  scales=(1.0, 0.7, 0.5), permute_channels=False, cache="auto", threads=2),
        evaluation=dict(source="samples", split="test", size=160, alphas=3, axes=STYLES[:2]),
        batch_size=4, steps=900, average_decay=0.0, bfloat16=False,
        optimizer=dict(name="adam", learning_rate=2e-3, beta1=0.9, beta2=0.999, schedule="cosine", warmup=0,
                       halve_at=(), clip=0.0, accumulate=1),
        checkpoint_every=200, preview_every=200, log_every=10,
        init_from="", kernel_init="replicate",
    ))
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
