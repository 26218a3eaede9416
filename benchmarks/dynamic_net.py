"""What Dynamic-Net costs: an alpha sweep against single runs, a step of either phase, and the network in PyTorch.

    python3 -m benchmarks.dynamic_net [--size=256] [--widths=32,64,128,64,32] [--rounds=5] [--keep_memory]

Everything is timed in turns within one run and given as ratios of medians; seconds are for orientation only. The
comparison with PyTorch needs benchmarks/requirements.txt and is left out without it.
"""
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

import dynjax
from benchmarks.timing import in_turns, table
from configs.style_level_dynamic import get_config
from dynjax import command_line
from dynjax.experiment import build
from dynjax.training import initial_state, make_step, replicate, shard

SIZE = flags.DEFINE_integer("size", 256, "Side of the picture, pixels.")
WIDTHS = flags.DEFINE_list("widths", ["32", "64", "128", "64", "32"], "Widths of the style network.")
ROUNDS = flags.DEFINE_integer("rounds", 5, "How often everything is timed, in turns.")
KEEP = flags.DEFINE_bool("keep_memory", True, "Keep freed memory, as train.py and evaluate.py do; PyTorch's too.")
POINTS = 16


def sweep(widths, size):
    """One picture at 16 alphas: in one program, one by one, and by 16 runs of networks with alpha folded in."""
    model = dynjax.DynamicNet(dynjax.networks.JohnsonNet(widths=widths),
                              before={path: dynjax.TuningBlock() for path in ("res3", "deconv1", "deconv3")})
    x = jax.random.uniform(jax.random.key(0), (1, size, size, 3))
    variables = model.init(jax.random.key(1), x[:, :16, :16], 0.0)
    alphas = np.repeat(np.linspace(0.01, 1, POINTS, dtype=np.float32)[:, None], 3, axis=1)
    single = jax.jit(model.apply)
    module, baked = model.bake(variables, 0.5)
    plain = jax.jit(module.apply)
    return {
        "grid of 16": lambda: jax.block_until_ready(dynjax.grid(model, variables, x, alphas)),
        "16 runs": lambda: [jax.block_until_ready(single(variables, x, alpha)) for alpha in alphas],
        "16 baked runs": lambda: [jax.block_until_ready(plain(baked, x)) for _ in alphas]}


class Stepping:
    """A training step that goes on from where it was left, as the program gives its old state away."""

    def __init__(self, step, state, constants, images):
        self.step, self.state, self.constants, self.images = step, state, constants, images

    def __call__(self):
        batch = shard(self.images, devices=1)
        self.state, report = self.step(self.state, batch, self.constants, jax.random.key(0))
        jax.block_until_ready(report)


def phase_steps():
    """One training step of either phase of the default config."""
    config = get_config()
    side = config.data.patch_size
    experiment, one = build(config), jax.local_devices()[:1]
    variables = experiment.fresh_variables()
    images = np.random.default_rng(0).integers(0, 256, (config.batch_size, side, side, 3), np.uint8)
    functions = {}
    for phase in experiment.phases:
        state = replicate(initial_state(phase, variables, jax.random.key(0), side), devices=one)
        constants = replicate(phase.objectives.constants(), devices=one)
        step = make_step(phase, devices=one)

        functions[f"phase {phase.name}"] = Stepping(step, state, constants, images)
    return functions


def ours(widths, size):
    """Forward pass and training step of the style network alone, batch 4 of a quarter of the size."""
    net = dynjax.networks.JohnsonNet(widths=widths, space="imagenet")
    whole, batch = jnp.ones((1, size, size, 3)), jnp.ones((4, size // 2, size // 2, 3))
    params = net.init(jax.random.key(0), whole[:, :16, :16])
    forward = jax.jit(net.apply)
    gradient = jax.jit(jax.grad(lambda params, x: jnp.mean(net.apply(params, x) ** 2)))
    return {"jax forward": lambda: jax.block_until_ready(forward(params, whole)),
            "jax training step": lambda: jax.block_until_ready(gradient(params, batch))}


def theirs(widths, size):
    """The same in PyTorch."""
    import torch
    from torch import nn

    def conv(channels, features, kernel, stride=1):
        return nn.Sequential(nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels, features, kernel, stride))

    def normed(channels, features, kernel, stride=1, up=False):
        layers = [nn.Upsample(scale_factor=2)] if up else []
        return nn.Sequential(*layers, conv(channels, features, kernel, stride),
                             nn.InstanceNorm2d(features, affine=True), nn.ReLU())

    class Residual(nn.Module):
        def __init__(self, features):
            super().__init__()
            self.body = nn.Sequential(normed(features, features, 3), conv(features, features, 3),
                                      nn.InstanceNorm2d(features, affine=True))

        def forward(self, x):
            return x + self.body(x)

    first, second, third, fourth, fifth = widths
    net = nn.Sequential(normed(3, first, 9), normed(first, second, 3, 2), normed(second, third, 3, 2),
                        *[Residual(third) for _ in range(5)], normed(third, fourth, 3, up=True),
                        normed(fourth, fifth, 3, up=True), conv(fifth, 3, 9))
    whole, batch = torch.ones(1, 3, size, size), torch.ones(4, 3, size // 2, size // 2)

    def forward():
        with torch.no_grad():
            net(whole)

    def step():
        net.zero_grad()
        (net(batch) ** 2).mean().backward()

    return {"torch forward": forward, "torch training step": step}


def main(_):
    if KEEP.value:
        command_line.keep_memory()
    widths, size, rounds = tuple(map(int, WIDTHS.value)), SIZE.value, ROUNDS.value
    seconds = in_turns(sweep(widths, size), rounds) | in_turns(phase_steps(), rounds)
    ratios = [("grid of 16", "16 runs"), ("grid of 16", "16 baked runs"), ("phase blocks", "phase main")]
    networks = ours(widths, size)
    if importlib.util.find_spec("torch"):
        networks |= theirs(widths, size)
        ratios += [("jax forward", "torch forward"), ("jax training step", "torch training step")]
    else:
        print("PyTorch is not installed; pip install -r benchmarks/requirements.txt compares with it.")
    seconds |= in_turns(networks, rounds)
    table(["", "seconds"], [[name, f"{value:.3f}"] for name, value in seconds.items()])
    print()
    table(["", "ratio"], [[f"{ours_name} / {other}", f"{seconds[ours_name] / seconds[other]:.2f}"]
                          for ours_name, other in ratios])


if __name__ == "__main__":
    app.run(main)
