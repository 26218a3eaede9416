"""From a model and pictures to the files of an evaluation."""
from pathlib import Path

from dynjax.evaluation.choice_report import report_choice
from dynjax.evaluation.measure import measure
from dynjax.evaluation.plot import plot_tradeoff
from dynjax.evaluation.sheet import contact_sheet
from dynjax.evaluation.sizes import EXACT_SIZES
from dynjax.evaluation.tables import conventions, format_table, mean_rows, write_csv
from dynjax.files import write_atomically


def evaluate(tunable, variables, task, images, *, alphas, out, niqe_statistics=None, seed=0, chunk=None,
             exact_sizes=EXACT_SIZES, sheet_pictures=4, choose=(), progress=True):
    """Measures a tunable model over a grid of alpha, prints the table and writes the files of an evaluation.

    Into `out` go grid.csv (every picture and point of alpha), table.csv (means over the pictures), table.md (the
    same with its conventions above), plot.png (PSNR against LPIPS) and sheet.png (a contact sheet).

    Args:
      tunable, variables, task, images, alphas [A, P], niqe_statistics, seed, chunk, exact_sizes, progress: as for
        `measure`.
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
    found = measure(tunable, variables, task, images, alphas, niqe_statistics=niqe_statistics, seed=seed, chunk=chunk,
                    keep=sheet_pictures, exact_sizes=exact_sizes, progress=progress)
    means = mean_rows(found.rows)
    header = conventions(found.rows, border=task.border, padded=found.padded, left_out=found.left_out,
                         judged=task.judged)
    table = format_table(means, header)
    if choose:
        table += "\n" + report_choice(found.rows, choose, out)
    write_csv(found.rows, out / "grid.csv")
    write_csv(means, out / "table.csv")
    write_atomically(out / "table.md", table.encode())
    print(table)
    plot_tradeoff(means, out / "plot.png")
    if found.kept:
        contact_sheet(found.kept, out / "sheet.png")
    return found.rows
