"""Where pictures come from: photographs of scikit-image, a folder, a zip, tensorflow-datasets, drawn faces, CelebA."""
import importlib.util
import os
import re
from pathlib import Path

from dynjax.data.picture_source import FileSource, open_folder
from dynjax.data.views import positive, reshape, select
from dynjax.registry import Registry

# All colour photographs that the wheel carries, no drawings and no charts. The test scenes are in no other picture.
TEST_SAMPLES = ("chelsea.png", "coffee.png")
TRAIN_SAMPLES = ("astronaut.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "motorcycle_right.png",
                 "retina.jpg", "rocket.jpg")
KINDS = ("samples, folder:PATH, zip:PATH, tfds:NAME, drawn-faces, celeba:PATH, faces:PATH.npz, pairs:NOISY:CLEAN, "
         "sidd:PATH, or the path of a folder or of a .zip")


def open_source(spec, *, split=None, data_dir=None, feature=None, attribute="", sign=1, crop=None, size=None):
    """Opens pictures for training or evaluation.

    Args:
      spec: one of
        "samples": the colour photographs that scikit-image installs; nothing is downloaded. Splits: "test" is
          chelsea and coffee, "train" the others, None all.
        "folder:PATH" or the path of a folder: every picture in it and below it, sorted by path. Links are followed;
          what cannot be reached is named in a warning; hidden folders and those of the system are left out.
        "zip:PATH" or the path of a .zip: the same, without unpacking.
        "tfds:NAME", such as "tfds:div2k/bicubic_x4": a data set prepared as array_record; TensorFlow is not needed.
        "drawn-faces": 12,000 drawn faces whose hair colour and smile are known; attributes Blond_Hair and Smiling.
        "celeba:PATH": CelebA as it is distributed, PATH the folder with img_align_celeba or its .zip and the lists.
        "pairs:NOISY:CLEAN", two folders, or "pairs:PATH", one with the folders noisy and clean in it: pairs.
        "sidd:PATH": SIDD's pairs; splits "train" and "valid" (its validation blocks).
        "faces:PATH.npz": faces with attributes in one file, see `dynjax.data.face_sources`.
        "KIND:PLACE" of a kind that was registered with `dynjax.data.SOURCES`.
      split: which part of "samples" or of a tfds: data set ("train" where none is given; slices such as "train[:50%]");
        of faces, "train", "valid", "test" or "all" (as None), or a part by number, such as "all[1000:]". A folder or
        a zip is one part: taken whole whatever split says.
      data_dir: tfds only, where the data set was prepared.
      feature: tfds only, which image of a record; by default "hr", "image" or the only one.
      attribute: only pictures that have it, such as "Blond_Hair"; or several conditions, "Blond_Hair=-1,Male=1". For
        faces: the sources drawn-faces, celeba:, faces: and tfds:celeb_a. Empty: all.
      sign: -1 for only those that do not have `attribute`.
      crop: side of the square that is cut from the middle of each picture, such as 108 for CelebA; None cuts nothing.
      size: what the shorter side then becomes (bicubic, antialiased); None leaves it. Drawn faces are drawn at it.

    Returns:
      A source with `len`, `source[i]` uint8 [H, W, 3] (of pairs [H, W, 6], the clean picture before the noisy),
      `names`, `skipped` and a stable repr; see PictureSource.

    Raises:
      ValueError: unknown kind, split or attribute; missing, empty or unreadable place; a data set that is not prepared.
    """
    text = os.fspath(spec)
    drawn_size = None if crop else positive("size", size)
    source = select(_open(text, split, data_dir, feature, drawn_size), attribute, sign)
    return source if text == "drawn-faces" and not crop else reshape(source, crop=crop, size=size)


def _open(text, split, data_dir, feature, drawn_size):
    """All pictures of a split of what `text` names."""
    kind, place = text.split(":", 1) if re.match(r"[a-z][a-z0-9_-]+:", text) else (None, text)
    if kind != "tfds" and (data_dir is not None or feature is not None):
        raise ValueError(f"data_dir and feature belong to tfds: sources, and the source is {text!r}; leave them out")
    if text == "samples":
        return _open_samples(split)
    if text == "drawn-faces":
        from dynjax.data.face_sources import open_drawn_faces
        return open_drawn_faces(split=split, size=drawn_size or 64)
    if kind is not None and not place:
        raise ValueError(f"the source {text!r} says nothing behind the colon; wanted {KINDS}")
    if kind is None and place.lower().endswith(".zip") and not Path(place).expanduser().is_dir():
        kind = "zip"
    if kind == "tfds":
        from dynjax.data.tfds_source import TfdsSource
        return TfdsSource(place, split=split, data_dir=data_dir, feature=feature)
    if kind in SOURCES:
        return SOURCES.get(kind)(place, split=split)
    if text and Path(text).expanduser().exists():
        return open_folder(text)
    registered = [f"{name}:" for name in SOURCES.names() if f"{name}:" not in KINDS]
    more = f". Registered besides: {', '.join(registered)}" if registered else ""
    raise ValueError(f"the source {text!r} is neither a known kind nor a folder that exists; wanted {KINDS}{more}")


# What stands before the colon of a spec, to a function of what stands behind it and of the split. A kind of your own is
# registered likewise; what it gives is described at `open_source`.
SOURCES = Registry("kind of source")


@SOURCES.register(name="folder")
def _folder(place, *, split):
    return open_folder(place)


@SOURCES.register(name="zip")
def _zip(place, *, split):
    from dynjax.data.zip_source import ZipSource
    return ZipSource(place)


@SOURCES.register(name="pairs")
def _pairs(place, *, split):
    from dynjax.data.pair_source import open_pairs
    return open_pairs(place)


@SOURCES.register(name="sidd")
def _sidd(place, *, split):
    from dynjax.data.pair_source import open_sidd
    return open_sidd(place, split=split)


@SOURCES.register(name="celeba")
def _celeba(place, *, split):
    from dynjax.data.face_sources import open_celeba
    return open_celeba(place, split=split)


@SOURCES.register(name="faces")
def _faces(place, *, split):
    from dynjax.data.face_sources import open_npz_faces
    return open_npz_faces(place, split=split)


def _open_samples(split):
    names = {None: TRAIN_SAMPLES + TEST_SAMPLES, "train": TRAIN_SAMPLES, "test": TEST_SAMPLES}
    if split not in names:
        raise ValueError(f"the samples have no split {split!r}; wanted 'train', 'test', or None for all")
    found = importlib.util.find_spec("skimage")   # finds the folder without importing the library
    if found is None:
        raise ValueError("the samples are the photographs of scikit-image, which is not installed; "
                         "pip install scikit-image, or give another source: " + KINDS)
    folder = Path(found.submodule_search_locations[0]) / "data"
    paths = sorted(folder / name for name in names[split] if (folder / name).is_file())
    if not paths:
        raise ValueError(f"this installation of scikit-image carries none of {list(names[split])} in {folder}; "
                         "install its wheel: pip install --force-reinstall scikit-image")
    return FileSource(f"samples {split or 'all'}", paths, [path.stem for path in paths])
