"""Image completion: a square in the middle is missing, and only what is put there is judged."""
import dataclasses

import jax.numpy as jnp
import numpy as np

from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Completion(Task):
    """The hole in the middle of a picture is filled; outside it, the answer is the input bit for bit.

    As Shoshan et al. 2019 set it up (figure 7): the hole is filled with 0, objectives see the hole alone, the critic
    the hole with a rim, which is real in both of what it compares.

    Attributes:
      size: side of the pictures, cut from their middle, in pixels. hole: side of the missing square.
      rim: pixels around the hole that the critic sees too.

    Raises:
      ValueError: a hole that leaves no rim, or that cannot lie in the middle.
    """
    size: int = 128
    hole: int = 64
    rim: int = 4
    metrics = ("l1", "psnr_rgb", "ssim_rgb", "lpips_alex", "lpips_vgg", "sharpness")
    judged = "the hole alone"

    def __post_init__(self):
        if self.rim < 0 or self.size <= 2 * self.rim:
            raise ValueError(f"task.size is {self.size} and task.rim {self.rim}; the pictures are too small for a rim "
                             f"of {self.rim} pixels on both sides of a hole: set task.size or task.rim.")
        if not 0 < self.hole <= self.size - 2 * self.rim or (self.size - self.hole) % 2:
            raise ValueError(f"task.hole is {self.hole} for pictures of {self.size} pixels and a rim of {self.rim}; "
                             f"wanted 1 to {self.size - 2 * self.rim}, and even where the pictures are: set task.hole "
                             "or task.size.")

    @property
    def multiple(self):
        return self.size

    def example(self, images, keys):
        """Pictures [B, size, size, C] in [0, 1] to {"input": [-1, 1] with the hole at -1, "masked", "target"}."""
        if images.shape[1:3] != (self.size, self.size):
            raise ValueError(f"completion got pictures of {images.shape[1]} x {images.shape[2]} pixels; wanted "
                             f"{self.size} x {self.size}: set data.patch_size to task.size.")
        masked = jnp.where(self._in_hole()[None], 0.0, images)
        return {"input": masked * 2 - 1, "masked": masked, "target": images}

    def evaluation_example(self, image, key=None):
        """The middle of one picture [H, W, C] of at least size x size pixels, with its hole."""
        height, width = image.shape[:2]
        if min(height, width) < self.size:
            raise ValueError(f"completion got a picture of {height} x {width} pixels; wanted {self.size} x {self.size} "
                             "or more.")
        top, left = (height - self.size) // 2, (width - self.size) // 2
        target = np.asarray(image[top:top + self.size, left:left + self.size], np.float32)
        masked = np.where(self._in_hole(), np.float32(0), target)
        return {"input": masked * 2 - 1, "masked": masked, "target": target}

    def shown(self, example):
        """The picture with its hole."""
        return example["masked"]

    def answer(self, output, example):
        """The output's hole, from [-1, 1] to [0, 1], pasted into the input."""
        return jnp.where(self._in_hole()[None], (output + 1) / 2, example["masked"])

    def loss_view(self, pictures):
        """The hole, [B, hole, hole, C]."""
        return self._middle(pictures, self.hole)

    def critic_view(self, pictures):
        """The hole and its rim, in [-1, 1], as critics of this family see pictures."""
        return self._middle(pictures, self.hole + 2 * self.rim) * 2 - 1

    def _middle(self, pictures, side):
        begin = (self.size - side) // 2
        return pictures[..., begin:begin + side, begin:begin + side, :]

    def _in_hole(self):
        """[size, size, 1]: whether a pixel is missing."""
        begin = (self.size - self.hole) // 2
        inside = np.zeros((self.size, self.size, 1), bool)
        inside[begin:begin + self.hole, begin:begin + self.hole] = True
        return inside
