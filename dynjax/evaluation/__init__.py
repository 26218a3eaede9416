"""Tables, plots and contact sheets over a grid of alpha."""
from dynjax.evaluation.measure import Measurement, Picture, measure
from dynjax.evaluation.plot import plot_tradeoff
from dynjax.evaluation.points import alpha_points
from dynjax.evaluation.report import evaluate
from dynjax.evaluation.sheet import alpha_row, contact_sheet
from dynjax.evaluation.tables import conventions, format_table, mean_rows, write_csv

__all__ = ["Measurement", "Picture", "alpha_points", "alpha_row", "contact_sheet", "conventions", "evaluate",
           "format_table", "mean_rows", "measure", "plot_tradeoff", "write_csv"]
