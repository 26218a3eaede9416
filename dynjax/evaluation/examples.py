"""The pictures of an evaluation as a task shows them; those that it cannot use are named and left out."""
import logging
import operator
import sys

import jax
import numpy as np

from dynjax.files.output import Output
from dynjax.image.value_range import check_unit_range, is_floating

log = logging.getLogger("dynjax.evaluation")


def examples_of(make, images, seed, left_out, reasons):
    """Yields (name, example) of every picture, in order, None instead where the task cannot use it.

    Args:
      make: (picture, key) -> example, such as a task's evaluation_example; a ValueError says that the task cannot use
        the picture. images: yields (name, picture), floats in [0, 1].
      seed: of what the task draws; picture i draws the same whatever the others are.
      left_out, reasons: lists to which the name of a picture that cannot be used, and why, are added.

    Raises:
      ValueError: a picture on 0..255 or another range; none is left out for that, as all will be so.
    """
    for index, (name, image) in enumerate(images):
        _check_range(name, image)
        try:
            example = make(image, jax.random.fold_in(jax.random.key(seed), index))
        except ValueError as error:
            leave_out(name, error, left_out, reasons)
            example = None
        yield None if example is None else (name, example)


def _check_range(name, image):
    image = np.asarray(image)
    if not is_floating(image.dtype):
        raise ValueError(f"the picture {name} is {image.dtype}; wanted floats in [0, 1]: divide 8-bit values by 255.")
    check_unit_range(f"the evaluation of the picture {name}", image[None])


def leave_out(name, error, left_out, reasons):
    """Says that a picture is left out and why, and notes both."""
    log.warning("left out %s: %s", name, error)
    left_out.append(name)
    reasons.append(str(error))


def no_usable(caller, reasons):
    """The ValueError of a function that was left with no picture: the last reason says why."""
    return ValueError(f"{caller} got no picture that can be used: {reasons[-1].rstrip('.')}. Give other pictures.")


def measuring_bar(results, progress, *, of=None):
    """A bar over the results of pictures; where the output is no terminal, a line every half minute.

    Args:
      results: one a picture. progress: whether to show it. of: the pictures, where the results do not know how many
        there are.
    """
    from tqdm import tqdm

    errors = Output(sys.stderr)
    return tqdm(results, total=operator.length_hint(results if of is None else of) or None, unit=" pictures",
                desc="measuring", mininterval=0.5 if errors.isatty() else 30, disable=not progress,
                dynamic_ncols=True, file=errors)
