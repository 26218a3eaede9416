"""Sources made of other sources: one split, those with a certain attribute, each picture cropped and resized."""
import difflib
import re

import numpy as np
from PIL import Image

from dynjax.data.picture_source import PictureSource, check_picture
from dynjax.data.resizing import resized
from dynjax.files.pictures import PictureError

SPLITS = ("train", "valid", "test")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Subset(PictureSource):
    """The pictures of `source` at `indices`, in that order, under their names and with their attributes."""

    def __init__(self, source, indices, description):
        super().__init__(description, [source.names[index] for index in indices])
        self.source, self.indices, self.channels = source, np.asarray(indices), source.channels
        self.attribute_names = source.attribute_names

    @property
    def attributes(self):
        return self.source.attributes[self.indices]

    def read(self, index):
        return self.source.read(int(self.indices[index]))


class Reshaped(PictureSource):
    """The pictures of `source`, cut to a square of `crop` in the middle, then resized to `size`; see `reshape`."""

    def __init__(self, source, crop, size, resampling):
        said = [f"crop {crop}"] * (crop is not None) + [f"{resampling} to {size}"] * (size is not None)
        names = getattr(source, "names", map(str, range(len(source))))   # a list of arrays has none
        super().__init__(", ".join([getattr(source, "description", "pictures"), *said]), names)
        self.source, self.crop, self.size, self.resampling = source, crop, size, resampling
        self.attribute_names, self.channels = getattr(source, "attribute_names", ()), getattr(source, "channels", 3)

    @property
    def attributes(self):
        return self.source.attributes

    def read(self, index):
        name = self.names[index]
        picture = check_picture(getattr(self.source, "read", self.source.__getitem__)(index), name)
        if self.crop is not None:
            if min(picture.shape[:2]) < self.crop:
                height, width = picture.shape[:2]
                raise PictureError(f"picture {name} is {height} x {width} pixels (height x width), smaller "
                                   f"than the crop of {self.crop}; lower crop or use larger pictures")
            picture = centre_crop(picture, self.crop)
        if self.size is not None:
            picture = resize_shorter_side(picture, self.size, self.resampling)
        return np.ascontiguousarray(picture)


def reshape(source, *, crop=None, size=None, resampling="bicubic"):
    """Cuts the middle of each picture of a source, then resizes it, as it is read.

    Args:
      source: of `open_source`, or anything with `len` and `source[i]`.
      crop: side of the square cut from the middle, or None. 108 and 128 are the published crops of CelebA's 178 x 218
        pictures, from row 55 and column 35, and from row 45 and column 25.
      size: what the shorter side becomes, antialiased; the ratio is kept. None leaves it.
      resampling: "bicubic" or "bilinear", Pillow's.

    Returns:
      A source; the same one where both are None. A picture smaller than the crop counts as one that cannot be read.

    Raises:
      ValueError: an option out of its range.
    """
    crop, size = (positive(name, value) for name, value in (("crop", crop), ("size", size)))
    if resampling not in FILTERS:
        raise ValueError(f"resampling={resampling!r} is not known; wanted one of {', '.join(FILTERS)}")
    return source if crop is None and size is None else Reshaped(source, crop, size, resampling)


def centre_crop(picture, size):
    """The square of `size` in the middle of a picture [H, W, C] that is large enough: a view.

    Half a pixel too many goes to the even side, as torchvision's CenterCrop rounds.
    """
    top, left = (round((side - size) / 2) for side in picture.shape[:2])
    return picture[top:top + size, left:left + size]


