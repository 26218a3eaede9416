"""Training in phases: what is frozen stays, bit for bit; a run goes on in the phase where it stopped."""
import os
import signal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

import dynjax
from configs.style_level_dynamic import get_config
from dynjax.experiment import Phase, build
from dynjax.experiment.adapters import BaseAlone
from dynjax.experiment.phase import join, part
from dynjax.objectives import build_multi_loss
from dynjax.tasks import Style
from dynjax.training import initial_state, make_step, replicate, shard, train, unreplicate


class Stranger(nn.Module):
    """Somebody's network, with batch statistics and nested modules, that was never meant for blocks."""

    @nn.compact
    def __call__(self, x, train=False):
        y = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.5, name="norm")(nn.Conv(4, (3, 3))(x)))
        return nn.Conv(3, (3, 3), name="last")(y)


def steps_of(phase, variables, count=2):
    """The variables after some steps on one device."""
    one = jax.local_devices()[:1]
    state = replicate(initial_state(phase, variables, jax.random.key(1), 8), devices=one)
    images = np.random.default_rng(0).integers(0, 256, (count, 4, 8, 8, 3), np.uint8)
    step, constants = make_step(phase, devices=one), replicate(phase.objectives.constants(), devices=one)
    for batch in images:
        state, _ = step(state, shard(batch, devices=1), constants, jax.random.key(2))
    return unreplicate(state).variables(phase)


def phase_of(model, trains, alpha, **options):
    return Phase(model=model, task=Style(), trains=trains, alpha_weights_losses=False, group_size=4,
                 objectives=build_multi_loss({"only": {"terms": {"l2": 1.0}}}),
                 **{"optimizer": optax.adam(1e-2), **options}, sampler=lambda key: jnp.full(1, alpha))


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@pytest.mark.parametrize("statistics", [True, False])
def test_a_stranger_s_network_in_two_phases(statistics):
    """The second phase leaves the main network's weights and running statistics as they are, whichever it uses."""
    dynamic = dynjax.DynamicNet(Stranger(), before={"last": dynjax.TuningBlock()})
    x = jnp.ones((1, 8, 8, 3))
    fresh = dynamic.init(jax.random.key(0), x, 0.0)
    first = steps_of(phase_of(BaseAlone(dynamic.main, "main"), "params/main", 0.0, call={"train": True}), fresh)
    assert same(first["params"]["blocks"], fresh["params"]["blocks"])
    assert not same(first["params"]["main"], fresh["params"]["main"])
    assert not same(first["batch_stats"], fresh["batch_stats"])
    second = steps_of(phase_of(dynamic, "params/blocks", 1.0, call={"train": statistics}), first)
    assert same(second["params"]["main"], first["params"]["main"])
    assert same(second["batch_stats"], first["batch_stats"])
    assert not same(second["params"]["blocks"], first["params"]["blocks"])
    main = {name: tree["main"] for name, tree in second.items()}
    noise = jax.random.uniform(jax.random.key(3), (2, 8, 8, 3))
    np.testing.assert_array_equal(jax.jit(dynamic.apply)(second, noise, 0.0), jax.jit(Stranger().apply)(main, noise))


def test_only_the_trained_subtree_has_optimiser_state():
    dynamic = dynjax.DynamicNet(Stranger(), before={"last": dynjax.TuningBlock()})
    variables = dynamic.init(jax.random.key(0), jnp.ones((1, 8, 8, 3)), 0.0)
    state = initial_state(phase_of(dynamic, "params/blocks", 1.0), variables, jax.random.key(1), 8)
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
    assert count(state.optimizer[0].mu) == count(variables["params"]["blocks"])


def test_a_path_with_a_star_takes_the_same_part_of_every_key():
    tree = {"params": {"blocks": {"a/b": {"lower": 1, "higher": 2}, "c": {"lower": 3, "higher": 4}}, "main": 5}}
    taken, rest = part(tree, "params/blocks/*/lower")
    assert taken == {"a/b": 1, "c": 3} and "lower" not in rest["params"]["blocks"]["c"]
    assert join(rest, taken, "params/blocks/*/lower") == tree
    with pytest.raises(ValueError, match="trains 'middle', but there is no 'middle' beside lower, higher"):
        part(tree, "params/blocks/*/middle")


