"""How much of one style, by Dynamic-Net: alpha 0 is a light touch, alpha 1 a heavy one.

    python3 train.py --config configs/style_level_dynamic.py
    python3 evaluate.py --config configs/style_level_dynamic.py

The main network is trained on content + 2e3 style, then frozen; three tuning-blocks are trained on content + 5e4 style
(Shoshan et al. 2019, figure 3, from 2e4 to 1e6: after as few steps as here texture covers the picture at 2e4 already).
Presets: default (minutes on two CPU cores, a drawn style, photographs of scikit-image), paper (COCO, 256 px, the
published widths, steps and weights), dual (blocks on both sides, alpha from -1 to 1), limit (from the heavy end down to
content alone, where the method fails: figure 8), fixed (one ordinary network, to compare with: set
--config.phases.main.objectives.style.weight), smoke (seconds).
"""
from ml_collections import ConfigDict, config_dict

from configs.common import experiment

CONTENT = dict(perceptual=dict(scale=1.0, net="vgg16", layers=("relu2_2",), distance="l2"))
# The paper's fourth, relu4_3, has 8 x 8 places in a crop of 64 pixels, says little there and costs a third of the step.
GRAM = ("relu1_2", "relu2_2", "relu3_3")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    config = experiment(
        "style_level_dynamic", preset,
        task=dict(name="style"),
        network=dict(name="JohnsonNet", widths=(16, 32, 64, 32, 16), blocks=5),
        control=dict(name="DynamicNet", before=("res3", "deconv1", "deconv3"), after=(),
                     block=dict(name="TuningBlock", layers=3, padding="reflect", zero_last=False)),
        # Everything a phase says goes over what stands outside: its steps, losses, pictures, optimiser.
        phases=dict(
            names=("main", "blocks"),
            main=dict(trains="params/main", alpha=0.0, steps=1_000, optimizer=dict(learning_rate=3e-3),
                      objectives=dict(style=dict(weight=2e3))),
            blocks=dict(trains="params/blocks", alpha=1.0, steps=900, optimizer=dict(learning_rate=2e-3),
                        objectives=dict(style=dict(weight=5e4)))),
        objectives=dict(
            content=dict(weight=1.0, terms=CONTENT),
            style=dict(weight=1e5, terms=dict(gram=dict(scale=1.0, picture="drawn:mosaic", size=256, layers=GRAM)))),
        data=dict(source="samples", patch_size=64,
                  position="random", shorter_side=config_dict.placeholder(int)),
        # Drawn along alpha in `range`; `grid` points for every block, `outside` extends the range on both sides.
        # Pictures are reduced to `size` pixels along the shorter side, so that style and picture are of one scale.
        evaluation=dict(source="samples", split="test", size=160, alphas=5, range=(0.0, 1.0), grid=0, outside=0.5,
                        axes=("content", "style"), blend_to_input=False),
        batch_size=2, steps=0,
                checkpoint_every=200, preview_every=200)
    if preset == "paper":
        config.update(dict(
            network=dict(widths=(32, 64, 128, 64, 32)), optimizer=dict(schedule="constant"),
            data=dict(source="folder:train2014", split="", patch_size=256, flips=False, scales=(1.0,),
                      position="centre", shorter_side=256),
            evaluation=dict(size=256), batch_size=4,
            phases=dict(main=dict(steps=41_400, optimizer=dict(learning_rate=1e-3),
                                  objectives=dict(style=dict(weight=2e4))),
                        blocks=dict(steps=41_400, optimizer=dict(learning_rate=1e-4),
                                    objectives=dict(style=dict(weight=1e6)))),
            checkpoint_every=5_000, preview_every=1_000, log_every=100))
        config.objectives.style.terms.gram.layers = (*GRAM, "relu4_3")
    elif preset == "dual":
        config.control.block.name = "DualTuningBlock"
        config.evaluation.range = (-1.0, 1.0)
        config.phases = ConfigDict(dict(
            names=("main", "lower", "higher"),
            main=dict(config.phases.main, objectives=dict(style=dict(weight=1e4))),
            lower=dict(config.phases.blocks, trains="params/blocks/*/lower", alpha=-1.0, steps=400,
                       objectives=dict(style=dict(weight=1e3))),
            higher=dict(config.phases.blocks, trains="params/blocks/*/higher", steps=400)))
    elif preset == "limit":
        config.phases.main.objectives.style.weight = 5e4
        config.phases.blocks.objectives.style.weight = 0.0
        config.evaluation.blend_to_input = True
    elif preset == "fixed":
        config.control.name, config.phases.names = "", ("main",)
        config.phases.main.steps = config.phases.main.steps + config.phases.blocks.steps
    elif preset == "smoke":
        config.update(dict(
            network=dict(widths=(4, 4, 4, 4, 4), blocks=3), batch_size=2, data=dict(patch_size=32),
            phases=dict(main=dict(steps=2), blocks=dict(steps=2)), checkpoint_every=2, preview_every=4, log_every=1,
            evaluation=dict(alphas=3)))
        config.objectives.style.terms.gram.size = 32
    elif preset != "default":
        raise ValueError(f"preset is {preset!r}; wanted one of default, paper, dual, limit, fixed, smoke.")
    return config
