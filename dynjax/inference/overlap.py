"""How far tiles overlap: exactly, as far as the network sees, or only as far as it makes a difference."""
import functools
import hashlib
import math
import warnings

import jax
import numpy as np
from scipy import ndimage

from dynjax.image.tiles import SEAM, join_tiles, reach_by_nan, reach_by_values, tile_spans
from dynjax.inference.programs import Key

NETWORKS = 64            # with their weights: what was found for these is kept
SHORT, CHEAP = 16, 8     # an exact overlap of so many pixels, or of an eighth of the tile, is taken unmeasured
CONTEXT, ROWS = 64, 48   # pixels beyond a cut that are looked at first, and along it
PLACES = 2               # in the image where it is measured
CLEAR = 0.75             # of what is looked at: how far a cut may be felt to be sure that it is not felt beyond
GROWTH = 1.25            # of the overlap where tiles do not agree
HALF_LEVEL = {8: 0.5 / 255, 16: 0.5 / 65535}
# Of the tolerance: what a cut may change at the few places where it is measured; and by what neighbouring tiles may
# differ, whose errors add up in the corners.
AT_PLACES, AT_SEAMS = 1 / 8, 1 / 2
MARGIN = 1.125          # times what was measured: other places are worse, and tiles that disagree are run in vain
NOISE = 16 * np.finfo(np.float32).eps   # rounding, of the largest value: no overlap makes less of it


