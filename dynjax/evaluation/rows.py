"""Pictures across alpha where there is no right answer to compare with: one row a picture."""
import itertools

import jax.numpy as jnp
import numpy as np

from dynjax.control import grid
from dynjax.evaluation.examples import examples_of, no_usable
from dynjax.evaluation.sheet import alpha_rows, middle


def picture_rows(model, variables, task, images, alphas, labels, path, *, pictures=4, side=256, seed=0):
    """Draws the first pictures that the task can use across alpha, the input first, as a PNG.

    Args:
      model, variables: a wrapper with apply(variables, x, alpha) and its variables.
      task: a dynjax.tasks.Task. images: yields (name, picture float32 [H, W, C] in [0, 1]).
      alphas: [A, P] points. labels: a string a point.
      path: the PNG to write. pictures: how many rows. side: pixels; of larger pictures the middle is shown, larger
        where the task needs it.
      seed: of what the task draws at random.

    Raises:
      ValueError: no picture that the task can use.
    """
    rows, reasons = [], ["there were none"]
    of_middle = lambda image, key: task.evaluation_example(middle(image, max(side, task.multiple)), key)
    usable = filter(None, examples_of(of_middle, images, seed, [], reasons))
    for name, example in itertools.islice(usable, pictures):
        batch = {key: jnp.asarray(value)[None] for key, value in example.items()}
        outputs = grid(model, variables, batch["input"], alphas)
        answers = [np.asarray(task.answer(output, batch))[0] for output in outputs]
        shown = task.shown(example)
        given = [] if shown is None else [(np.asarray(shown), f"input\n{name}")]
        rows.append(given + list(zip(answers, labels, strict=True)))
    if not rows:
        raise no_usable("picture_rows", reasons)
    alpha_rows(rows, path)
