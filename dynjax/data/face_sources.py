"""Sources of faces with attributes: drawn ones, CelebA as it is distributed, and a set in one .npz file."""
import functools
import io
from pathlib import Path

import numpy as np

from dynjax.data.drawn_faces import draw_face, hair_and_smile, random_face
from dynjax.data.picture_source import PictureSource, open_folder
from dynjax.data.views import SPLITS, take_split
from dynjax.files.pictures import read_picture

DRAWN = {"train": 10_000, "valid": 1_000, "test": 1_000}
NPZ_KEYS = ("jpeg", "offsets", "attributes", "attribute_names", "split")


class DrawnFaces(PictureSource):
    """Faces of `dynjax.data.drawn_faces` with the attributes Blond_Hair and Smiling, named as CelebA names them.

    Face number i, and so the picture named i, is always the same.
    """
    attribute_names = ("Blond_Hair", "Smiling")

    def __init__(self, size=64):
        super().__init__(f"drawn-faces {size}", [f"{index:06d}" for index in range(sum(DRAWN.values()))])
        self.size = size

    def face(self, index):
        """The numbers of face `index`."""
        return random_face(np.random.default_rng((0, index)))

    def read(self, index):
        return draw_face(self.face(index), self.size)

    @property
    def attributes(self):
        return _drawn_attributes(len(self))


@functools.cache
def _drawn_attributes(count):
    drawn = np.array([hair_and_smile(np.random.default_rng((0, index))) for index in range(count)])
    return np.where(drawn > (0.5, 0), 1, -1).astype(np.int8)


def open_drawn_faces(*, split=None, size=64):
    """12,000 drawn faces of `size` pixels; splits "train" (10,000), "valid" and "test" (1,000 each)."""
    return take_split(DrawnFaces(size), np.repeat(np.arange(len(SPLITS)), list(DRAWN.values())), split)


def open_celeba(place, *, split=None):
    """CelebA (Liu et al. 2015), aligned and cropped, as it is distributed.

    Args:
      place: the folder that holds `img_align_celeba/` or `img_align_celeba.zip` and, for attributes and splits,
        `list_attr_celeba.txt` and `list_eval_partition.txt`; the official sub-folders Img, Anno and Eval are looked
        into, and .csv versions of the lists are taken. Or the path of the zip in it.
      split: "train", "valid", "test" by the official partition, "all", parts such as "all[1000:]"; None is all.

    Raises:
      ValueError: something is missing, damaged, or does not fit together.
    """
    place = Path(place).expanduser()
    folder = place.parent if place.is_file() else place
    archive = place if place.is_file() else _find(folder, "Img", "img_align_celeba.zip")
    pictures = None if place.is_file() else _find(folder, "Img", "img_align_celeba")
    if pictures is not None and pictures.is_dir():
        source = open_folder(pictures)
    elif archive is not None:
        from dynjax.data.zip_source import ZipSource
        source = ZipSource(archive)
    else:
        broken = [path.name for path in (folder / "img_align_celeba", folder / "img_align_celeba.zip")
                  if path.is_symlink() and not path.exists()]
        raise ValueError(f"the folder {folder} holds neither img_align_celeba nor img_align_celeba.zip"
                         f"{f' ({broken[0]} is a broken link)' if broken else ''}; wanted the folder in which the "
                         "downloaded files of CelebA lie")
    source.description = f"celeba:{place}"
    lists = [_find(folder, where, f"list_{what}.txt", f"list_{what}.csv")
             for where, what in (("Anno", "attr_celeba"), ("Eval", "eval_partition"))]
    partition = None
    if lists[0] is not None:
        source.attribute_names, source.attributes = _read_list(lists[0], source.names, header=True, values=(-1, 1))
    if lists[1] is not None:
        partition = _read_list(lists[1], source.names, header=False, values=(0, 1, 2))[1][:, 0]
    return take_split(source, partition, split)


