"""Decoded pictures, reduced on demand, kept in memory up to a limit; those that cannot be used are noted."""
import threading

from PIL import Image

from dynjax.data.picture_source import check_picture, log
from dynjax.data.resizing import resized
from dynjax.files.pictures import PictureError


class PictureCache:
    """The pictures of a source for those that cut crops of at least `smallest` pixels; safe in threads.

    What is kept stays (the first that come, until `limit` bytes are used): epochs visit everything once, so throwing
    out the oldest would lose each picture just before it is wanted again.

    Args:
      source: with `len` and `[i]` or `read(i)`, uint8 [H, W, 3].
      smallest: the least usable height and width.
      limit: bytes; 0 keeps nothing.
    """

    def __init__(self, source, *, smallest, limit):
        if len(source) == 0:
            raise ValueError("the source holds no pictures; wanted at least one: check its folder or split")
        self.source, self.smallest, self.limit = source, smallest, limit
        self.unusable = set()   # indices
        self.sizes = {}         # index: (height, width) of what was decoded once
        self.channels = getattr(source, "channels", 3)
        self._kept, self._bytes, self._lock = {}, 0, threading.Lock()
        self._read = getattr(source, "read", source.__getitem__)   # a PictureSource's [i] would replace the unreadable

    def __len__(self):
        return len(self.source)

    def __repr__(self):
        return repr(self.source) if hasattr(self.source, "names") else f"{len(self)} pictures"

    def name(self, index):
        """What to call picture `index`."""
        return self.source.names[index] if hasattr(self.source, "names") else str(index)

    def usable(self, index, recent=None):
        """`index`, or the next one whose picture can be read and is large enough.

        Raises:
          ValueError: there is none.
        """
        for offset in range(len(self)):
            actual = (index + offset) % len(self)
            if actual in self.sizes and actual not in self.unusable:
                return actual
            if actual not in self.unusable and self.load(actual, recent) is not None:
                return actual
        raise PictureError(self.nothing_usable())

    def load(self, index, recent=None):
        """Picture `index` at its full size, or None, with a warning the first time, where it cannot be used."""
        picture = self._find((index, 1.0), recent)
        if picture is not None:
            return picture
        try:
            picture = check_picture(self._read(index), self.name(index))
        except PictureError as error:
            if hasattr(self.source, "skip"):
                self.source.skip(index, error)
            else:
                log.warning("left out: %s", error)
            self.unusable.add(index)
            return None
        if min(picture.shape[:2]) < self.smallest:
            with self._lock:
                new = index not in self.unusable
                self.unusable.add(index)   # before its size is known to other threads, who then take it as usable
                self.sizes[index] = picture.shape[:2]
            if new:
                log.warning("left out: %s", self._too_small(index))
            return None
        self.sizes[index] = picture.shape[:2]
        self._keep((index, 1.0), picture, recent)
        return picture

    def fitting(self, index, scales):
        """Those of `scales` at which picture `index` is large enough; (1.0,) where none of them is."""
        return [scale for scale in scales if min(self._reduced(index, scale)) >= self.smallest] or [1.0]

    def scaled(self, index, scale, recent=None):
        """Picture `index`, which was usable, reduced by `scale`, antialiased (Pillow's bicubic); None, as for `load`,
        where it no longer is."""
        picture = self._find((index, scale), recent)
        if picture is None:
            picture = self.load(index, recent)
            if picture is None:
                return None
            height, width = self._reduced(index, scale)
            # The file may have become a smaller picture since the scale was chosen.
            if self.smallest <= min(height, width) and (height, width) != picture.shape[:2]:
                picture = resized(picture, (width, height), Image.Resampling.BICUBIC)
                self._keep((index, scale), picture, recent)
        return picture

    def nothing_usable(self):
        """The sentence for a source of which no picture is left."""
        if not self.sizes:
            return (f"none of the {len(self)} pictures of {self!r} can be read, the reasons are in the warnings above; "
                    "check that the files are complete, or give another source")
        largest = max(self.sizes, key=lambda index: min(self.sizes[index]))
        return f"none of the {len(self)} pictures of {self!r} is large enough: the best, {self._too_small(largest)}"

    def _too_small(self, index):
        height, width = self.sizes[index]
        return (f"picture {self.name(index)} is {height} x {width} pixels (height x width), smaller than the patch of "
                f"{self.smallest} x {self.smallest}; lower patch_size or use larger pictures")

    def _reduced(self, index, scale):
        return tuple(round(size * scale) for size in self.sizes[index])

    def _find(self, key, recent):
        picture = self._kept.get(key)
        return picture if picture is not None or recent is None else recent.get(key)

    def _keep(self, key, picture, recent):
        """Into the cache while there is room; else into `recent`, which holds one picture at its scales."""
        with self._lock:
            if key in self._kept:
                return
            if self._bytes + picture.nbytes <= self.limit:
                self._kept[key] = picture
                self._bytes += picture.nbytes
                return
        if recent is not None:
            for other in [other for other in recent if other[0] != key[0]]:
                del recent[other]
            recent[key] = picture
