"""Every config's training is the same on 1, 2 and 8 devices but for rounding."""
import dataclasses
import importlib
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

from dynjax.experiment.build import build
from dynjax.training import initial_state, make_step, replicate, shard, unreplicate

DEVICES, IMAGES, STEPS, RATE = 8, 8, 10, 2e-3
CONFIGS = Path(__file__).parent.parent / "configs"
JOHNSON = dict(network=dict(widths=(4, 4, 4, 4, 4), blocks=3), data=dict(patch_size=16))
NEAR = dict(layers=("relu1_2",))   # of VGG16, where features are cheap
CONTENT = dict(content=dict(terms=dict(perceptual=NEAR)))
STYLE = lambda *names: dict(JOHNSON, objectives=dict(CONTENT, **{name: dict(terms=dict(gram=dict(NEAR, size=32)))
                                                                for name in names}))
# "CONFIG:PRESET" and what makes it tiny.
RUNS = {
    "sr_tunable:smoke": dict(data=dict(patch_size=16), objectives=dict(perceptual=dict(terms=dict(
        lpips=dict(net="vgg", levels=2))))),
    "sr_tunable:adversarial": dict(
        network=dict(features=4, blocks=1), critic=dict(features=4, stages=2),
        data=dict(source="samples", patch_size=16), objectives=dict(perceptual=dict(terms=dict(perceptual=NEAR)))),
    "swinir_sr_tunable:plain": dict(network=dict(features=8, depths=(2,), heads=(2,), window=4),
                                    data=dict(patch_size=16)),
    "swinir_denoise_tunable:smoke": dict(network=dict(drop_path=0.5), data=dict(patch_size=8)),
    "denoise_tunable:smoke": {},
    "denoise_deblur_tunable:smoke": dict(data=dict(patch_size=24)),
    "nafnet_denoise_tunable:sidd": dict(
        network=dict(features=4, encoder_blocks=(1,), middle_blocks=1, decoder_blocks=(1,)), data=dict(patch_size=8)),
    "style_tunable:smoke": dict(data=dict(patch_size=16), objectives={
        name: dict(terms=dict(gram=NEAR, perceptual=NEAR)) for name in ("strokes", "mosaic", "waves")}),
    "style_level_dynamic:smoke": STYLE("style"),
    "style_pair_dynamic:smoke": STYLE("first", "second"),
    "style_scale_dynamic:smoke": STYLE("coarse", "fine"),
    "completion_dynamic:smoke": dict(network=dict(features=2, levels=6, dropout=0.5), task=dict(size=64),
                                     data=dict(patch_size=64)),
    "faces_dynamic:smoke": {},
    "sr_separate:smoke": dict(data=dict(patch_size=16), phases=dict(perceptual=dict(objectives=dict(perceptual=dict(
        terms=dict(lpips=dict(net="vgg", levels=2))))))),
}


# In float32 the instance norms of these, one after the other, raise the rounding of a gradient to 2e-5; in double
# precision what is left of it is 1e-14, and anything but rounding would stay.
DOUBLE = ("style_level_dynamic:smoke", "style_pair_dynamic:smoke", "style_scale_dynamic:smoke")


def tiny(run):
    """The experiment of "CONFIG:PRESET", of eight images a step."""
    name, preset = run.split(":")
    config = importlib.import_module(f"configs.{name}").get_config(preset)
    config.update(RUNS[run])
    config.update(dict(batch_size=IMAGES, ema_decay=0.9))
    return build(config)


def moved(variables, by):
    """The variables away from where they are drawn: layers that begin at zero keep gradients at zero, and of a critic
    that gives every picture the same logit the gradients cancel."""
    random = np.random.default_rng(1)
    return {**variables, "params": jax.tree.map(lambda leaf: leaf + by * random.normal(size=leaf.shape).astype("f"),
                                                variables["params"])}


