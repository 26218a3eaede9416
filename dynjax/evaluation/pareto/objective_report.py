"""From a model and pictures to the files of an evaluation in the space of objectives."""
from pathlib import Path

from dynjax.evaluation.columns import ALPHA, in_words
from dynjax.evaluation.pareto.objective_plane import TRAINED, figures, objective_plane, plane_names
from dynjax.evaluation.pareto.objective_plot import plot_objectives
from dynjax.evaluation.pareto.objective_space import measure_objectives
from dynjax.evaluation.tables import aligned, correlation_text, tidy, write_csv
from dynjax.files import write_atomically
from dynjax.files.output import say


def report_objectives(model, variables, task, objectives, images, alphas, *, out, plane=None, trained=TRAINED,
                      product=None, fixed=None, blends=None, shares=11, seed=0, chunk=None, progress=True):
    """Measures a network over alpha in the space of its objectives, prints the table and writes the files.

        report_objectives(dynamic, variables, Style(), build_multi_loss({"content": ..., "style": ...}), images,
                          np.linspace(-0.2, 1.2, 15), product=10, fixed={"1e5": (net, params)},
                          blends={"fixed to input": ("1e5", "input"), "the ends": (0.0, 1.0)}, out="objectives")

    Into `out` go objectives.csv (every objective of every picture and point), objectives.md (means, and the figures
    of the curve, with their conventions above) and objectives.png (the plane of two objectives).

    Args:
      model, variables, task, objectives, images, alphas, product, fixed, blends, shares, seed, chunk, progress: as for
        `measure_objectives`.
      out: folder for the files; made where it is missing.
      plane: names of the two objectives to draw and compare in; the first two by default.
      trained: the lowest and highest alpha that was trained; points beyond count as extrapolated.

    Returns:
      The ObjectiveSpace that was measured.

    Raises:
      ValueError: as measure_objectives; a plane of objectives that there are not.
    """
    plane = plane_names(plane, objectives.names)   # before anything is computed, as is a place that cannot be written
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    space = measure_objectives(model, variables, task, objectives, images, alphas, product=product, fixed=fixed,
                               blends=blends, shares=shares, seed=seed, chunk=chunk, progress=progress)
    seen = objective_plane(space, plane, trained=trained)
    table = objective_table(space, seen)
    write_csv(objective_rows(space), out / "objectives.csv")
    write_atomically(out / "objectives.md", table.encode())
    say(table)
    plot_objectives(seen, out / "objectives.png", alpha_names=space.alpha)
    return space


def objective_rows(space):
    """One dict for every picture and point: "image", "kind" (curve, grid, fixed or blend), "name" (of a fixed network
    or blend), "alpha_<name>" and "share" (None where there is none), then every objective."""
    rows = []
    for index, image in enumerate(space.images):
        for kind, name, alpha, share, values in _points(space, lambda points, index=index: points[:, index]):
            rows.append({"image": image, "kind": kind, "name": name, **_alpha_columns(space, alpha), "share": share,
                         **dict(zip(space.objectives, map(float, values), strict=True))})
    return rows


def objective_table(space, plane):
    """The means as aligned text that is Markdown too, the conventions above, the figures below.

    The grid has too many points for a table; it is in objectives.csv.

    Args:
      space: an ObjectiveSpace. plane: its Plane.
    """
    cells = [["kind", "name", *(f"alpha {name}" for name in space.alpha), "share", *space.objectives]]
    for kind, name, alpha, share, values in _points(space, lambda points: points.mean(1)):
        if kind != "grid":
            columns = _alpha_columns(space, alpha).values()
            cells.append([kind, name or "", *("" if number is None else f"{tidy(number):.3g}" for number in columns),
                          "" if share is None else f"{share:.2f}", *(f"{value:.4g}" for value in values)])
    found = figures(space, plane)
    parts = [_conventions(space, plane), aligned(cells, left=2), *_figure_tables(space, plane, found)]
    return "\n\n".join(parts) + "\n"


