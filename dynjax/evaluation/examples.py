"""The pictures of an evaluation as a task shows them; those that it cannot use are named and left out."""
import logging

import jax

log = logging.getLogger("dynjax.evaluation")


def examples_of(make, images, seed, left_out, reasons):
    """Yields (name, example) of every picture, in order, None instead where the task cannot use it.

    Args:
      make: (picture, key) -> example, such as a task's evaluation_example; a ValueError says that the task cannot use
        the picture. images: yields (name, picture).
      seed: of what the task draws; picture i draws the same whatever the others are.
      left_out, reasons: lists to which the name of a picture that cannot be used, and why, are added.
    """
    for index, (name, image) in enumerate(images):
        try:
            example = make(image, jax.random.fold_in(jax.random.key(seed), index))
        except ValueError as error:
            log.warning("left out %s: %s", name, error)
            left_out.append(name)
            reasons.append(str(error))
            example = None
        yield None if example is None else (name, example)
