"""Figures are files: what a session has set for windows and pictures of its own neither stops nor changes them."""
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from programs import ROOT

from dynjax.evaluation import alpha_row, plot_tradeoff
from dynjax.evaluation.drawing import draws, save_figure

MEANS = [{"method": method, **alpha, "images": 2, "psnr_rgb": 20.0 + index, "lpips_alex": 0.3 / (index + 1)}
         for index, (method, alpha) in enumerate([("tuned", {"alpha_a": 0.0}), ("tuned", {"alpha_a": 1.0}),
                                                  ("a $ of _x$y", {})])]
# Of a new process: what matplotlib finds when it is first imported.
PROGRAM = """
import os, sys, numpy as np
from pathlib import Path
from dynjax import evaluation
from tests.test_drawing import MEANS
folder = Path(sys.argv[1])
evaluation.{first}
evaluation.{then}
assert "matplotlib.pyplot" not in sys.modules and os.environ.get("MPLBACKEND") == sys.argv[2]
import matplotlib
backend = dict.__getitem__(matplotlib.rcParams, "backend")   # without having one chosen
print(backend if isinstance(backend, str) else None)
"""
ROW = 'alpha_row(np.zeros((2, 16, 16, 3), np.float32), ["a", "b"], folder / "row.png")'
PLOT = 'plot_tradeoff(MEANS, folder / "plot.png")'


@pytest.mark.parametrize(("backend", "first", "left"), [
    ("module://matplotlib_inline.backend_inline", ROW, None),
    ("module://no_such_module", PLOT, "module://no_such_module"),
    ("nonsense", PLOT, "None"), ("TkAgg", ROW, "tkagg"), ("svg", PLOT, "svg"), ("", ROW, "None")])
def test_no_backend_is_needed_and_none_is_changed(tmp_path, backend, first, left):
    environment = {**os.environ, "MPLBACKEND": backend, "PYTHONPATH": f"{ROOT}:{ROOT}/tests", "JAX_PLATFORMS": "cpu"}
    environment.pop("DISPLAY", None)
    program = PROGRAM.format(first=first, then=ROW if first == PLOT else PLOT)
    ended = subprocess.run([sys.executable, "-c", program, tmp_path, backend], env=environment, cwd=ROOT, text=True,
                           capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert left is None or ended.stdout.strip().lower() == left.lower()
    assert all(Image.open(tmp_path / name).width > 40 for name in ("row.png", "plot.png"))


def test_a_style_of_the_session_changes_nothing_and_is_left(tmp_path):
    import matplotlib

    plot_tradeoff(MEANS, tmp_path / "plain.png")
    # Without LaTeX usetex ends every figure; an unknown backend cannot be set here, a known one is left alone.
    given = {"text.usetex": True, "savefig.dpi": 20, "axes.facecolor": "black", "savefig.format": "pdf"}
    with matplotlib.rc_context(given):
        plot_tradeoff(MEANS, tmp_path / "styled.png")
        alpha_row(np.zeros((1, 16, 16, 3), np.float32), ["a"], tmp_path / "row.png")
        assert {name: matplotlib.rcParams[name] for name in given} == given
    np.testing.assert_array_equal(Image.open(tmp_path / "plain.png"), Image.open(tmp_path / "styled.png"))


def test_names_are_not_formulas_and_powers_of_ten_are(tmp_path):
    @draws
    def draw(label, scale):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3, 3))
        axes = figure.subplots()
        axes.plot([1, 1e4], [1, 1e4], label=label)
        axes.set(xscale=scale, yscale=scale, title=label)
        axes.legend()
        save_figure(figure, tmp_path / "figure.png")
        return [text.get_parse_math() for text in axes.get_xticklabels()], axes.title.get_parse_math()

    for label in ("cost $\\frac$", "$1 and $2", "$"):   # the first is no formula, and would end the figure
        assert draw(label, "linear")[1] is False
    assert set(draw("a", "log")[0]) == {True}
