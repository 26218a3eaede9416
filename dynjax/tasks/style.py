"""Style transfer: the picture itself is the input, and the target is the same picture for the content objective."""
import dataclasses

import numpy as np

from dynjax.image.resize import crop_to_multiple
from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Style(Task):
    """Style transfer as Johnson et al. 2016 train it; which style, and how much of it, say the objectives."""
    has_target = False
    multiple = 4

    def example(self, images, keys):
        """Pictures [B, H, W, 3] in [0, 1] to {"input", "target"}, both the pictures."""
        return {"input": images, "target": images}

    def evaluation_example(self, image, key=None):
        """One picture [H, W, 3], cut to multiples of four, the sizes that style networks give back."""
        picture = crop_to_multiple(np.asarray(image, np.float32), self.multiple)
        return {"input": picture, "target": picture}
