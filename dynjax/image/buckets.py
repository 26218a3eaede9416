"""Few sizes for many: the rule by which pictures of any size are padded, so that few programs are compiled."""

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
