"""Every combination of the blocks' alphas, with what does not depend on an alpha computed once."""
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.control import Control
from dynjax.evaluation.pareto.stages import in_stages, stage_order


def product_grid(model, variables, x, axes, *, chunk=None):
    """The outputs of one batch at every combination of the blocks' alphas, such as 10 x 10 x 10.

    A network of blocks is run as a tree: what lies before the first block once, what lies between the first and the
    second once for each alpha of the first, and so on, whatever `chunk` is. It is compiled at every call; for several
    batches of one shape hold on to a `Product`.

    Args:
      model: a DynamicNet, or another wrapper whose apply(variables, x, alpha) takes a dict by the names of its blocks
        (or of its numbers of alpha: then nothing can be shared, and it is a loop).
      variables: the wrapper's.
      x: [B, H, W, C].
      axes: for each of the K blocks (those of `before`, then those of `after`) its alphas, [A_k].
      chunk: how many combinations run side by side, as for Product.

    Returns:
      numpy [A_0, ..., A_K-1, B, H', W', C'].

    Raises:
      ValueError: not one list of numbers a block, or chunk is not positive.
    """
    axes = product_axes(model, axes)
    chunk = default_chunk(model) if chunk is None else chunk
    run, result = lambda shared, *numbers: model.apply(*shared, alpha_by_name(model, numbers)), None
    for places, outputs in Product(run, axes, chunk=chunk)((variables, x)):
        if result is None:
            result = np.empty((*map(len, axes), *outputs.shape[len(axes):]), outputs.dtype)
        result[places] = outputs
    return result


def product_axes(model, axes):
    """The alphas of each block as float32 [A_k].

    Raises:
      ValueError: not one list of numbers a block.
    """
    axes = [np.asarray(axis, np.float32) for axis in axes]
    names = number_names(model, len(axes))
    if not axes or len(axes) != len(names) or any(axis.ndim != 1 or not axis.size for axis in axes):
        shapes = ", ".join(map(str, (axis.shape for axis in axes))) or "nothing"
        raise ValueError(f"a product grid got alphas of shapes {shapes}; wanted a list of numbers for each of "
                         f"{', '.join(names) or 'the blocks'}.")
    return axes


def number_names(model, count):
    """The names of alpha's numbers, as the control has them, or "0", "1", ... of a model that is none."""
    return model.space.names if isinstance(model, Control) else tuple(map(str, range(count)))


def alpha_by_name(model, numbers):
    """Alpha from separate numbers, by name where the model knows names: stacked, each block's would depend on all."""
    names = number_names(model, len(numbers))
    unnamed = names == tuple(map(str, range(len(numbers))))
    return jnp.stack(numbers) if unnamed else dict(zip(names, numbers, strict=True))


def default_chunk(model):
    """Points side by side: blocks share what lies before them, and ten leave a CPU's memory in peace; where other
    alphas mean other kernels, one on a CPU (grouped convolutions are slow there) and eight on an accelerator."""
    on_cpu = jax.default_backend() == "cpu"
    if isinstance(model, Control) and model.acts_on == "activations":
        return 10 if on_cpu else 100
    return 1 if on_cpu else 8


class Product:
    """Runs function(shared, *points) for every combination of points from several axes, in stages.

    What depends on `shared` alone is computed once a call, what depends on one axis once a point of it; at any time
    at most `chunk` combinations are held. Compiled once for every shape of `shared`.

    Args:
      function: traceable; each point is a number, or [K] where its axis is [A, K].
      axes: arrays [A_k] or [A_k, K].
      chunk: how many combinations run side by side (vmap), those of the axes that enter the function last first.
    """

    def __init__(self, function, axes, *, chunk):
        if chunk < 1:
            raise ValueError(f"chunk is {chunk}; wanted 1 or more points side by side.")
        self.function, self.axes, self.chunk = function, [jnp.asarray(axis) for axis in axes], chunk
        self._compiled = {}

    def __call__(self, shared):
        """Yields (places, results): results are numpy arrays, nested as the function's, with one leading axis an axis,
        and belong at `places`, one slice an axis."""
        key = str((jax.tree.structure(shared), [(jnp.shape(leaf), jnp.result_type(leaf))
                                                for leaf in jax.tree.leaves(shared)]))
        if key not in self._compiled:
            self._compiled[key] = self._compile(shared)
        order, widths, (first, *stages) = self._compiled[key]
        yield from self._run(first((), shared), (), order, widths, stages)

    def _compile(self, shared):
        mapped = self._mapped([2] * len(self.axes))
        shape = lambda index, width: jax.ShapeDtypeStruct((width, *self.axes[index].shape[1:]), self.axes[index].dtype)
        order = stage_order(mapped, shared, *(shape(index, 2) for index in range(len(self.axes))))
        widths, free = [1] * len(self.axes), self.chunk
        for index in reversed(order):
            blocks = math.ceil(len(self.axes[index]) / max(1, free))
            widths[index] = math.ceil(len(self.axes[index]) / blocks)
            free //= widths[index] if blocks == 1 else free

        def ordered(shared, *points):
            return self._mapped(widths)(shared, *(points[order.index(index)] for index in range(len(self.axes))))

        return order, widths, in_stages(ordered, shared, *(shape(index, widths[index]) for index in order))

    def _mapped(self, widths):
        """function(shared, *points), each [width, ...]: nested vmap leaves alone what does not depend on an axis."""
        mapped = self.function
        for index in reversed(range(len(widths))):
            mapped = _over_axis(mapped, index, len(widths), single=widths[index] == 1)
        return mapped

    def _run(self, held, places, order, widths, stages):
        """All combinations of the axes from the first of `stages` on, depth first, so that little is held."""
        if not stages:
            at = dict(zip(order, places, strict=True))
            places = tuple(at[index] for index in range(len(order)))
            cut = tuple(slice(0, place.stop - place.start) for place in places)
            yield places, jax.tree.map(lambda leaf: np.asarray(leaf)[cut], held)
            return
        index = order[len(places)]
        axis, width = self.axes[index], widths[index]
        for start in range(0, len(axis), width):
            stop = min(start + width, len(axis))
            # The last part is filled up with its own last point, so that every part has one shape.
            rows = np.minimum(np.arange(start, start + width), stop - 1)
            yield from self._run(stages[0](held, axis[rows]), (*places, slice(start, stop)), order, widths, stages[1:])


def _over_axis(function, index, count, *, single):
    """Maps function(shared, *points) over one of its points; a single one goes through as it is and gets its axis."""
    if single:
        def run(shared, *points):
            points = [point[0] if place == index else point for place, point in enumerate(points)]
            return jax.tree.map(lambda leaf: leaf[None], function(shared, *points))
        return run
    return jax.vmap(function, in_axes=(None, *(0 if place == index else None for place in range(count))))


def combinations(axes):
    """All combinations of K axes in the order of the results' axes, float32 [A_0 * ... * A_K-1, K]."""
    return np.array(list(itertools.product(*axes)), np.float32).reshape(-1, len(axes))
