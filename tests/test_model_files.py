"""Model files: everything comes back, nothing is executed, damage never passes."""
import json
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, Tunable, TunableConv, TunableConvTranspose, TunableDense, TuningBlock
from dynjax.files import read_safetensors, to_safetensors
from dynjax.models import construct, load, load_card, register, registered, save, shipped
from dynjax.models.files import CHECKSUM, KEY, _checksum
from dynjax.networks import EDSR, JohnsonNet, StyleNet

NETS = [
    EDSR(features=4, blocks=1, scale=3, mean=(0.1, 0.2, 0.3), skip="none"),
    StyleNet(features=4, blocks=(1, 0, 2)),
    JohnsonNet(widths=(1, 2, 3, 4, 5), space="imagenet"),
    Tunable(EDSR(features=4, blocks=1, scale=1), alpha=("fidelity", "perceptual"), kernels=3, hidden=(4,)),
    Tunable(StyleNet(features=4), alpha=2, phi="identity", frozen=("**/norm*",)),
    TunableConv(4, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)), alpha=("a",)),
    TunableConvTranspose(4, 3, strides=2, output_padding=1, alpha=2),
    TunableDense(4, use_bias=False, alpha=2),
    DynamicNet(JohnsonNet(), before={"res3": TuningBlock(), "deconv1": TuningBlock(layers=2)}),
    nn.Conv(4, (3, 3), strides=2),
]


def trees_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert left.dtype == right.dtype and left.shape == right.shape
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes()


@register
class Unusual(nn.Module):
    """Fields of every kind that a file can hold."""
    numbers: tuple[Any, ...] = (1, 2.5, None, True, "é/~")
    table: Any = None
    inner: Any = None
    activation: Any = nn.relu
    dtype: Any = None

    def __call__(self, x):
        return self.activation(x)


@pytest.mark.parametrize("net", NETS, ids=lambda net: type(net).__name__)
def test_a_network_comes_back_equal(tmp_path, net):
    save(tmp_path / "m.safetensors", net, {"params": {"a": jnp.ones(2)}})
    loaded, _ = load(tmp_path / "m.safetensors")
    assert type(loaded) is type(net) and loaded == net


def test_fields_of_every_kind_come_back(tmp_path):
    net = Unusual(table={"b": (1, (2,)), "a": {}}, inner=EDSR(features=2), dtype=jnp.bfloat16)
    save(tmp_path / "m.safetensors", net, {})
    loaded, variables = load(tmp_path / "m.safetensors")
    assert loaded == net.clone(dtype=None) and list(loaded.table) == ["b", "a"] and variables == {}


def test_variables_come_back_bit_for_bit(tmp_path):
    odd = jnp.array([np.nan, -0.0, 1e-42, np.inf], jnp.float32)
    variables = {"params": {"a/b": {"~[0]": odd}, "[0]": jnp.int8(3), "phi": [{"k": jnp.ones((2, 3))}, {"k": odd}]},
                 "batch_stats": {}, "more": {"empty": [], "pair": (jnp.zeros(0), None), "none": None},
                 "long": [jnp.full(1, i) for i in range(12)], "half": jnp.ones(3, jnp.bfloat16)}
    save(tmp_path / "m.safetensors", EDSR(), variables)
    trees_equal(load(tmp_path / "m.safetensors")[1], variables)


def test_the_same_model_is_the_same_file(tmp_path):
    files = [tmp_path / f"{i}.safetensors" for i in range(20)]
    for file in files:
        save(file, EDSR(), {"params": {"a": jnp.ones(2)}}, card={"data": "photographs (ö, \x7f)"})
    assert len({file.read_bytes() for file in files}) == 1


def test_a_tuned_network_computes_the_same_after_the_round_trip(tmp_path):
    net = Tunable(EDSR(features=4, blocks=1, scale=1, skip="none"), alpha=("a", "b"), hidden=(3,))
    x = jax.random.uniform(jax.random.key(0), (1, 6, 5, 3))
    shapes = jax.eval_shape(net.init, jax.random.key(1), x, [0.0, 0.0])
    variables = jax.tree.map(lambda leaf: jnp.linspace(-1, 1, leaf.size).reshape(leaf.shape), shapes)
    save(tmp_path / "m.safetensors", net, variables, card={"steps": 3, "alpha_sampler": "simplex"})
    loaded, loaded_variables = load(str(tmp_path / "m.safetensors"))
    trees_equal(loaded_variables, variables)
    np.testing.assert_array_equal(jax.jit(loaded.apply)(loaded_variables, x, {"a": 0.3, "b": 0.9}),
                                  jax.jit(net.apply)(variables, x, jnp.array([0.3, 0.9])))
    assert load_card(tmp_path / "m.safetensors") == {"alpha": ["a", "b"], "steps": 3, "alpha_sampler": "simplex"}


