"""A network with its variables and alpha as a function of images."""
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.control import nested
from dynjax.files.messages import first_line
from dynjax.image.native import native
from dynjax.inference.programs import Key, program
from dynjax.networks.inputs import required_extra_args
from dynjax.networks.layers import TooSmallError

# What is run a few times only need not be fast: a large network compiles in a third of the time.
HASTE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
LARGEST_LEAST = 256   # pixels: how far the least side that a network takes is looked for


def bind(network, variables, alpha, further, size):
    """A network with all that it takes besides the images, tried on images of that size (height, width).

    Returns:
      (Bound, the channels that it takes, 3 or 1, output pixels per input pixel).

    Raises:
      ValueError: as for `restore`.
    """
    # Of a control, then of what is in it.
    needed = [name for each in nested(network) for name in required_extra_args(each)]
    second, inner = next(iter(needed), None), needed[1:]
    if second and alpha is None:
        raise ValueError(f"the network is a {type(network).__name__} and no {second} was given; wanted one, such as "
                         f"alpha={_example(network)}.")
    if len(further) != len(inner):
        raise ValueError(f"the network is a {type(network).__name__}, which takes {', '.join(inner) or 'nothing more'} "
                         f"besides, and restore got further={further!r}; wanted {len(inner)} of these.")
    if alpha is not None and not second:
        raise ValueError(f"an alpha was given, but the network is a {type(network).__name__}, which has none; leave it "
                         "out.")
    arguments = () if alpha is None else (alpha, *further)
    for literal in (False, True) if arguments else (False,):
        run, reasons = Bound(network, variables, arguments, literal=literal), []
        for channels in (3, 1):
            try:
                shape = run.shape((1, *size, channels))
            except TooSmallError as error:
                reason = _least(run, size, channels, error)
                raise ValueError(f"the network cannot take this picture: {reason}") from None
            except Exception as error:   # what a network does with channels it has no weights for is its own affair
                reasons.append(first_line(error))
                continue
            scale = shape[1] // size[0] if len(shape) == 4 else 0
            if scale and shape[1:] == (scale * size[0], scale * size[1], channels):
                return run, channels, scale
            reasons.append(f"{channels} channels of {size[0]} x {size[1]} pixels give {shape}")
    if len(set(reasons)) == 1:   # of another thing than the channels
        raise ValueError(f"the network cannot take this picture: {reasons[0]}")
    raise ValueError(f"the network does not give pictures for pictures ({'; '.join(reasons)}); wanted one that takes 3 "
                     "channels or 1 and gives as many, of as many pixels or a whole number of times as many.")


class Bound:
    """network.apply(variables, images, *arguments) as a function of the images.

    Variables and arguments are arguments of the compiled program, which serves all weights of the network and all
    values of alpha.

    Args:
      network: any linen module, hashable or not.
      variables: of the network.
      arguments: what its call takes behind the images, alpha first: numbers, lists, arrays, or dicts of these.
      literal: give the arguments as they are, for a network that looks at their values or takes no numbers; each is
        then compiled for.
    """

    def __init__(self, network, variables, arguments, *, literal=False):
        self.network = network
        self.variables = jax.device_put(native(variables))   # onto the device once, not for every tile
        self.arguments = tuple(arguments) if literal else tuple(_numbers(argument) for argument in arguments)
        self._literal = jax.jit(lambda variables, images: network.apply(variables, images, *arguments))
        self.literal = literal

    def __call__(self, images):
        if self.literal:
            return self._literal(self.variables, images)
        return self._program(images.shape)(self.variables, images, *self.arguments)

    def shape(self, shape):
        """The shape of the result for images of this one."""
        images = jax.ShapeDtypeStruct(shape, jnp.float32)
        if self.literal:
            return jax.eval_shape(self._literal, self.variables, images).shape
        return jax.eval_shape(self._program(shape), self.variables, images, *self.arguments).shape

    def fits(self, shape):
        """Whether images of this shape are large enough."""
        images = jax.ShapeDtypeStruct(shape, jnp.float32)
        try:
            jax.eval_shape(lambda variables, images: self.network.apply(variables, images, *self.arguments),
                           self.variables, images)
        except TooSmallError:
            return False
        return True

    def in_haste(self):
        """The same function for a few calls, compiled quickly."""
        if self.literal:
            return self
        options = HASTE if jax.default_backend() == "cpu" else None
        # A function of its own, as a network's method may have no hash.
        run = jax.jit(lambda *given: self.network.apply(*given), compiler_options=options)
        return lambda images: run(self.variables, images, *self.arguments)

    def _program(self, shape):
        return program(Key(self.network), tuple(shape))


def _numbers(argument):
    """Numbers of any kind as float32 arrays, so that [1, 0] and [0.5, 0.5] are the same to the compiler."""
    if isinstance(argument, Mapping):
        return {name: _numbers(value) for name, value in argument.items()}
    try:
        array = np.asarray(argument)
    except (TypeError, ValueError):   # lists of different lengths, keys
        return argument
    real = array.dtype == bool or jnp.issubdtype(array.dtype, jnp.integer) or jnp.issubdtype(array.dtype, jnp.floating)
    return array.astype(np.float32) if real else argument


def _example(network):
    names = getattr(network, "alpha", None)
    return dict.fromkeys(names, round(1 / len(names), 2)) if isinstance(names, tuple | list) else "25 / 255"


def _least(run, size, channels, error):
    """What is too small about a picture, found by asking the network for larger ones."""
    wanted = []
    for called, side, others in (("height", size[0], lambda side: (side, LARGEST_LEAST)),
                                 ("width", size[1], lambda side: (LARGEST_LEAST, side))):
        try:
            least = next(least for least in range(side, LARGEST_LEAST) if run.fits((1, *others(least), channels)))
        except Exception:   # one of a single size, or larger than was looked: its own words must do
            return str(error)
        if least > side:
            wanted.append(f"a {called} of {least} pixels or more instead of {side}")
    if not wanted:
        return str(error)
    return (f"an image of {size[0]} x {size[1]} is too small for a {type(run.network).__name__}; wanted "
            f"{' and '.join(wanted)}. Extend the picture, as numpy.pad(mode='symmetric') does, and cut the result.")
