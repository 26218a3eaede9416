"""Pickles of arrays: every protocol and both numpy namings are read, anything else is refused by name."""
import collections
import os
import pickle

import memory
import numpy as np
import pytest

from dynjax.files.pickled_arrays import read_pickled_arrays

ARRAYS = {
    "rows": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "permuted": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "strided": np.arange(10, dtype=np.int16)[::3],
    "big_endian": np.arange(3, dtype=">f8"),
    "scalar": np.array(3, np.uint8),
    "empty": np.zeros((0, 4), np.complex64),
    "flags": np.array([True, False]),
    "half": np.array([1.5], np.float16),
}


def write(folder, value, protocol=pickle.DEFAULT_PROTOCOL):
    path = folder / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(tmp_path, protocol):
    tree = {"a": collections.OrderedDict(ARRAYS), "shared": ARRAYS["rows"], "none": {}}
    read = read_pickled_arrays(write(tmp_path, tree, protocol))
    assert list(read) == ["a", "shared", "none"]
    assert isinstance(read["a"], collections.OrderedDict)
    for name, array in ARRAYS.items():
        assert read["a"][name].dtype == array.dtype
        np.testing.assert_array_equal(read["a"][name], array)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("core", ["numpy.core", "numpy._core"])
def test_both_namings_of_numpy(tmp_path, core, protocol):
    path = write(tmp_path, {"a": ARRAYS["rows"]}, protocol)
    data = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path.write_bytes(data.replace(b"numpy.core.multiarray", core.encode() + b".multiarray"))
    np.testing.assert_array_equal(read_pickled_arrays(path)["a"], ARRAYS["rows"])


class Call:
    def __init__(self, function, *args):
        self.reduced = function, args

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("value, name", [
    (Call(os.mkdir, "made"), f"{os.name}.mkdir"),
    ({"a": {"b": Call(eval, "1 + 1")}}, r"builtins\.eval"),
    ({"a": np.float32(1)}, r"scalar"),
    ({"a": np.random.default_rng}, "default_rng"),
    (Call(getattr, {}, "keys"), r"builtins\.getattr"),
])
def test_other_names_are_refused_and_not_called(tmp_path, monkeypatch, value, name):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, value)
    with pytest.raises(ValueError, match=f"x.pkl was not read: it names .*{name}"):
        read_pickled_arrays(path)
    assert os.listdir(tmp_path) == ["x.pkl"]


@pytest.mark.parametrize("value, said", [
    ({"a": [1, 2]}, "a list at a"), (3, "an? int at the top"), ({"a": {"b": "text"}}, "a str at a/b"),
    ({"a": np.array([{}, 1], object)}, "array of type 'O8'"), ({"a": np.array(["x"])}, "array of type 'U1'"),
])
def test_other_leaves_are_refused(tmp_path, value, said):
    with pytest.raises(ValueError, match=said):
        read_pickled_arrays(write(tmp_path, value))


@pytest.mark.parametrize("keep", [0, 1, 40, -1])
def test_damaged(tmp_path, keep):
    path = write(tmp_path, {"a": ARRAYS["rows"]})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="no readable pickle"):
        read_pickled_arrays(path)


def test_too_few_bytes_for_the_shape(tmp_path):
    path = write(tmp_path, {"a": np.zeros(5, np.uint8)}, 3)
    data = path.read_bytes()
    assert data.count(b"K\x05\x85") == 1                # the shape, (5,)
    path.write_bytes(data.replace(b"K\x05\x85", b"K\x09\x85"))
    with pytest.raises(ValueError, match="no readable pickle"):
        read_pickled_arrays(path)


def test_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.pkl"):
        read_pickled_arrays(tmp_path / "absent.pkl")


def test_dicts_that_are_there_many_times_are_read_once(tmp_path):
    tree = {}
    for _ in range(40):
        tree = {"a": tree, "b": tree}   # 2^40 dicts if every mention were copied
    read = read_pickled_arrays(write(tmp_path, tree))
    assert read["a"] is read["b"] and set(read["a"]) == {"a", "b"}
    tree = {}
    tree["a"] = tree
    with pytest.raises(ValueError, match="a dict at a that holds itself"):
        read_pickled_arrays(write(tmp_path, tree))


