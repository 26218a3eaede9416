"""Many points of alpha: a grid for one batch, and one point for each image of a batch.

    python3 -m benchmarks.alpha_points [--size=48] [--batch=8] [--rounds=5]

A grid of 16 (dynjax.grid) against 16 passes of the baked network; and one alpha an image against one alpha for all, as
a network (forward, gradient, compiling) and as a single convolution. Beside the library's way the others: unrolled over
the images, plain vmap (grouped convolutions), P convolutions whose results are mixed for each image.
"""
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

import dynjax
from benchmarks.timing import compiled, in_turns, table, waiting
from dynjax import command_line, networks
from dynjax.networks.conv_gradient import conv_with_fast_gradient

SIZE = flags.DEFINE_integer("size", 48, "Side of the pictures, pixels.")
BATCH = flags.DEFINE_integer("batch", 8, "Pictures at once, where each has an alpha.")
ROUNDS = flags.DEFINE_integer("rounds", 5, "How often everything is timed, in turns.")
POINTS = 16


def points(count):
    """[count, 2], from one end to the other."""
    share = np.linspace(0, 1, count, dtype=np.float32)
    return jnp.stack([share, 1 - share], axis=1)


def grids(tunable, variables, x):
    """{what: the call} of one batch at 16 points of alpha."""
    alphas = points(POINTS)
    net, baked = tunable.bake(variables, alphas[5])
    plain = jax.jit(net.apply)
    naive = jax.jit(jax.vmap(tunable.apply, (None, None, 0)))
    return {"16 passes of the baked network": lambda: [jax.block_until_ready(plain(baked, x)) for _ in alphas],
            "dynjax.grid": waiting(functools.partial(dynjax.grid, tunable), variables, x, alphas),
            "plain vmap": waiting(naive, variables, x, alphas)}


def of_network(tunable):
    """{way: f(variables, x, alpha)} with one alpha an image; the first has one for all."""
    one = lambda variables, image, alpha: tunable.apply(variables, image[None], alpha)[0]
    return {"one alpha for all": lambda variables, x, alphas: tunable.apply(variables, x, alphas[0]),
            "one an image": tunable.apply,
            "unrolled": lambda variables, x, alphas: jnp.stack(
                [one(variables, *pair) for pair in zip(x, alphas, strict=True)])}


def of_layer():
    """The same of one convolution, f({kernel: [P, KH, KW, C, F]}, x, alphas), phi the identity."""
    conv = lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), "SAME")
    mixed = lambda stack, alpha: dynjax.aggregate(stack["kernel"], alpha)
    one = lambda stack, image, alpha: conv(image[None], mixed(stack, alpha))[0]
    outputs = lambda stack, x, alphas: sum(
        alphas[:, index, None, None, None] * conv(x, kernel) for index, kernel in enumerate(stack["kernel"]))
    return {"one alpha for all": lambda stack, x, alphas: conv(x, mixed(stack, alphas[0])),
            "compiled loop": lambda stack, x, alphas: jax.lax.map(lambda pair: one(stack, *pair), (x, alphas)),
            "unrolled": lambda stack, x, alphas: jnp.stack([one(stack, *pair) for pair in zip(x, alphas, strict=True)]),
            "P convolutions, mixed": outputs, "plain vmap": jax.vmap(one, (None, 0, 0))}


def compare(ways, variables, x, alphas):
    """The rows of a table: ratios to the first way, and the seconds to compile."""
    rows = {way: [way] for way in ways}
    for gradient in (False, True):
        programs = {}
        for way, function in ways.items():
            if gradient:
                function = jax.grad(lambda *given, function=function: jnp.mean(jnp.abs(function(*given) - 0.5)))
            seconds, programs[way] = compiled(function, variables, x, alphas)
            rows[way].append(f"{seconds:.1f}")
        median = in_turns(programs, ROUNDS.value, seconds=30)
        for way, value in median.items():
            rows[way].insert(-1, f"{value / median['one alpha for all']:.2f}")
    titles = ["", "forward", "compiled in, s", "gradient", "compiled in, s"]
    table(titles, rows.values())


def main(_):
    command_line.keep_memory()
    side, batch, alphas = SIZE.value, BATCH.value, points(BATCH.value)
    net = networks.EDSR(features=32, blocks=8, scale=1)
    tunable = dynjax.Tunable(net, alpha=("a", "b"))
    x = jax.random.uniform(jax.random.key(1), (batch, side, side, 3))
    variables = tunable.from_base(jax.jit(net.init)(jax.random.key(0), x))
    median = in_turns(grids(tunable, variables, x[:1]), ROUNDS.value)
    first = next(iter(median.values()))
    print(f"A grid of {POINTS} alphas, EDSR of 32 features and 8 blocks, one picture of {side} px:\n")
    table(["", "ratio"], [[name, f"{value / first:.2f}"] for name, value in median.items()])
    print(f"\nOne alpha an image, the same network, {batch} pictures:\n")
    compare(of_network(tunable), variables, x, alphas)
    print(f"\nThe same of one 3 x 3 convolution of 64 channels, P = 2, {batch} images of {side} px:\n")
    stack = {"kernel": nn.initializers.lecun_normal()(jax.random.key(2), (2, 3, 3, 64, 64))}
    compare(of_layer(), stack, jax.random.normal(jax.random.key(3), (batch, side, side, 64)), alphas)


if __name__ == "__main__":
    app.run(main)
