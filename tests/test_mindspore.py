"""MindSpore checkpoints: real files bit for bit, the wire format by hand, damage."""
import ml_dtypes
import numpy as np
import pytest

from dynjax.files import read_mindspore


def varint(number):
    """Seven bits a byte, low ones first (protocol buffers, base 128)."""
    out = b""
    while number > 0x7F:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def entry(name, shape, kind, content, packed=False):
    dims = field(1, b"".join(map(varint, shape))) if packed else b"".join(field(1, side) for side in shape)
    tensor = dims + field(2, kind.encode()) + field(3, content)
    return field(1, field(1, name.encode()) + field(2, tensor))


@pytest.fixture
def read(tmp_path):
    def write_and_read(data):
        (tmp_path / "file.ckpt").write_bytes(data)
        return read_mindspore(tmp_path / "file.ckpt")
    return write_and_read


@pytest.mark.parametrize("name", ["ms_ckpt_tiny", "ms_ckpt_sliced"])
def test_real_checkpoints_bit_for_bit(parity, shared, name):
    expected = parity(name)
    arrays = read_mindspore(shared(f"parity/{name}.ckpt"))
    assert list(arrays) == expected.meta["order"]
    for tag, array in arrays.items():
        wanted = expected.arrays[tag]
        assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape), tag
        assert array.tobytes() == wanted.tobytes(), tag


def test_names_of_a_real_network(parity, shared):
    arrays = read_mindspore(shared("parity/ms_ckpt_stylenet.ckpt"))
    assert list(arrays) == parity("ms_ckpt_stylenet").meta["names"]


def test_a_scalar_is_written_with_the_shape_0(read):
    arrays = read(entry("step", [0], "Int32", b"\x07\0\0\0") + entry("none", [0], "Int32", b"")
                  + entry("one", [1], "Int32", b"\x07\0\0\0"))
    assert [arrays[name].shape for name in ("step", "none", "one")] == [(), (0,), (1,)]


def test_bfloat16_text_packed_shapes_random_states_tables_and_checksum(read):
    values = np.array([[1.5, -2.0, 3.25]], ml_dtypes.bfloat16)
    data = entry("half", [1, 3], "BFloat16", values.tobytes(), packed=True)
    data += entry("random_op", [], "random_op", b"\x01\x02")
    data += field(1, field(1, b"table") + field(3, b"\x08\x01"))
    data += entry("note", [0], "str", "é1".encode("utf-32-le"))
    arrays = read(data + b"crc_num" + bytes(10))
    assert list(arrays) == ["half", "note"]
    np.testing.assert_array_equal(arrays["half"], np.array([[1.5, -2.0, 3.25]], np.float32), strict=True)
    assert str(arrays["note"]) == "é1"


def test_unknown_fields_are_skipped(read):
    fixed_width = varint(7 << 3 | 1) + bytes(8) + varint(6 << 3 | 5) + bytes(4)
    data = entry("a", [1], "Int8", b"\x05") + field(9, 300) + fixed_width
    assert read(data)["a"].tolist() == [5]


@pytest.mark.parametrize(("data", "sentence"), [
    (b"", "holds no tensor"),
    (b"\x0a", "ends inside a number"),
    (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "goes past the end"),
    (b"\x80" * 11, "more than 64 bits"),
    (b"\x0f\x01", "wire type 7"),
    (entry("a", [3], "Float32", bytes(8)), r"a of shape \(3,\) has 2 values"),
    (entry("a", [2], "Float32", bytes(7)), "7 bytes"),
    (entry("a", [1 << 40, 1 << 40], "Float32", bytes(8)), "has 2 values"),
    (entry("a", [0, (1 << 64) - 1, 1 << 63], "Float32", b""), "has 0 values"),
    (entry("a", [1] * 40, "Float32", bytes(4)), "more than 32 axes"),
    (entry("a", [1], "Quaternion", bytes(4)), "unknown type 'Quaternion'"),
    (entry("a", [1], "Int8", b"1") + entry("b", [1], "Int8", b"1") + entry("a", [1], "Int8", b"1"), "a appears twice"),
    (entry("a", [0], "str", b"\xff\xff\xff\xff"), "UTF-32"),
    (field(1, field(1, b"a")), "lacks its tensor"),
    (field(1, field(1, b"\xff")), "not UTF-8"),
    (field(1, field(1, 3)), "a number stands where bytes belong"),
])
def test_damage_is_a_sentence(read, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(data)


def test_names_stay_on_one_line_of_a_message(read):
    with pytest.raises(ValueError, match=r"file\.ckpt.*: a\\nb.* appears twice") as caught:
        read((entry("a\nb", [1], "Int8", b"1") + entry("c", [1], "Int8", b"1")) * 2)
    assert str(caught.value).isprintable()


def test_every_truncation_is_noticed_or_ends_between_entries(read, shared):
    whole = shared("parity/ms_ckpt_tiny.ckpt").read_bytes()
    complete = read(whole)
    for length in range(0, len(whole), 7):
        try:
            arrays = read(whole[:length])
        except ValueError:
            continue
        assert all(arrays[name].tobytes() == complete[name].tobytes() for name in arrays)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"there is no file .*gone\.ckpt"):
        read_mindspore(tmp_path / "gone.ckpt")
