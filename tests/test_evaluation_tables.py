"""Means, the table with its conventions, CSV."""
import csv
import math

import pytest

from dynjax.evaluation import conventions, format_table, mean_rows, write_csv

VALUES = dict(psnr_y=31.0, ssim_rgb=0.8, ssim_y=0.9, lpips_alex=0.25, lpips_vgg=0.5)


def row(image, method, psnr, alpha=(None, None), **values):
    return {"image": image, "method": method, "alpha_fidelity": alpha[0], "alpha_perceptual": alpha[1],
            "psnr_rgb": psnr, **VALUES, **values}


@pytest.fixture
def rows():
    return [row("a", "bicubic", 20.0), row("a", "tunable", 30.0, (1.0, 0.0)), row("a", "tunable", 28.0, (0.5, 0.5)),
            row("b", "bicubic", 23.0), row("b", "tunable", 32.5, (1.0, 0.0)),
            row("b", "tunable", math.inf, (0.5, 0.5))]


def test_means_are_over_the_pictures_of_each_method_and_alpha(rows):
    rows[3]["lpips_alex"] = math.nan   # too small a picture: not in the mean
    rows[3]["lpips_vgg"] = 1.0
    means = mean_rows(rows)
    assert [(mean["method"], mean["alpha_fidelity"], mean["images"]) for mean in means] == [
        ("bicubic", None, 2), ("tunable", 1.0, 2), ("tunable", 0.5, 2)]
    assert [mean["psnr_rgb"] for mean in means] == [21.5, 31.25, math.inf]   # (20 + 23) / 2, (30 + 32.5) / 2
    assert means[0]["lpips_alex"] == 0.25 and means[0]["lpips_vgg"] == 0.75
    assert "image" not in means[0]


def test_the_mean_of_no_values_is_not_a_number(rows):
    for each in rows:
        each["ssim_y"] = math.nan
    assert all(math.isnan(mean["ssim_y"]) for mean in mean_rows(rows))
    cells = format_table(mean_rows(rows)).splitlines()[2].split("|")
    assert [cell.strip() for cell in cells[6:9]] == ["0.8000", "-", "0.2500"]


def test_the_table_is_aligned_and_shows_infinity(rows):
    text = format_table(mean_rows(rows), ["First sentence.", "Second."])
    lines = text.splitlines()
    assert lines[:3] == ["- First sentence.", "- Second.", ""]
    assert lines[3].split("|")[1:-1] == [
        " method  ", " alpha fidelity ", " alpha perceptual ", " PSNR RGB ", " PSNR Y ", " SSIM RGB ", " SSIM Y ",
        " LPIPS AlexNet ", " LPIPS VGG "]
    assert len({len(line) for line in lines[3:]}) == 1 and len(lines) == 8
    assert [cell.strip() for cell in lines[5].split("|")[1:-1]] == [
        "bicubic", "", "", "21.50", "31.00", "0.8000", "0.9000", "0.2500", "0.5000"]
    assert [cell.strip() for cell in lines[7].split("|")[1:5]] == ["tunable", "0.5", "0.5", "inf"]


def test_the_conventions_stand_in_the_header(rows):
    text = "\n".join(conventions(rows, border=4))
    for part in ("each of 2 pictures", "4 pixels cut off every side", "8 bits", "Y of BT.601", "higher is better",
                 "LPIPS 0.1", "AlexNet", "VGG16", "lower is better", "There is no NIQE", "--niqe",
                 "PSNR RGB is inf where"):
        assert part in text, part
    assert "no value" not in text and "left out" not in text and "mirror image" not in text
    text = "\n".join(conventions(rows, border=4, padded=["b"]))
    assert "inputs of 1 of 2 pictures" in text and "mirror image" in text


def test_the_header_names_what_has_no_value_and_what_was_left_out(rows):
    for each in rows:
        each["niqe"] = math.nan if each["image"] == "b" else 5.0
    text = "\n".join(conventions(rows, border=0, left_out=["tiny"]))
    assert "NIQE has no value for 1 of 2 pictures (b)" in text
    assert "1 picture could not be read or used and is left out: tiny." in text
    assert "2 pictures could not be read or used and are left out: a, b." in conventions(rows, border=0,
                                                                                         left_out=["a", "b"])[-1]
    alone = "\n".join(conventions([row for row in rows if row["image"] == "b"], border=0, padded=["b"]))
    assert "NIQE has no value for 1 of 1 picture (b)" in alone and "1 of 1 picture, those" in alone
    assert "There is no NIQE" not in text
    assert [mean["niqe"] for mean in mean_rows(rows)] == [5.0, 5.0, 5.0]


def test_csv_has_a_column_a_key(rows, tmp_path):
    rows[0]["image"] = "with, comma"
    rows[1]["psnr_rgb"] = 30.123456789
    write_csv(rows, tmp_path / "grid.csv")
    with (tmp_path / "grid.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == ["image", "method", "alpha_fidelity", "alpha_perceptual", "psnr_rgb", "psnr_y", "ssim_rgb",
                             "ssim_y", "lpips_alex", "lpips_vgg"]
    assert read[0]["image"] == "with, comma" and read[0]["alpha_fidelity"] == ""
    assert (read[1]["psnr_rgb"], read[1]["alpha_fidelity"], read[5]["psnr_rgb"]) == ("30.12346", "1", "inf")
