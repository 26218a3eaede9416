"""Which alpha is best, picture by picture: what choosing it for each one is worth beside one alpha for all."""
import dataclasses

import numpy as np

from dynjax.evaluation.columns import METHOD, alpha_of, metrics_of, sum_to_one
from dynjax.metrics import METRICS


@dataclasses.dataclass
class Curves:
    """Metrics along one line of alpha.

    Attributes:
      images: their N names, with the set before and the level behind where there are several.
      alphas: [A], rising; the number of all blocks, or the first of those that sum to one.
      values: {metric: [N, A]}.
    """
    images: list
    alphas: np.ndarray
    values: dict


@dataclasses.dataclass
class Choice:
    """What choosing alpha by one metric gives.

    Attributes:
      metric: chosen by. images: their N names, without those that have no value. alphas: [A].
      best: [N], the best alpha of each picture, of several the one nearest to the first end.
      common: the alpha that is best in the mean.
      values: {"first", "last", "common", "chosen"}: means of the metric at both ends, at `common`, at each's best.
      inside: share of the pictures whose best alpha is at neither end.
      gains: {metric: {"common", "chosen", "better"}}: judged by this metric, with one alpha for each half of the
        pictures, the best of the other half, and with each picture's own; the share of pictures whose own is better.
    """
    metric: str
    images: list
    alphas: np.ndarray
    best: np.ndarray
    common: float
    values: dict
    inside: float
    gains: dict


def metric_curves(rows):
    """The metrics of every picture along alpha.

    Args:
      rows: as `measure` gives them; baselines and fixed networks are left out.

    Raises:
      ValueError: alpha is not a line, that is one number, the same for all blocks, or two that sum to one.
    """
    points, tuned = {}, [row for row in rows if row["method"] == METHOD]
    for row in tuned:
        numbers = list(alpha_of(row).values())
        if len(numbers) > 1 and not sum_to_one(numbers):
            raise ValueError(f"metric_curves got the alphas {alpha_of(row)}; wanted one number, the same for all "
                             "blocks, or two that sum to one: there is no line along which the best could be told.")
        name = " ".join(row[part] for part in ("set", "image", "level") if part in row)
        points.setdefault(name, {})[numbers[0]] = row
    alphas = sorted({alpha for found in points.values() for alpha in found})
    if len(alphas) < 2 or any(len(found) != len(alphas) for found in points.values()):
        raise ValueError(f"metric_curves got {len(alphas)} alphas; wanted 2 or more, the same for every picture.")
    values = {metric: np.array([[found[alpha][metric] for alpha in alphas] for found in points.values()], float)
              for metric in metrics_of(tuned)}
    return Curves(list(points), np.array(alphas), values)


def choose_alpha(curves, metric):
    """The best alpha of every picture by one metric.

    Args:
      curves: of `metric_curves`. metric: one of them that says better or worse, such as "lpips_alex".

    Raises:
      ValueError: another metric, or no picture that has finite values of it.
    """
    known = [name for name in curves.values if METRICS.get(name).chosen]
    if metric not in known:
        raise ValueError(f"choose_alpha got the metric {metric!r}; wanted one of {', '.join(known)}.")
    finite = np.isfinite(curves.values[metric]).all(1)
    if not finite.any():
        raise ValueError(f"choose_alpha got no picture with finite values of {metric}; wanted one or more.")
    values = {name: curves.values[name][finite] for name in known}
    costs = -values[metric] if METRICS.get(metric).higher_is_better else values[metric]
    places, common = costs.argmin(1), int(costs.mean(0).argmin())
    rows = np.arange(len(costs))
    means = {"first": values[metric][:, 0].mean(), "last": values[metric][:, -1].mean(),
             "common": values[metric][:, common].mean(), "chosen": values[metric][rows, places].mean()}
    return Choice(
        metric, [name for name, keep in zip(curves.images, finite, strict=True) if keep], curves.alphas,
        curves.alphas[places], float(curves.alphas[common]), {name: float(value) for name, value in means.items()},
        float(np.mean((places > 0) & (places < len(curves.alphas) - 1))), _gains(values, costs, places))


def _gains(values, costs, places):
    """What each picture's own alpha is worth beside the best one of the other half of the pictures, by every metric."""
    rows = np.arange(len(costs))
    if len(rows) < 2:
        return {}
    others = np.empty(len(rows), int)
    for half in (rows[0::2], rows[1::2]):
        others[half] = np.delete(costs, half, axis=0).mean(0).argmin()
    gains = {}
    for name, found in values.items():
        chosen, common = found[rows, places], found[rows, others]
        better = chosen > common if METRICS.get(name).higher_is_better else chosen < common
        gains[name] = {"common": float(common.mean()), "chosen": float(chosen.mean()), "better": float(better.mean())}
    return gains
