"""The best alpha of every picture as text, rows and a plot."""

import numpy as np

from dynjax.evaluation.columns import in_words, title_of, value_text
from dynjax.evaluation.drawing import draws, save_figure
from dynjax.evaluation.pareto.fronts import monotonicity
from dynjax.evaluation.restoration.choice import choose_alpha, metric_curves
from dynjax.evaluation.tables import aligned, correlation_text, write_csv


def report_choice(rows, metrics, out):
    """Tells which alpha is best for each picture and what choosing it is worth.

    Into the folder `out` go choice.csv (a row a picture: its best alpha by each metric) and choice.png (every metric
    along alpha, and how often each alpha is the best).

    Args:
      rows: as `measure` gives them, along one line of alpha. metrics: to choose by, such as ("lpips_alex",).
      out: a folder that exists.

    Returns:
      The text, Markdown.

    Raises:
      ValueError: as metric_curves and choose_alpha.
    """
    curves = metric_curves(rows)
    choices = [choose_alpha(curves, metric) for metric in metrics]
    write_csv(choice_rows(curves, choices), out / "choice.csv")
    plot_choice(curves, choices, out / "choice.png")
    return choice_text(curves, choices)


def choice_rows(curves, choices):
    """One dict for every picture: "image", then for every choice "best_alpha_<metric>", and <metric>_first, _best and
    _last, its value at one end, at the best alpha and at the other end; None where the picture has no value."""
    rows = []
    for index, image in enumerate(curves.images):
        row = {"image": image}
        for choice in choices:
            place = choice.images.index(image) if image in choice.images else None
            best = None if place is None else float(choice.best[place])
            values = curves.values[choice.metric][index]
            at = dict(first=values[0], best=None if best is None else values[curves.alphas == best][0], last=values[-1])
            row[f"best_alpha_{choice.metric}"] = best
            row |= {f"{choice.metric}_{where}": None if value is None else float(value) for where, value in at.items()}
        rows.append(row)
    return rows


def choice_text(curves, choices):
    """How every metric goes along alpha, the best alphas, and what choosing one for each picture is worth."""
    first, last = f"{curves.alphas[0]:.3g}", f"{curves.alphas[-1]:.3g}"
    cells = [["metric", f"alpha {first}", f"alpha {last}", "rank correlation of the mean", "median of the pictures"]]
    for metric, values in curves.values.items():
        usable = values[np.isfinite(values).all(1)]
        if not len(usable):
            continue
        along = np.arange(len(curves.alphas))
        cells.append([title_of(metric), *(value_text(metric, usable[:, end].mean()) for end in (0, -1)),
                      correlation_text(monotonicity(along, usable.mean(0))),
                      correlation_text(float(np.median(monotonicity(along, usable.T))))])
    parts = ["Along alpha: 1 rises throughout, -1 falls throughout.", aligned(cells)]
    best = [["chosen by", "best alpha, mean", "variance", "inside", f"score at {first}", f"at {last}",
             "best common alpha", "score there", "each its own"]]
    worth = [["chosen by", "judged by", "one alpha", "each its own", "better for"]]
    for choice in choices:
        score = {where: value_text(choice.metric, value) for where, value in choice.values.items()}
        best.append([title_of(choice.metric), f"{choice.best.mean():.3f}", f"{choice.best.var():.4f}",
                     f"{choice.inside:.0%}", score["first"], score["last"], f"{choice.common:.3g}", score["common"],
                     score["chosen"]])
        for metric, gain in choice.gains.items():
            worth.append([title_of(choice.metric), title_of(metric), value_text(metric, gain["common"]),
                          value_text(metric, gain["chosen"]), f"{gain['better']:.0%}"])
    parts += [f"The best alpha of each of {in_words(len(curves.images))}; inside: at neither end.", aligned(best)]
    if len(worth) > 1:
        parts += ["One alpha for all, the best of the other half of the pictures, beside each picture's own; judged by "
                  "the metric it was chosen by it cannot lose to an alpha of the same list, by others it can.",
                  aligned(worth, left=2)]
    return "\n\n".join(parts) + "\n"


@draws
def plot_choice(curves, choices, path):
    """A panel for every metric along alpha (mean, and the middle half of the pictures), one for the best alphas."""
    from matplotlib.figure import Figure

    panels = len(curves.values) + bool(choices)
    columns = min(4, panels)
    figure = Figure(figsize=(3.4 * columns, 2.9 * -(-panels // columns)), dpi=110, layout="constrained")
    axes = figure.subplots(-(-panels // columns), columns, squeeze=False).ravel()
    for panel, (metric, values) in zip(axes, curves.values.items(), strict=False):
        usable = values[np.isfinite(values).all(1)]
        if len(usable):
            panel.fill_between(curves.alphas, *np.quantile(usable, (0.25, 0.75), axis=0), alpha=0.2, linewidth=0)
            panel.plot(curves.alphas, usable.mean(0), "o-", markersize=3)
        panel.set(xlabel="alpha", title=title_of(metric))
        panel.grid(alpha=0.3)
    if choices:
        panel, step = axes[panels - 1], np.diff(curves.alphas).min()
        for index, choice in enumerate(choices):
            counts = [np.sum(choice.best == alpha) for alpha in curves.alphas]
            panel.bar(curves.alphas + step * ((index + 0.5) / len(choices) - 0.5) * 0.8, counts,
                      0.8 * step / len(choices), label=title_of(choice.metric))
        panel.set(xlabel="alpha", title="pictures whose best alpha it is")
        panel.legend(frameon=False, fontsize=8)
    for panel in axes[panels:]:
        panel.axis("off")
    figure.suptitle(f"Along alpha, {in_words(len(curves.images))}: mean and middle half")
    save_figure(figure, path)
