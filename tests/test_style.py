"""Style transfer's losses and training against the authors' program (dynnet_gram, dynnet_phase2)."""
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image

from dynjax.control import DynamicNet, TuningBlock
from dynjax.experiment import Phase
from dynjax.models import pretrained
from dynjax.networks import JohnsonNet
from dynjax.networks.vgg import VGG16
from dynjax.objectives import Gram, build_multi_loss, gram
from dynjax.tasks import Style
from dynjax.training import initial_state, make_step, replicate, shard, unreplicate

CONTENT = {"perceptual": {"layers": ("relu2_2",), "distance": "l2"}}


@pytest.fixture
def narrow_vgg(monkeypatch):
    """Puts a parity file's narrow loss network in the place of VGG16, and its style picture into a file."""
    def install(case, tmp_path):
        widths = tuple(case[f"param/vgg/{index}.bias"].size for index in (0, 5, 10, 17))
        net = lambda layers: VGG16(layers=layers, widths=widths)
        indices = {layer.name: layer.index for layer in net(("relu4_3",)).needed() if layer.channels}
        params = {name: {"kernel": np.float32(case[f"param/vgg/{index}.weight"]).transpose(2, 3, 1, 0),
                         "bias": np.float32(case[f"param/vgg/{index}.bias"])} for name, index in indices.items()}
        for module in ("multi_loss", "style"):
            monkeypatch.setitem(__import__(f"dynjax.objectives.{module}", fromlist=["TRUNKS"]).TRUNKS, "vgg16", net)
            monkeypatch.setattr(f"dynjax.objectives.{module}.trunk_variables", lambda *a, **k: {"params": params})
        Image.fromarray(case["in/style_u8"]).save(tmp_path / "style.png")
        return str(tmp_path / "style.png")
    return install


def test_gram_matrices(parity):
    case = parity("dynnet_gram")
    for index in range(3):
        features = jnp.asarray(case[f"in/feat/{index}"]).transpose(0, 2, 3, 1)
        np.testing.assert_allclose(gram(features), case[f"out/feat_gram/{index}"], rtol=1e-4, atol=1e-6)


def test_one_layer_may_be_given_as_its_name():
    assert Gram("drawn:mosaic", layers="relu1_2") == Gram("drawn:mosaic", layers=["relu1_2"], net="vgg16")
    with pytest.raises(ValueError, match=r"layer_weights has 2 numbers for 1 layers \(relu1_2\)"):
        Gram("drawn:mosaic", layers="relu1_2", layer_weights=(1, 2))


def test_losses_and_their_gradient(parity, narrow_vgg, tmp_path):
    case = parity("dynnet_gram")
    style = narrow_vgg(case, tmp_path)
    for index, wanted in enumerate(Gram(style).constants().values()):
        np.testing.assert_allclose(wanted[0], case[f"out/style_gram/{index}"], rtol=1e-4, atol=1e-6)
    loss = build_multi_loss({
        "content": {"terms": CONTENT}, "style": {"weight": 1e5, "terms": {"gram": {"picture": style}}},
        "weighted": {"terms": {"gram": {"picture": style, "layer_weights": (1, 0.5, 2, 0.25)}}}})
    output, target = (np.float32(case[f"in/{name}_u8"]) / 255 for name in ("output", "content"))
    constants = loss.constants()
    values = jax.jit(loss.values)(constants, jnp.asarray(output), {"target": target}).mean(axis=0)
    np.testing.assert_allclose(values, [case["out/content_loss"], case["out/style_loss"],
                                        case["out/style_loss_weights_1_0.5_2_0.25"]], rtol=1e-4)
    total = lambda output: loss.combine(loss.values(constants, output, {"target": target}), jnp.asarray([1., 1., 0.]))
    value, gradient = jax.jit(jax.value_and_grad(total))(jnp.asarray(output))
    np.testing.assert_allclose(value, case["out/total_1_1e5"], rtol=1e-4)
    # The file differentiates by normalised pictures, ours are in [0, 1].
    wanted = case["out/grad_total_wrt_output"].transpose(0, 2, 3, 1)
    got = np.asarray(gradient) * np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(got, wanted, atol=2e-4 * np.abs(wanted).max())
    with pytest.raises(ValueError, match="layer_weights has 2 numbers for 4 layers"):
        Gram(style, layer_weights=(1, 2))


def test_the_second_phase_of_the_authors(parity, narrow_vgg, tmp_path):
    """Two steps on the blocks alone, through the trainer's own step; the main network does not move at all."""
    case = parity("dynnet_phase2")
    style = narrow_vgg(case, tmp_path)
    blocks = {path: TuningBlock() for path in ("res3", "deconv1", "deconv3")}
    model = DynamicNet(JohnsonNet(widths=(4, 6, 8, 6, 4)), before=blocks)
    variables = pretrained.load(model, {name: array for name, array in case.params().items()
                                        if not name.startswith("vgg/")})
    phase = Phase(
        model=model, task=Style(), trains="params/blocks", alpha_weights_losses=False, group_size=2,
        sampler=lambda key: jnp.ones(3), optimizer=optax.adam(1e-4),
        objectives=build_multi_loss({"content": {"terms": CONTENT},
                                     "style": {"weight": 30.0, "terms": {"gram": {"picture": style}}}}))
    one = jax.local_devices()[:1]
    state = replicate(initial_state(phase, variables, jax.random.key(0), 32), devices=one)
    step, constants = make_step(phase, devices=one), replicate(phase.objectives.constants(), devices=one)
    for index, batch in enumerate(np.split(case["in/batches_u8"], 2)):
        state, report = step(state, shard(batch, devices=1), constants, jax.random.key(0))
        for name in ("content", "style"):
            np.testing.assert_allclose(report[name][0], case[f"out/tuning_blocks/{name}_loss"][index], rtol=1e-4)
    after = unreplicate(state).variables(phase)
    jax.tree.map(np.testing.assert_array_equal, after["params"]["main"], variables["params"]["main"])
    moved = jax.tree.map(lambda a, b: a - b, after["params"]["blocks"], variables["params"]["blocks"])
    for number, path in enumerate(blocks):
        for name, layer in moved[path].items():
            delta = lambda leaf, number=number, name=name: case[
                f"out/tuning_blocks/delta/tuning_blocks.tuning_block{number}.{name}.{leaf}"]
            np.testing.assert_allclose(layer["kernel"], delta("weight").transpose(2, 3, 1, 0), atol=1e-6)
            # The last bias of the second block has no gradient: the next instance norm takes a constant away.
            if (number, name) != (1, "conv2"):
                np.testing.assert_allclose(layer["bias"], delta("bias"), atol=1e-6)
