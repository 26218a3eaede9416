"""What is put beside a tuned network from the command line: model files of ordinary networks."""
import jax
import numpy as np
import pytest
from PIL import Image

import dynjax
from dynjax.evaluation.fixed_models import fixed_model, fixed_models


@pytest.fixture
def run(tmp_path):
    """A run's folder with an ordinary network, beside files that are no models and one that takes alpha."""
    net, x = dynjax.networks.EDSR(features=4, blocks=1), np.zeros((1, 8, 8, 3), np.float32)
    (tmp_path / "light").mkdir()
    dynjax.save(tmp_path / "light" / "model.safetensors", net, net.init(jax.random.key(0), x))
    tunable = dynjax.Tunable(net, alpha=("a", "b"))
    dynjax.save(tmp_path / "tunable.safetensors", tunable, tunable.init(jax.random.key(0), x, np.ones(2)))
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_network_is_named_by_the_user_by_its_run_or_by_its_file(run):
    for text, name in ((f"2e4={run}/light/model.safetensors", "2e4"), (f"{run}/light/model.safetensors", "light"),
                       (f"{run}/light", "light"), (f"a={run}/light", "a")):
        found = fixed_model(text)
        assert found.name == name and found.net == dynjax.networks.EDSR(features=4, blocks=1) and found.alpha is None
        assert "params" in found.variables


def test_a_network_knows_the_one_alpha_it_was_trained_for(run):
    net, x = dynjax.networks.EDSR(features=4, blocks=1), np.zeros((1, 8, 8, 3), np.float32)
    for sampler, alpha in (("[[0.5, 0.5]]", [0.5, 0.5]), ("[[0, 1], [1, 0]]", None), ("simplex", None)):
        dynjax.save(run / "fixed.safetensors", net, net.init(jax.random.key(0), x),
                    card={"sampling": {"sampler": sampler, "names": ["a", "b"]}})
        found = fixed_model(str(run / "fixed.safetensors")).alpha
        assert found is None if alpha is None else found.tolist() == alpha


def test_an_alpha_of_other_names_is_none_of_ours(run):
    net, x = dynjax.networks.EDSR(features=4, blocks=1), np.zeros((1, 8, 8, 3), np.float32)
    dynjax.save(run / "listed.safetensors", net, net.init(jax.random.key(0), x),
                card={"sampling": {"sampler": [[1.0, 0.0]], "names": ["a", "b"]}})
    path = str(run / "listed.safetensors")
    assert [each.alpha is None for each in fixed_models([path], alpha=("b", "a"))] == [True]
    assert fixed_models([path], alpha=("a", "b"))[0].alpha.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("names", "said"), [
    (["light/model.safetensors", "light"], "'light' the name 'light', which another row has; wanted a name of its own"),
    (["tunable=light"], "the name 'tunable'")])
def test_two_networks_of_one_name_are_told(run, monkeypatch, names, said):
    monkeypatch.chdir(run)
    with pytest.raises(ValueError, match=said):
        fixed_models(names, taken=("tunable",))


@pytest.mark.parametrize(("name", "said"), [
    ("a=nowhere.safetensors", "there is no file .*nowhere.safetensors.; wanted PATH or NAME=PATH"),
    ("a=empty", "there is no file .*empty/model.safetensors"), ("a=", "there is no file ''"),
    ("a=picture.png", "--fixed names .*picture.png', which is no model: .*content is of no kind that is known"),
    ("a=tunable.safetensors", "holds a Tunable; wanted an ordinary network")])
def test_what_is_no_ordinary_network_is_told(run, monkeypatch, name, said):
    monkeypatch.chdir(run)
    with pytest.raises(ValueError, match=said):
        fixed_model(name)
