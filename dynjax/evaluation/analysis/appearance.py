"""What alpha does to the look of pictures: all blocks together, and each block alone (Shoshan et al., supplement 1)."""
import contextlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from dynjax import metrics
from dynjax.control import grid
from dynjax.evaluation.columns import ALPHA, in_words
from dynjax.evaluation.devices import over_devices
from dynjax.evaluation.examples import examples_of, measuring_bar, no_usable
from dynjax.evaluation.pareto.fronts import monotonicity
from dynjax.evaluation.pareto.product import number_names
from dynjax.evaluation.sheet import alpha_rows
from dynjax.evaluation.tables import aligned, correlation_text, tidy, write_csv
from dynjax.files import write_atomically
from dynjax.files.output import say

ALL = "all"
OCTAVES = ("detail 2-5 px", "detail 5-10 px", "detail 10-20 px", "detail 20-40 px")
MEASURES = ("colour", "structure", *OCTAVES, "texture", "clipped")


def appearance_walks(model, line):
    """{name: points [A, K]}: "all" with every block at each alpha of `line`; of several blocks, each alone as well,
    under its name, the others at 0.

    Args:
      model: a DynamicNet. line: [A] alphas.
    """
    line = np.asarray(line, np.float32)
    names = number_names(model, 1)
    together = np.repeat(line[:, None], len(names), axis=1)
    alone = {name: together * (np.arange(len(names)) == index) for index, name in enumerate(names)}
    return {ALL: together, **(alone if len(names) > 1 else {})}


def measure_appearance(model, variables, task, images, line, *, seed=0, progress=True):
    """Compares every picture at every alpha with the same picture at alpha 0.

    Args:
      model: a DynamicNet. variables: its variables. task: a dynjax.tasks.Task.
      images: yields (name, picture float32 [H, W, 3] in [0, 1]).
      line: [A] alphas, for all blocks together and for each alone.
      seed: of what the task draws at random. progress: show a bar on stderr.

    Returns:
      (rows, first). Rows: a dict for every picture, walk and alpha, with "image", "blocks" ("all" or a path),
      "alpha_all" (the number), then the MEASURES: "colour" (dynjax.metrics.colour_distance) and "structure"
      (structure_correlation) to alpha 0; detail in four octaves, decibels above that at alpha 0; "texture", its length
      in pixels; "clipped", the share of values outside [0, 1]. First: the first picture's outputs,
      {walk: [A, H, W, 3]}.

    Raises:
      ValueError: no picture that the task can use.
    """
    walks, rows, first, reasons = appearance_walks(model, line), [], None, ["there were none"]
    points = np.concatenate([np.zeros_like(walks[ALL][:1]), *walks.values()])

    def of_picture(variables, picture):
        """([rows], outputs [A, H, W, 3] of all walks) of one picture, None for none."""
        if picture is None:
            return None
        name, example = picture
        batch = {key: jnp.asarray(value)[None] for key, value in example.items()}
        outputs = grid(model, variables, batch["input"], points)
        start, *outputs = [np.asarray(task.answer(output, batch)) for output in outputs]
        places = [(walk, float(alpha)) for walk in walks for alpha in line]
        bands = metrics.band_energies(start.clip(0, 1))
        return [{"image": name, "blocks": walk, f"{ALPHA}{ALL}": alpha, **_look(start, output, bands)}
                for (walk, alpha), output in zip(places, outputs, strict=True)], np.concatenate(outputs)

    pictures = examples_of(task.evaluation_example, images, seed, [], reasons)
    with contextlib.closing(over_devices(of_picture, pictures, variables)) as results:
        for found in measuring_bar(results, progress, of=images):
            if found is not None:
                rows.extend(found[0])
                first = found[1] if first is None else first
    if not rows:
        raise no_usable("measure_appearance", reasons)
    return rows, dict(zip(walks, np.split(first, len(walks)), strict=True))


def report_appearance(model, variables, task, images, line, *, out, seed=0, progress=True):
    """Measures the look along alpha, prints the table and writes appearance.csv, appearance.md and blocks.png.

    Args: as for measure_appearance; out: folder for the files, made where it is missing.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rows, first = measure_appearance(model, variables, task, images, line, seed=seed, progress=progress)
    table = appearance_table(rows)
    write_csv(rows, out / "appearance.csv")
    write_atomically(out / "appearance.md", table.encode())
    say(table)
    alpha_rows([[(picture, f"{walk}\nalpha {alpha:.2f}") for picture, alpha in zip(outputs, line, strict=True)]
                for walk, outputs in first.items()], out / "blocks.png")
    return rows


def appearance_table(rows):
    """The means as aligned text that is Markdown too, with its conventions above and rank correlations below."""
    count = len({row["image"] for row in rows})
    walks = list(dict.fromkeys(row["blocks"] for row in rows))
    line = list(dict.fromkeys(row[f"{ALPHA}{ALL}"] for row in rows))
    means = {walk: np.array([[_mean(rows, walk, alpha, measure) for measure in MEASURES] for alpha in line])
             for walk in walks}
    cells = [["blocks", "alpha", *MEASURES]]
    for walk in walks:
        for alpha, values in zip(line, means[walk], strict=True):
            cells.append([walk, f"{tidy(alpha):.3g}", *(_text(*pair) for pair in zip(MEASURES, values, strict=True))])
    parts = [
        f"- Means over {in_words(count)}; appearance.csv has each.\n"
        "- Colour: how far the colours moved from those at alpha 0, wherever they stand (Wasserstein distance in Lab; "
        "black to white is 100). Structure: correlation of gradient magnitudes with those at alpha 0.\n"
        "- Detail: decibels above that at alpha 0, by the length of the waves. Texture: pixels over which luma's "
        "autocorrelation falls to 1/e. Clipped: values outside 0 to 1, percent.",
        aligned(cells)]
    if len(line) > 1:
        correlations = [[walk, *(correlation_text(_correlation(line, means[walk][:, index]))
                                 for index in range(len(MEASURES)))] for walk in walks]
        parts.append("Rank correlation (Spearman) of the means with alpha: 1 only rises, -1 only falls.\n\n"
                     + aligned([["blocks", *MEASURES], *correlations]))
    return "\n\n".join(parts) + "\n"


def _look(start, output, bands):
    """The MEASURES of one output [1, H, W, 3] beside the one at alpha 0."""
    start, seen = start.clip(0, 1), output.clip(0, 1)   # at alphas that were not trained outputs may lie far outside
    with np.errstate(divide="ignore", invalid="ignore"):
        detail = 10 * np.log10(metrics.band_energies(seen) / bands)[0]
    return {"colour": float(metrics.colour_distance(start, seen)[0]),
            "structure": float(metrics.structure_correlation(start, seen)[0]),
            **dict(zip(OCTAVES, map(float, detail), strict=True)),
            "texture": float(metrics.texture_length(seen)[0]),
            "clipped": float(np.mean((output < 0) | (output > 1)))}


def _mean(rows, walk, alpha, measure):
    found = [row[measure] for row in rows if row["blocks"] == walk and row[f"{ALPHA}{ALL}"] == alpha]
    found = [value for value in found if np.isfinite(value)]
    return np.mean(found) if found else np.nan


def _correlation(line, values):
    return monotonicity(line, values) if np.isfinite(values).all() else np.nan


def _text(measure, value):
    if np.isnan(value):
        return "-"
    if measure == "clipped":
        return f"{100 * value:.1f} %"
    return f"{tidy(value):.{3 if measure == 'structure' else 2}f}"