@pytest.mark.parametrize("name", [b"numpy\ndtype", b"numpy.core.multiarray\n_reconstruct", b"_codecs\nencode",
                                  b"numpy\nndarray", b"collections\nOrderedDict", b"builtins\ndict"])
@pytest.mark.parametrize("state", [b"}U\x01aU\x01bs", b"N}U\x01aU\x01bs\x86"])
def test_a_file_cannot_alter_what_it_names(tmp_path, name, state):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02c" + name + b"\n" + state + b"b.")
    with pytest.raises(ValueError, match="it gives a state to a name"):
        read_pickled_arrays(path)


PAIRS = b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(40))   # of 2^40 parts if every mention counted


@pytest.mark.parametrize("data, said", [
    (b"}" + PAIRS + b"Ns.", "a dict key of the kind tuple"), (b"}(" + PAIRS + b"Nu.", "a dict key of the kind tuple"),
    (b"c__builtin__\ndict\n](" + PAIRS + b"N\x86e\x85R.", "a dict key of the kind tuple"),
    (b"c_codecs\nencode\nU\x01a" + PAIRS + b"\x86R.", "encodes text as a tuple; wanted latin1")])
def test_nested_tuples_are_refused_at_once(tmp_path, data, said):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02" + data)
    with pytest.raises(ValueError, match=said):
        read_pickled_arrays(path)


@pytest.mark.parametrize("data, said", [
    (b"(" + PAIRS + b"Nd.", "a dict key of the kind tuple"), (b"\x8f(" + PAIRS + b"\x90.", "the instruction EMPTY_SET"),
    (b"(" + PAIRS + b"\x91.", "the instruction FROZENSET"), (b"(i__main__\nThing\n.", "the instruction INST"),
    (b"cnumpy\nndarray\n)\x81.", "the instruction NEWOBJ"), (b"\x82\x01.", "the instruction EXT1")])
def test_other_instructions_are_refused(tmp_path, data, said):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04" + data)
    with pytest.raises(ValueError, match=said):
        read_pickled_arrays(path)


@pytest.mark.parametrize("data", [
    b"\x96\0\0\0\x10\0\0\0\0.", b"\x8e\0\0\0\x10\0\0\0\0.", b"\x95\0\0\0\x10\0\0\0\0.", b"B\0\0\0\x10.",
    b"\x8b\0\0\0\x10."])   # BYTEARRAY8, BINBYTES8, FRAME, BINBYTES, LONG4
def test_what_a_file_claims_to_hold_costs_nothing(tmp_path, data):
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x05" + data)   # of 256 MiB
    with memory.at_most(8), pytest.raises(ValueError, match=r"x\.pkl"):
        read_pickled_arrays(path)


def test_a_long_key_is_not_repeated_at_every_level(tmp_path):
    tree, key = 3, "k" * 10**6
    for _ in range(100):
        tree = {key: tree}   # one key, mentioned a hundred times
    path = write(tmp_path, tree)
    with memory.at_most(16), pytest.raises(ValueError, match=r"an? int at k.*; wanted nested dicts") as caught:
        read_pickled_arrays(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("code", [b"f4,f4", b"f4,O", b"i4,V99"])
def test_a_type_is_one_kind_of_number(tmp_path, code):
    path = tmp_path / "x.pkl"
    text = b"X" + len(code).to_bytes(4, "little") + code
    path.write_bytes(write(tmp_path, {"a": ARRAYS["rows"]}, 2).read_bytes().replace(b"X\x02\0\0\0f4", text))
    with pytest.raises(ValueError, match=r"an array of type .*; wanted numbers"):
        read_pickled_arrays(path)


def test_a_type_must_be_text(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(write(tmp_path, {"a": ARRAYS["rows"]}, 2).read_bytes().replace(b"X\x02\0\0\0f4", b")"))
    with pytest.raises(ValueError, match="an array of type tuple; wanted numbers"):
        read_pickled_arrays(path)
