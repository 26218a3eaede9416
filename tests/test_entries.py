"""A config lacks an entry, or has another kind of value there: told by its name, before anything is built."""
from importlib import import_module
from pathlib import Path

import pytest
from ml_collections import ConfigDict, FrozenConfigDict

from configs import denoise_tunable, style_level_dynamic
from dynjax.evaluation import measure_run
from dynjax.experiment import build
from dynjax.experiment.entries import ALPHA, ENTRIES, checked
from dynjax.training import plan, train

CONFIGS = sorted(path.stem for path in (Path(__file__).parent.parent / "configs").glob("*_*.py"))


def without(config, path):
    *above, last = path.split(".")
    part = config
    for key in above:
        part = part[key]
    del part[last]
    return config


@pytest.mark.parametrize("name", CONFIGS)
def test_every_shipped_config_has_them(name):
    checked(import_module(f"configs.{name}").get_config())


@pytest.mark.parametrize(("module", "path"), [(denoise_tunable, path) for path in {**ENTRIES, **ALPHA}] + [
    (style_level_dynamic, path) for path in ("control.block", "control.block.name")])
def test_each_is_missed_by_its_name(module, path):
    with pytest.raises(ValueError, match=rf"the config has no entry '{path}'") as caught:
        build(without(module.get_config("smoke"), path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value", "said"), [
    ("seed", "zero", "seed of the config is 'zero'; wanted a whole number"),
    ("steps", 2.5, r"steps of the config is 2\.5"),
    ("batch_size", True, "batch_size of the config is True; wanted a whole number"),
    ("alpha.names", "fidelity", "alpha.names of the config is 'fidelity'; wanted a tuple"),
    ("optimizer.learning_rate", "fast", "wanted a number"), ("data.scales", 1.0, r"data.scales of the config is 1\.0"),
    ("objectives.noise", 3, "objectives.noise of the config is 3; wanted a dict"),
    ("control.hidden", ("a",), r"is \('a',\); wanted a tuple of whole numbers"),
    ("alpha.names", (1, 2), "wanted a tuple of names"),
    ("control.kernels", "a", "is 'a'; wanted a whole number or None"),
    ("control.frozen", "body", "wanted a tuple of names"),
    ("bfloat16", 1, "bfloat16 of the config is 1; wanted True or False"),
    ("optimizer.warmup", None, "is None; wanted a"),
    ("data", 3, "data of the config is 3; wanted a dict with the entry 'data.source'")])
def test_another_kind_of_value_is_told(key, value, said):
    config = denoise_tunable.get_config("smoke")
    with config.ignore_type():
        part, _, last = key.rpartition(".")
        (config[part] if part else config)[last] = value
    with pytest.raises(ValueError, match=said):
        build(config)


def test_a_name_that_is_nearly_right_is_shown():
    config = without(denoise_tunable.get_config("smoke"), "optimizer.learning_rate")
    with config.unlocked():
        config.optimizer.learningrate = 0.1
    with pytest.raises(ValueError, match=r"no entry 'optimizer\.learning_rate'; it has 'optimizer\.learningrate'"):
        build(config)


@pytest.mark.parametrize(("key", "value", "said"), [
    ("phases.main", 3, "phases.main of the config is 3; wanted a dict"),
    ("phases.main.alpha", "x", "phases.main: alpha of the"),
    ("control.block", "x", "control.block of the config is 'x'; wanted a dict"),
    ("phases.main.steps", "x", "phases.main does not fit the rest of the config: .*'steps'"),
    ("phases.blocks.data", 3, "data of the config is 3|phases.blocks does not fit the rest"),
    ("phases.names", "main", "wanted a tuple of names"), ("evaluation.range", ("a", 1), "wanted a tuple of numbers")])
def test_another_kind_of_value_in_a_phase_is_told(key, value, said):
    config = part = style_level_dynamic.get_config("smoke")
    with config.ignore_type(), config.unlocked():
        *above, last = key.split(".")
        for name in above:
            part = part[name]
        part[last] = value
    with pytest.raises(ValueError, match=said) as caught:
        build(config)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", [build, train, plan, measure_run])
@pytest.mark.parametrize(("config", "said"), [
    (None, "the config is a NoneType; wanted an"), ("configs/sr_tunable.py", "the config is a str"),
    ({}, "no entry 'name'"), (ConfigDict({"tunable": {}}), r"'tunable', as older ones .* control=dict\(name='Tun"),
    ({"dynamic": {}}, r"'dynamic', as older ones have it; wanted control=dict\(name='DynamicNet'"),
    ({"start": "copies"}, "'start', as older ones have it; wanted kernel_init, 'replicate' for 'copies'")])
def test_what_is_no_config_is_refused_by_every_function(function, config, said):
    with pytest.raises(ValueError, match=said):
        function(config)


@pytest.mark.parametrize("kind", [dict, FrozenConfigDict])
def test_a_dict_is_taken_as_it_is(kind):
    given = denoise_tunable.get_config("smoke")
    experiment = build(given.to_dict() if kind is dict else FrozenConfigDict(given))
    assert experiment.steps == 4 and experiment.config.alpha.names == ("fidelity", "noise")


@pytest.mark.parametrize(("key", "meant"), [("batchsize", "batch_size"), ("data.patchsize", "data.patch_size"),
                                            ("optimizer.learningrate", "optimizer.learning_rate")])
def test_what_nothing_reads_is_told_where_it_is_nearly_an_entry(key, meant):
    config = ConfigDict(denoise_tunable.get_config("smoke").to_dict())
    config.update_from_flattened_dict({key: 3})
    with pytest.warns(UserWarning, match=f"an entry '{key}', which nothing reads; did you mean '{meant}'"):
        checked(config)


def test_an_entry_for_oneself_is_let_be(recwarn):
    config = denoise_tunable.get_config("smoke").to_dict()
    checked(ConfigDict({**config, "note": "of mine", "data": {**config["data"], "licence": "CC0"}}))
    assert not recwarn.list
