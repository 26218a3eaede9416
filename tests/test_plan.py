"""What a run will cost is told without running it."""
import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import nafnet_denoise_tunable
from configs.sr_tunable import get_config
from dynjax.networks import EDSR, VGGCritic
from dynjax.training import PhasePlan, plan, plan_table


def tiny(**changes):
    """Without LPIPS; there is no such folder, and none is needed."""
    config = get_config("smoke")
    config.network.update(features=4, blocks=1)
    config.data.source = "folder:nowhere"
    with config.unlocked():
        config.objectives.perceptual.terms = {"l1": 1.0}
        config.update(changes)
    return config


def test_the_cost_of_a_step():
    small, = plan(tiny(batch_size=4, ema_decay=0.9))
    large, = plan(tiny(batch_size=8, ema_decay=0.9))
    net = EDSR(features=4, blocks=1, scale=4, upsampler="direct")
    plain = jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0), np.zeros((1, 8, 8, 3))))
    layers = sum(len(leaf.shape) == 4 for leaf in plain)
    # Two kernels for one, and a layer's phi of 2 x 2 and 2 numbers.
    assert small.trained == small.parameters == 2 * sum(leaf.size for leaf in plain) + layers * 6
    assert small.critic == 0 and (small.images, large.images) == (4, 8)
    # The weights, Adam's two moments, the average; and a few counters.
    assert 0 <= small.state - 4 * 4 * small.trained <= 64 and large.state == small.state
    assert 1.5 < large.flops / small.flops < 2.1
    assert large.work > small.work > 0 and large.traffic > small.traffic > 0


def test_a_critic_sees_targets_which_have_fewer_channels_than_pairs():
    config = nafnet_denoise_tunable.get_config("sidd")
    config.network = ConfigDict(dict(name="DnCNN", features=4, layers=2, channels=3, norm="none"))
    config.control.frozen, config.data.patch_size = (), 16
    with config.unlocked():
        config.critic = dict(name="VGGCritic", features=4, stages=2, pool=1, hidden=5, learning_rate=1e-4)
        config.objectives.noise.terms.adversarial = 1e-3
    cost, = plan(config)
    critic = VGGCritic(features=4, stages=2, pool=1, hidden=5)
    rgb = jax.eval_shape(critic.init, jax.random.key(0), np.zeros((1, 16, 16, 3), np.float32))["params"]
    assert cost.critic == sum(leaf.size for leaf in jax.tree.leaves(rgb))


def test_what_a_run_would_refuse_is_refused():
    with pytest.raises(ValueError, match="batch_size is 3 but 2 devices share it"):
        plan(tiny(batch_size=3), devices=jax.local_devices()[:2])


def test_the_table_has_a_column_for_every_phase():
    main = PhasePlan("main", 2_000, 8, 1_500_000, 1_234_567, 0, 5_912_345, 1_000, 1.05e10, None)
    blocks = PhasePlan("blocks", 900, 4, 1_500_000, 4_321, 10, 999, 999_600, None, 0)
    lines = plan_table([main, blocks]).splitlines()
    assert [line.split() for line in lines[:1]] == [["main", "blocks"]]
    cells = {line[:28].strip(): line[28:].split() for line in lines[1:]}
    assert cells["trained"] == ["1,234,567", "4,321"] and cells["kept on a device"] == ["5.91", "MB", "999", "B"]
    assert cells["more in a step"] == ["1", "kB", "1", "MB"]
    assert cells["operations a step and device"] == ["10.5", "GFLOP", "not", "known"]
    assert cells["moved a step and device"] == ["not", "known", "0", "B"]
