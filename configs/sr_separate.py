"""x4 super-resolution by separately trained networks, mixed afterwards: what tunable networks are compared with.

    python3 train.py --config configs/sr_separate.py
    python3 evaluate.py --config configs/sr_separate.py

One network is trained on fidelity, then a copy of it on the perceptual objective, with half of the budget of
sr_tunable.py each. Presets: default and dni (deep network interpolation: their weights are mixed, Wang et al. 2019),
blend (their outputs are mixed), smoke (seconds).
"""
from ml_collections import ConfigDict

from configs import sr_tunable

PRESETS = ("default", "dni", "blend", "smoke")


def get_config(preset="default"):
    """The experiment as data; --config.KEY=VALUE overrides any entry."""
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; wanted one of {', '.join(PRESETS)}.")
    config = sr_tunable.get_config("smoke" if preset == "smoke" else "default")
    config.name, config.preset = "sr_separate", preset
    config.control = ConfigDict(dict(name="Blend" if preset == "blend" else "DNI"))
    objectives, steps = config.objectives, config.steps // 2
    config.objectives, config.steps = ConfigDict(dict(fidelity=objectives.fidelity)), 0
    only = lambda name: dict(weight=objectives[name].weight, terms=objectives[name].terms)
    config.phases = ConfigDict(dict(
        names=("fidelity", "perceptual"),
        fidelity=dict(trains="params/fidelity", alpha=(1.0, 0.0), steps=steps),
        perceptual=dict(trains="params/perceptual", alpha=(0.0, 1.0), steps=steps, initial_from="params/fidelity",
                        objectives=dict(fidelity=dict(weight=0.0), perceptual=only("perceptual")))))
    return config
