"""Arrays by name from files: chosen by ending, never by executing anything."""
import io
import json
import os
import zipfile

import jax.numpy as jnp
import memory
import ml_dtypes
import numpy as np
import pytest

from dynjax.files import read_arrays, read_safetensors, to_safetensors, write_atomically


def test_safetensors_round_trip_with_metadata(tmp_path):
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    arrays = {"a": turned, "step": np.int64(7), "half": jnp.ones(2, jnp.bfloat16)}
    write_atomically(tmp_path / "x.safetensors", to_safetensors(arrays, {"card": "é"}))
    read, metadata = read_safetensors(tmp_path / "x.safetensors")
    assert metadata == {"card": "é"}
    np.testing.assert_array_equal(read["a"], arrays["a"], strict=True)
    assert read["step"].shape == () and int(read["step"]) == 7
    assert read["half"].dtype == np.float32
    assert read_safetensors(tmp_path / "x.safetensors", widen=False)[0]["half"].dtype == ml_dtypes.bfloat16


def test_safetensors_come_in_the_order_of_the_file(tmp_path):
    """So that messages that list names are the same every time."""
    names = [f"body.{index:02}.weight" for index in range(40)]
    path = tmp_path / "w.safetensors"
    path.write_bytes(to_safetensors({name: np.zeros(1, np.float32) for name in names}))
    assert list(read_arrays(path)) == names


def test_safetensors_of_the_reference_writer(shared):
    expected = np.load(shared("parity/pth/sample_safetensors_expected.npz"), allow_pickle=False)
    arrays = read_arrays(shared("parity/pth/sample.safetensors"))
    wanted = {name.removeprefix("tensor/"): expected[name] for name in expected.files if name.startswith("tensor/")}
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, wanted[name], strict=True)


def test_npz_is_read_and_objects_in_it_are_not(tmp_path):
    np.savez(tmp_path / "good.npz", a=np.ones(2, np.float16))
    np.savez(tmp_path / "bad.npz", a=np.array([{}], dtype=object))
    assert read_arrays(tmp_path / "good.npz")["a"].dtype == np.float16
    with pytest.raises(ValueError, match="Python objects, which are never loaded"):
        read_arrays(tmp_path / "bad.npz")


@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".ckpt", ".pth"])
@pytest.mark.parametrize("content", [b"", b"not a file of arrays", b"\x80\x04}.", b"PK\x03\x04" + bytes(30),
                                     b"\xff" * 16])
def test_damaged_files_are_a_sentence(tmp_path, ending, content):
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path}.*(cannot be read|holds no tensor|was not read)"):
        read_arrays(path)


@pytest.mark.parametrize("name", ["parity/pth/state_dict_zip.pth", "parity/pth/state_dict_legacy.pth",
                                  "parity/pth/state_dict_legacy_protocol4.pth", "parity/pth/sample.safetensors",
                                  "parity/ms_ckpt_tiny.ckpt", "parity/ms_ckpt_tiny.npz"])
@pytest.mark.parametrize("ending", [".pth", ".ckpt", ".npz", ".safetensors", ".bin", ".model", ""])
def test_the_content_tells_the_kind_whatever_the_name(tmp_path, shared, name, ending):
    """Lightning's .ckpt is a zip of PyTorch's, .pth can be safetensors, and so on."""
    wanted = read_arrays(shared(name))
    (tmp_path / f"x{ending}").write_bytes(shared(name).read_bytes())
    found = read_arrays(tmp_path / f"x{ending}")
    assert found.keys() == wanted.keys()
    for key, array in wanted.items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(found[key], array, strict=True)


@pytest.mark.parametrize(("content", "sentence"), [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a pointer of Git LFS, not the file"),
    (b"\n<!DOCTYPE html>\n<html>", "is a web page, not a file of arrays"), (b"<HTML><body>", "is a web page")])
def test_what_came_in_the_place_of_a_file_is_told(tmp_path, content, sentence):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_arrays(tmp_path / "x.pth")


@pytest.mark.parametrize("kind", ["<f4", ">f4", ">f8", ">i2", ">c8", "<U3", ">U3"])
@pytest.mark.parametrize("order", "CF")
def test_npz_of_a_machine_of_either_byte_order(tmp_path, kind, order):
    array = np.arange(6).reshape(2, 3).astype(kind, order=order)
    np.savez(tmp_path / "x.npz", a=array)
    found = read_arrays(tmp_path / "x.npz")["a"]
    np.testing.assert_array_equal(found, array.astype(array.dtype.newbyteorder("=")), strict=True)
    assert found.dtype.isnative and not found.flags.writeable


