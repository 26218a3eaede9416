"""From a model and pictures to the files of an evaluation."""
from collections.abc import Mapping
from pathlib import Path

from dynjax.evaluation.restoration.choice_report import report_choice
from dynjax.evaluation.restoration.layout import layout_rows, layout_table, level_rows, level_table
from dynjax.evaluation.restoration.measure import Measurement, measure
from dynjax.evaluation.restoration.plot import plot_tradeoff, plottable
from dynjax.evaluation.restoration.sizes import EXACT_SIZES
from dynjax.evaluation.sheet import contact_sheet
from dynjax.evaluation.tables import conventions, format_table, mean_rows, write_csv
from dynjax.files import write_atomically
from dynjax.files.output import say

SOMETIMES = ("choice.csv", "choice.png", "layout.csv", "layout.md", "levels.csv", "levels.md", "plot.png", "sheet.png")


def evaluate(tunable, variables, task, images, *, alphas, out, fixed=None, metrics=None, niqe_statistics=None, seed=0,
             chunk=None, exact_sizes=EXACT_SIZES, sheet_pictures=4, choose=(), progress=True):
    """Measures a tunable model over a grid of alpha, prints the table and writes the files of an evaluation.

    Into `out` go grid.csv (every picture and point of alpha), table.csv (means over the pictures), table.md (the
    same with its conventions above), plot.png (PSNR against LPIPS, where both are measured) and sheet.png (a contact
    sheet). With several sets of pictures, fixed networks or levels also layout.csv and layout.md, as papers print them,
    and with several levels levels.csv and levels.md, every level by itself.

    Args:
      tunable, variables, task, alphas [A, P], fixed, metrics, niqe_statistics, seed, chunk, exact_sizes, progress: as
        for `measure`.
      images: as for `measure`, or several sets {name: images}.
      out: folder for the files; made where it is missing.
      choose: metrics by which the best alpha of each picture is told, such as ("lpips_alex",): choice.csv, choice.png
        and a part of table.md. Alpha must be a line then: one number, the same for all blocks, or two that sum to one.
      sheet_pictures: how many pictures, from the first, the contact sheet shows.

    Returns:
      The rows of grid.csv, as `measure` gives them.

    Raises:
      ValueError: as `measure`.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)   # before anything is computed: a place that cannot be written shows at once
    sets = images if isinstance(images, Mapping) else {"": images}
    found = Measurement([], [], [], [])
    for name, pictures in sets.items():
        part = measure(tunable, variables, task, pictures, alphas, fixed=fixed, metrics=metrics, seed=seed, chunk=chunk,
                       niqe_statistics=niqe_statistics, keep=max(0, sheet_pictures - len(found.kept)),
                       exact_sizes=exact_sizes, progress=progress)
        found.rows.extend({**({"set": name} if name else {}), **row} for row in part.rows)
        found.kept.extend(part.kept)
        for field in ("left_out", "padded"):
            getattr(found, field).extend(f"{name}: {picture}" if name else picture for picture in getattr(part, field))
    for name in SOMETIMES:   # an earlier evaluation's are not to stand beside this one's
        (out / name).unlink(missing_ok=True)
    means = mean_rows(found.rows)
    header = conventions(found.rows, border=task.border, padded=found.padded, left_out=found.left_out,
                         judged=task.judged)
    table = format_table(means, header)
    if choose:
        table += "\n" + report_choice(found.rows, choose, out)
    if "level" in found.rows[0]:
        by_level = level_rows(found.rows)
        # All metrics of all levels are more than a page: printed are those of the first.
        table += "\n" + level_table([row for row in by_level if row["metric"] == by_level[0]["metric"]])
        write_csv(by_level, out / "levels.csv")
        write_atomically(out / "levels.md", level_table(by_level).encode())
    if fixed or "level" in found.rows[0] or "set" in found.rows[0]:
        laid = layout_rows(found.rows, fixed or ())
        table += "\n" + layout_table(laid)
        write_csv(laid, out / "layout.csv")
        write_atomically(out / "layout.md", layout_table(laid).encode())
    write_csv(found.rows, out / "grid.csv")
    write_csv(means, out / "table.csv")
    write_atomically(out / "table.md", table.encode())
    say(table)
    if plottable(means):
        plot_tradeoff(means, out / "plot.png")
    if found.kept:
        contact_sheet(found.kept, out / "sheet.png")
    return found.rows
