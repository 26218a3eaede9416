"""Large images in tiles, and how far a network sees, so that the tiles give what the whole image gives."""
import jax
import jax.numpy as jnp
import numpy as np

from dynjax.image.native import native

LARGEST_RADIUS = 512
SMALLEST_RADIUS = 32   # pixels that are looked at on either side of the block at first
BLOCK = 32    # pixels in the middle of what is looked at
THIN = 16     # pixels across the strips in which NaNs spread
CLEAR = 0.75  # of what is looked at: how far the influence of a cut may be seen
MARGIN = 128  # pixels that are cut away at most
DRAWS = 3
# Of the largest value: what is no influence, and what two sizes of an image may differ by in running sums.
ROUNDING, NOISE = 1e-5, 1e-4
SEAM = 4      # pixels beside a seam where neighbouring tiles are compared


def tiled(function, images, *, tile, overlap, scale=1, multiple=1):
    """Runs a network over an image in tiles; equal to the whole where `overlap` is its receptive field radius or more.

    Memory is that of one tile and of the result, whatever the image's size. Each tile is run with `overlap` pixels more
    on every side where the image goes on; all have one shape, so that there is one program. The same function given
    again, for other images, is not compiled again.

    Args:
      function: images [B, h, w, C] to [B, h * scale, w * scale, C'], such as lambda x: net.apply(variables, x).
      images: [B, H, W, C].
      tile: side of what is kept of each tile, in input pixels, a multiple of `multiple`. Tiles at the image's edges
        keep what lies towards the edge besides.
      overlap: input pixels; `receptive_field_radius` finds what a network needs.
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
    return join_tiles(jax.jit(function), images, tile=tile, overlap=overlap, scale=scale, multiple=multiple)


def join_tiles(run, images, *, tile, overlap, scale=1, multiple=1, limit=None):
    """`tiled` without its checks, for a function that is compiled; None where neighbours disagree by more than `limit`.

    Beside every seam the tile that is just made has discarded pixels, up to SEAM nearer to its cut than any that it
    keeps, where its neighbour's are kept. What both say of these is compared: neighbours lack different parts of the
    image, so that they agree where neither misses anything.
    """
    images = native(np.asarray(images))
    overlap = -(-overlap // multiple) * multiple
    rows, columns = (tile_spans(side, tile, overlap, multiple) for side in images.shape[1:3])
    near, result = min(SEAM, overlap, tile), None
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

            def places(first_row, last_row, first_column, last_column, top=top, left=left):
                """The same pixels in the result and in the tile's output."""
                return [(slice(None), slice((first_row - down) * scale, (last_row - down) * scale),
                         slice((first_column - right) * scale, (last_column - right) * scale))
                        for down, right in ((0, 0), (top, left))]

            if limit is not None:
                seams = [places(max(keep_top - near, 0), keep_top, keep_left, keep_right),
                         places(keep_top, keep_bottom, max(keep_left - near, 0), keep_left)]
                if any(np.abs(result[ours] - output[theirs]).max(initial=0) > limit for ours, theirs in seams):
                    return None
            ours, theirs = places(keep_top, keep_bottom, keep_left, keep_right)
            result[ours] = output[theirs]
    return result


def receptive_field_radius(function, *, channels=3, scale=1, multiple=1, largest=LARGEST_RADIUS):
    """How many input pixels away from a pixel a network's answer still depends on it.

    Pixels in the middle of a strip are made NaN, and the farthest NaN of the answer is looked for: that finds all that
    could have an influence, whatever the weights are. Where a layer adds zero times everything, as a resize by matrices
    does, all is NaN however long the strip is; then those pixels are made other ones, and the farthest answer is looked
    for that is not the same to the last bit. Where running sums round all answers otherwise, images are cut as tiles
    are, and it is looked for how far from the cuts the answers are other ones beyond rounding. JAX's searches for NaNs
    are off meanwhile.

    Args:
      function, scale, multiple: as for `tiled`. channels: of the images.
      largest: give up beyond this many pixels.

    Returns:
      The radius in input pixels.

    Raises:
      ValueError: a network that sees all of an image, such as one with a mean over the whole, or that works otherwise
        on images of another size, as the fast local means of NAFNet do.
    """
    function, options = jax.jit(function), {"channels": channels, "scale": scale, "multiple": multiple}
    found = reach_by_nan(function, **options, largest=largest)
    return reach_by_values(function, **options, largest=largest) if found is None else found


