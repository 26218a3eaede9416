"""From one style to another, by Dynamic-Net: alpha 0 is the first, alpha 1 the second.

    python3 train.py --config configs/style_pair_dynamic.py
    python3 evaluate.py --config configs/style_pair_dynamic.py

Shoshan et al. 2019, figure 4. Presets: default, paper, fixed, smoke, as in style_level_dynamic.py; the preset fixed
trains an ordinary network of the first style, of the second with
--config.phases.main.objectives.first.weight=0 --config.phases.main.objectives.second.weight=5e3.
"""
from ml_collections import ConfigDict

from configs import style_level_dynamic

PRESETS = ("default", "paper", "fixed", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = style_level_dynamic.get_config(preset)
    gram = config.objectives.style.terms.gram
    style = lambda picture: dict(weight=0.0, terms=dict(gram=dict(gram, picture=picture)))
    config.name = "style_pair_dynamic"
    config.objectives = ConfigDict(dict(content=config.objectives.content, first=style("drawn:strokes"),
                                        second=style("drawn:waves")))
    weight = 2e5 if preset == "paper" else 5e3
    config.phases.main.objectives = ConfigDict(dict(first=dict(weight=weight), second=dict(weight=0.0)))
    config.phases.blocks.objectives = ConfigDict(dict(first=dict(weight=0.0), second=dict(weight=weight)))
    config.evaluation.axes = ("first", "second")
    return config