class TiledRun:
    """A network over an image in tiles, whose overlap is given, exact or chosen.

    Args:
      run: a Bound network.
      channels: that it takes.
      tile, scale, multiple: as for `dynjax.image.tiled`.
      overlap: pixels; "exact"; or None, chosen: the smallest at which the tiles differ from the whole by less than
        half a level.
      bits: 8 or 16, whose levels these are.
    """

    def __init__(self, run, *, channels, tile, overlap, scale, multiple, bits):
        self.run, self.channels, self.tile, self.overlap, self.bits = run, channels, tile, overlap, bits
        self.options = {"scale": scale, "multiple": multiple}
        self.whole = lambda pixels: -(-int(pixels) // multiple) * multiple

    def __call__(self, images):
        """[1, H, W, C] to [1, H * scale, W * scale, C']."""
        if max(images.shape[1:3]) <= self.tile:
            return np.asarray(self.run(images))
        if self.overlap is not None and self.overlap != "exact":
            return self._joined(images, self.overlap)
        exact = self.whole(self._exact())
        if self.overlap == "exact" or exact <= max(SHORT, self.tile // CHEAP):
            return self._joined(images, exact)
        return self._chosen(images, exact)

    def _joined(self, images, overlap, limit=None):
        work = self._work(images, overlap)
        if 2 * overlap > self.tile and work > 1:
            warnings.warn(f"tiles of {self.tile} pixels overlap by {overlap} on every side, so that most of what is "
                          f"computed is thrown away: {work:.1f} times the work of the whole image. Wanted tiles of "
                          f"{2 * overlap} pixels or more, as far as the memory allows.", stacklevel=2)
        return join_tiles(self.run, images, tile=self.tile, overlap=overlap, limit=limit, **self.options)

    def _work(self, images, overlap):
        """Of all tiles, as a multiple of the whole image's."""
        sides = images.shape[1:3]
        spans = [tile_spans(side, self.tile, self.whole(overlap), self.options["multiple"]) for side in sides]
        return math.prod(sum(length for _, length, *_ in each) for each in spans) / math.prod(sides)

    def _chosen(self, images, exact):
        """Tiles of the overlap that was measured; of a larger one where neighbours do not agree."""
        found = self._found
        if self.bits not in found:
            found[self.bits] = self._measured(images[0], exact)
        while found[self.bits] < exact:
            limit = max(AT_SEAMS * HALF_LEVEL[self.bits], NOISE * found["largest"])
            result = self._joined(images, found[self.bits], limit)
            if result is not None:
                return result
            found[self.bits] = min(self.whole(max(GROWTH * found[self.bits], found[self.bits] + 2 * SEAM)), exact)
        return self._joined(images, exact)

    @functools.cached_property
    def _found(self):
        """What is known of this network and its weights; filled as it is found."""
        # The values of alpha matter little to the overlap, and the result is checked; but a zero switches parts off.
        zeros = tuple((np.asarray(value) == 0).tobytes() for value in jax.tree.leaves(self.run.arguments))
        return _found(Key(self.run.network), _fingerprint(self.run.variables), zeros, self.channels,
                      *self.options.values())

    @functools.cached_property
    def _hasty(self):
        return self.run.in_haste()

    def _exact(self):
        found, options = self._found, {"channels": self.channels, **self.options}
        if "reach" not in found:
            found["reach"] = reach_by_nan(self._hasty, **options)
        if found["reach"] is not None:
            return found["reach"]
        values = _fingerprint(self.run.arguments)   # it is measured, so that alpha matters
        if values not in found:
            found[values] = reach_by_values(self._hasty, **options)
        return found[values]

    def _measured(self, image, exact):
        """The overlap from which on a cut changes the image's busiest places by less than a part of the tolerance."""
        context, found = min(self.whole(CONTEXT), exact), self._found
        while True:
            changes, found["largest"] = self._changes(image, context)
            limit = max(AT_PLACES * HALF_LEVEL[self.bits], NOISE * found["largest"])
            felt = int(np.flatnonzero(changes > limit).max(initial=-1)) + 1
            if context >= exact or felt <= CLEAR * context:
                return min(self.whole(MARGIN * felt + SEAM), exact)
            context = min(2 * context, exact)

    def _changes(self, image, context):
        """What a cut changes at each distance from it, [context], and the largest value of the results."""
        rows, scale, changes, largest = self.whole(ROWS), self.options["scale"], np.zeros(context), 0.0
        image = _at_least(image, rows, 2 * context)
        for number, (top, left) in enumerate(_busy(image, rows, 2 * context, self.options["multiple"])):
            part = image[None, top:top + rows, left:left + 2 * context]
            half = slice(context, None) if number % 2 else slice(context)   # cut at the left, at the right
            whole, cut = np.asarray(self._hasty(part)), np.asarray(self._hasty(part[:, :, half]))
            place = slice(scale * context, None) if number % 2 else slice(scale * context)
            apart = np.abs(whole[:, :, place] - cut).max((0, 1, 3)).reshape(context, scale).max(1)
            changes = np.maximum(changes, apart if number % 2 else apart[::-1])
            largest = max(largest, float(np.abs(whole).max()))
        return changes, largest


@functools.lru_cache(maxsize=NETWORKS)
def _found(*key):
    return {}


def _fingerprint(tree):
    """Of all numbers in a tree of arrays."""
    digest = hashlib.blake2b()
    for leaf in jax.tree.leaves(tree):
        leaf = np.ascontiguousarray(np.asarray(leaf))
        digest.update(f"{leaf.shape} {leaf.dtype}".encode())
        digest.update(leaf.tobytes() if leaf.dtype.hasobject else leaf.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _at_least(image, height, width):
    """[H, W, C] extended by its mirror image to that size where it is smaller."""
    pads = [(0, max(0, wanted - side)) for wanted, side in zip((height, width), image.shape[:2], strict=True)]
    return np.pad(image, [*pads, (0, 0)], mode="symmetric")


def _busy(image, height, width, multiple):
    """(top, left), multiples, of the parts of that size with the largest differences between neighbouring pixels."""
    across = np.abs(np.diff(image, axis=1, append=image[:, -1:])).sum(-1)
    down = np.abs(np.diff(image, axis=0, append=image[-1:])).sum(-1)
    activity = ndimage.uniform_filter(across + down, (height, width), mode="constant")
    # The mean around a part's middle, for the parts that lie inside.
    inside = activity[height // 2:image.shape[0] - (height - height // 2) + 1,
                      width // 2:image.shape[1] - (width - width // 2) + 1].copy()
    found = []
    for _ in range(PLACES):
        top, left = np.unravel_index(np.argmax(inside), inside.shape)
        found.append((int(top) // multiple * multiple, int(left) // multiple * multiple))
        inside[max(top - height // 2, 0):top + height // 2, max(left - width // 2, 0):left + width // 2] = -1
    return found