class NpzFaces(PictureSource):
    """JPEG pictures one behind the other in an .npz file, with one-hot or 0/1 attributes and a split for each.

    Its arrays: jpeg uint8 (bytes,), offsets int64 (N + 1,), attributes (N, A) above 0 where the picture has it,
    attribute_names (A,), split (N,) 0 train, 1 valid, 2 test. Grey pictures become RGB.
    """

    def __init__(self, path):
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise ValueError(f"there is no file {self.path}; check the path, which is taken from {Path.cwd()}")
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in NPZ_KEYS if name in file.files}
        except Exception as error:   # damage shows as BadZipFile, zlib.error, EOFError, ValueError, AttributeError ...
            raise ValueError(f"{self.path} cannot be read as an .npz file ({type(error).__name__}: {error}); it is "
                             "damaged or something else: fetch it again") from error
        shapes = {name: array.shape for name, array in arrays.items()}
        count = shapes.get("split", (0,))[0]
        wanted = {"jpeg": shapes.get("jpeg", ())[:1], "offsets": (count + 1,), "split": (count,),
                  "attributes": (count, *shapes.get("attribute_names", ())[:1])}
        if set(shapes) != set(NPZ_KEYS) or count == 0 or any(shapes[name] != wanted[name] for name in wanted):
            raise ValueError(f"{self.path} holds arrays of the shapes {shapes}; wanted jpeg (bytes,), "
                             "offsets (N + 1,), attributes (N, A), attribute_names (A,), split (N,): see "
                             "dynjax.data.face_sources")
        super().__init__(f"faces:{self.path}", [f"{index:06d}" for index in range(count)])
        self.jpeg, self.offsets, self.partition = arrays["jpeg"], arrays["offsets"], arrays["split"]
        self.attribute_names = tuple(map(str, arrays["attribute_names"]))
        self.attributes = np.where(arrays["attributes"] > 0, 1, -1).astype(np.int8)

    def read(self, index):
        data = self.jpeg[self.offsets[index]:self.offsets[index + 1]].tobytes()
        return read_picture(io.BytesIO(data), name=f"picture {index} in {self.path}")


def open_npz_faces(path, *, split=None):
    """The faces of an .npz file, see `NpzFaces`; splits "train", "valid", "test", "all" and parts of them."""
    source = NpzFaces(path)
    return take_split(source, source.partition, split)


def _find(folder, sub_folder, *names):
    """The first of `names` that exists in a folder or its sub-folder, or None."""
    places = [place / name for place in (folder, folder / sub_folder) for name in names]
    return next((place for place in places if place.exists()), None)


def _read_list(path, pictures, *, header, values):
    """A list of CelebA: (the names in its header, int8 [pictures, columns] in the order of `pictures`).

    Lines are "000001.jpg -1 1 ..."; before them stand, or do not, their number and the columns' names.
    """
    try:
        lines = path.read_text(encoding="ascii").replace(",", " ").splitlines()
        if lines[0].strip().isdigit():
            lines = lines[1:]
        names = ()
        if header or lines[0].startswith("image_id"):
            names = tuple(name for name in lines[0].split() if name != "image_id")
            lines = lines[1:]
        lines = [line for line in lines if line.strip()]
        columns = len(names) or 1
        table = np.loadtxt(lines, dtype=np.int8, usecols=range(1, columns + 1), ndmin=2)
        if not np.isin(table, values).all() or len(lines[0].split()) != columns + 1:
            raise ValueError(f"wanted a file name and {columns} values of {values} a line")
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path} cannot be read as a list of CelebA ({error}); fetch it again") from error
    rows = {line.split(None, 1)[0].rpartition(".")[0]: row for row, line in enumerate(lines)}
    order = [rows.get(name, -1) for name in pictures]
    if -1 in order:
        raise ValueError(f"{path} says nothing of picture {pictures[order.index(-1)]} ({order.count(-1)} are missing "
                         f"of {len(pictures)}); wanted a line for every picture: fetch it again, or move the other "
                         "pictures away")
    return names, table[order]