def reach_by_nan(function, *, channels, scale, multiple, largest=LARGEST_RADIUS):
    """The reach as far as NaNs spread, whatever the weights are; None where they spread to the ends of every strip."""
    with jax.debug_nans(False), jax.debug_infs(False):
        return _reach_in_strips(function, _reach_of_nan, channels, scale, multiple, largest)


def reach_by_values(function, *, channels, scale, multiple, largest=LARGEST_RADIUS):
    """The reach with these weights, by other pixels or by cuts; raises ValueError where all of an image is seen."""
    with jax.debug_nans(False), jax.debug_infs(False):
        found = _reach_in_strips(function, _reach_of_change, channels, scale, multiple, largest)
    if found is not None:
        return found
    whole = lambda pixels: -(-pixels // multiple) * multiple
    radius, largest = whole(min(SMALLEST_RADIUS, largest)), whole(largest)
    while True:
        found = _reach_of_cuts(function, radius, whole(BLOCK), channels, scale, multiple)
        # Beyond, the middle that tells what is rounding may be under the cuts' influence itself.
        if found <= CLEAR * radius:
            return found
        if radius >= largest:
            raise ValueError(f"the network sees all of an image of {2 * radius} x {2 * radius}, or does not treat "
                             "parts of an image as it treats the whole; wanted one of bounded reach for tiles that "
                             "equal the whole. Give an overlap yourself for tiles that come near it.")
        radius = min(2 * radius, largest)


def _reach_in_strips(function, touched, channels, scale, multiple, largest):
    """How far a block of pixels is seen by `touched`, down or across; None where to the ends of every strip."""
    whole = lambda pixels: -(-pixels // multiple) * multiple
    block = whole(BLOCK)
    for radius in (whole(min(SMALLEST_RADIUS, largest)), whole(largest)):   # each length is a program to compile
        side, farthest = 2 * radius + block, 0
        for axis in (1, 2):
            run = lambda strip, axis=axis: np.asarray(function(strip.swapaxes(1, axis))).swapaxes(1, axis)
            strip = np.random.default_rng(0).uniform(0, 1, (1, side, whole(THIN), channels)).astype(np.float32)
            places = np.flatnonzero(touched(run, strip, slice(radius, -radius)).reshape(side, scale).any(1))
            if len(places):
                farthest = max(farthest, radius - int(places[0]), int(places[-1]) - (radius + block - 1))
            if farthest == radius:
                break
        if farthest < radius:
            return farthest
    return None


def _reach_of_nan(run, strip, block):
    """Rows of the answer that NaNs in the block reach."""
    strip[:, block] = np.nan
    return np.isnan(run(strip)).any((0, 2, 3))


def _reach_of_change(run, strip, block):
    """Rows of the answer in which a bit changes when the block does, from dark to light and to what no image has."""
    before, changed = run(strip), False
    for least, most in ((0, 0.1), (0.9, 1), (-10, 10)):
        strip[:, block] = np.random.default_rng(1).uniform(least, most, strip[:, block].shape)
        changed |= (run(strip) != before).any((0, 2, 3))
    return changed


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


def tile_spans(side, tile, overlap, multiple):
    """(start, length, first kept, last kept + 1) of every tile along one side; all of one length.

    The first and the last lie at the image's ends, where nothing is missing, and keep what lies towards them.
    """
    length = min(side, tile + 2 * overlap)
    # The remainder that is no multiple stays at the image's end, in a tile that begins at a multiple like the others.
    length += (side - length) % multiple
    spans, kept = [], 0
    for start in range(0, side, tile):
        start = min(start, side - length)
        end = side if start + length == side else start + length - overlap
        end -= (end % multiple) * (end < side)   # a length with a remainder keeps whole blocks all the same
        spans.append((start, length, kept, end))
        kept = end
        if end == side:
            break
    return spans
