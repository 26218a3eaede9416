"""Pixels that a convolution left among the channels, put in their places."""


def depth_to_space(y, down, across):
    """[N, H, W, down * across * F] -> [N, H * down, W * across, F].

    Channels (a * across + b) * F to (a * across + b + 1) * F of a pixel become row a and column b of its block.
    `pixel_shuffle` has the same for PyTorch's order of channels, features first.
    """
    batch, height, width, channels = y.shape
    features = channels // (down * across)
    y = y.reshape(batch, height, width, down, across, features).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(batch, height * down, width * across, features)
