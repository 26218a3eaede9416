"""The best alpha of each picture, on numbers small enough to do by hand."""
import csv

import numpy as np
import pytest
from PIL import Image

from dynjax.evaluation import choose_alpha, metric_curves, report_choice

# LPIPS of four pictures at alpha 0, 0.5 and 1; the best are 0.5, 1, 0.5 and 0. PSNR prefers 1 everywhere.
LPIPS = np.array([[0.3, 0.1, 0.2], [0.3, 0.2, 0.1], [0.4, 0.1, 0.3], [0.1, 0.2, 0.4]])
PSNR = np.array([[20, 21, 22], [20, 21, 23], [20, 21, 24], [20, 21, 25.0]])
ALPHAS = (0.0, 0.5, 1.0)


def rows_of(lpips=LPIPS, blocks=3):
    rows = []
    for index in range(len(lpips)):
        rows.append({"image": f"p{index}", "method": "floor", **{f"alpha_{block}": None for block in range(blocks)},
                     "psnr_rgb": 1.0, "lpips_alex": 9.0, "sharpness": 1.0})
        for place in (2, 0, 1):   # the order of the points does not matter
            rows.append({"image": f"p{index}", "method": "tunable",
                         **{f"alpha_{block}": ALPHAS[place] for block in range(blocks)},
                         "psnr_rgb": PSNR[index, place], "lpips_alex": lpips[index, place], "sharpness": 1.0})
    return rows


def test_the_curves_are_in_order_and_without_baselines():
    curves = metric_curves(rows_of())
    np.testing.assert_array_equal(curves.alphas, ALPHAS)
    np.testing.assert_array_equal(curves.values["lpips_alex"], LPIPS)
    assert curves.images == ["p0", "p1", "p2", "p3"] and list(curves.values) == ["psnr_rgb", "lpips_alex", "sharpness"]


def test_the_best_alphas_by_hand():
    choice = choose_alpha(metric_curves(rows_of()), "lpips_alex")
    np.testing.assert_array_equal(choice.best, [0.5, 1, 0.5, 0])
    assert choice.common == 0.5 and choice.inside == 0.5
    assert choice.values == pytest.approx({"first": 0.275, "last": 0.25, "common": 0.15, "chosen": 0.1})
    # Halves p0, p2 and p1, p3: the former's best is 0.5 (0.1), the latter's 0 and 0.5 (0.2 each), of which 0 is first.
    gains = choice.gains["lpips_alex"]
    assert gains == pytest.approx({"common": (0.3 + 0.2 + 0.4 + 0.2) / 4, "chosen": 0.1, "better": 1.0})
    # Judged by PSNR: the own alphas have 21, 23, 21, 20; the others' 20, 21, 20, 21.
    assert choice.gains["psnr_rgb"] == pytest.approx({"common": 20.5, "chosen": 21.25, "better": 0.75})


def test_of_metrics_that_should_be_high_the_highest_is_best():
    choice = choose_alpha(metric_curves(rows_of()), "psnr_rgb")
    np.testing.assert_array_equal(choice.best, [1, 1, 1, 1])
    assert choice.inside == 0 and choice.best.var() == 0 and choice.gains["psnr_rgb"]["better"] == 0


def test_pictures_without_a_value_are_left_out():
    lpips = LPIPS.copy()
    lpips[1, 2] = np.nan
    choice = choose_alpha(metric_curves(rows_of(lpips)), "lpips_alex")
    assert choice.images == ["p0", "p2", "p3"]
    np.testing.assert_array_equal(choice.best, [0.5, 0.5, 0])


def test_the_report_has_text_rows_and_a_plot(tmp_path):
    text = report_choice(rows_of(), ("lpips_alex",), tmp_path)
    assert "| LPIPS AlexNet |            0.500 |   0.1250 |    50% |" in text
    assert "| PSNR RGB      |   20.00 |   23.50 |                        1.000 |" in text
    with (tmp_path / "choice.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert read[1] == {"image": "p1", "best_alpha_lpips_alex": "1", "lpips_alex_first": "0.3", "lpips_alex_best": "0.1",
                       "lpips_alex_last": "0.1"}
    assert Image.open(tmp_path / "choice.png").width > 300


def test_two_numbers_that_sum_to_one_are_a_line():
    rows = [{"image": "p", "method": "tunable", "alpha_a": 1 - alpha, "alpha_b": alpha, "lpips_alex": value}
            for alpha, value in ((0.0, 0.3), (0.5, 0.2), (1.0, 0.1))]
    assert choose_alpha(metric_curves(rows), "lpips_alex").best.tolist() == [0.0]   # of the first number


def test_what_cannot_be_chosen_is_told():
    curves = metric_curves(rows_of())
    with pytest.raises(ValueError, match="the metric 'sharpness'; wanted one of psnr_rgb, lpips_alex"):
        choose_alpha(curves, "sharpness")
    with pytest.raises(ValueError, match="no picture with finite values of lpips_alex"):
        choose_alpha(metric_curves(rows_of(np.full((2, 3), np.nan))), "lpips_alex")
    with pytest.raises(ValueError, match="wanted 2 or more, the same for every picture"):
        metric_curves(rows_of()[:-1])
    grid = [{"image": "p", "method": "tunable", "alpha_0": a, "alpha_1": b, "alpha_2": 0.0, "l1": 0.1}
            for a in (0.0, 1.0) for b in (0.0, 1.0)]
    with pytest.raises(ValueError, match="there is no line along which"):
        metric_curves(grid)
