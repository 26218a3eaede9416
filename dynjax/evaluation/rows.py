"""Pictures across alpha where there is no right answer to compare with: one row a picture."""
import jax
import jax.numpy as jnp
import numpy as np

from dynjax.evaluation.sheet import alpha_rows
from dynjax.tunable import grid


def picture_rows(model, variables, task, images, alphas, labels, path, *, pictures=4, side=256, seed=0):
    """Draws the first pictures across alpha, the input first, as a PNG.

    Args:
      model, variables: a wrapper with apply(variables, x, alpha) and its variables.
      task: a dynjax.tasks.Task. images: yields (name, picture float32 [H, W, C] in [0, 1]).
      alphas: [A, P] points. labels: a string a point.
      path: the PNG to write. pictures: how many rows. side: pixels; of larger pictures the middle is shown.
      seed: of what the task draws at random.
    """
    rows = []
    for index, (name, image) in enumerate(images):
        if index == pictures:
            break
        top, left = (max(0, size - side) // 2 for size in image.shape[:2])
        middle = image[top:top + side, left:left + side]
        example = task.evaluation_example(middle, jax.random.fold_in(jax.random.key(seed), index))
        batch = {key: jnp.asarray(value)[None] for key, value in example.items()}
        outputs = grid(model, variables, batch["input"], alphas)
        answers = [np.asarray(task.answer(output, batch))[0] for output in outputs]
        shown = task.shown(example)
        given = [] if shown is None else [(np.asarray(shown), f"input\n{name}")]
        rows.append(given + list(zip(answers, labels, strict=True)))
    alpha_rows(rows, path)
