"""Data sets of tensorflow-datasets, prepared here as array_record and read back, all without TensorFlow."""
import importlib.util
import io
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from dynjax.data.sources import open_source
from dynjax.data.tfds_source import TfdsSource
from dynjax.files.pictures import PictureError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return io.BytesIO(file.getvalue())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The folder of a data set laid out like div2k/bicubic_x4: features lr and hr, splits train and validation."""
    import tensorflow_datasets as tfds
    folder = tmp_path_factory.mktemp("tfds")

    class TinyDiv2k(tfds.core.GeneratorBasedBuilder):
        BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="bicubic_x4", version="2.0.0")]

        def _info(self):
            image = tfds.features.Image
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(
                {"lr": image(), "hr": image(), "other": image(), "label": tfds.features.Scalar(np.int64)}))

        def _split_generators(self, manager):
            return {"train": self._generate_examples(range(4)), "validation": self._generate_examples([4])}

        def _generate_examples(self, indices):
            for index in indices:
                yield index, {"lr": png(PICTURES[index, ::4, ::4]), "hr": png(PICTURES[index]),
                              "other": png(PICTURES[index, ::2, ::2]), "label": index}

    TinyDiv2k(data_dir=folder, config="bicubic_x4", file_format="array_record").download_and_prepare()
    return folder


def test_high_resolution_is_read_without_tensorflow(prepared):
    source = open_source("tfds:tiny_div2k/bicubic_x4", data_dir=prepared)
    assert len(source) == len(set(source.names)) == 4
    order = {picture.tobytes(): index for index, picture in enumerate(PICTURES[:4])}
    assert sorted(order[source[index].tobytes()] for index in range(4)) == [0, 1, 2, 3]
    valid = open_source("tfds:tiny_div2k/bicubic_x4", data_dir=prepared, split="validation")
    np.testing.assert_array_equal(valid[0], PICTURES[4])
    assert len(open_source("tfds:tiny_div2k/bicubic_x4", data_dir=prepared, split="train[:50%]")) == 2
    assert TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared, feature="lr")[0].shape == (6, 8, 3)
    copy = pickle.loads(pickle.dumps(source))
    np.testing.assert_array_equal(copy[1], source[1])
    assert repr(copy) == "tfds:tiny_div2k/bicubic_x4 train hr 2.0.0, 4 pictures"
    assert "tensorflow" not in sys.modules


def test_a_program_that_knows_no_such_builder_reads_it(prepared):
    program = ("import sys; from dynjax.data import open_source;"
               f"print(open_source('tfds:tiny_div2k/bicubic_x4', data_dir={str(prepared)!r})[3].shape,"
               "'tensorflow' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "(24, 32, 3) False"


def test_wrong_split_and_feature_say_what_there_is(prepared):
    with pytest.raises(ValueError, match=r"no split 'test'.* empty .*; wanted one of \['train', 'validation'\]"):
        TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared, split="test")
    with pytest.raises(ValueError, match=r"\['hr', 'lr', 'other'\] are images, and not 'label'; give feature="):
        TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared, feature="label")
    with pytest.raises(ValueError, match=r"no split 'train\[:0\]', or it is empty"):
        TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared, split="train[:0]")


def test_damaged_record_is_named_with_the_command(prepared, tmp_path):
    file = next(prepared.rglob("*train*"))
    kept = file.read_bytes()
    try:
        damaged = bytearray(kept)
        damaged[len(kept) // 2] ^= 0xFF
        file.write_bytes(damaged)
        source = TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared)
        with pytest.raises(PictureError, match=r"(?s)of tiny_div2k/bicubic_x4 cannot be .*tfds build .*--overwrite"):
            for index in range(4):
                source.read(index)
    finally:
        file.write_bytes(kept)


def test_tfrecord_is_refused_with_the_command(prepared):
    info = next(prepared.rglob("dataset_info.json"))
    kept = info.read_text()
    try:
        info.write_text(json.dumps(json.loads(kept) | {"fileFormat": "tfrecord"}))
        with pytest.raises(ValueError, match=r"(?s)prepared as tfrecord.*tfds build tiny_div2k/bicubic_x4 "
                                             r"--file_format=array_record --data_dir=\S+ --overwrite$"):
            TfdsSource("tiny_div2k/bicubic_x4", data_dir=prepared)
    finally:
        info.write_text(kept)


COMMAND = r"(?s)is not prepared .*python3 -m venv .* tensorflow .*tfds build {} --file_format=array_record --data_dir="


def test_unprepared_gives_the_command(tmp_path):
    with pytest.raises(ValueError, match=COMMAND.format("div2k/bicubic_x4")):
        open_source("tfds:div2k/bicubic_x4", data_dir=tmp_path)
    with pytest.raises(ValueError, match=COMMAND.format("div2k/bicubic_x4") + "'.*a b'"):   # one word to the shell
        open_source("tfds:div2k/bicubic_x4", data_dir=tmp_path / "a b")


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="with TensorFlow coco can be described")
def test_a_data_set_that_cannot_even_be_described_gives_the_command(tmp_path):
    with pytest.raises(ValueError, match=COMMAND.format("coco/2017")):
        open_source("tfds:coco/2017", data_dir=tmp_path)


def test_unknown_names_are_said_to_be_unknown(tmp_path):
    with pytest.raises(ValueError, match=r"knows no data set 'no_such_set'.*check the name"):
        open_source("tfds:no_such_set", data_dir=tmp_path)
    with pytest.raises(ValueError, match=r"(?s)cannot open 'div2k/bicubic_x9'.*bicubic_x8.*check the name"):
        open_source("tfds:div2k/bicubic_x9", data_dir=tmp_path)
