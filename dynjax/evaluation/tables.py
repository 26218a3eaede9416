"""Tables of what was measured: means over pictures, CSV files, an aligned table with its conventions above it."""
import csv
import io
import math

from dynjax.evaluation.columns import ALL_BLOCKS, ALPHA, alpha_of, in_words, metrics_of, title_of, value_text
from dynjax.files import write_atomically
from dynjax.metrics import METRICS


def mean_rows(rows, *, also=()):
    """Means over the pictures, one row for every method and point of alpha, in the order they first appear.

    A mean is the mean of the values of each picture: infinite where one is (PSNR of equal pictures); pictures without
    a value (NaN) are left out of that column's mean.

    Args:
      rows: as `measure` gives them. also: further columns to keep apart, such as ("set", "level").

    Returns:
      Dicts with "method", "alpha_<name>", those of `also`, the metrics and "images", the number of pictures.
    """
    groups = {}
    for row in rows:
        place = {key: value for key, value in row.items() if key in ("method", *also) or key.startswith(ALPHA)}
        groups.setdefault(tuple(place.items()), []).append(row)
    return [{**dict(place), **{metric: _mean([row[metric] for row in group]) for metric in metrics_of(group)},
             "images": len({_picture(row) for row in group})} for place, group in groups.items()]


def write_csv(rows, path):
    """Writes rows as CSV, one column a key: numbers with seven digits, empty where there is none (a baseline's alpha),
    "inf" and "nan" as they are."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([f"{value:.7g}" if isinstance(value, float) else value for value in row.values()])
    write_atomically(path, text.getvalue().encode())


def conventions(rows, *, border, padded=(), left_out=(), judged=""):
    """The sentences above a table: how its numbers were made and which direction is better.

    Args:
      rows: as `measure` gives them. border: the task's. padded, left_out: names of pictures, as a Measurement has them.
      judged: what PSNR and SSIM look at, in words, where it is not the whole picture.
    """
    metrics = metrics_of(rows)
    on_y = " and on Y of BT.601 (16 to 235)" if {"psnr_y", "ssim_y"} & set(metrics) else ""
    region = f" of {judged}" if judged else ""
    pictures = len({_picture(row) for row in rows})
    all_pictures = in_words(pictures)
    several = "the values of one picture" if pictures == 1 else f"means of the values of each of {pictures} pictures"
    levels, sets = (len({row.get(key) for row in rows}) for key in ("level", "set"))
    each = (f" of {sets} sets together" if sets > 1 else "") + (f" at each of {levels} levels" if levels > 1 else "")
    psnr, ssim = (any(metric.startswith(kind) for metric in metrics) for kind in ("psnr_", "ssim_"))
    named = " and ".join(["PSNR (dB)"] * psnr + ["SSIM"] * ssim)
    lpips = " and with ".join(["AlexNet"] * ("lpips_alex" in metrics) + ["VGG16"] * ("lpips_vgg" in metrics))
    lines = [
        f"The numbers are {several}{each}; grid.csv has every picture.",
        *([f"{named}, higher is better{region and ','}{region}: results rounded to 8 bits, {border} pixels cut off "
           f"every side; on RGB{' (SSIM: mean of the three channels)' if ssim else ''}{on_y}."] if named else []),
        *([f"LPIPS 0.1 with {lpips}, lower is better: whole pictures, rounded to 8 bits."] if lpips else []),
        "NIQE, lower is better: on Y, whole pictures, rounded to 8 bits." if "niqe" in rows[0] else
        "There is no NIQE: it needs a file of pristine statistics, niqe_pris_params.npz (evaluate.py: --niqe).",
    ]
    said = {metric: METRICS.get(metric).convention.format(region=region) for metric in metrics}
    lines += [said[metric] for metric in metrics if said[metric] and METRICS.get(metric).compute]
    if padded:
        lines.append(f"The inputs of {len(padded)} of {all_pictures}, those past the first few sizes, were "
                     "extended at the bottom and right by their mirror image to one of a few sizes, and the results "
                     "cut back.")
    lines += [said[metric] for metric in metrics if said[metric] and not METRICS.get(metric).compute]
    for metric in metrics:
        if metric == "psnr_aim":   # baselines have no alpha, and so no aim
            continue
        missing = {_picture(row) for row in rows if math.isnan(row[metric])}
        if missing:
            lines.append(f"{title_of(metric)} has no value for {len(missing)} of {all_pictures} "
                         f"({_some(name for _, name in missing)}), mostly because they are too small; they are not in "
                         "its means.")
        if any(math.isinf(row[metric]) for row in rows):
            lines.append(f"{title_of(metric)} is inf where a result equals its target.")
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        lines.append(f"{in_words(len(left_out))} could not be read or used and {verb} left out: {_some(left_out)}.")
    return lines


def format_table(means, header=()):
    """Means as aligned text that is Markdown too.

    Args:
      means: as `mean_rows` gives them.
      header: sentences that stand above the table, such as `conventions`.

    Returns:
      The text, ending in a newline.
    """
    alphas = [key for key in means[0] if key.startswith(ALPHA)]
    common = all(set(alpha_of(row)) in ({ALL_BLOCKS}, set()) for row in means)
    alphas = alphas[:1] if common else alphas
    metrics = metrics_of(means)
    heads = ["alpha"] if common else [f"alpha {key[len(ALPHA):]}" for key in alphas]
    cells = [["method", *heads, *(title_of(metric) for metric in metrics)]]
    for row in means:
        cells.append([row["method"], *("" if row[key] is None else f"{row[key]:.3g}" for key in alphas),
                      *(value_text(metric, row[metric]) for metric in metrics)])
    return "\n".join([*(f"- {sentence}" for sentence in header), *([""] if header else []), aligned(cells)]) + "\n"


def tidy(number):
    """Without what rounding leaves of a zero, such as -2.8e-17."""
    return round(float(number), 6) + 0.0


def correlation_text(value):
    """A rank correlation, "-" where there is none."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def aligned(cells, left=1):
    """Markdown whose columns are aligned in a terminal too, the first `left` ones to the left."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * width if index < left else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    pad = lambda index, cell: cell.ljust(widths[index]) if index < left else cell.rjust(widths[index])
    return "\n".join("| " + " | ".join(pad(index, cell) for index, cell in enumerate(line)) + " |"
                     for line in (cells[0], rule, *cells[1:]))


def _picture(row):
    """What a row is of: two sets may have pictures of one name."""
    return row.get("set"), row["image"]


def _mean(values):
    values = [value for value in values if not math.isnan(value)]
    return sum(values) / len(values) if values else math.nan


def _some(names):
    names = sorted(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
