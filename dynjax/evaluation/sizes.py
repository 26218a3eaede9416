"""Pictures of any size through a few compiled programs: inputs are padded to one of a few sizes, outputs cut back."""
import numpy as np

SMALLEST_STEP = 16
EVEN_UP_TO = 128


def bucket(size):
    """The side that a side of `size` pixels is padded to: multiples of 16 up to 128, then four to every doubling.

    16, 32, ..., 112, 128, 160, 192, 224, 256, 320, ...: the number of programs grows with the logarithm of the sizes,
    and a side of more than 64 pixels grows by less than a quarter.
    """
    step = SMALLEST_STEP
    while size > step * EVEN_UP_TO // SMALLEST_STEP:
        step *= 2
    return -(-size // step) * step


def pad_to_bucket(image):
    """Extends [H, W, C] at the bottom and right to a bucket's size by its mirror image, the edge repeated.

    A mirror rather than zeros: it is what the network would see if the scene went on. It works for pictures smaller
    than the extension too, which are mirrored again and again.
    """
    height, width = image.shape[:2]
    return np.pad(image, ((0, bucket(height) - height), (0, bucket(width) - width), (0, 0)), "symmetric")
