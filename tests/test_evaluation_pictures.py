"""The plot, the contact sheet and the row of pictures."""
import math

import numpy as np
import pytest

from dynjax.evaluation import Picture, alpha_row, contact_sheet, plot_tradeoff
from dynjax.evaluation.drawing import spread
from dynjax.evaluation.restoration.plot import _numbers, _on_a_line
from dynjax.files import read_picture


def row(method, psnr=30.0, lpips=0.2, **alpha):
    return {"method": method, **{f"alpha_{name}": value for name, value in alpha.items()}, "psnr_rgb": psnr,
            "lpips_alex": lpips, "lpips_vgg": lpips + 0.1, "images": 2}


def is_mostly(image, colour):
    return (abs(image.reshape(-1, 3).astype(int) - colour) < 8).all(1)


@pytest.mark.parametrize("alphas", [[(1, 0), (0.5, 0.5), (0, 1)], [(0, 0), (0, 1), (1, 0), (1, 1)], [(0.5,)]])
def test_the_plot_shows_the_curve_and_the_floor(alphas, tmp_path):
    points = [row("tunable", 30 - index, 0.3 - 0.05 * index, **dict(zip("ab", alpha, strict=False)))
              for index, alpha in enumerate(alphas)]
    plot_tradeoff([row("bicubic", 26, 0.4, a=None), *points], tmp_path / "plot.png")
    image = read_picture(tmp_path / "plot.png")
    assert image.shape[0] > 400 and image.shape[1] > 800
    assert is_mostly(image, (31, 119, 180)).sum() > 50    # tab:blue: the model
    assert is_mostly(image, (255, 127, 14)).sum() > 100   # tab:orange: the floor


def test_the_plot_has_a_panel_for_each_lpips_that_was_measured(tmp_path):
    both = [row("tunable", 30, 0.2, a=1.0), row("tunable", 28, 0.1, a=0.0)]
    alexnet_only = [{name: value for name, value in each.items() if name != "lpips_vgg"} for each in both]
    plot_tradeoff(both, tmp_path / "one.png")
    (tmp_path / "both.png").hardlink_to(tmp_path / "one.png")   # another name of the old file, which stays as it is
    plot_tradeoff(alexnet_only, tmp_path / "one.png")
    assert read_picture(tmp_path / "both.png").shape[1] == 2 * read_picture(tmp_path / "one.png").shape[1]
    assert is_mostly(read_picture(tmp_path / "one.png"), (31, 119, 180)).any()


def test_the_plot_leaves_out_what_is_not_finite(tmp_path):
    means = [row("bicubic", lpips=math.nan, a=None), row("tunable", math.inf, a=1.0),
             row("tunable", 30, math.nan, a=0.0)]
    plot_tradeoff(means, tmp_path / "plot.png")
    image = read_picture(tmp_path / "plot.png")
    assert not is_mostly(image, (31, 119, 180)).any() and not is_mostly(image, (255, 127, 14)).any()


def test_points_are_labelled_by_as_few_numbers_as_tell_them_apart():
    assert _numbers(row("tunable", a=0.75, b=0.25)) == "0.75"
    assert _numbers(row("tunable", a=0.75, b=0.5)) == "0.75, 0.5"
    assert _on_a_line([[0.2], [3.0]]) and not _on_a_line([[1, 0], [1, 1]])
    assert spread(5, 7) == [0, 1, 2, 3, 4] and spread(9, 7) == [0, 2, 4, 6, 8] and spread(0, 7) == []


def picture(height, width, factor, points):
    target = np.full((height, width, 3), 200, np.uint8)
    target[height // 2, width // 2] = (255, 0, 0)
    outputs = np.stack([np.full_like(target, 10 * index) for index in range(points)])
    rows = [row("bicubic", a=None)] + [row("tunable", a=index / points) for index in range(points)]
    return Picture("name", rows, target[::factor, ::factor], target, {"bicubic": target}, outputs)


def test_the_sheet_has_a_column_for_each_of_input_floor_alpha_and_target(tmp_path):
    contact_sheet([picture(300, 200, 4, 3), picture(64, 64, 4, 3)], tmp_path / "sheet.png")
    sheet = read_picture(tmp_path / "sheet.png")
    # Six columns of 256 pixels (128 twice, 64 four times), gaps of 10; labels below the two rows.
    assert sheet.shape[1] == 6 * 256 + 7 * 10
    assert 2 * 256 < sheet.shape[0] < 2 * 256 + 250
    cell = lambda column: sheet[10:10 + 256, 10 + column * 266:10 + column * 266 + 256]
    for index in range(3):
        assert (cell(2 + index) == 10 * index).all()
    # The red pixel in the middle of the target is enlarged as it is, to 2 x 2 sharp pixels.
    assert is_mostly(cell(5), (255, 0, 0)).sum() == 4
    assert (sheet[10:10 + 256, 266:276] == 255).all()
    assert (sheet[10 + 256:10 + 256 + 30, 10:100] < 100).any()   # a label


def test_of_many_points_seven_are_shown_with_both_ends(tmp_path):
    contact_sheet([picture(256, 256, 4, 25)], tmp_path / "sheet.png")
    sheet = read_picture(tmp_path / "sheet.png")
    shades = [int(sheet[20, 20 + column * 266, 0]) for column in range(10)]
    assert shades == [200, 200, 0, 40, 80, 120, 160, 200, 240, 200]


def test_grey_pictures_and_unequal_sizes_make_a_row(tmp_path):
    images = [np.full((64, 40, 1), 0.5, np.float32), np.full((30, 300, 1), 1.5, np.float32)]
    alpha_row(images, ["a", "b\nsecond line"], tmp_path / "row.png")
    image = read_picture(tmp_path / "row.png")
    assert (image[10:266, 10:170] == 128).all()            # 64 x 40, four times; 127.5 rounds to even
    assert image.shape[1] == 10 + 160 + 10 + 300 + 10
    assert image.shape[0] > 266 + 30


def test_a_row_needs_one_label_a_picture_and_finite_values(tmp_path):
    with pytest.raises(ValueError, match="2 pictures and 1 labels"):
        alpha_row(np.zeros((2, 8, 8, 3)), ["a"], tmp_path / "row.png")
    with pytest.raises(ValueError, match="not finite"):
        alpha_row(np.full((1, 8, 8, 3), np.nan), ["a"], tmp_path / "row.png")
