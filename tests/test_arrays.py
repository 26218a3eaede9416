"""Arrays by name from files: chosen by ending, never by executing anything."""
import os

import jax.numpy as jnp
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
