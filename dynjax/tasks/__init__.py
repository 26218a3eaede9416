"""What is learned: clean pictures to examples, and the protocol that judges."""
from dynjax.registry import Registry
from dynjax.tasks.completion import Completion
from dynjax.tasks.denoise import Denoise
from dynjax.tasks.denoise_deblur import DenoiseDeblur
from dynjax.tasks.denoise_pairs import PairedDenoise
from dynjax.tasks.faces import Faces
from dynjax.tasks.style import Style
from dynjax.tasks.super_resolution import SuperResolution
from dynjax.tasks.task import Task

__all__ = [
    "TASKS",
    "Completion",
    "Denoise",
    "DenoiseDeblur",
    "Faces",
    "PairedDenoise",
    "Style",
    "SuperResolution",
    "Task",
]

TASKS = Registry("task")
for _name, _task in {"completion": Completion, "denoise": Denoise, "denoise_deblur": DenoiseDeblur,
                     "denoise_pairs": PairedDenoise, "faces": Faces, "style": Style,
                     "super_resolution": SuperResolution}.items():
    TASKS.register(_task, name=_name)
