"""Faces with attributes: drawn ones, CelebA in the layouts it comes in, and a set in one .npz file."""
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from dynjax.data.drawn_faces import draw_face, random_face
from dynjax.data.face_measures import measure_hair, measure_smile
from dynjax.data.sources import open_source
from dynjax.data.tfds_source import TfdsSource

NAMES = ("5_o_Clock_Shadow", "Blond_Hair", "Male", "Smiling")
VALUES = np.array([(1, 1, -1, 1), (-1, 1, -1, -1), (-1, -1, 1, 1), (-1, -1, 1, -1), (1, 1, 1, 1)])
PARTITION = (0, 0, 0, 1, 2)


def jpeg(index, height=218, width=178):
    """A flat grey picture of the value 40 * index."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (40 * index,) * 3).save(file, "JPEG", quality=100)
    return file.getvalue()


def table(values, separator=" "):
    return "\n".join(f"{index + 1:06d}.jpg" + separator + separator.join(f"{value:2d}" for value in np.atleast_1d(row))
                     for index, row in enumerate(values))


def celeba(folder, layout):
    """CelebA with five pictures, in the official lists' format; names as the layouts have them."""
    images, anno, evaluation = {"flat": ("", "", ""), "zip": ("", "", ""), "official": ("Img", "Anno", "Eval"),
                                "csv": ("img_align_celeba", "", "")}[layout]
    for name in (images, anno, evaluation):
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = {f"img_align_celeba/{index + 1:06d}.jpg": jpeg(index) for index in range(5)}
    if layout in ("zip", "official"):
        with zipfile.ZipFile(folder / images / "img_align_celeba.zip", "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        (folder / images / "img_align_celeba").mkdir()
        for name, data in files.items():
            (folder / images / name).write_bytes(data)
    if layout == "csv":
        (folder / "list_attr_celeba.csv").write_text(f"image_id,{','.join(NAMES)}\n{table(VALUES, ',')}\n")
        (folder / "list_eval_partition.csv").write_text(f"image_id,partition\n{table(PARTITION, ',')}\n")
    else:
        (folder / anno / "list_attr_celeba.txt").write_text(f"5\n{' '.join(NAMES)} \n{table(VALUES)}\n")
        (folder / evaluation / "list_eval_partition.txt").write_text(table(PARTITION) + "\n")
    return folder


def values(source):
    return [round(float(source[index].mean()) / 40) for index in range(len(source))]


@pytest.mark.parametrize("layout", ["flat", "zip", "official", "csv"])
def test_celeba_as_it_is_distributed(tmp_path, layout):
    spec = f"celeba:{celeba(tmp_path, layout)}"
    source = open_source(spec)
    assert (values(source), source[0].shape) == ([0, 1, 2, 3, 4], (218, 178, 3))
    assert source.names == tuple(f"{index:06d}" for index in range(1, 6))
    assert source.attribute_names == NAMES
    np.testing.assert_array_equal(source.attributes, VALUES)
    assert values(open_source(spec, attribute="Blond_Hair")) == [0, 1, 4]
    assert values(open_source(spec, attribute="Blond_Hair", sign=-1)) == [2, 3]
    assert values(open_source(spec, attribute="Blond_Hair=1,Male=-1", split="train")) == [0, 1]
    assert [values(open_source(spec, split=split)) for split in ("train", "valid", "test")] == [[0, 1, 2], [3], [4]]
    assert values(open_source(spec, split="all[1:]", attribute="Smiling")) == [2, 4]
    small = open_source(spec, attribute="Male", crop=108, size=64)
    assert small[0].shape == (64, 64, 3)
    assert repr(small) == f"celeba:{tmp_path}, Male=1, crop 108, bicubic to 64, 3 pictures"


def test_celeba_by_its_zip(tmp_path):
    celeba(tmp_path, "zip")
    assert values(open_source(f"celeba:{tmp_path}/img_align_celeba.zip", attribute="Male")) == [2, 3, 4]


def test_celeba_errors(tmp_path):
    with pytest.raises(ValueError, match=r"holds neither img_align_celeba nor img_align_celeba\.zip; wanted"):
        open_source(f"celeba:{tmp_path}")
    celeba(tmp_path, "flat")
    with pytest.raises(ValueError, match=r"no attribute 'Blonde'; did you mean 'Blond_Hair'\? there are: 5_o_"):
        open_source(f"celeba:{tmp_path}", attribute="Blonde")
    (tmp_path / "img_align_celeba" / "mine.jpg").write_bytes(jpeg(1))
    with pytest.raises(ValueError, match=r"list_attr_celeba\.txt says nothing of picture mine \(1 are missing of 6\)"):
        open_source(f"celeba:{tmp_path}")
    (tmp_path / "img_align_celeba" / "mine.jpg").unlink()
    for text in ("", "5\nA B\n000001.jpg 1\n", "5\nA B\n000001.jpg 1 7\n", "5\nA B\n000001.jpg 1 1 1\n"):
        (tmp_path / "list_attr_celeba.txt").write_text(text)
        with pytest.raises(ValueError, match=r"list_attr_celeba\.txt cannot be read as a list of CelebA"):
            open_source(f"celeba:{tmp_path}")
    (tmp_path / "list_attr_celeba.txt").unlink()
    (tmp_path / "list_eval_partition.txt").unlink()
    assert len(open_source(f"celeba:{tmp_path}")) == 5   # without the lists, while nothing is asked of them
    with pytest.raises(ValueError, match=r"have no attributes, and 'Male' was asked for; .*list_attr_celeba\.txt"):
        open_source(f"celeba:{tmp_path}", attribute="Male")
    with pytest.raises(ValueError, match=r"the split 'train' is not known; wanted list_eval_partition\.txt"):
        open_source(f"celeba:{tmp_path}", split="train")


def test_drawn_faces_carry_their_attributes():
    source = open_source("drawn-faces", split="test")
    assert (len(source), source.attribute_names) == (1000, ("Blond_Hair", "Smiling"))
    assert [len(open_source("drawn-faces", split=split)) for split in (None, "train", "valid")] == [12000, 10000, 1000]
    pictures = np.stack([source[index] for index in range(60)])
    np.testing.assert_array_equal(np.where(measure_hair(pictures) > 0.5, 1, -1), source.attributes[:60, 0])
    np.testing.assert_array_equal(np.where(measure_smile(pictures) > 0, 1, -1), source.attributes[:60, 1])
    blond, dark = (open_source("drawn-faces", split="valid", attribute="Blond_Hair", sign=sign, size=32)
                   for sign in (1, -1))
    assert blond[0].shape == (32, 32, 3)
    assert len(blond) + len(dark) == 1000
    assert min(measure_hair(blond[index]) for index in range(30)) > 0.6
    assert max(measure_hair(dark[index]) for index in range(30)) < 0.4


def test_a_drawn_face_is_known_by_its_name():
    source = open_source("drawn-faces", split="valid", attribute="Smiling")
    number = int(source.names[4])
    np.testing.assert_array_equal(source[4], draw_face(random_face(np.random.default_rng((0, number)))))
    assert len({open_source("drawn-faces")[index].tobytes() for index in range(20)}) == 20


@pytest.fixture
def packed(tmp_path):
    """An .npz laid out as the research set of expressions is: grey JPEGs of drawn faces, one-hot labels."""
    streams = []
    for index in range(6):
        file = io.BytesIO()
        Image.fromarray(draw_face(random_face(np.random.default_rng(index)))).convert("L").save(file, "JPEG")
        streams.append(file.getvalue())
    arrays = {"jpeg": np.frombuffer(b"".join(streams), np.uint8),
              "offsets": np.cumsum([0, *map(len, streams)]).astype(np.int64),
              "attributes": np.eye(2, dtype=np.int8)[[0, 1, 0, 1, 1, 0]],
              "attribute_names": np.array(["neutral", "happiness"]), "person": np.arange(6, dtype=np.int32),
              "split": np.array([0, 0, 0, 0, 1, 2], np.int8), "meta": np.array("{}")}
    np.savez(tmp_path / "faces.npz", **arrays)
    return tmp_path / "faces.npz", arrays, streams


def test_faces_in_one_file(packed):
    path, _, streams = packed
    source = open_source(f"faces:{path}")
    assert len(source) == 6
    for index in range(6):
        grey = np.asarray(Image.open(io.BytesIO(streams[index])))
        np.testing.assert_array_equal(source[index], np.repeat(grey[..., None], 3, -1))
    assert source[0].shape == (64, 64, 3)
    assert open_source(f"faces:{path}", split="train", attribute="happiness").names == ("000001", "000003")
    assert open_source(f"faces:{path}", attribute="happiness", sign=-1).names == ("000000", "000002", "000005")
    assert [len(open_source(f"faces:{path}", split=split)) for split in ("train", "valid", "test")] == [4, 1, 1]


def test_faces_in_one_file_errors(packed, tmp_path):
    path, arrays, _ = packed
    with pytest.raises(ValueError, match=r"no attribute 'happines'; did you mean 'happiness'\? there are: neutral, "):
        open_source(f"faces:{path}", attribute="happines")
    with pytest.raises(ValueError, match=r"there is no file .*gone\.npz; check the path"):
        open_source(f"faces:{tmp_path}/gone.npz")
    for change in ({"offsets": arrays["offsets"][1:]}, {"split": np.zeros(5)}, {"attributes": np.zeros((6, 3))}):
        np.savez(tmp_path / "odd.npz", **(arrays | change))
        with pytest.raises(ValueError, match=r"odd\.npz holds arrays of the shapes .*; wanted jpeg \(bytes,\)"):
            open_source(f"faces:{tmp_path}/odd.npz")
    np.savez(tmp_path / "odd.npz", jpeg=arrays["jpeg"])
    with pytest.raises(ValueError, match=r"odd\.npz holds arrays of the shapes"):
        open_source(f"faces:{tmp_path}/odd.npz")
    for damaged in (path.read_bytes()[:2000], b"text", b""):
        (tmp_path / "cut.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cut\.npz cannot be read as an \.npz file .*fetch it again"):
            open_source(f"faces:{tmp_path}/cut.npz")
    np.savez(tmp_path / "odd.npz", **(arrays | {"jpeg": arrays["jpeg"] * 0}))
    with pytest.raises(ValueError, match=r"none of the pictures of faces:.* can be read"):
        open_source(f"faces:{tmp_path}/odd.npz")[0]


def test_tfds_attributes(tmp_path):
    """A data set laid out like celeb_a: a feature `attributes` of Booleans beside the image."""
    import tensorflow_datasets as tfds

    class TinyCelebA(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("2.1.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(
                {"image": tfds.features.Image(shape=(218, 178, 3)), "attributes": {name: np.bool_ for name in NAMES}}))

        def _split_generators(self, manager):
            return {"train": self._generate_examples(range(4)), "test": self._generate_examples([4])}

        def _generate_examples(self, indices):
            for index in indices:
                yield index, {"image": io.BytesIO(jpeg(index)),
                              "attributes": {name: bool(value > 0)
                                             for name, value in zip(NAMES, VALUES[index], strict=True)}}

    TinyCelebA(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    spec = "tfds:tiny_celeb_a"
    assert isinstance(open_source(spec, data_dir=tmp_path), TfdsSource)
    assert sorted(values(open_source(spec, data_dir=tmp_path, attribute="Blond_Hair"))) == [0, 1]
    assert values(open_source(spec, data_dir=tmp_path, attribute="Male=1,Smiling=-1")) == [3]
    assert values(open_source(spec, data_dir=tmp_path, split="test", attribute="Smiling")) == [4]
    with pytest.raises(ValueError, match=r"no attribute 'male'; did you mean 'Male'\? there are: 5_o_Clock_Shadow"):
        open_source(spec, data_dir=tmp_path, attribute="male")
