"""Figures of matplotlib as files: the same whatever a session has set for its own, and without a window."""
import functools
import importlib
import io
import os
import sys

from dynjax.files import write_atomically

MOST_LABELS = 7   # along a curve


def draws(function):
    """Makes a function draw with matplotlib's defaults: a style, TeX or a backend that was set are of other figures.

    Afterwards all is as it was set.
    """
    @functools.wraps(function)
    def drawn(*args, **kwargs):
        _import()
        from matplotlib import style

        with style.context("default"):
            return function(*args, **kwargs)
    return drawn


def save_figure(figure, path):
    """Writes a matplotlib Figure as a PNG, in one step; makes missing folders."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    numbers = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
               for label in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        # Names are not formulas, though they may have dollars in them; powers of ten on an axis are.
        text.set_parse_math(text in numbers)
    picture = io.BytesIO()
    FigureCanvasAgg(figure)   # whatever backend is chosen, which may need a display
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def _import():
    """Imports matplotlib, which refuses to be when MPLBACKEND names a backend that is not here, as that of a notebook
    is not in another environment."""
    try:
        importlib.import_module("matplotlib")
    except ValueError:
        if "MPLBACKEND" not in os.environ:
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]   # half of it is there
        named = os.environ.pop("MPLBACKEND")
        try:
            importlib.import_module("matplotlib")
        finally:
            os.environ["MPLBACKEND"] = named


def spread(count, most):
    """Indices of about `most` of `count` points, evenly spread from the first to the last."""
    step = max(1, -(-(count - 1) // (most - 1)))
    return sorted({*range(0, count, step), count - 1}) if count else []
