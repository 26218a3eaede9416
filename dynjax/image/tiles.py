"""Large images in tiles, and how far a network sees, so that the tiles give what the whole image gives."""
import jax
import jax.numpy as jnp
import numpy as np

LARGEST_REACH = 512
SMALLEST_RADIUS = 32   # pixels that are looked at on either side of the block at first
BLOCK = 32    # pixels in the middle of what is looked at
CLEAR = 0.75  # of what is looked at: how far the influence of a cut may be seen
MARGIN = 128  # pixels that are cut away at most
DRAWS = 3
# Of the largest value: what is no influence, and what two sizes of an image may differ by in running sums.
ROUNDING, NOISE = 1e-5, 1e-4


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

    Pixels in the middle of a strip are made NaN, and the farthest NaN of the answer is looked for: that finds all that
    could have an influence, whatever the weights are. Where a layer adds zero times everything, as a resize by matrices
    or running sums do, all is NaN however long the strip is; then images are cut as tiles are, and it is looked for how
    far from the cuts the answers are other ones beyond rounding.

    Args:
      function, scale, multiple: as for `tiled`. channels: of the images.
      largest: give up beyond this many pixels.

    Returns:
      The reach in input pixels.

    Raises:
      ValueError: a network that sees all of an image, such as one with a mean over the whole, or that works otherwise
        on images of another size, as the fast local means of NAFNet do.
    """
    function = jax.jit(function)
    whole = lambda pixels: -(-pixels // multiple) * multiple
    block, radius, largest = whole(BLOCK), whole(min(SMALLEST_RADIUS, largest)), whole(largest)
    for looked_at in (radius, largest):   # strips are cheap, but each length is a program to compile
        found = _reach_of_nan(function, looked_at, block, channels, scale)
        if found < looked_at:
            return found
    while True:
        found = _reach_of_cuts(function, radius, block, channels, scale, multiple)
        # Beyond, the middle that tells what is rounding may be under the cuts' influence itself.
        if found <= CLEAR * radius:
            return found
        if radius >= largest:
            raise ValueError(f"the network sees all of an image of {2 * radius} x {2 * radius}, or does not treat "
                             "parts of an image as it treats the whole; wanted one of bounded reach for tiles that "
                             "equal the whole. Give an overlap yourself for tiles that come near it.")
        radius = min(2 * radius, largest)


def _reach_of_nan(function, radius, block, channels, scale):
    """How far NaNs spread from a block with so many pixels on both sides, down or across; `radius` where to the ends.
    """
    side, farthest = 2 * radius + block, 0
    strip = np.random.default_rng(0).uniform(0, 1, (1, side, block, channels)).astype(np.float32)
    strip[:, radius:-radius] = np.nan
    for axis in (1, 2):
        answer = np.asarray(function(strip.swapaxes(1, axis))).swapaxes(1, axis)
        places = np.flatnonzero(np.isnan(answer).any((0, 2, 3)).reshape(side, scale).any(1))
        if len(places):
            farthest = max(farthest, radius - int(places[0]), int(places[-1]) - (radius + block - 1))
        if farthest == radius:
            break
    return farthest


def _reach_of_cuts(function, radius, block, channels, scale, multiple):
    """How far from the cuts a part of an image has other answers than in the whole; `radius` where they are everywhere.
    """
    margin = -(-min(radius, MARGIN) // multiple) * multiple
    side = 2 * radius + block
    inner = (slice(None), slice(margin, margin + side), slice(margin, margin + side))
    answer = (slice(None), *(slice(scale * margin, scale * (margin + side)),) * 2)
    rng, apart, largest = np.random.default_rng(0), 0, 0
    for _ in range(DRAWS):
        image = rng.uniform(1, 2, (1, side + 2 * margin, side + 2 * margin, channels)).astype(np.float32)
        image[inner] -= 1   # darker than what is cut away, so that a mean over all of it shows
        part, whole = np.asarray(function(image[inner])), np.asarray(function(image))[answer]
        apart, largest = np.maximum(apart, np.abs(part - whole)), max(largest, np.abs(part).max())
    apart = apart.max((0, 3)).reshape(side, scale, side, scale).max((1, 3))
    depth = np.minimum(np.arange(side), np.arange(side)[::-1])
    depth = np.minimum(depth[:, None], depth)
    rounding = apart[depth >= radius].max()
    if rounding > NOISE * largest:
        return radius
    return int(depth[apart > max(ROUNDING * largest, 2 * rounding)].max(initial=-1)) + 1


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