def _points(space, reduce):
    """(kind, name, alpha, share, values) of every point, values [A, N, O] reduced to [A, O]."""
    series = [("curve", None, space.curve)] + ([("grid", None, space.grid)] if space.grid else [])
    for kind, name, points in series:
        for alpha, values in zip(points.alphas, reduce(points.values), strict=True):
            yield kind, name, alpha, None, values
    for name, values in space.fixed.items():
        yield "fixed", name, None, None, reduce(values[None])[0]
    for name, points in space.blends.items():
        for share, values in zip(points.alphas[:, 0], reduce(points.values), strict=True):
            yield "blend", name, None, float(share), values


def _alpha_columns(space, alpha):
    numbers = [None] * len(space.alpha) if alpha is None else map(float, alpha)
    return {ALPHA + name: number for name, number in zip(space.alpha, numbers, strict=True)}


def _conventions(space, plane):
    """The sentences above the table."""
    pictures = len(space.images)
    several = "the values of one picture" if pictures == 1 else f"means of the values of each of {pictures} pictures"
    unit = "natural logarithms of the means" if plane.log else \
        "the means, in units of the curve's extent in each objective, because not all of them are positive"
    lines = [
        f"The numbers are {several}; objectives.csv has every picture{' and the grid' if space.grid else ''}.",
        "Objectives are sums of their terms' scaled values, without alpha or weight, lower is better; of the pictures "
        "as the networks give them, neither clipped nor rounded.",
        f"Distances, areas and hypervolumes are in the plane of {' and '.join(plane.names)}, in {unit}.",
    ]
    if not plane.trained.all():
        lines.append(f"{int((~plane.trained).sum())} of {len(plane.trained)} points of alpha lie beyond the range that "
                     "was trained; they are drawn, but not in the figures.")
    if space.blends:
        lines.append("A blend is (1 - share) times its first picture plus share times its second.")
    if plane.dropped:
        some = "point of the grid or the blends has" if plane.dropped == 1 else "points of the grid or the blends have"
        lines.append(f"{plane.dropped} {some} a mean of 0 or less, which has no logarithm; neither drawn nor in the "
                     "figures.")
    if space.left_out:
        lines.append(f"{in_words(len(space.left_out))} could not be read or used: {', '.join(space.left_out[:5])}"
                     f"{', ...' if len(space.left_out) > 5 else ''}.")
    return "\n".join(f"- {line}" for line in lines)


def _figure_tables(space, plane, found):
    """One table, or sentence, for each figure there is."""
    if found["monotonicity"]:
        rows = [[name, *(correlation_text(row[key]) for key in ("means", "median", "weakest"))]
                for name, row in found["monotonicity"].items()]
        yield ("Rank correlation (Spearman) of each objective along the curve: 1 only rises, -1 only falls.\n\n"
               + aligned([["objective", "of the means", "median picture", "weakest picture"], *rows]))
    if found["fixed"]:
        rows = [[name, f"{row['distance']:.3f}", *(f"{tidy(number):.3f}" for number in row["nearest"])]
                for name, row in found["fixed"].items()]
        inverse = "" if found["inverse"] is None else (
            f" Rank correlation of that place with the order of the networks: {correlation_text(found['inverse'])}.")
        yield (f"Distance of each fixed network to the curve, which is {found['length']:.3f} long, and alpha at the "
               f"nearest place.{inverse}\n\n"
               + aligned([["fixed network", "distance", *(f"alpha {name}" for name in space.alpha)], *rows]))
    if found["hypervolume"]:
        rows = [[name, f"{share:.4f}"] for name, share in found["hypervolume"].items()]
        yield ("Hypervolume: the share that is dominated of the rectangle between the best and the worst corner of all "
               "of these; higher is better.\n\n" + aligned([["front", "hypervolume"], *rows]))
        rows = [[name, *map(str, turns.values())] for name, turns in found["turns"].items()]
        yield ("How often a blend's means turn from rising to falling or back.\n\n"
               + aligned([["blend", *space.objectives], *rows]))
    if found["area"]:
        curve, grid = found["area"]["curve"], found["area"]["grid"]
        times = f", {grid / curve:.2f} times as much" if curve > 0 else ""
        yield (f"Area of the convex hull: the curve {curve:.4f}, the grid of {len(plane.grid)} points "
               f"{grid:.4f}{times}.")
