"""Image completion by Dynamic-Net: alpha 0 is sharp with artifacts, alpha 1 smooth and closer on average.

    python3 train.py --config configs/completion_dynamic.py
    python3 evaluate.py --config configs/completion_dynamic.py

A square is missing in the middle of a face. The main network, a U-Net, is trained on L1 + 0.005 adversarial, both of
the hole alone (the critic sees four pixels around it too), then frozen; three tuning-blocks are trained on L1 alone
(Shoshan et al. 2019, figure 7). Presets: default (minutes on two CPU cores, drawn faces of 64 pixels, a hole of 32, a
narrow U-Net of six levels), paper (CelebA, 128 pixels, a hole of 64, the published widths, the first 1,000 pictures
held out; give --config.data.source=celeba:FOLDER --config.evaluation.source=celeba:FOLDER), smoke (seconds).

For pictures of 256 pixels add to paper: --config.task.size=256 --config.task.hole=128 --config.network.levels=8
--config.control.after="('down4', 'down8', 'join5')" --config.data.patch_size=256 and pictures of that size.
"""

from configs.common import experiment


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    config = experiment(
        "completion_dynamic", preset,
        task=dict(name="completion", size=64, hole=32, rim=4),
        network=dict(name="UNet", features=16, levels=6, dropout=0.0),
        # Before the fifth down-sampling (its skip carries what is moved), at the bottleneck, before the fourth
        # up-sampling from the end: dynjax.networks.tuning_points(levels). The bottleneck is 1 x 1: padding by zeros.
        control=dict(name="DynamicNet", before=(), after=("down4", "down6", "join3"),
                     block=dict(name="TuningBlock", layers=3, padding="zeros", kernel_init="normal", zero_last=False)),
        # Everything a phase says goes over what stands outside: its steps, losses, critic, optimiser.
        phases=dict(
            names=("main", "blocks"),
            main=dict(trains="params/main", alpha=0.0, steps=1_200, optimizer=dict(learning_rate=4e-4),
                      objectives=dict(adversarial=dict(weight=0.005, terms=dict(
                          adversarial=dict(scale=1.0, kind="standard")))),
                      critic=dict(name="PatchCritic")),
            # Frozen: with the batch's statistics alpha 0 would not be the main network.
            blocks=dict(trains="params/blocks", alpha=1.0, steps=800, batch_statistics="frozen",
                        optimizer=dict(learning_rate=1e-3, schedule="cosine"))),
        objectives=dict(l1=dict(weight=1.0, terms=dict(l1=2.0))),   # of pictures in [-1, 1], as pix2pix takes it
        critic=dict(name="", features=32, layers=3, learning_rate=2e-4),
        batch_statistics="batch",
        data=dict(source="drawn-faces", patch_size=64, flips=False, scales=(1.0,),
                  permute_channels=False, position="centre", crop=0, size=64),
        # Points of alpha over `range`; the best one for each picture is chosen by these metrics.
        evaluation=dict(source="drawn-faces", split="test[:100]", crop=0, size=64, alphas=11, range=(0.0, 1.0),
                        choose=("lpips_alex", "lpips_vgg")),
        batch_size=16, steps=0,
        optimizer=dict(learning_rate=2e-4, beta1=0.5, beta2=0.999, schedule="constant"),
        checkpoint_every=500, preview_every=500)
    if preset == "paper":
        config.update(dict(
            task=dict(size=128, hole=64), network=dict(features=64, levels=7, dropout=0.5),
            control=dict(after=("down4", "down7", "join4")), critic=dict(features=64),
            data=dict(source="celeba:CelebA", split="all[1000:]", patch_size=128, crop=128, size=0),
            evaluation=dict(source="celeba:CelebA", split="all[:1000]", crop=128, size=0, alphas=21),
            phases=dict(main=dict(steps=63_000, optimizer=dict(learning_rate=2e-4)),
                        blocks=dict(steps=63_000, optimizer=dict(learning_rate=2e-4, schedule="constant"))),
            batch_size=64, checkpoint_every=5_000, preview_every=1_000, log_every=100))
    elif preset == "smoke":
        config.update(dict(
            task=dict(size=32, hole=16, rim=4), network=dict(features=4, levels=5), critic=dict(features=4),
            control=dict(after=("down4", "down5", "join2")), batch_size=4, data=dict(patch_size=32, size=32),
            evaluation=dict(split="test[:2]", size=32, alphas=3),
            phases=dict(main=dict(steps=2), blocks=dict(steps=2)), checkpoint_every=2, preview_every=4, log_every=1))
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, paper, smoke.")
    return config
