"""A tunable convolution against the plain one (figure 3 of Maggioni et al. 2023): forward pass and gradient.

    python3 -m benchmarks.layers [--seconds=4]

P = 2, 3 and 5 kernels, one alpha for all; 16 to 128 channels, kernels of 1 to 7, images of 64 and 256 pixels, one image
at a time as in the paper. The gradient is by input, kernels and phi. Beside the ratios stand the milliseconds of the
plain convolution.
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
CHANNELS = flags.DEFINE_list("channels", ["16", "64", "128"], "Channels in and out.")
KERNELS = flags.DEFINE_list("kernels", ["1", "3", "5", "7"], "Sides of the kernels.")
SIZES = flags.DEFINE_list("sizes", ["64", "256"], "Sides of the images, pixels.")
OBJECTIVES = 2, 3, 5
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


def rows(ratios):
    """The rows of the table as they are measured; their ratios are appended to `ratios`."""
    for channels, size, side in itertools.product(*(map(int, flag.value) for flag in (CHANNELS, KERNELS, SIZES))):
        median = in_turns(functions(channels, size, side), ROUNDS.value, seconds=SECONDS.value)
        row = [f"{channels} channels, {size} x {size}, {side} px"]
        for what in ("forward", "gradient"):
            plain = median[what, 1]
            found = [median[what, count] / plain for count in OBJECTIVES]
            ratios += found
            row += [f"{1e3 * plain:.2f}", *(f"{ratio:.2f}" for ratio in found)]
        yield row


def main(_):
    command_line.keep_memory()
    ratios, more = [], [f"P = {count}" for count in OBJECTIVES]
    table(["tunable / plain", "forward, plain, ms", *more, "gradient, plain, ms", *more], rows(ratios))
    print(f"\nMedian of the {len(ratios)} ratios {statistics.median(ratios):.2f}, largest {max(ratios):.2f}; "
          f"{sum(ratio > ALLOWED for ratio in ratios)} are above {ALLOWED:.2f}.")


if __name__ == "__main__":
    app.run(main)
