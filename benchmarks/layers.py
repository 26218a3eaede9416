"""A tunable convolution against the plain one (figure 3 of Maggioni et al. 2023): forward pass and gradient.

    python3 -m benchmarks.layers [--seconds=4]

P = 2, 3 and 5 kernels, one alpha for all; 16 to 128 channels, kernels of 1 to 7, images of 64 and 256 pixels, one image
at a time as in the paper. The gradient is by input, kernels and phi. Every case above 1.10 is listed with the time that
its plain convolution takes and the time that is added.
"""
import itertools
import statistics

import flax.linen as nn
import jax
import jax.numpy as jnp
from absl import app, flags

import dynjax
from benchmarks.timing import in_turns, table, waiting
from dynjax import command_line

SECONDS = flags.DEFINE_float("seconds", 4.0, "Time for one size of convolution with every P, after compiling.")
ROUNDS = flags.DEFINE_integer("rounds", 41, "How often everything is timed, in turns, where the time allows.")
OBJECTIVES, CHANNELS, KERNELS, SIZES = (2, 3, 5), (16, 64, 128), (1, 3, 5, 7), (64, 256)
ALLOWED = 1.10


def functions(channels, size, side):
    """{(what, P): the call}, P = 1 the plain convolution."""
    x = jax.random.normal(jax.random.key(0), (1, side, side, channels))
    plain = nn.Conv(channels, (size, size))
    layers = {1: (plain, plain.init(jax.random.key(1), x), ())}
    for count in OBJECTIVES:
        tunable, alpha = dynjax.TunableConv(channels, size), jnp.full(count, 1 / count)
        layers[count] = tunable, tunable.init(jax.random.key(1), x, alpha), (alpha,)
    calls = {}
    for count, (layer, variables, alpha) in layers.items():
        loss = lambda *given, layer=layer: jnp.sum(jnp.square(layer.apply(*given)))
        gradient = jax.grad(loss, argnums=(0, 1))
        calls["forward", count] = waiting(jax.jit(layer.apply), variables, x, *alpha)
        calls["gradient", count] = waiting(jax.jit(gradient), variables, x, *alpha)
    return calls


def main(_):
    command_line.keep_memory()
    ratios, above = {}, []
    for channels, size, side in itertools.product(CHANNELS, KERNELS, SIZES):
        median = in_turns(functions(channels, size, side), ROUNDS.value, seconds=SECONDS.value)
        for what, count in itertools.product(("forward", "gradient"), OBJECTIVES):
            plain, tunable = median[what, 1], median[what, count]
            ratios[what, count, side] = [*ratios.get((what, count, side), ()), tunable / plain]
            if tunable > ALLOWED * plain:
                above.append([f"{what}, P = {count}, {channels} channels, {size} x {size}, {side} px",
                              f"{tunable / plain:.2f}", f"{1e3 * plain:.2f}", f"{1e3 * (tunable - plain):.2f}"])
    rows = []
    for what, side in itertools.product(("forward", "gradient"), SIZES):
        cases = [ratios[what, count, side] for count in OBJECTIVES]
        rows.append([f"{what}, {side} px", *(f"{statistics.median(case):.2f}" for case in cases),
                     f"{max(map(max, cases)):.2f}"])
    table(["median ratio to the plain convolution", *(f"P = {count}" for count in OBJECTIVES), "largest"], rows)
    everything = list(itertools.chain(*ratios.values()))
    print(f"\nMedian of all {len(everything)} cases {statistics.median(everything):.2f}; {len(above)} of them are above "
          f"{ALLOWED:.2f}:\n")
    table(["case", "ratio", "plain, ms", "added, ms"], above)


if __name__ == "__main__":
    app.run(main)
