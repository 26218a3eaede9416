"""Faces from noise, by Dynamic-Net: alpha 0 is trained on dark hair, alpha 1 on blond hair.

    python3 train.py --config configs/faces_dynamic.py
    python3 evaluate.py --config configs/faces_dynamic.py

A DCGAN is trained against a critic on faces without an attribute, then frozen; one tuning-block behind its third layer
is trained against a fresh critic on faces that have it (Shoshan et al. 2019, figure 6). Presets: default (drawn
faces), paper (CelebA by --config.data.source=celeba:FOLDER, the published widths and epochs),
happiness (grey faces of an .npz file, by --config.data.source=faces:FILE.npz, neutral to happy, reduced width), smoke
(seconds). How statistics are handled, and what was measured, is in docs/results-faces.md.
"""
from ml_collections import config_dict

from configs.common import experiment


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    config = experiment(
        "faces_dynamic", preset,
        task=dict(name="faces", latent=100),
        network=dict(name="DCGANGenerator", features=32, size=64, latent=100),
        control=dict(name="DynamicNet", before=(), after=("layer2",),
                     block=dict(name="TuningBlock", layers=3, padding="reflect", kernel_init="normal",
                                zero_last=False)),
        # Everything a phase says goes over what stands outside: `attribute` is an attribute of the pictures, `sign` 1
        # for those that have it and -1 for the others; several conditions are "Blond_Hair=-1,Male=1".
        phases=dict(
            names=("main", "blocks"),
            main=dict(trains="params/main", alpha=0.0, steps=1_000, data=dict(attribute="Blond_Hair", sign=-1)),
            blocks=dict(trains="params/blocks", alpha=1.0, steps=300, batch_statistics="batch",
                        optimizer=dict(learning_rate=1e-3), critic=dict(learning_rate=1e-4),
                        data=dict(attribute="Blond_Hair", sign=1))),
        # Of the generator's batch norm while it trains: "batch" normalises by the batch's own, "frozen" by those that
        # are stored. Inference has the stored ones always, so that a face is the same whatever else is in its batch.
        batch_statistics="batch",
        objectives=dict(real=dict(weight=1.0, terms=dict(adversarial=dict(scale=1.0, kind="standard")))),
        # Half the generator's width and a third of its rate: drawn faces are easily told from others, and an equal
        # critic wins before there is a face.
        critic=dict(name="DCGANDiscriminator", features=16, size=64, learning_rate=3e-4),
        data=dict(source="drawn-faces", split="train[:3000]", attribute="", sign=1, crop=config_dict.placeholder(int),
                  size=64, patch_size=64, flips=False, scales=(1.0,),
                  threads=1, position="centre", shorter_side=config_dict.placeholder(int)),
        # `inputs` fixed noises over `alphas` points of `range`; `outside` extends it on both sides. Where nothing else
        # can measure the attribute, a `judge`, "linear", is fitted to the pictures of the two phases.
        evaluation=dict(source="drawn-faces", split="test", crop=config_dict.placeholder(int), size=64, alphas=11,
                        range=(0.0, 1.0), outside=0.0, inputs=128, judge=""),
        batch_size=32, steps=0,
        optimizer=dict(learning_rate=1e-3, beta1=0.5, beta2=0.999, schedule="constant"),
        checkpoint_every=400, preview_every=400, log_every=20)
    if preset == "paper":
        # 20 epochs of those without blond hair (of CelebA's training part 138,500), and of those with it (24,300).
        config.update(dict(
            network=dict(features=128), critic=dict(features=128, learning_rate=2e-4), batch_size=128,
            optimizer=dict(learning_rate=2e-4),
            data=dict(source="celeba:celeba", split="train", crop=108, threads=8),
            evaluation=dict(source="celeba:celeba", split="valid", crop=108),
            phases=dict(main=dict(steps=21_640), blocks=dict(
                steps=3_800, optimizer=dict(learning_rate=2e-4), critic=dict(learning_rate=2e-4))),
            checkpoint_every=2_000, preview_every=1_000, log_every=100))
    elif preset == "happiness":
        config.update(dict(
            data=dict(source="faces:expressions_64.npz", split="train"),
            evaluation=dict(source="faces:expressions_64.npz", judge="linear"),
            phases=dict(main=dict(data=dict(attribute="happiness=-1,neutral=1")),
                        blocks=dict(data=dict(attribute="happiness")))))
    elif preset == "smoke":
        config.update(dict(
            network=dict(features=4, size=32), critic=dict(features=4, size=32), batch_size=4,
            data=dict(size=32, patch_size=32, split="train[:40]"), evaluation=dict(size=32, alphas=3, inputs=4),
            phases=dict(main=dict(steps=2), blocks=dict(steps=2)), checkpoint_every=2, preview_every=4, log_every=1))
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, paper, happiness, smoke.")
    return config
