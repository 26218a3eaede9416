"""What alpha does to a picture, of blocks whose effect is known."""
import csv

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet
from dynjax.evaluation import measure_appearance, report_appearance
from dynjax.files import read_picture
from dynjax.tasks import Style


class Same(nn.Module):
    """Leaves a picture as it is."""

    def __call__(self, x):
        return x


class Two(nn.Module):
    """Two layers that change nothing."""

    @nn.compact
    def __call__(self, x):
        return Same(name="last")(Same(name="first")(x))


class Redden(nn.Module):
    """psi(z): more red."""

    def __call__(self, z):
        return jnp.zeros_like(z).at[..., 0].set(0.1)


class Fade(nn.Module):
    """psi(z): half of what a picture has above its mean, taken away."""

    def __call__(self, z):
        return -0.5 * (z - z.mean((1, 2, 3), keepdims=True))


PICTURE = 0.5 + 0.2 * np.random.default_rng(0).uniform(-1, 1, (40, 44, 3)).astype(np.float32)

NOTHING = {"params": {"main": {}, "blocks": {"first": {}, "last": {}}}}


@pytest.fixture
def net():
    return DynamicNet(Two(), before={"first": Redden(), "last": Fade()})


def row(rows, blocks, alpha):
    return next(row for row in rows if row["blocks"] == blocks and row["alpha_all"] == alpha)


def test_blocks_are_told_apart_by_what_they_do(net):
    rows, first = measure_appearance(net, NOTHING, Style(), [("noise", PICTURE)], [0, 1], progress=False)
    assert len(rows) == 3 * 2 and set(first) == {"all", "first", "last"} and first["last"].shape == (2, 40, 44, 3)
    start, red, fade = row(rows, "all", 0), row(rows, "first", 1), row(rows, "last", 1)
    assert start["colour"] == pytest.approx(0, abs=1e-3) and start["structure"] == pytest.approx(1)
    assert red["colour"] > 5 and red["structure"] == pytest.approx(1, abs=1e-4)
    assert red["detail 2-5 px"] == pytest.approx(0, abs=1e-4)
    # Half the contrast is 6.02 dB less at every scale, the same edges and the same grain.
    for octave in ("detail 2-5 px", "detail 20-40 px"):
        assert fade[octave] == pytest.approx(20 * np.log10(0.5), abs=1e-3)
    assert fade["structure"] == pytest.approx(1, abs=1e-4)
    assert fade["texture"] == pytest.approx(start["texture"], rel=1e-3)


def test_clipped_is_the_share_of_values_outside(net):
    bright = np.full((40, 44, 3), 0.95, np.float32)
    rows, _ = measure_appearance(net, NOTHING, Style(), [("bright", bright)], [0, 1], progress=False)
    assert row(rows, "first", 1)["clipped"] == pytest.approx(1 / 3)          # red is 1.05
    assert np.isnan(row(rows, "first", 1)["structure"])                      # flat


def test_the_files(net, tmp_path, capsys):
    pictures = [("noise", PICTURE), ("more", PICTURE[::-1])]
    report_appearance(net, NOTHING, Style(), pictures, [-0.5, 0, 0.5], out=tmp_path, progress=False)
    table = (tmp_path / "appearance.md").read_text()
    assert table.strip() in capsys.readouterr().out
    assert "Means over 2 pictures" in table and "| last   |  -0.5 |" in table
    with open(tmp_path / "appearance.csv") as file:
        assert len(list(csv.DictReader(file))) == 2 * 3 * 3
    assert read_picture(tmp_path / "blocks.png").shape[0] > 3 * 40