def test_every_changed_byte_is_an_error(tmp_path):
    path = tmp_path / "m.safetensors"
    # An odd number of bytes of data, so that the header has padding; a name that the header has in escapes, whose
    # letters could be small or large.
    variables = {"params": {"k\x1f": np.arange(3, dtype=np.float32), "n": np.int8(3)}}
    save(path, EDSR(features=2), variables, card={"é": "x"})
    good, accepted = path.read_bytes(), []

    def refused():
        try:
            load(path)
        except ValueError as error:
            return str(path) in str(error)
        return False

    with path.open("r+b", buffering=0) as file:   # one file: making thousands takes ten times as long
        for index, byte in enumerate(good):
            for flip in (*(1 << bit for bit in range(8)), 0x20 ^ 0x0A):
                file.seek(index)
                file.write(bytes([byte ^ flip]))
                accepted += [] if refused() else [(index, flip)]
            file.seek(index)
            file.write(good[index:index + 1])
    assert not accepted
    for damaged in (good[:-1], good[:100], b"", good + b"\0"):
        path.write_bytes(damaged)
        assert refused()
    path.write_bytes(good)
    trees_equal(load(path)[1], variables)


def forged(path, **changes):
    """A file with a right checksum whose description was changed by hand."""
    arrays, metadata = read_safetensors(path, widen=False)
    text = json.dumps(json.loads(metadata[KEY]) | changes)
    path.write_bytes(to_safetensors(arrays, {KEY: text, CHECKSUM: _checksum(text, arrays)}))
    return path


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"network": {"class": "os.system", "fields": {}}}, r"'os\.system' is not known; wanted one of .*EDSR"),
    ({"network": {"class": "EDSR", "fields": {"feature": 3}}}, "did you mean features.* another version"),
    ({"network": {"class": "EDSR", "fields": {"dtype": "float32"}}}, "no field 'dtype'"),
    ({"network": {"class": "Tunable", "fields": {"alpha": 2}}}, "Tunable cannot be made from the fields alpha"),
    ({"network": {"class": "EDSR", "fields": {"mean": {"class": "eval", "fields": {}}}}}, "'eval' is not known"),
    ({"network": {"class": "EDSR", "fields": {"mean": {"mapping": [[{"mapping": []}, 1]]}}}},
     "with a key that is none"),
    ({"network": 3}, "wanted a class and its fields"),
    ({"format": 2}, "has the format 2; this version reads 1"),
    ({"network": None}, "wanted a class and its fields"),
    ({"empty": {"params/k/deeper": "dict"}}, "cannot be loaded"),
    ({"empty": {"params/k": "dict"}}, "cannot be loaded: it has several entries, or none with a name, at params/k"),
    ({"empty": {"params//k": "dict"}}, "cannot be loaded"),
    ({"empty": {"": "dict"}}, "cannot be loaded: it has several entries, or none with a name, at the top"),
    ({"empty": []}, "a description without the network, empty or card"),
    ({"card": [1]}, "a description without the network, empty or card"),
    ({"empty": {"params/none": "module"}}, "cannot be loaded"),
])
def test_forged_descriptions_are_refused(tmp_path, changes, sentence):
    path = tmp_path / "m.safetensors"
    save(path, EDSR(features=2), {"params": {"k": jnp.ones(3)}})
    with pytest.raises(ValueError, match=sentence):
        load(forged(path, **changes))


def test_a_signed_description_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    for text, sentence in (("{", "no JSON"), ("[" * 10**5, "no JSON"), ("[]", "has the format None"),
                           (json.dumps({"format": "2\n" * 999}), r"has the format 2\\n2\\n")):
        path.write_bytes(to_safetensors({}, {KEY: text, CHECKSUM: _checksum(text, {})}))
        for read in (load, load_card):
            with pytest.raises(ValueError, match=rf"m\.safetensors.*{sentence}"):
                read(path)


