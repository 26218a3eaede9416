"""Tables, plots and contact sheets over a grid of alpha; the space of the objectives; attributes of what is made."""
from dynjax.evaluation.analysis.appearance import measure_appearance, report_appearance
from dynjax.evaluation.analysis.kernels import Kernels, report_kernels, tuned_kernels
from dynjax.evaluation.attributes.measure import Attributes, attribute_figures, measure_attributes
from dynjax.evaluation.attributes.report import report_attributes
from dynjax.evaluation.pareto.fronts import (
    convex_area,
    distance_to_curve,
    hypervolume,
    monotonicity,
    nearest_alpha,
    sign_changes,
)
from dynjax.evaluation.pareto.objective_plane import Plane, figures, objective_plane
from dynjax.evaluation.pareto.objective_plot import plot_objectives
from dynjax.evaluation.pareto.objective_report import report_objectives
from dynjax.evaluation.pareto.objective_space import ObjectiveSpace, Points, measure_objectives
from dynjax.evaluation.pareto.product import Product, product_grid
from dynjax.evaluation.restoration.choice import Choice, Curves, choose_alpha, metric_curves
from dynjax.evaluation.restoration.choice_report import report_choice
from dynjax.evaluation.restoration.measure import Measurement, Picture, measure
from dynjax.evaluation.restoration.plot import plot_tradeoff
from dynjax.evaluation.restoration.report import evaluate
from dynjax.evaluation.rows import picture_rows
from dynjax.evaluation.run import measure_run
from dynjax.evaluation.sheet import alpha_row, alpha_rows, contact_sheet
from dynjax.evaluation.tables import conventions, format_table, mean_rows, write_csv

__all__ = ["Attributes", "Choice", "Curves", "Kernels", "Measurement", "ObjectiveSpace", "Picture", "Plane", "Points",
           "Product", "alpha_row", "alpha_rows", "attribute_figures", "choose_alpha", "contact_sheet",
           "conventions", "convex_area", "distance_to_curve", "evaluate", "figures", "format_table", "hypervolume",
           "mean_rows", "measure", "measure_appearance", "measure_attributes", "measure_objectives", "measure_run",
           "metric_curves",
           "monotonicity", "nearest_alpha", "objective_plane", "picture_rows", "plot_objectives", "plot_tradeoff",
           "product_grid", "report_appearance", "report_attributes", "report_choice", "report_kernels",
           "report_objectives", "sign_changes", "tuned_kernels", "write_csv"]
