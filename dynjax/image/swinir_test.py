"""How SwinIR's published figures run a network: a border of mirrored pixels first, and tiles that are averaged."""
import itertools

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.image.native import native


def swinir_test(function, images, *, window=8, scale=1, tile=None, overlap=32):
    """Runs a network as SwinIR's test program does, to reproduce printed figures digit for digit.

    Bottom and right get a border of 1 to `window` pixels, the image mirrored with its edge repeated, also where the
    sides are multiples already: values near those edges differ from the network's own. Tiles overlap and their results
    are averaged with equal weights, which leaves faint seams: `tiled` has none.

    Args:
      function: images [B, h, w, C] to [B, h * scale, w * scale, C'], such as lambda x: net.apply(variables, x).
      images: [B, H, W, C].
      window: side of the network's attention windows, pixels. scale: output pixels per input pixel along a side.
      tile: side of the tiles, pixels, a multiple of the window; None runs the image whole.
      overlap: of the tiles, pixels, less than the tile.

    Returns:
      numpy [B, H * scale, W * scale, C'].

    Raises:
      ValueError: a tile that is no multiple of the window, or an overlap that leaves no way forward.

    Source: Liang et al. 2021 (arXiv 2108.10257), the test program of the authors.
    """
    if tile is not None and (tile < 1 or tile % window or not 0 <= overlap < tile):
        raise ValueError(f"swinir_test got tile={tile} and overlap={overlap} for window={window}; wanted a multiple of "
                         f"{window}, and an overlap from 0 to less than the tile.")
    images = native(np.asarray(images))
    height, width = images.shape[1:3]
    padded = _mirrored(_mirrored(images, 1, window), 2, window)
    run = jax.jit(function)
    outputs = np.asarray(run(jnp.asarray(padded))) if tile is None else _averaged(run, padded, tile, overlap, scale)
    return outputs[:, :height * scale, :width * scale]


def _mirrored(images, axis, window):
    """To the next multiple of the window; an image smaller than its border is doubled, no more, as published."""
    side = images.shape[axis]
    doubled = np.concatenate([images, np.flip(images, axis)], axis)
    return np.take(doubled, range(min((side // window + 1) * window, 2 * side)), axis)


def _averaged(run, images, tile, overlap, scale):
    tile = min(tile, *images.shape[1:3])
    starts = [[*range(0, side - tile, max(tile - overlap, 1)), side - tile] for side in images.shape[1:3]]
    total, count = 0, np.zeros((images.shape[1] * scale, images.shape[2] * scale, 1), np.float32)
    for top, left in itertools.product(*starts):
        output = np.asarray(run(jnp.asarray(images[:, top:top + tile, left:left + tile])))
        if not np.ndim(total):
            total = np.zeros((len(images), *count.shape[:2], output.shape[-1]), output.dtype)
        place = slice(top * scale, (top + tile) * scale), slice(left * scale, (left + tile) * scale)
        total[:, *place] += output
        count[place] += 1
    return total / count
