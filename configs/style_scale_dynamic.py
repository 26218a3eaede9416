"""The scale of one style's texture, by Dynamic-Net: alpha 0 is coarse, alpha 1 fine, and beyond both ends it goes on.

    python3 train.py --config configs/style_scale_dynamic.py
    python3 evaluate.py --config configs/style_scale_dynamic.py

The style picture at two sizes gives the two objectives (Shoshan et al. 2019, figure 5). Presets: default, paper, fixed,
smoke, as in style_level_dynamic.py.
"""
from ml_collections import ConfigDict

from configs import style_level_dynamic

PRESETS = ("default", "paper", "fixed", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = style_level_dynamic.get_config(preset)
    coarse, fine = (512, 256) if preset == "paper" else (48, 32) if preset == "smoke" else (384, 128)
    gram = config.objectives.style.terms.gram
    style = lambda size: dict(weight=0.0, terms=dict(gram=dict(gram, size=size)))
    config.name = "style_scale_dynamic"
    config.objectives = ConfigDict(dict(content=config.objectives.content, coarse=style(coarse), fine=style(fine)))
    weight = 5e5 if preset == "paper" else 1e4
    config.phases.main.objectives = ConfigDict(dict(coarse=dict(weight=weight), fine=dict(weight=0.0)))
    config.phases.blocks.objectives = ConfigDict(dict(coarse=dict(weight=0.0), fine=dict(weight=weight)))
    config.evaluation.axes = ("coarse", "fine")
    return config
