"""From a generator and fixed inputs to the files of an evaluation of its attributes."""
import math
from pathlib import Path

import numpy as np

from dynjax.evaluation.attributes.measure import (
    BUILT_IN,
    DISTANCE,
    TOLERANCE,
    attribute_figures,
    measure_attributes,
    within_range,
)
from dynjax.evaluation.columns import ALPHA
from dynjax.evaluation.drawing import draws, save_figure
from dynjax.evaluation.pareto.objective_plane import TRAINED, curve_order
from dynjax.evaluation.sheet import alpha_rows
from dynjax.evaluation.tables import aligned, correlation_text, tidy, write_csv
from dynjax.files import write_atomically
from dynjax.files.output import say

BAND = (0.1, 0.9)
EIGHT_BIT_STEP = 1 / 255


def report_attributes(model, variables, inputs, alphas, *, answer, measures, out, labels, trained=TRAINED, chunk=64,
                      rows=8):
    """Measures what alpha does to the pictures of fixed inputs, prints the table and writes the files.

        report_attributes(dynamic, variables, noise, np.linspace(0, 1, 11)[:, None], answer=Faces().answer,
                          measures={"hair": measure_hair}, labels=[...], out="attributes")

    Into `out` go attributes.csv (every measure of every input and alpha), attributes.md (means, and what can be said
    of them, with its conventions above), attributes.png (mean and the middle 80 % of the inputs against alpha) and
    rows.png (pictures, one row an input).

    Args:
      model, variables, inputs [N, ...], alphas [A, K], answer, measures, chunk: as for `measure_attributes`.
      out: folder for the files; made where it is missing.
      labels: a string a point of alpha, for the pictures.
      trained: the lowest and highest alpha that was trained; points beyond count as extrapolated.
      rows: how many inputs, from the first, are shown as pictures; 1 or more.

    Returns:
      The Attributes that were measured.

    Raises:
      ValueError: as measure_attributes; not one label a point; no rows.
    """
    if len(labels) != len(alphas):
        raise ValueError(f"report_attributes got {len(labels)} labels for {len(alphas)} points of alpha; wanted one "
                         "a point.")
    if rows < 1:
        raise ValueError(f"report_attributes got rows={rows}; wanted 1 or more inputs to show.")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)   # before anything is computed: a place that cannot be written shows at once
    found = measure_attributes(model, variables, inputs, alphas, answer=answer, measures=measures, chunk=chunk,
                               keep=rows)
    table = attribute_table(found, trained=trained)
    write_csv(attribute_rows(found), out / "attributes.csv")
    write_atomically(out / "attributes.md", table.encode())
    say(table)
    plot_attributes(found, out / "attributes.png", trained=trained)
    alpha_rows([list(zip(pictures, labels, strict=True)) for pictures in found.pictures.swapaxes(0, 1)],
               out / "rows.png")
    return found


def attribute_rows(found):
    """One dict for every input and alpha: "input", its number from 0, "alpha_<name>", then every measure."""
    return [{"input": index, **{ALPHA + name: float(number) for name, number in zip(found.alpha, alpha, strict=True)},
             **dict(zip(found.names, map(float, values), strict=True))}
            for index in range(found.values.shape[1])
            for alpha, values in zip(found.alphas, found.values[:, index], strict=True)]


def attribute_table(found, *, trained=TRAINED):
    """The means as aligned text that is Markdown too, the conventions above, the figures below."""
    cells = [[*(f"alpha {name}" for name in found.alpha), *found.names]]
    for alpha, means in zip(found.alphas, found.means, strict=True):
        cells.append([*(f"{tidy(number):.3g}" for number in alpha), *(f"{tidy(mean):.4f}" for mean in means)])
    rows = [["measure", "Spearman", "monotone inputs", "range", "largest step"]]
    for name, row in attribute_figures(found, trained=trained).items():
        rows.append([name, correlation_text(row["monotonicity"]), _percent(row["monotone"]), f"{row['range']:.4f}",
                     _percent(row["largest_step"])])
    explained = (
        f"Spearman: rank correlation of the mean with alpha, 1 only rises, -1 only falls. Monotone inputs: the share "
        f"whose own measure changes the way the mean does and never falls back by more than {TOLERANCE:.0%} of its "
        "range. Range: the highest mean less the lowest. Largest step: of the mean between neighbouring alphas, as a "
        "share of the range; small where the change is smooth.")
    return "\n\n".join([_conventions(found, trained), aligned(cells, left=0), explained, aligned(rows)]) + "\n"