@pytest.fixture
def config(tmp_path):
    """Two phases of two steps without a feature network."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(2):
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (40, 44, 3), np.uint8)).save(
            folder / f"{index}.png")
    config = get_config("smoke")
    config.data.update(source=f"folder:{folder}", split="", patch_size=16, scales=(1.0,))
    config.evaluation.update(source=f"folder:{folder}", split="", size=32)
    for name in ("content", "style"):
        config.objectives[name].terms = type(config)({"l2" if name == "content" else "l1": 1.0})
    config.update(preview_every=0, checkpoint_every=1)
    return config


def parameters(workdir):
    return dynjax.load(workdir / "model.safetensors")[1]["params"]


@pytest.mark.slow
def test_the_last_phase_may_become_longer_and_no_other(config, tmp_path):
    run = tmp_path / "run"
    assert train(config, run) == 0
    short = parameters(run)
    config.phases.blocks.steps = 3
    assert train(config, run) == 0
    longer = parameters(run)
    assert same(short["main"], longer["main"]) and not same(short["blocks"], longer["blocks"])
    config.phases.main.steps = 3
    with pytest.raises(ValueError, match=r"phases.main.steps is 3 here, 2 there"):
        train(config, run)


@pytest.mark.slow
@pytest.mark.parametrize("at", [1, 3])
def test_a_run_stopped_in_either_phase_goes_on_bit_for_bit(config, tmp_path, monkeypatch, at):
    from dynjax.training import loop

    config.phases.blocks.steps = 3
    assert train(config, tmp_path / "whole") == 0
    original, calls = loop.check_finite, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(loop, "check_finite", interrupt)
    assert train(config, tmp_path / "parts") == 128 + signal.SIGTERM
    assert not (tmp_path / "parts" / "checkpoints" / "5").exists()
    assert train(config, tmp_path / "parts") == 0
    assert same(parameters(tmp_path / "parts"), parameters(tmp_path / "whole"))


def test_a_trained_main_network_takes_the_place_of_the_first_phase(config, tmp_path):
    net = dynjax.networks.JohnsonNet(widths=(4, 4, 4, 4, 4), blocks=3)
    variables = net.init(jax.random.key(7), jnp.ones((1, 16, 16, 3)))
    dynjax.save(tmp_path / "main.safetensors", net, variables)
    config.init_from, config.phases.main.steps = str(tmp_path / "main.safetensors"), 0
    assert train(config, tmp_path / "run") == 0
    assert same(parameters(tmp_path / "run")["main"], variables["params"])
    config.network.blocks = 4
    with pytest.raises(ValueError, match="does not fit the network of this config"):
        train(config, tmp_path / "other")


@pytest.mark.slow
def test_a_network_without_blocks_is_trained_and_saved_as_it_is(config, tmp_path):
    config.control.name, config.phases.names = "", ("main",)
    assert train(config, tmp_path / "run") == 0
    net, variables = dynjax.load(tmp_path / "run" / "model.safetensors")
    assert isinstance(net, dynjax.networks.JohnsonNet)
    assert net.apply(variables, jnp.ones((1, 8, 8, 3))).shape == (1, 8, 8, 3)


def test_phases_that_do_not_fit_are_told(config):
    config.phases.names = ("main", "third")
    with pytest.raises(ValueError, match=r"phases.names has 'third', but phases has (blocks, main|main, blocks)"):
        build(config)
    config.phases.names = ("main",)
    config.phases.main.steps = 0
    with pytest.raises(ValueError, match="every phase has 0 steps"):
        build(config)


@pytest.mark.parametrize("change, match", [
    ({"steps": 7}, r"steps is 7, but every phase has steps of its own; set phases\.main\.steps or phases\.blocks"),
    ({"phases.main.setps": 7}, r"phases\.main has 'setps'; a phase takes trains, alpha, steps"),
    ({"phases.main.steps": -1}, r"phases\.main: steps is -1; wanted 1 or more"),
    ({"phases.blocks.optimizer.name": "adm"}, r"phases\.blocks: optimizer\.name is 'adm'; wanted one of adam, sgd"),
])
def test_values_of_phases_that_do_not_fit_are_told_by_the_phase(config, change, match):
    with config.unlocked():
        config.update_from_flattened_dict(change)
    with pytest.raises(ValueError, match=match):
        build(config)


def test_a_phase_without_steps_has_those_of_the_whole_run(config):
    config.steps = 7
    with config.unlocked():
        del config.phases.blocks.steps
    assert [phase.steps for phase in build(config).phases] == [2, 7]


def test_a_network_begins_at_a_copy_of_the_one_before():
    """Of separately trained networks only the phase's own moves, and it begins where `initial_from` says."""
    control = dynjax.control.DNI(Stranger(), alpha=("first", "second"))
    trees = [Stranger().init(jax.random.key(key), jnp.ones((1, 8, 8, 3))) for key in (0, 1)]
    fresh, net = control.from_base(trees), BaseAlone(Stranger(), "second")
    still = phase_of(net, "params/second", 0.0, initial_from="params/first", optimizer=optax.sgd(0.0))
    copied = steps_of(still, fresh)
    assert all(same(copied[name]["second"], fresh[name]["first"]) for name in ("params", "batch_stats"))
    trained = steps_of(phase_of(net, "params/second", 0.0, call={"train": True}), fresh)
    for name in ("params", "batch_stats"):
        assert same(trained[name]["first"], fresh[name]["first"])
        assert not same(trained[name]["second"], fresh[name]["second"])
    with pytest.raises(ValueError, match="there is no 'third'"):
        steps_of(phase_of(net, "params/second", 0.0, initial_from="params/third"), fresh)
