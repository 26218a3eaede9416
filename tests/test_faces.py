"""The experiment on faces: its two phases, what may be asked of its model, its sources, and mistakes in its config."""
import csv
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import dynjax
from configs.faces_dynamic import get_config
from dynjax.evaluation import measure_run
from dynjax.training import loop, train

Z = np.asarray(jax.random.normal(jax.random.key(9), (3, 100)))


def small(preset="smoke", **data):
    """The preset with networks of a few channels and two steps a phase."""
    config = get_config(preset)
    config.update(dict(network=dict(features=2), critic=dict(features=2), batch_size=2, preview_every=0, data=data,
                       phases=dict(main=dict(steps=2), blocks=dict(steps=2))))
    config.evaluation.update(alphas=3, inputs=3)
    return config


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder of a run of both phases, the states in which its phases began, the tree after the first one)."""
    folder, begun, original = tmp_path_factory.mktemp("faces"), [], loop.initial_state
    with pytest.MonkeyPatch.context() as patch:
        noted = lambda *args, **kwargs: begun.append(original(*args, **kwargs)) or begun[-1]
        patch.setattr(loop, "initial_state", noted)
        assert train(small(), folder) == 0
    config = small()
    config.phases.names = ("main",)
    assert train(config, folder / "main") == 0
    return folder, begun, dynjax.load(folder / "main" / "model.safetensors")[1]


def test_the_second_phase_leaves_the_generator_and_its_statistics_bit_for_bit(run):
    folder, begun, first = run
    _, second = dynjax.load(folder / "model.safetensors")
    assert same(first["params"]["main"], second["params"]["main"])
    assert same(first["batch_stats"], second["batch_stats"])
    assert not same(first["params"]["blocks"], second["params"]["blocks"])
    fresh = begun[0].rest["batch_stats"]
    assert not same(fresh, second["batch_stats"])   # the first phase did follow them


def test_each_phase_has_a_critic_of_its_own(run):
    first, second = run[1]
    assert not same(first.critic["params"]["conv0"], second.critic["params"]["conv0"])
    assert all((np.asarray(norm["mean"]) == 0).all() for norm in second.critic["batch_stats"].values())
    assert all((np.asarray(leaf) == 0).all() for leaf in jax.tree.leaves(second.critic_optimizer[0]))


def test_alpha_0_is_the_plain_generator_and_no_face_depends_on_its_batch(run):
    net, variables = dynjax.load(run[0] / "model.safetensors")
    main = {name: tree["main"] for name, tree in variables.items()}
    plain = jax.jit(dynjax.networks.DCGANGenerator(features=2, size=32).apply)
    apply = jax.jit(net.apply)
    np.testing.assert_array_equal(apply(variables, Z, 0.0), plain(main, Z))
    # The block starts close to zero: its last layer is made larger, so that alpha shows.
    block = variables["params"]["blocks"]["layer2"]
    block["conv2"] = jax.tree.map(lambda leaf: leaf + 0.5, block["conv2"])
    together = apply(variables, Z, 1.0)
    assert np.abs(together - plain(main, Z)).max() > 1e-3
    for index in range(3):
        np.testing.assert_allclose(apply(variables, Z[index:index + 1], 1.0), together[index:index + 1], atol=1e-6)
    each = apply(variables, Z, jnp.array([[0.0], [1.0], [0.5]]))
    np.testing.assert_allclose(each[1], together[1], atol=1e-6)


def test_the_evaluation_measures_hair_and_smile(run, capsys):
    measure_run(small(), workdir=run[0])
    with open(run[0] / "evaluation/attributes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["input", "alpha_layer2", "hair", "smile", "distance", "variety"] and len(rows) == 3 * 3
    assert "made alone and made among others" in capsys.readouterr().out


@pytest.fixture
def celeba(tmp_path):
    """The preset paper, narrow, for a folder laid out like CelebA's: six pictures of 178 x 218."""
    names = [f"{index:06d}.jpg" for index in range(1, 7)]
    (tmp_path / "img_align_celeba").mkdir()
    for index, name in enumerate(names):
        picture = np.random.default_rng(index).integers(0, 256, (218, 178, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / "img_align_celeba" / name)
    (tmp_path / "list_attr_celeba.txt").write_text("6\nBlond_Hair Male\n" + "".join(
        f"{name} {1 if index % 2 else -1:2d} -1\n" for index, name in enumerate(names)))
    (tmp_path / "list_eval_partition.txt").write_text("".join(f"{name} {index // 4}\n" for index, name in
                                                              enumerate(names)))
    config = small("paper", source=f"celeba:{tmp_path}", threads=0)
    config.evaluation.source = f"celeba:{tmp_path}"
    config.phases.main.steps = config.phases.blocks.steps = 1
    return config


@pytest.mark.slow
def test_celeba_by_the_paper_s_preset(celeba, tmp_path):
    """One step a phase; pictures cut to 108 and reduced to 64."""
    assert (celeba.optimizer.learning_rate, celeba.optimizer.beta1, celeba.optimizer.beta2) == (2e-4, 0.5, 0.999)
    assert train(celeba, tmp_path / "run") == 0
    net, variables = dynjax.load(tmp_path / "run" / "model.safetensors")
    assert net.apply(variables, Z, 1.0).shape == (3, 64, 64, 3)
    measure_run(celeba, workdir=tmp_path / "run")   # nothing is known of their hair
    assert "No measure of an attribute is known" in (tmp_path / "run/evaluation/attributes.md").read_text()


def test_attributes_of_celeba_that_are_not_there(celeba, tmp_path):
    celeba.phases.blocks.data.attribute = "Blonde_Hair"
    with pytest.raises(ValueError, match=r"no attribute 'Blonde_Hair'; did you mean .* there are: Blond_Hair, Male"):
        train(celeba, tmp_path / "other")
    celeba.phases.blocks.data.attribute = "Blond_Hair=1,Male=1"
    with pytest.raises(ValueError, match=r"none of .* has Blond_Hair=1,Male=1; take away a condition or change a sign"):
        train(celeba, tmp_path / "other")


def test_faces_of_an_npz_file_by_the_preset_happiness(tmp_path):
    """Grey ones of 32 pixels; one a device, and one to evaluate."""
    streams = []
    for index in range(10):
        stream = io.BytesIO()
        Image.fromarray(np.random.default_rng(index).integers(0, 256, (32, 32), np.uint8)).save(stream, "JPEG")
        streams.append(np.frombuffer(stream.getvalue(), np.uint8))
    np.savez(tmp_path / "faces.npz", jpeg=np.concatenate(streams), offsets=np.cumsum([0, *map(len, streams)]),
             attributes=np.eye(2, dtype=np.int8)[[0, 1] * 5], attribute_names=["neutral", "happiness"],
             split=np.zeros(10, np.int8))
    config = small("happiness", source=f"faces:{tmp_path}/faces.npz", size=32, patch_size=32)
    config.network.size = config.critic.size = 32
    config.batch_size, config.evaluation.inputs = jax.local_device_count(), 1
    assert train(config, tmp_path / "run") == 0
    measure_run(config, workdir=tmp_path / "run")
    table = (tmp_path / "run/evaluation/attributes.md").read_text()
    assert "one fixed input" in table and "| happiness |" in table
    config.evaluation.judge = "forest"
    with pytest.raises(ValueError, match=r"evaluation\.judge is 'forest'; wanted 'linear'"):
        measure_run(config, workdir=tmp_path / "run")


def test_sizes_that_differ_and_alphas_that_are_missing_are_told(run, tmp_path):
    config = small()
    config.network.size = 16
    with pytest.raises(ValueError, match=r"got images of 16 x 16; wanted 32 x 32\. Set size"):
        train(config, tmp_path)
    net, variables = dynjax.load(run[0] / "model.safetensors")
    two = dynjax.DynamicNet(net.main, after={"layer1": dynjax.TuningBlock(), "layer2": dynjax.TuningBlock()})
    main = {name: tree["main"] for name, tree in variables.items()}
    tree = two.from_base(main, jax.random.key(0), Z)
    with pytest.raises(ValueError, match="layer2"):
        two.apply(tree, Z, {"layer1": 1.0})
    with pytest.raises(ValueError, match="preset is 'papers'"):
        get_config("papers")
