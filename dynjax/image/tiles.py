"""Large images in tiles, and how far a network sees, so that the tiles give what the whole image gives."""
import jax
import jax.numpy as jnp
import numpy as np

LARGEST_REACH = 512
BLOCK = 32   # pixels; so many that a mean over the largest image shows them
DRAWS = 3
ROUNDING = 1e-5   # of the largest value


def tiled(function, images, *, tile, overlap, scale=1, multiple=1):
    """Runs a network over an image tile by tile; equal to the whole where `overlap` is at least its reach.

    Memory is that of one tile and of the result, whatever the image's size. Each tile is run with `overlap` pixels more
    on every side where the image goes on; all have one shape, so that there is one program.

    Args:
      function: images [B, h, w, C] to [B, h * scale, w * scale, C'], such as lambda x: net.apply(variables, x).
      images: [B, H, W, C].
      tile: side of what is kept of each tile, in input pixels, a multiple of `multiple`.
      overlap: input pixels; `reach` finds what a network needs.
      scale: output pixels per input pixel along a side.
      multiple: tiles begin at multiples of this many pixels: the factor by which a network reduces its input inside, or
        the side of its attention windows. Sides that are none are left to the last tile, as the network treats them.

    Returns:
      numpy [B, H * scale, W * scale, C'].

    Raises:
      ValueError: a tile or overlap of no such size, or a function that answers with another size.
    """
    if tile < 1 or tile % multiple or overlap < 0:
        raise ValueError(f"tiled got tile={tile} and overlap={overlap} for multiple={multiple}; wanted 1 or more "
                         f"pixels, a multiple of {multiple}, and an overlap of 0 or more.")
    images = np.asarray(images)
    overlap = -(-overlap // multiple) * multiple
    rows, columns = (_spans(side, tile, overlap, multiple) for side in images.shape[1:3])
    run, result = jax.jit(function), None
    for (top, height, keep_top, keep_bottom) in rows:
        for (left, width, keep_left, keep_right) in columns:
            part = images[:, top:top + height, left:left + width]
            output = np.asarray(run(jnp.asarray(part)))
            wanted = (part.shape[0], height * scale, width * scale)
            if output.shape[:3] != wanted:
                raise ValueError(f"the function gave {output.shape} for a tile of {part.shape}; wanted "
                                 f"{wanted} and channels: set scale to the network's.")
            if result is None:
                size = images.shape[1] * scale, images.shape[2] * scale
                result = np.empty((images.shape[0], *size, output.shape[3]), output.dtype)
            result[:, keep_top * scale:keep_bottom * scale, keep_left * scale:keep_right * scale] = output[
                :, (keep_top - top) * scale:(keep_bottom - top) * scale,
                (keep_left - left) * scale:(keep_right - left) * scale]
    return result


def reach(function, *, channels=3, scale=1, multiple=1, largest=LARGEST_REACH):
    """How many input pixels away from a pixel a network's answer still depends on it.

    A block of pixels in the middle of an image is made NaN, and the farthest NaN of the answer is looked for: that
    finds all that could have an influence, whatever the weights are. Where a layer adds zero times everything, as a
    resize by matrices or running sums do, all is NaN; then random numbers are added to the block, and the farthest
    place is looked for where the answer is another number beyond rounding.

    Args:
      function, scale, multiple: as for `tiled`. channels: of the images.
      largest: give up beyond this many pixels.

    Returns:
      The reach in input pixels.

    Raises:
      ValueError: a network that sees all of an image, such as one with a mean over the whole.
    """
    radius, block = 16, -(-BLOCK // multiple) * multiple
    while True:
        radius = -(-radius // multiple) * multiple
        side = 2 * radius + block
        touched = _touched(jax.jit(function), side, radius, channels)
        touched = touched.reshape(side, scale, side, scale).any((1, 3))
        places = np.flatnonzero(touched.any(0) | touched.any(1))
        found = max(radius - places[0], places[-1] - (radius + block - 1)) if len(places) else 0
        if found < radius:
            return int(max(found, 0))
        if radius >= largest:
            raise ValueError(f"the network sees all of an image of {2 * radius} x {2 * radius}; wanted a "
                             "bounded one for tiles that equal the whole. Give an overlap yourself for tiles that come "
                             "near it.")
        radius *= 2


def _touched(function, side, radius, channels):
    """Which pixels [H', W'] of the answer depend on the block in the middle, `radius` pixels away from the edges."""
    draws = np.random.default_rng(0).uniform(0, 1, (1 + DRAWS, 1, side, side, channels)).astype(np.float32)
    images, block = draws[0], (slice(None), slice(radius, -radius), slice(radius, -radius))
    put = lambda values: np.asarray(function(jnp.asarray(images).at[block].set(values)))
    touched = np.isnan(put(jnp.nan)).any((0, 3))
    if touched.all():
        before = put(images[block])
        # What the last digits say is not an influence: running sums change those anywhere.
        apart = np.max([np.abs(put(images[block] + other[block]) - before) for other in draws[1:]], axis=0)
        touched = (apart > ROUNDING * np.abs(before).max()).any((0, 3))
    return touched


def _spans(side, tile, overlap, multiple):
    """(start, length, first kept, last kept + 1) of every tile along one side; all of one length."""
    length = min(side, tile + 2 * overlap)
    # The remainder that is no multiple stays at the image's end, in a tile that begins at a multiple like the others.
    length += (side - length) % multiple
    spans = []
    for keep in range(0, side, tile):
        start = min(max(keep - overlap, 0), side - length)
        spans.append((start, length, keep, min(keep + tile, side)))
    return spans
