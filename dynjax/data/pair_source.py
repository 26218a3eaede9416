"""Pairs of a noisy and a clean picture: two folders, or SIDD as it is distributed."""
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from dynjax.data.picture_source import FileSource, PictureSource, open_folder, unique_names
from dynjax.files.pictures import PictureError

FOLDERS = ("noisy", "clean")
SIDD = "Data/<scene>/*_NOISY_SRGB_*.PNG beside *_GT_SRGB_*.PNG"   # how it is laid out
BLOCKS = {"noisy": "ValidationNoisyBlocksSrgb", "clean": "ValidationGtBlocksSrgb"}


class PairSource(PictureSource):
    """Two pictures of one size on top of each other: `source[i]` is uint8 [H, W, 6], the clean RGB before the noisy.

    Args:
      noisy, clean: sources with as many pictures, in the same order.
    """
    channels = 6

    def __init__(self, description, noisy, clean):
        super().__init__(description, clean.names)
        self.noisy, self.clean = noisy, clean

    def read(self, index):
        noisy, clean = self.noisy.read(index), self.clean.read(index)
        if noisy.shape != clean.shape:
            (height, width, _), (wanted, across, _) = noisy.shape, clean.shape
            raise PictureError(f"the noisy {self.noisy.names[index]} has {height} x {width} pixels (height x width), "
                               f"the clean {self.clean.names[index]} {wanted} x {across}; wanted the same: replace or "
                               "remove the pair")
        return np.concatenate([clean, noisy], axis=-1)


def open_pairs(place):
    """Pairs from two folders whose pictures have the same names, up to their endings.

    Args:
      place: "NOISY:CLEAN", two folders; or one folder with the folders noisy and clean in it.

    Raises:
      ValueError: a folder that is missing or empty, or a picture without its partner, by name.
    """
    folders = place.split(":")
    if len(folders) == 1:
        folders = [Path(place).expanduser() / name for name in FOLDERS]
    if len(folders) != 2 or not all(folders):
        raise ValueError(f"the source pairs:{place} names {sum(map(bool, folders))} folders; wanted "
                         "NOISY:CLEAN, or one folder with the folders noisy and clean in it.")
    noisy, clean = (open_folder(folder, every_link=True) for folder in folders)   # clean ones may be shared by links
    alone = sorted(set(noisy.names) ^ set(clean.names))
    if alone:
        some = ", ".join(alone[:5]) + (", ..." if len(alone) > 5 else "")
        raise ValueError(f"{len(noisy)} noisy and {len(clean)} clean pictures do not go together: without a partner "
                         f"{'is' if len(alone) == 1 else 'are'} {some}; wanted a clean picture of the same "
                         f"name for every noisy one.{_doubled(folders[0], noisy)}{_doubled(folders[1], clean)}")
    order = [noisy.names.index(name) for name in clean.names]
    noisy.paths, noisy.names = tuple(noisy.paths[i] for i in order), clean.names
    return PairSource(f"pairs:{place}", noisy, clean)


def _doubled(folder, source):
    """A sentence about the first name that several pictures of a side have, told apart by their endings; or ""."""
    same = defaultdict(list)
    for path in map(Path, source.paths):
        same[path.with_suffix("")].append(path.name)
    several = next((names for names in same.values() if len(names) > 1), None)
    return "" if several is None else (f" In {folder} the name {Path(several[0]).stem} is there several times: keep "
                                       f"one of {', '.join(several)}.")


def open_sidd(place, *, split=None):
    """SIDD (Abdelhamed et al. 2018), sRGB, as it is distributed.

    Args:
      place: the folder with `Data/<scene>/*_NOISY_SRGB_*.PNG` beside `*_GT_SRGB_*.PNG`, or its Data; for the split
        "valid" the one with `ValidationNoisyBlocksSrgb.mat` and `ValidationGtBlocksSrgb.mat`.
      split: "train" (or None) or "valid".

    Raises:
      ValueError: something is missing, or not laid out so.
    """
    folder = Path(place).expanduser()
    if split == "valid":
        return _SiddBlocks(folder)
    if split not in (None, "train"):
        raise ValueError(f"SIDD has no split {split!r}; wanted 'train' or 'valid'.")
    data = Path(os.path.abspath(folder / "Data" if (folder / "Data").is_dir() else folder))
    try:
        everything = open_folder(data, every_link=True)
    except ValueError as error:
        raise ValueError(f"{error}. Wanted a folder with SIDD as it is distributed, {SIDD}.") from None
    there = set(everything.paths)
    noisy = [path for path in everything.paths if "_NOISY_SRGB_" in Path(path).name]
    clean = [_renamed(path, "_NOISY_", "_GT_") for path in noisy]
    back = [_renamed(path, "_GT_", "_NOISY_") for path in everything.paths if "_GT_SRGB_" in Path(path).name]
    missing = [("noisy", path) for path in clean if path not in there]
    missing += [("clean", path) for path in back if path not in there]
    if not noisy or missing:
        raise ValueError(f"{folder} is not laid out as SIDD: " + (
            f"beside the {missing[0][0]} pictures there is no {missing[0][1]}" if missing else
            f"there is no picture called *_NOISY_SRGB_* in {data}") + f"; wanted {SIDD}.")
    names = unique_names([str(Path(path).relative_to(data)).replace("_NOISY", "") for path in noisy])
    return PairSource(f"sidd:{place}", *(FileSource(everything.description, paths, names) for paths in (noisy, clean)))


def _renamed(path, old, new):
    return str(Path(path).with_name(Path(path).name.replace(old, new)))


class _SiddBlocks(PictureSource):
    """The validation blocks, uint8 [40, 32, 256, 256, 3] in two .mat files, as 1,280 pairs."""
    channels = 6

    def __init__(self, folder):
        self.blocks = {kind: _mat(folder / f"{name}.mat", name) for kind, name in BLOCKS.items()}
        shapes = {kind: array.shape for kind, array in self.blocks.items()}
        if len(set(shapes.values())) != 1 or len(shapes["noisy"]) != 5 or shapes["noisy"][-1] != 3:
            raise ValueError(f"the validation blocks of {folder} have the shapes {shapes}; wanted two equal ones, "
                             "[scenes, blocks, H, W, 3].")
        scenes, each = shapes["noisy"][:2]
        super().__init__(f"sidd:{folder} valid", [f"{scene:02}_{block:02}" for scene in range(scenes)
                                                  for block in range(each)])

    def read(self, index):
        place = divmod(index, self.blocks["clean"].shape[1])
        return np.concatenate([self.blocks["clean"][place], self.blocks["noisy"][place]], axis=-1)


def _mat(path, name):
    from scipy.io import loadmat, whosmat

    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted SIDD's validation blocks, {' and '.join(BLOCKS.values())}, "
                         "as .mat files.")
    try:
        array = loadmat(path, variable_names=[name]).get(name)
        there = [] if array is not None else [other for other, *_ in whosmat(path)]
    except Exception as error:   # damaged files raise almost anything; HDF5 ones NotImplementedError
        raise ValueError(f"{path} cannot be read as a MATLAB file with {name} ({type(error).__name__}: {error}); fetch "
                         "it again, or save it with -v7 if it is of a newer kind.") from error
    if array is None:
        raise ValueError(f"{path} holds {', '.join(there[:8]) or 'nothing'}; wanted {name}: fetch SIDD's own file, or "
                         "save the blocks under that name.")
    if array.dtype != np.uint8:
        raise ValueError(f"{path} holds {array.dtype}; wanted uint8.")
    return array