def test_what_cannot_be_described_is_refused_on_saving(tmp_path):
    class Stranger(nn.Module):
        pass

    for net, sentence in [(Unusual(activation=nn.gelu), r"field Unusual\.activation is .*gelu"),
                          (Unusual(numbers=(float("inf"),)), "cannot hold"),
                          (Stranger(), r"Stranger is not a class .* dynjax\.models\.register\(Stranger\)"),
                          (Tunable(Stranger(), alpha=2), "Stranger is not a class")]:
        with pytest.raises(ValueError, match=sentence):
            save(tmp_path / "m.safetensors", net, {})
    with pytest.raises(ValueError, match="card cannot be written as JSON"):
        save(tmp_path / "m.safetensors", EDSR(), {}, card={"x": object()})
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        save(tmp_path / "m.npz", EDSR(), {})
    assert not list(tmp_path.iterdir())


def test_files_of_another_kind_are_a_sentence(tmp_path):
    (tmp_path / "m.safetensors").write_bytes(to_safetensors({"a": np.ones(1)}))
    with pytest.raises(ValueError, match=r"without a description .* dynjax\.pretrained\.load"):
        load(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match="there is no file nothing; wanted a model file"):
        load("nothing")


@pytest.mark.parametrize(("name", "field", "sentence"), [
    ("TuningBlock", "y", r"^TuningBlock has no field 'y'; it has [a-z_, ]+\.$"),
    ("EDSR", "feature", r"^EDSR has no field 'feature'; did you mean features\? It has features, [a-z_, ]+\.$"),
    ("EDRS", "features", r"'EDRS' is not known; .*call dynjax\.models\.register on it first"),
])
def test_what_cannot_be_constructed_is_told_without_talk_of_files(name, field, sentence):
    with pytest.raises(ValueError, match=sentence):
        construct(name, **{field: 3})


def test_half_the_size_comes_back_as_float32(tmp_path):
    net = EDSR(features=4, blocks=1)
    variables = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    save(tmp_path / "whole.safetensors", net, variables)
    save(tmp_path / "half.safetensors", net, variables, card={"alpha": "of the card"}, half=True)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.75 * (tmp_path / "whole.safetensors").stat().st_size
    _, found = load(tmp_path / "half.safetensors")
    trees_equal(found, jax.tree.map(lambda leaf: leaf.astype(jnp.float16).astype(jnp.float32), variables))
    assert load_card(tmp_path / "half.safetensors") == {"alpha": None}      # its names, whatever the card says
    with pytest.raises(ValueError, match="half=True got values that float16 cannot hold"):
        save(tmp_path / "half.safetensors", net, jax.tree.map(lambda leaf: leaf + 1e5, variables), half=True)


def test_registering(tmp_path):
    assert {"EDSR", "StyleNet", "JohnsonNet", "Tunable", "TunableConv", "ConvTranspose", "Unusual"} <= set(registered())
    assert register(Unusual) is Unusual and isinstance(shipped(), tuple)
    with pytest.raises(ValueError, match="class EDSR is registered already"):
        register(type("EDSR", (nn.Module,), {"__module__": "elsewhere"}))
    with pytest.raises(ValueError, match=r"derived from flax\.linen\.Module"):
        register(dict)


def test_files_from_before_fields_were_renamed_load():
    """Written when Tunable's `frozen` was `fixed` and a block's `kernel_init` was `start`; outputs of that version."""
    folder = Path(__file__).parent / "data" / "models"
    x = np.linspace(0, 1, 108, dtype=np.float32).reshape(1, 6, 6, 3)
    for name, alpha, wanted in zip(("tunable", "dynamic"), ([0.3, 0.7], 0.3), np.load(folder / "older_outputs.npy"),
                                   strict=True):
        net, variables = load(folder / f"older_{name}.safetensors")
        np.testing.assert_allclose(net.apply(variables, x, alpha), wanted, atol=1e-6, err_msg=name)


def test_a_folder_in_place_of_a_model_file_is_told(tmp_path):
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(ValueError, match=r"save got the folder .*add a name with an ending, such as \.safetensors"):
        save(tmp_path / "a.safetensors", EDSR(), {"params": {}})
