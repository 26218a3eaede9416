"""The plane of two objectives as a picture."""

import numpy as np

from dynjax.evaluation.columns import in_words, sum_to_one
from dynjax.evaluation.drawing import MOST_LABELS, draws, save_figure, spread

CROSSES = ("tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive", "tab:cyan")
DASHES = ("tab:green", "tab:gray", "tab:olive", "tab:cyan")


@draws
def plot_objectives(plane, path, *, alpha_names=()):
    """Draws the alpha curve with its alphas, the grid as light dots, fixed networks as crosses, blends dashed.

    Points of the curve beyond the trained range are open diamonds on a dotted line. The axes are logarithmic where all
    values are positive.

    Args:
      plane: a Plane.
      path: the PNG to write.
      alpha_names: the names of alpha's K numbers, for the legend.
    """
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3, foreground="white")   # keeps labels readable where they cross the curve
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    axes = figure.subplots()
    if len(plane.grid):
        axes.plot(*plane.grid.T, ".", color="lightsteelblue", markersize=4, zorder=1,
                  label=f"grid of {len(plane.grid)} alphas")
    for (name, points), colour in zip(plane.blends.items(), DASHES * len(plane.blends), strict=False):
        axes.plot(*points.T, "--", marker=".", color=colour, linewidth=1.2, markersize=4, zorder=2,
                  label=f"blended pictures: {name}")
    beyond = ~plane.trained
    axes.plot(*plane.curve.T, ":", color="tab:blue", linewidth=1.2, zorder=3)
    axes.plot(*plane.curve[plane.trained].T, "o-", color="tab:blue", zorder=4, label=_legend(plane, alpha_names))
    if beyond.any():
        axes.plot(*plane.curve[beyond].T, "D", color="tab:blue", markerfacecolor="white", zorder=4,
                  label="alpha, extrapolated")
    for index in spread(len(plane.curve), MOST_LABELS + 2 * bool(beyond.any())):
        axes.annotate(_numbers(plane.alphas[index]), plane.curve[index], xytext=(7, 6), textcoords="offset points",
                      fontsize=9, zorder=6, path_effects=[halo], color="tab:blue")
    for (name, point), colour in zip(plane.fixed.items(), CROSSES * len(plane.fixed), strict=False):
        axes.plot(*point, "x", color=colour, markersize=10, markeredgewidth=2, zorder=5)
        axes.annotate(name, point, xytext=(-7, -13), textcoords="offset points", ha="right", fontsize=9, zorder=6,
                      path_effects=[halo], color=colour)
    if plane.fixed:
        axes.plot([], [], "x", color="black", markersize=8, markeredgewidth=2, label="fixed networks")
    if plane.log:
        axes.set(xscale="log", yscale="log")
    axes.set_xlabel(f"{plane.names[0]}   (\N{LEFTWARDS ARROW} better)")
    axes.set_ylabel(f"{plane.names[1]}   (better \N{LEFTWARDS ARROW})")
    axes.margins(0.1)
    axes.grid(alpha=0.3, which="both" if plane.log else "major")
    axes.legend(loc="best", frameon=False, fontsize=9)
    figure.suptitle(f"{plane.names[0]} and {plane.names[1]} over alpha, mean of {in_words(plane.images)}")
    save_figure(figure, path)


def _numbers(alpha):
    """What stands beside a point: one number where it says all, for a common alpha or a pair that sums to one."""
    alpha = np.asarray(alpha)
    return ", ".join(f"{number:.2g}" for number in (alpha[:1] if _one_says_all(alpha[None]) else alpha))


def _one_says_all(alphas):
    return bool(np.all(alphas == alphas[:, :1])) or all(map(sum_to_one, alphas))


def _legend(plane, names):
    if np.all(plane.alphas == plane.alphas[:, :1]) or not len(names):
        return "alpha" + (" (the same for all blocks)" if plane.alphas.shape[1] > 1 else "")
    return f"alpha, numbers: {', '.join(names[:1] if _one_says_all(plane.alphas) else names)}"
