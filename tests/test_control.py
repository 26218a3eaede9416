"""Every shipped config and preset can be built, and alpha changes the output of each."""
from importlib import import_module
from pathlib import Path

import jax
import numpy as np
import pytest

import dynjax
from dynjax.control import grid
from dynjax.evaluation import measure_run
from dynjax.experiment import build

CONFIGS = sorted(path.stem for path in (Path(__file__).parent.parent / "configs").glob("*_*.py"))
SLOW = {"completion_dynamic", "nafnet_denoise_tunable", "style_level_dynamic", "swinir_denoise_tunable"}   # to compile
PRESETS = {"sr_tunable": ("default", "plain", "adversarial", "paper"), "style_tunable": ("default", "cin", "paper"),
           "sr_separate": ("default", "dni", "blend"),
           "style_level_dynamic": ("default", "paper", "dual", "limit", "fixed"),
           "swinir_denoise_tunable": ("default", "fixed", "paper"), "swinir_sr_tunable": ("default", "plain", "paper"),
           "nafnet_denoise_tunable": ("default", "sidd", "fixed", "paper"),
           "denoise_tunable": ("default", "fixed", "paper"), "denoise_deblur_tunable": ("default", "fixed", "paper"),
           "completion_dynamic": ("default", "paper"), "faces_dynamic": ("default", "paper", "happiness")}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CONFIGS])
def test_alpha_changes_the_output(name):
    experiment = build(import_module(f"configs.{name}").get_config("smoke"))
    variables = experiment.fresh_variables()
    # Some networks start as bicubic enlargement, their last convolution at zero: move every kernel off its start.
    rng = np.random.default_rng(0)
    moved = lambda leaf: leaf + np.float32(0.05) * rng.standard_normal(leaf.shape, np.float32)
    variables = {**variables, "params": jax.tree.map(moved, variables["params"])}
    outputs = grid(experiment.model, variables, experiment.example_input(), experiment.points(2))
    assert np.isfinite(outputs).all() and np.abs(outputs[0] - outputs[1]).max() > 1e-3


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in CONFIGS
                                              for preset in PRESETS.get(name, ("default", "paper", "fixed"))])
def test_every_preset_can_be_built(name, preset):
    config = import_module(f"configs.{name}").get_config(preset)
    experiment = build(config)
    assert experiment.steps > 0 and config.name == name and config.preset == preset
    with pytest.raises(ValueError, match="preset is 'none'"):
        import_module(f"configs.{name}").get_config("none")


@pytest.mark.parametrize("name", ["Blend", "DNI"])
def test_another_control_is_chosen_by_its_name_alone(name):
    config = import_module("configs.sr_tunable").get_config("smoke")
    config.control.name = name   # beside kernels, phi, hidden and frozen at their defaults, which say nothing
    model = build(config).model
    assert type(model).__name__ == name and model.alpha == ("fidelity", "perceptual")
    config.control.kernels = 3
    with pytest.raises(ValueError, match=r"no such option; it takes none\. Leave it out, or empty: --config.control"):
        build(config)


def test_a_model_of_unnamed_networks_is_measured_by_the_config_s_names(tmp_path):
    config = import_module("configs.sr_separate").get_config("smoke")
    experiment = build(config)
    unnamed = experiment.model.clone(alpha=2)
    base = unnamed.base_network.init(jax.random.key(0), experiment.example_input())
    dynjax.save(tmp_path / "model.safetensors", unnamed, unnamed.from_base(base))
    measure_run(config, workdir=tmp_path, out=tmp_path / "out", metrics=["psnr_rgb"], alphas=2)
    assert "fidelity" in (tmp_path / "out" / "table.md").read_text()


def test_separate_networks_are_measured_by_their_objectives_beside_their_blend(tmp_path):
    config = import_module("configs.sr_separate").get_config("smoke")
    config.control.name = "Blend"
    experiment = build(config)
    dynjax.save(tmp_path / "model.safetensors", experiment.model, experiment.fresh_variables())
    with pytest.raises(ValueError, match="--appearance looks at a DynamicNet, and the model is a Blend"):
        measure_run(config, workdir=tmp_path, appearance=True)
    measure_run(config, workdir=tmp_path, objectives=True, alphas=2)
    assert "blend of the ends" in "".join(path.read_text() for path in (tmp_path / "evaluation").glob("*.csv"))