@draws
def plot_attributes(found, path, *, trained=TRAINED):
    """Draws every measure against alpha: the mean, and the band between the 10 % and 90 % quantile of the inputs.

    Points beyond the trained range are open diamonds on a dotted line. Where the blocks' alphas differ, the points
    stand in the order they came.

    Args:
      found: an Attributes. path: the PNG to write. trained: the lowest and highest alpha that was trained.
    """
    from matplotlib.figure import Figure

    order = curve_order(found.alphas)
    alphas, values = found.alphas[order], found.values[order]
    common = bool(np.all(alphas == alphas[:, :1]))
    along, beyond = alphas[:, 0] if common else np.arange(len(alphas)), ~within_range(alphas, trained)
    figure = Figure(figsize=(4.2 * len(found.names), 3.8), dpi=120, layout="constrained")
    for axes, name, measured in zip(figure.subplots(1, len(found.names), squeeze=False)[0], found.names,
                                    np.moveaxis(values, 2, 0), strict=True):
        mean, (low, high) = measured.mean(1), np.quantile(measured, BAND, axis=1)
        axes.fill_between(along, low, high, color="tab:blue", alpha=0.2, linewidth=0,
                          label=f"{BAND[0]:.0%} to {BAND[1]:.0%} of the inputs")
        axes.plot(along, mean, ":", color="tab:blue", linewidth=1.2)
        axes.plot(along[~beyond], mean[~beyond], "o-", color="tab:blue", label="mean")
        if beyond.any():
            axes.plot(along[beyond], mean[beyond], "D", color="tab:blue", markerfacecolor="white",
                      label="mean, extrapolated")
        axes.set_xlabel("alpha" if common else "point of alpha")
        axes.set_ylabel("distance to the picture at alpha 0" if name == DISTANCE else name)
        axes.grid(alpha=0.3)
        axes.legend(loc="best", frameon=False, fontsize=9)
    figure.suptitle(f"{found.values.shape[1]} fixed inputs over alpha")
    save_figure(figure, path)


def _conventions(found, trained):
    """The sentences above the table."""
    count, within = found.values.shape[1], within_range(found.alphas, trained)
    several = "the values of one fixed input" if count == 1 else f"means of the values of each of {count} fixed inputs"
    lines = [
        f"The numbers are {several}, the same at every alpha; attributes.csv has every input.",
        "Measured are the pictures as the generator gives them, neither clipped nor rounded. The distance is the root "
        "mean square difference to the same input's picture at alpha 0, values of 0 to 1; the variety is that to the "
        "next input's at the same alpha, near 0 where the generator makes one picture of everything.",
    ]
    if found.names == BUILT_IN:
        lines.append("No measure of an attribute is known for such pictures.")
    if not within.any():
        lines.append("No point of alpha lies within the range that was trained; the figures are of what is "
                     "extrapolated.")
    elif not within.all():
        lines.append(f"{int((~within).sum())} of {len(within)} points of alpha lie beyond the range that was trained; "
                     "they are in the table and drawn, but not in the figures.")
    if math.isnan(found.independence):
        lines.append("Every picture was made alone, so that it depends on no other input.")
    else:
        verdict = ("pictures depend on what else is in their batch" if found.independence > EIGHT_BIT_STEP else
                   "less than a step of 8 bits" if found.independence else "none at all")
        lines.append("The largest difference between the first input's picture made alone and made among others is "
                     f"{found.independence:.2g}: {verdict}.")
    return "\n".join(f"- {line}" for line in lines)


def _percent(share):
    return "-" if math.isnan(share) else f"{share:.1%}"
