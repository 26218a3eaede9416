"""The perception-distortion plot: PSNR against LPIPS, one curve over alpha."""
import math

from dynjax.evaluation.columns import METHOD, alpha_of, sum_to_one, title_of
from dynjax.evaluation.drawing import MOST_LABELS, draws, save_figure, spread

NETWORKS = ("lpips_alex", "lpips_vgg")
MARKERS = ("s", "^", "D", "v")


def plottable(means):
    """The LPIPS columns that PSNR is drawn against: those measured, where PSNR is too."""
    return [metric for metric in NETWORKS if {metric, "psnr_rgb"} <= means[0].keys()]


@draws
def plot_tradeoff(means, path):
    """Draws PSNR on RGB against LPIPS, a panel for each LPIPS network that was measured.

    Points of alpha come in order, baselines as single marks. Points on one line of alpha (a single number, or two
    that sum to one) are joined; others stand alone. Points without a finite value are left out.

    Args:
      means: as `mean_rows` gives them.
      path: the PNG to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.patheffects import withStroke

    halo = withStroke(linewidth=3, foreground="white")   # keeps labels readable where they cross the curve
    metrics = plottable(means)
    figure = Figure(figsize=(5.5 * len(metrics), 4.6), dpi=120, layout="constrained")
    points = [row for row in means if row["method"] == METHOD]
    baselines = [row for row in means if row["method"] != METHOD]
    joined = _on_a_line([list(alpha_of(row).values()) for row in points])
    for axes, metric in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        drawn = [row for row in points if _finite(row, metric)]
        axes.plot([row[metric] for row in drawn], [row["psnr_rgb"] for row in drawn],
                  "o-" if joined else "o", color="tab:blue", label=_legend(drawn[0]) if drawn else None, zorder=3)
        for index in spread(len(drawn), MOST_LABELS):
            axes.annotate(_numbers(drawn[index]), (drawn[index][metric], drawn[index]["psnr_rgb"]),
                          xytext=(7, 6), textcoords="offset points", fontsize=9, zorder=4, path_effects=[halo])
        for row, marker in zip(baselines, MARKERS * len(baselines), strict=False):
            if _finite(row, metric):
                axes.plot(row[metric], row["psnr_rgb"], marker, color="tab:orange", markersize=8, label=row["method"])
        if not axes.lines or not any(len(line.get_xdata()) for line in axes.lines):
            axes.text(0.5, 0.5, "no finite values", ha="center", transform=axes.transAxes)
        else:
            axes.legend(loc="best", frameon=False)
        axes.set_xlabel(f"{title_of(metric)}   (\N{LEFTWARDS ARROW} better)")
        axes.set_ylabel("PSNR RGB, dB   (better \N{RIGHTWARDS ARROW})")
        axes.margins(0.12)
        axes.grid(alpha=0.3)
    if points:
        names = ", ".join(alpha_of(points[0]))
        figure.suptitle(f"Distortion and perception over alpha ({names}), mean of {means[0]['images']} pictures")
    save_figure(figure, path)


def _numbers(row):
    """What stands beside a point: its numbers, or the first where the second is the rest to one."""
    point = list(alpha_of(row).values())
    return ", ".join(f"{value:.2g}" for value in (point[:1] if _on_a_line([point]) else point))


def _legend(row):
    """The method, and what the numbers beside its points are."""
    names = list(alpha_of(row))
    return f"{row['method']}, numbers: {', '.join(names[:1] if _on_a_line([list(alpha_of(row).values())]) else names)}"


def _on_a_line(points):
    return all(len(point) == 1 or sum_to_one(point) for point in points)


def _finite(row, metric):
    return math.isfinite(row[metric]) and math.isfinite(row["psnr_rgb"])
