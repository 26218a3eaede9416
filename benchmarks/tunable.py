"""What being tunable costs a restoration network: forward pass and gradient, beside the plain network.

    PYTHONPATH=. python3 benchmarks/tunable.py [--size=48] [--batch=4] [--rounds=7]

Everything is timed in turns within one run and given as ratios of medians; seconds are for orientation only.
"""
import jax
import jax.numpy as jnp
from absl import app, flags
from timing import in_turns

import dynjax
from dynjax import command_line, networks

SIZE = flags.DEFINE_integer("size", 48, "Side of the pictures, pixels.")
BATCH = flags.DEFINE_integer("batch", 4, "Pictures at once.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "How often everything is timed, in turns.")
NETWORKS = {
    "EDSR, 64 features, 16 blocks": (networks.EDSR(scale=1), ()),
    "SwinIR, 60 features, 4 groups of 6": (networks.SwinIR(drop_path=0.0), ("**/norm*",)),
    "NAFNet, 32 features, blocks 1 1 1 / 1 / 1 1 1": (
        networks.NAFNet(encoder_blocks=(1, 1, 1), middle_blocks=1, decoder_blocks=(1, 1, 1)), ("**/norm*",)),
}


def functions(net, fixed, x):
    """{what: function that waits for its own result} of a network, plain and tunable."""
    plain = jax.jit(net.init)(jax.random.key(0), x)
    tunable = dynjax.Tunable(net, alpha=("a", "b"), fixed=fixed)
    stacked, alpha = tunable.stack(plain), jnp.array([0.3, 0.7])
    loss = lambda y: jnp.mean(jnp.abs(y - 0.5))
    calls = {
        "forward, plain": (jax.jit(net.apply), (plain, x)),
        "forward, tunable": (jax.jit(tunable.apply), (stacked, x, alpha)),
        "gradient, plain": (jax.jit(jax.grad(lambda v, x: loss(net.apply(v, x)))), (plain, x)),
        "gradient, tunable": (jax.jit(jax.grad(lambda v, x, a: loss(tunable.apply(v, x, a)))), (stacked, x, alpha))}
    return {name: (lambda call=call, given=given: jax.block_until_ready(call(*given)))
            for name, (call, given) in calls.items()}


def main(_):
    command_line.keep_memory()
    for name, (net, fixed) in NETWORKS.items():
        x = jax.random.uniform(jax.random.key(1), (BATCH.value, SIZE.value, SIZE.value, 3))
        median = in_turns(functions(net, fixed, x), ROUNDS.value)
        for what in ("forward", "gradient"):
            ratio = median[f"{what}, tunable"] / median[f"{what}, plain"]
            print(f"{name}: {what} {ratio:.2f} of the plain network's {median[f'{what}, plain']:.3f} s")


if __name__ == "__main__":
    app.run(main)