def resize_shorter_side(picture, size, resampling="bilinear"):
    """A picture, uint8 [H, W, 3], resized so that its shorter side is `size`; the longer one is rounded down, as
    torchvision's Resize does."""
    height, width = picture.shape[:2]
    wanted = (size, size * height // width) if width <= height else (size * width // height, size)
    if wanted == (width, height):
        return picture
    return resized(picture, wanted, FILTERS[resampling])


def select(source, attribute, sign=1):
    """The pictures of a source that have an attribute, or have it not.

    Args:
      source: one whose pictures are described: it has `attribute_names` and `attributes`, int8 [N, A], 1 or -1.
      attribute: a name, such as "Blond_Hair", for which `sign` is wanted; or several conditions that all hold, such as
        "Blond_Hair=-1,Male=1". Empty: all pictures.
      sign: 1 for those that have it, -1 for the others.

    Returns:
      A source.

    Raises:
      ValueError: a source without attributes, an unknown name (the known ones are listed), another sign than 1 and -1,
        or no picture that fits.
    """
    if not attribute:
        return source
    conditions = _conditions(attribute, sign)
    known = getattr(source, "attribute_names", ())
    if not known:
        raise ValueError(f"{source!r} have no attributes, and {attribute!r} was asked for; wanted drawn-faces, "
                         "celeba:PATH with list_attr_celeba.txt beside the pictures, faces:PATH.npz, or a tfds: data "
                         "set with a feature named attributes")
    for name in conditions:
        if name not in known:
            near = [f"did you mean {match!r}? " for match in difflib.get_close_matches(name, known, n=1)]
            raise ValueError(f"{source!r} have no attribute {name!r}; {''.join(near)}there are: {', '.join(known)}")
    values = source.attributes
    keep = np.ones(len(source), bool)
    for name, wanted in conditions.items():
        keep &= values[:, known.index(name)] == wanted
    said = ",".join(f"{name}={wanted}" for name, wanted in conditions.items())
    if not keep.any():
        raise ValueError(f"none of {source!r} has {said}; take away a condition or change a sign")
    return Subset(source, np.flatnonzero(keep), f"{source.description}, {said}")


def take_split(source, partition, split):
    """One split of a source.

    Args:
      source: a source.
      partition: for each picture 0, 1 or 2, an index into `SPLITS`; or None where that is not known.
      split: "train", "valid", "test" or "all" (None is "all"); a slice may follow, "all[:1000]", "train[1000:]".

    Raises:
      ValueError: an unknown or empty split.
    """
    if split is None:
        return source
    parts = re.fullmatch(r"(\w+)(?:\[(-?\d*):(-?\d*)\])?", split)
    name = parts and parts[1]
    if name not in (*SPLITS, "all"):
        raise ValueError(f"{source!r} have no split {split!r}; wanted {', '.join(map(repr, SPLITS))}, 'all', or a part "
                         "of one, such as 'all[1000:]'")
    if name != "all" and partition is None:
        raise ValueError(f"which of {source!r} belong to the split {name!r} is not known; wanted "
                         "list_eval_partition.txt beside the pictures, or a part by number, such as 'all[1000:]'")
    found = np.arange(len(source)) if name == "all" else np.flatnonzero(np.equal(partition, SPLITS.index(name)))
    found = found[slice(*(int(edge) if edge else None for edge in parts.groups()[1:]))]
    if len(found) == 0:
        raise ValueError(f"the split {split!r} of {source!r} is empty; take another part")
    return Subset(source, found, f"{source.description} {split}")


def _conditions(attribute, sign):
    """"A=1,B=-1", or "A" and a sign, to {name: 1 or -1}."""
    conditions = {}
    for part in attribute.split(","):
        name, equals, value = (word.strip() for word in part.partition("="))
        value = value if equals else str(sign)
        if value not in ("1", "+1", "-1") or not name or name in conditions:
            raise ValueError(f"attribute={attribute!r} with sign={sign!r} is no condition; wanted a name with the sign "
                             "1 or -1, or several, each once, such as 'Blond_Hair=1,Male=-1'")
        conditions[name] = int(value)
    return conditions


def positive(name, value):
    """A number of pixels or None; words, as a command line gives them, are taken too."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not re.fullmatch(r"[1-9]\d*", str(value)):
        raise ValueError(f"{name}={value!r} is no number of pixels; wanted an integer of at least 1, such as 108, or "
                         "None to leave pictures as they are")
    return int(value)