@pytest.mark.parametrize("name", ["gone.npz", "gone.safetensors", "gone.ckpt", "gone.pth"])
def test_missing_files_are_named(tmp_path, name):
    with pytest.raises(ValueError, match=f"there is no file .*{name}"):
        read_arrays(tmp_path / name)


@pytest.mark.parametrize(("name", "sentence"), [("w.h5", r"wanted one of \.npz, \.ckpt, \.pth"), ("w", "nothing")])
def test_other_endings_are_refused(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_arrays(name)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "folder" / "x.bin"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["x.bin"]


def test_a_name_may_be_as_long_as_names_are(tmp_path):
    for name in ("n" * 251 + ".bin", "雪" * 83 + ".bin"):   # 255 and 253 bytes
        write_atomically(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"


def npz(**members):
    """A zip of these, whatever they are; its checksums are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(header, content=b""):
    header = header.encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def described(shape, kind="'<f4'"):
    return f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize(("members", "sentence"), [
    ({"note.txt": b"hello"}, "cannot be read as .npz"),
    ({"a.npy": npy(described("(100000000000,)"), bytes(8))}, r"shape \(100000000000,\) and type float32 has 8 bytes"),
    ({"a.npy": npy(described("(3000000000,)", "'|U0'"))}, "cannot be read as .npz"),   # no bytes, endless to go through
    ({"a.npy": npy(described("(2"))}, "cannot be read as .npz"),
    ({"a.npy": npy("(" * 3000)}, "cannot be read as .npz"),
    ({"a.npy": npy(described("(1,)", "[('x', '<f4')]"), bytes(4))}, "wanted numbers or text"),
    ({"a.npy": npy(described("(1,)", "'(2,)f4'"), bytes(8))}, "wanted numbers or text"),
    ({"a.npy": npy(described("(1,)", "'<U1'"), b"\xff" * 4)}, "letters that there are not"),
    ({"a.npy": npy(described("(1,)", "'>U1'"), b"\0\x11\0\0")}, "letters that there are not"),
    ({"a.npy": npy(described("(1,)", "'|O'"), bytes(8))}, "Python objects, which are never loaded"),
    ({"a.npy": npy(described("(1,)"), bytes(4)), "a": npy(described("(1,)"), bytes(4))}, "several arrays of one name"),
])
def test_hostile_members_of_an_npz_are_a_sentence(tmp_path, members, sentence):
    path = tmp_path / "x.npz"
    path.write_bytes(npz(**members))
    with memory.at_most(8), pytest.raises(ValueError, match=f"{path}.*{sentence}"):
        read_arrays(path)


def test_an_array_without_a_zip_is_no_npz(tmp_path):
    with (tmp_path / "x.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match=r"x\.npz cannot be read as \.npz"):
        read_arrays(tmp_path / "x.npz")


def test_an_npz_of_members_over_each_other_is_refused(tmp_path):
    """Fifield 2019, "A better zip bomb": many entries of the directory, one piece of data."""
    array = npy(described("(1000,)", "'|u1'"), np.random.default_rng(0).bytes(1000))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for index in range(50):
            archive.writestr(f"{index:02}.npy", array)
            archive.getinfo(f"{index:02}.npy").header_offset = 0
        end = archive.start_dir = archive.infolist()[0].compress_size + 36
        archive.fp.seek(end)
    (tmp_path / "x.npz").write_bytes(file.getvalue()[:file.tell()])
    with pytest.raises(ValueError, match=r"x\.npz cannot be read as \.npz \(it claims to hold more than its size"):
        read_arrays(tmp_path / "x.npz")


@pytest.mark.parametrize("shape", [[0, 2**64 - 1], [0] * 70])
def test_shapes_that_numpy_cannot_hold_are_a_sentence(tmp_path, shape):
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ValueError, match=r"x\.safetensors holds a of the shape .*, which numpy cannot"):
        read_arrays(tmp_path / "x.safetensors")


def test_what_a_file_says_stays_on_one_line_of_a_message(tmp_path):
    name = "a\n\x1b[31m" * 10000
    header = json.dumps({name: {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(ValueError, match=r"x\.safetensors holds a\\n\\x1b\[31ma") as caught:
        read_arrays(tmp_path / "x.safetensors")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000
