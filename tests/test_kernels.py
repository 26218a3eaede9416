"""The kernels along alpha: they lie on a straight line, and layers apart from each other."""
import csv

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import AlphaSpace, Tunable
from dynjax.evaluation import report_kernels
from dynjax.evaluation.analysis.kernels import principal_components, tuned_kernels
from dynjax.files import read_picture


class Three(nn.Module):
    """Three convolutions."""

    @nn.compact
    def __call__(self, x):
        for name in ("head", "body", "tail"):
            x = nn.Conv(3, (3, 3), name=name)(x)
        return x


NET = Tunable(Three(), alpha=("a", "b"))


@pytest.fixture(scope="module")
def variables():
    return NET.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), jnp.ones(2))


def test_kernels_are_those_that_the_network_uses(variables):
    kernels = tuned_kernels(NET, variables, [[1, 0], [0.5, 0.5]])
    assert list(kernels.layers) == ["body", "head", "tail"] and kernels.names == ("a", "b")
    candidates = np.asarray(variables["params"]["kernels"]["body"]["kernel"])      # phi starts as the identity
    np.testing.assert_allclose(kernels.layers["body"][1], candidates.mean(0), atol=1e-6)


def test_two_numbers_that_sum_to_one_move_kernels_along_a_line(variables):
    """An affine map of one free number: one component, its score linear in alpha (the paper's figure 9)."""
    points = AlphaSpace(("a", "b")).sweep(6)
    scores, shares, directions = principal_components(tuned_kernels(NET, variables, points).layers["head"])
    assert shares[0] == pytest.approx(1, abs=1e-9) and directions.shape[1:] == (3, 3, 3, 3)
    steps = np.diff(scores[:, 0])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)


def test_the_files(variables, tmp_path, capsys):
    report_kernels(NET, variables, AlphaSpace(("a", "b")).sweep(5), tmp_path)
    with (tmp_path / "kernels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["body", "head", "tail"] and float(rows[0]["first"]) > 0.999
    assert "the lowest of 3 layers: 1.0000" in capsys.readouterr().out
    assert read_picture(tmp_path / "kernels.png").shape[0] > 400
    assert read_picture(tmp_path / "components.png").shape[0] > 400


def test_what_does_not_move_is_told(variables):
    with pytest.raises(ValueError, match="no kernel of the network changes with alpha"):
        tuned_kernels(NET, variables, [[1, 0], [1, 0]])
