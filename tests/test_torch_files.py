"""PyTorch's files: what the reference writer wrote comes back bit for bit, and what could run is refused by name."""
import argparse
import collections
import io
import json
import pickle
import struct
import zipfile

import memory
import numpy as np
import pytest

from dynjax.files import read_arrays, read_torch

NUMBERS = np.arange(4, dtype=np.float32)
# The pickle of forty pairs, each of the one before twice: 2^40 parts if every mention counted.
PAIRS = b")" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(40))


def leaves(value, path=()):
    """{"a/b/0": leaf} of nested dicts, lists and tuples."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for name, item in items for k, v in leaves(item, (*path, str(name))).items()}
    return {"/".join(path): value}


def check(saved, expected):
    saved = leaves(saved)
    tensors = {name.removeprefix("tensor/") for name in expected.files if name.startswith("tensor/")}
    plain = {name.removeprefix("plain/") for name in expected.files if name.startswith("plain/")}
    assert set(saved) == tensors | plain
    for name in tensors:
        np.testing.assert_array_equal(saved[name], expected[f"tensor/{name}"], strict=True)
    for name in plain:
        assert saved[name] == json.loads(str(expected[f"plain/{name}"]))


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_samples_of_the_reference_writer(shared, form):
    """Shared storages, views of all kinds, every type, scalars, empty tensors, parameters."""
    expected = np.load(shared("parity/pth/sample_expected.npz"))
    check(read_torch(shared(f"parity/pth/sample_{form}.pth")), expected)
    half = read_torch(shared(f"parity/pth/sample_{form}.pth"), widen=False)["params"]["bf16.weight"]
    np.testing.assert_array_equal(half.view(np.uint16), expected["bf16bits/params/bf16.weight"])


@pytest.mark.parametrize("form", ["zip", "legacy", "zip_protocol4", "legacy_protocol4", "zip_old_no_byteorder",
                                  "zip_bigendian"])
def test_state_dicts_of_the_reference_writer(shared, form):
    saved = read_arrays(shared(f"parity/pth/state_dict_{form}.pth"))
    check(saved, np.load(shared("parity/pth/state_dict_expected.npz")))


@pytest.mark.parametrize(("name", "named"), [
    ("malicious_eval_zip", "eval"), ("malicious_eval_zip_protocol4", "eval"), ("malicious_getattr_zip", "getattr"),
    ("malicious_os_system_legacy", "posix.system"), ("malicious_os_system_zip", "posix.system"),
    ("malicious_raw_pickle", "posix.system"), ("refuse_whole_module_zip", "(names torch.nn|NEWOBJ)"),
    ("corrupt_short_storage_zip", "storage '0' has .* bytes; wanted"), ("corrupt_truncated_legacy", "damaged"),
    ("corrupt_truncated_zip", "damaged")])
def test_what_is_no_file_of_tensors_is_refused(shared, name, named, monkeypatch):
    monkeypatch.setattr("os.system", lambda *_: pytest.fail("it was called"))
    with pytest.raises(ValueError, match=f"{name}.*{named}"):
        read_torch(shared(f"parity/pth/{name}.pth"))


def tensor(shape, strides, offset=0, *, kind=b"Float", total=4, metadata=b"", stop=b"."):
    """The pickle of a tensor of a storage of four numbers, written by hand; `metadata` is a pickle of a dict."""
    number = lambda value: b"J" + int(value).to_bytes(4, "little", signed=True)
    numbers = lambda values: b"(" + b"".join(number(value) for value in values) + b"t"
    text = lambda value: b"X" + len(value).to_bytes(4, "little") + value
    storage = b"(" + text(b"storage") + b"ctorch\n" + kind + b"Storage\n" + text(b"0") + text(b"cpu") + number(total)
    return (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + number(offset) + numbers(shape)
            + numbers(strides) + b"\x89ccollections\nOrderedDict\n)R" + metadata + b"tR" + stop)


def archive(data, storage=NUMBERS, **more):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("a/data.pkl", data)
        zipped.writestr("a/data/0", storage.tobytes())
        for name, content in more.items():
            zipped.writestr(f"a/{name}", content)
    return file.getvalue()


def test_views_are_checked_against_their_storage(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(tensor((2, 2), (1, 2))))
    np.testing.assert_array_equal(read_torch(path), [[0, 2], [1, 3]])
    path.write_bytes(archive(tensor((1000, 1000, 1000), (0, 0, 0), 3)))   # expanded: no memory for a thousand million
    assert read_torch(path)[999, 999, 999] == 3
    for shape, strides, offset, sentence in [((2, 2), (1, 3), 0, "reaches element 4 of a storage of 4"),
                                             ((2,), (-1,), 1, "an offset, a shape and strides"),
                                             ((2,), (1, 1), 0, "an offset, a shape and strides"),
                                             ((2,), (1,), 3, "reaches element 4")]:
        path.write_bytes(archive(tensor(shape, strides, offset)))
        with pytest.raises(ValueError, match=sentence):
            read_torch(path)


def bits(*names, value=b"\x88"):
    """The pickle of {name: True}; the value is one as written."""
    return b"}" + b"".join(b"X" + len(name).to_bytes(4, "little") + name + value + b"s" for name in names)


@pytest.mark.parametrize(("kind", "names", "wanted"), [
    (b"Float", (b"neg",), [[-0.0, -2], [-1, -3]]), (b"Float", (), [[0, 2], [1, 3]]),
    (b"Float", (b"neg", b"conj"), [[-0.0, -2], [-1, -3]]),
    (b"ComplexFloat", (b"conj",), [[-1j, 4 - 5j], [2 - 3j, 6 - 7j]]),
    (b"ComplexFloat", (b"conj", b"neg"), [[1j, -4 + 5j], [-2 + 3j, -6 + 7j]])])
def test_the_bits_that_turn_signs_are_applied(tmp_path, kind, names, wanted):
    """torch.complex(z, z).conj().imag is z stored as it was, with the bit "neg"; torch.load turns the signs."""
    path = tmp_path / "w.pth"
    storage = np.arange(8, dtype=np.float32).view(np.complex64) if kind == b"ComplexFloat" else NUMBERS
    turned, plain = (tensor((2, 2), (1, 2), kind=kind, metadata=part, stop=b"") for part in (bits(*names), b"}"))
    path.write_bytes(archive(turned + plain + b"\x86.", storage))
    read, other = read_torch(path)
    np.testing.assert_array_equal(read, wanted)
    np.testing.assert_array_equal(other, storage.reshape(2, 2).T)
    assert not read.flags.writeable
    one = tensor((1000, 1000, 1000), (0, 0, 0), 3, kind=kind, metadata=bits(*names))   # no copy for every mention
    path.write_bytes(archive(one, storage))
    assert read_torch(path)[999, 999, 999] == np.asarray(wanted)[1, 1]


@pytest.mark.parametrize(("metadata", "sentence"), [
    (bits(b"neg", b"backend_index"), "a tensor with the metadata 'backend_index', which is not known; wanted neg and"),
    (bits(b"conj", value=b"K\x01"), "a tensor with the metadata 'conj' of the kind int; wanted True or False"),
    (b"]", "a tensor with a list of metadata; wanted a dict")])
def test_other_metadata_of_a_tensor_is_refused(tmp_path, metadata, sentence):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(tensor((2, 2), (1, 2), metadata=metadata)))
    with pytest.raises(ValueError, match=sentence):
        read_torch(path)
    path.write_bytes(archive(tensor((4,), (1,), kind=b"Bool", metadata=bits(b"neg")), np.ones(4, np.bool_)))
    with pytest.raises(ValueError, match="a tensor of bool with the metadata 'neg'"):
        read_torch(path)


@pytest.mark.parametrize(("kind", "total", "order"), [
    (b"BFloat16", 10**6, b"little"), (b"Bool", 10**6, b"little"), (b"Short", 10**6, b"big"),
    (b"Short", 10**6 - 1, b"little")])
def test_a_storage_is_converted_once_for_all_its_views(tmp_path, kind, total, order):
    path = tmp_path / "w.pth"
    view = tensor((2,), (1,), 2, kind=kind, total=total, stop=b"")
    storage = np.ones(10**6, np.uint8 if kind == b"Bool" else np.uint16)
    path.write_bytes(archive(b"(" + view * 50 + b"t.", storage, byteorder=order))
    with memory.at_most(10):   # 2 MB in the file, 4 MB as float32
        views = read_torch(path)
    assert len(views) == 50
    wanted = {b"BFloat16": 2.0**-133, b"Bool": True, b"Short": 256 if order == b"big" else 1}[kind]
    np.testing.assert_array_equal(views[49], [wanted, wanted])


@pytest.mark.parametrize(("data", "more", "sentence"), [
    (b"\x80\x02(i__main__\nThing\n.", {}, "the instruction INST"),
    (b"\x80\x02\x82\x01.", {}, "the instruction EXT1"),
    (b"\x80\x02ctorch\nFloatStorage\n}b.", {}, "gives a state to a type"),
    (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\0\0\0aX\x01\0\0\0bsb.", {}, "gives a state to a name"),
    (b"\x80\x02ccollections\nOrderedDict\n}b.", {}, "gives a state to a name"),
    (b"\x80\x02ctorch\nFloatStorage\n.", {}, "holds a Type where tensors, numbers and text"),
    (b"\x80\x02K\x01Q.", {}, "something that is no storage"),
    (tensor((2, 2), (1, 2)), {"constants.pkl": b""}, "TorchScript")])
def test_forged_files_are_sentences(tmp_path, data, more, sentence):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(data, **more))
    with pytest.raises(ValueError, match=sentence):
        read_torch(path)


def test_places_in_the_memo_cost_nothing(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(b"\x80\x02]r\xff\xff\xff\x7f."))   # the last of 2^31
    assert read_torch(path) == []


def test_other_objects_than_dicts_hold_no_arrays_by_name(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(tensor((4,), (1,))))
    with pytest.raises(ValueError, match=r"holds a ndarray; wanted a dict of tensors"):
        read_arrays(path)


def test_a_part_that_is_there_many_times_is_read_once(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(b"\x80\x02" + PAIRS + b"."))
    value = read_torch(path)
    for _ in range(40):
        assert value[0] is value[1]
        value = value[0]
    assert value == ()
    path.write_bytes(b"\x80\x02" + PAIRS + b".")   # in the place where the older stream says what it is
    with pytest.raises(ValueError, match="begins with a tuple, not as"):
        read_torch(path)
    path.write_bytes(archive(b"\x80\x02]q\x00h\x00a."))
    with pytest.raises(ValueError, match="a list that holds itself"):
        read_torch(path)


def stream(header, data, storage=NUMBERS, key="0"):
    """A file as older PyTorch wrote it, of one storage."""
    parts = [0x1950A86A20F9469CFC6C, 1001, header]
    begin = b"".join(pickle.dumps(part, 2) for part in parts)
    return begin + data + pickle.dumps([key], 2) + struct.pack("<q", storage.size) + storage.tobytes()


def test_what_a_file_claims_to_hold_costs_nothing(tmp_path):
    """Frames, texts and storages of 256 MiB, and members of a zip that lie over each other."""
    path, many = tmp_path / "w.pth", 2**28
    storage = pickle.dumps(["0"], 2) + struct.pack("<q", many)
    forged = [b"\x80\x04\x95" + struct.pack("<Q", many) + b".", b"\x80\x02X" + struct.pack("<I", many) + b".",
              stream({}, tensor((4,), (1,)))[:-len(storage) - NUMBERS.nbytes] + storage]
    lying = io.BytesIO()
    with zipfile.ZipFile(lying, "w") as zipped:
        zipped.writestr("a/data.pkl", tensor((4,), (1,)))
        zipped.writestr("a/data/0", NUMBERS.tobytes())
        zipped.getinfo("a/data/0").file_size = zipped.getinfo("a/data/0").compress_size = many
    for data, said in zip([*forged, lying.getvalue()], ["", "", "has 16 bytes; wanted|damaged", "claims to hold more"],
                          strict=True):
        path.write_bytes(data)
        with memory.at_most(8), pytest.raises(ValueError, match=rf"w\.pth.*({said})"):
            read_torch(path)


@pytest.mark.parametrize("little_endian", [True, False])
def test_the_older_stream_is_little_endian_on_any_machine(tmp_path, little_endian):
    """PyTorch's torch/csrc/generic/serialization.cpp turns them; only the zip can have the machine's own order."""
    path = tmp_path / "w.pth"
    path.write_bytes(stream({"protocol_version": 1001, "little_endian": little_endian}, tensor((4,), (1,))))
    np.testing.assert_array_equal(read_torch(path), NUMBERS)
    path.write_bytes(stream({}, tensor((4,), (1,)), key=((),)))
    with pytest.raises(ValueError, match="a storage called a tuple of which"):
        read_torch(path)
    path.write_bytes(stream([], tensor((4,), (1,))))
    with pytest.raises(ValueError, match="a list where it says what machine wrote it; wanted a dict"):
        read_torch(path)


@pytest.mark.parametrize(("key", "kind"), [
    (tensor((4,), (1,), stop=b"")[2:], "Tensor"), (b"K\x01\x85", "tuple"), (PAIRS, "tuple")])
@pytest.mark.parametrize("form", ["item", "items", "pairs"])
def test_keys_are_text_or_numbers(tmp_path, key, kind, form):
    path = tmp_path / "w.pth"
    data = {"item": b"}" + key + b"Ns", "items": b"}(" + key + b"Nu",
            "pairs": b"ccollections\nOrderedDict\n](](" + key + b"Nee\x85R"}[form]
    path.write_bytes(archive(b"\x80\x02" + data + b"."))
    with pytest.raises(ValueError, match=f"a dict key of the kind {kind}; wanted text or a number"):
        read_torch(path)


@pytest.mark.parametrize("protocol", [2, 4])
def test_what_trainers_save_beside_the_tensors_is_no_hindrance(tmp_path, protocol):
    """A scheduler's milestones are a Counter, a best PSNR a number of numpy, arguments a Namespace."""
    beside = {"milestones": collections.Counter([5, 5]), "state": collections.defaultdict(dict, {"a": {}}),
              "best": np.float64(31.25), "count": np.int64(3), "array": np.arange(3.0),
              "options": argparse.Namespace(lr=1), "list": [1, "a", None], "none": None, "text": "lr: 1"}
    if protocol == 2:   # later ones write sets by instructions of their own
        beside["set"] = {7}
    path = tmp_path / "w.pth"
    path.write_bytes(archive(pickle.dumps(beside, protocol)))
    read = read_torch(path)
    np.testing.assert_array_equal(read.pop("array"), np.arange(3.0), strict=True)
    assert read == {"milestones": {5: 2}, "state": {"a": {}}, "best": 31.25, "count": 3, "options": {},
                    "list": [1, "a", None], "none": None, "text": "lr: 1"} | ({"set": [7]} if protocol == 2 else {})


def test_a_type_of_elements_beside_the_tensors_is_its_name(tmp_path):
    (tmp_path / "w.pth").write_bytes(archive(b"\x80\x02}X\x01\0\0\0actorch\nfloat32\ns."))
    assert read_torch(tmp_path / "w.pth") == {"a": "float32"}


def test_a_device_of_pairs_in_pairs_is_not_written_out(tmp_path):
    (tmp_path / "w.pth").write_bytes(archive(b"\x80\x02ctorch\ndevice\n" + PAIRS + b"\x85R."))
    assert read_torch(tmp_path / "w.pth") == ""


@pytest.mark.parametrize(("data", "sentence"), [
    (b"\x80\x02cnumpy\ndtype\n)\x81.", "the instruction NEWOBJ"),
    (b"\x80\x02cargparse\nNamespace\n}b.", "gives a state to a name"),
    (b"\x80\x02cnumpy.core.multiarray\nscalar\n(K\x01U\x01atR.", "a number of numpy without a type")])
def test_what_stands_beside_can_do_nothing_else(tmp_path, data, sentence):
    path = tmp_path / "w.pth"
    path.write_bytes(archive(data))
    with pytest.raises(ValueError, match=sentence):
        read_torch(path)