def as_double(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def train_on(devices, phase, variables, pictures):
    """(the state after the first step, that after the last, the reports) on so many devices; in double precision where
    that is enabled."""
    chosen = jax.local_devices()[:devices]
    # The first part's state is the gradient; clipping keeps the steps small whatever the losses' scale.
    sgd = optax.chain(optax.trace(0.0), optax.clip_by_global_norm(1.0), optax.sgd(RATE))
    phase = dataclasses.replace(phase, optimizer=sgd, critic_optimizer=sgd)
    state = initial_state(phase, variables, jax.random.key(1), pictures.shape[2])
    if phase.critic is not None:
        state = state.replace(critic=moved(state.critic, 0.2))
    constants = phase.objectives.constants()
    constants = as_double(constants) if jax.config.jax_enable_x64 else constants
    state, constants = (replicate(tree, devices=chosen) for tree in (state, constants))
    step = make_step(phase, devices=chosen)
    states, reports = [], []
    for batch in pictures:
        state, report = step(state, shard(batch, devices=devices), constants, jax.random.key(3))
        states.append(unreplicate(state))
        reports.append(jax.device_get(report))
    return states[0], states[-1], reports


def deviations(one, many, *, without=()):
    """What differs by more than 1e-5 of its tensor's largest entry, {path: by how much}; of the tensors `without` a
    true gradient, of the largest entry of all tensors."""
    named = lambda tree: {jax.tree_util.keystr(path): np.asarray(leaf, np.float64)
                          for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    one, many = named(one), named(many)
    assert one.keys() == many.keys() and all(np.isfinite(leaf).all() for leaf in one.values())
    largest = {path: np.abs(leaf).max() for path, leaf in one.items()}
    scale = {path: max(largest.values()) if path in without else largest[path] for path in one}
    apart = {path: np.abs(leaf - many[path]).max() for path, leaf in one.items()}
    return {path: f"{apart[path]:.1e} of {scale[path]:.1e}" for path in one if not apart[path] <= 1e-5 * scale[path]}


def cancelled(gradients):
    """Paths of biases whose gradient is nothing but rounding, because a norm takes them away again."""
    largest = {jax.tree_util.keystr(path): np.abs(leaf).max()
               for path, leaf in jax.tree_util.tree_leaves_with_path(gradients)}
    return {path for path, value in largest.items() if path.endswith("['bias']") and "['phi']" not in path
            and value < 1e-5 * max(largest.values())}


def by_image(reports, name):
    return [report["images"][name].reshape(IMAGES, -1) for report in reports]


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("DYNJAX_TEST_DEVICES") != str(DEVICES), reason="test_on_eight_devices runs these")
@pytest.mark.parametrize("run", RUNS)
def test_the_number_of_devices_changes_nothing_but_rounding(run):
    with jax.enable_x64(run in DOUBLE):
        experiment = tiny(run)
        variables = moved(experiment.fresh_variables(), 0.05)
        variables = as_double(variables) if run in DOUBLE else variables
        for phase, settings in zip(experiment.phases, experiment.settings, strict=True):
            side = settings.data.patch_size
            pictures = np.random.default_rng(0).integers(
                0, 256, (STEPS, IMAGES, side, side, phase.task.channels), np.uint8)
            one = train_on(1, phase, variables, pictures)
            for devices in (2, DEVICES):
                wrong = differences(phase, one, train_on(devices, phase, variables, pictures))
                assert not wrong, (phase.name, devices, wrong)
            variables = one[1].variables(phase)


def differences(phase, one, many):
    """{what: deviations} of two results of train_on, of what deviates."""
    (first, last, reports), (others_first, others_last, others_reports) = one, many
    np.testing.assert_array_equal(by_image(reports, "alphas"), by_image(others_reports, "alphas"))
    gradients, others = (state.optimizer[0].trace for state in (first, others_first))
    without = cancelled(gradients)
    found = {"values": deviations(by_image(reports, "values"), by_image(others_reports, "values")),
             "gradients": deviations(gradients, others, without=without),
             "parameters": deviations(last.params, others_last.params, without=without),
             "averaged weights": deviations(last.average, others_last.average, without=without)}
    if phase.critic is not None:
        gradients, others = (state.critic_optimizer[0].trace for state in (first, others_first))
        without = cancelled(gradients)
        found["critic's gradients"] = deviations(gradients, others, without=without)
        found["critic"] = deviations(last.critic["params"], others_last.critic["params"], without=without)
    statistics = lambda state: (state.rest.get("batch_stats", {}), state.critic.get("batch_stats", {}))
    found["batch statistics"] = deviations(statistics(last), statistics(others_last))
    return {what: wrong for what, wrong in found.items() if wrong}


@pytest.mark.slow
def test_on_eight_devices():
    """All of the above, in a process of its own that has as many devices."""
    environment = {**os.environ, "DYNJAX_TEST_DEVICES": str(DEVICES)}
    tests = f"{__file__}::test_the_number_of_devices_changes_nothing_but_rounding"
    subprocess.run([sys.executable, "-m", "pytest", "-n", "0", "-m", "slow", tests], env=environment, check=True,
                   timeout=1800)


def test_every_config_is_among_them():
    assert {run.split(":")[0] for run in RUNS} == {path.stem for path in CONFIGS.glob("*_*.py")}
