"""What a task is: pure functions that the trainer and the evaluation call without knowing which task it is."""
from typing import Protocol


class Task(Protocol):
    """A restoration task on clean pictures.

    Attributes:
      multiple: evaluation pictures are cut at bottom and right to a multiple of this many pixels.
      upscale: output pixels per input pixel along each side.
      border: rows and columns cut off each side before PSNR and SSIM.
    """
    multiple: int
    upscale: int
    border: int

    def example(self, images, keys):
        """Training examples on the device.

        Args:
          images: clean pictures [B, H, W, C] in [0, 1].
          keys: one key an image [B]; whatever is random about image i comes from keys[i] alone.

        Returns:
          {"input": what the network sees, "target": what it should give, ...}, leading axis B.
        """

    def evaluation_example(self, image, key):
        """The same for one clean numpy picture [H, W, C], by the task's evaluation protocol, without a batch axis."""

    def baselines(self, example):
        """Untrained answers to an evaluation example, {name: picture [H, W, C] in [0, 1]}, to compare with."""
