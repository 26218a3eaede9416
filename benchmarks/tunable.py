"""What being tunable costs a restoration network: forward pass and training step, beside the plain network.

    python3 -m benchmarks.tunable [--size=48] [--batch=4] [--rounds=7]

A step is the gradient of an L1 loss and an update by Adam, whose state a tunable network has P times. P = 2, one alpha
for all images. Everything is timed in turns within one run and given as ratios of medians.
"""
import jax
import jax.numpy as jnp
import optax
from absl import app, flags

import dynjax
from benchmarks.timing import in_turns, table, training_step, waiting
from dynjax import command_line, networks

SIZE = flags.DEFINE_integer("size", 48, "Side of the pictures, pixels.")
BATCH = flags.DEFINE_integer("batch", 4, "Pictures at once.")
ROUNDS = flags.DEFINE_integer("rounds", 7, "How often everything is timed, in turns.")
ONLY = flags.DEFINE_list("only", [], "Beginnings of the networks' names; all by default.")
NETWORKS = {
    "EDSR, 64 features, 16 blocks": (networks.EDSR(scale=1), ()),
    "SwinIR, 60 features, 4 groups of 6": (networks.SwinIR(drop_path=0.0), ("**/norm*",)),
    "NAFNet, 32 features, blocks 1 1 1 / 1 / 1 1 1": (
        networks.NAFNet(encoder_blocks=(1, 1, 1), middle_blocks=1, decoder_blocks=(1, 1, 1)), ("**/norm*",)),
}


def functions(net, frozen, x):
    """{what: function that waits for its own result} of a network, plain and tunable."""
    plain = jax.jit(net.init)(jax.random.key(0), x)
    tunable = dynjax.Tunable(net, alpha=("a", "b"), frozen=frozen)
    stacked, alpha = tunable.from_base(plain), jnp.array([0.3, 0.7])
    step = training_step(net.apply)
    tuned_step = training_step(tunable.apply)
    start = optax.adam(1e-4).init
    return {"forward, plain": waiting(jax.jit(net.apply), plain, x),
            "forward, tunable": waiting(jax.jit(tunable.apply), stacked, x, alpha),
            "training step, plain": waiting(step, plain, start(plain), x),
            "training step, tunable": waiting(tuned_step, stacked, start(stacked), x, alpha)}


def main(_):
    command_line.keep_memory()
    rows = []
    for name, (net, frozen) in NETWORKS.items():
        if ONLY.value and not name.startswith(tuple(ONLY.value)):
            continue
        x = jax.random.uniform(jax.random.key(1), (BATCH.value, SIZE.value, SIZE.value, 3))
        median = in_turns(functions(net, frozen, x), ROUNDS.value)
        rows.append([name, *(f"{median[f'{what}, tunable'] / median[f'{what}, plain']:.2f}"
                             for what in ("forward", "training step"))])
    table(["tunable / plain", "forward", "training step"], rows)


if __name__ == "__main__":
    app.run(main)
