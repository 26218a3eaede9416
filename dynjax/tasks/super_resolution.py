"""Super-resolution: the input is the picture after MATLAB's bicubic reduction to 8 bits."""
import dataclasses

import numpy as np

from dynjax.image.resize import crop_to_multiple, resize_bicubic
from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class SuperResolution(Task):
    """x`scale` super-resolution of bicubically reduced pictures, as the x2, x3 and x4 benchmark files are made.

    The reduction rounds to 8 bits in both passes, as MATLAB's imresize does on 8-bit pictures, in training too.
    """
    scale: int = 4

    @property
    def multiple(self):
        return self.scale

    @property
    def upscale(self):
        return self.scale

    @property
    def border(self):
        return self.scale

    def example(self, images, keys):
        """Clean [B, H, W, C], H and W multiples of the scale, to {"input": [B, H / scale, W / scale, C], "target"}."""
        if images.shape[1] % self.scale or images.shape[2] % self.scale:
            raise ValueError(f"super-resolution got pictures of {images.shape[1]} x {images.shape[2]} pixels for scale "
                             f"{self.scale}; wanted multiples of {self.scale}: set data.patch_size to one.")
        return {"input": resize_bicubic(images, 1 / self.scale, rounding="each_pass"), "target": images}

    def evaluation_example(self, image, key=None):
        """One clean picture [H, W, C], cut to a multiple of the scale; exact, in double precision."""
        target = crop_to_multiple(np.asarray(image), self.scale)
        reduced = resize_bicubic(target.astype(np.float64), 1 / self.scale, rounding="each_pass")
        return {"input": reduced.astype(np.float32), "target": target}

    def baselines(self, example):
        """Bicubic enlargement of the input, the floor of every table."""
        enlarged = resize_bicubic(np.asarray(example["input"]), self.scale)
        return {"bicubic": np.clip(enlarged, 0, 1).astype(np.float32)}
