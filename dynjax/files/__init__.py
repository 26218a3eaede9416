"""Raw file formats in and out; nothing here executes what a file says."""
from dynjax.files.arrays import read_arrays, read_npz
from dynjax.files.atomic import fsync_path, write_atomically
from dynjax.files.deep_pictures import check_target, read_deep_picture, write_deep_picture
from dynjax.files.mindspore import read_mindspore
from dynjax.files.pictures import PictureError, is_picture, read_picture, write_png
from dynjax.files.quarantine import DAMAGED, quarantine
from dynjax.files.safetensors import read_safetensors, to_safetensors
from dynjax.files.torch import read_torch

__all__ = [
           "DAMAGED",
           "PictureError",
           "check_target",
           "fsync_path",
           "is_picture",
           "quarantine",
           "read_arrays",
           "read_deep_picture",
           "read_mindspore",
           "read_npz",
           "read_picture",
           "read_safetensors",
           "read_torch",
           "to_safetensors",
           "write_atomically",
           "write_deep_picture",
           "write_png",
]
