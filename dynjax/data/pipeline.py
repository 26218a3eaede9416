"""Training batches of crops, and whole pictures for evaluation.

Batch number n is a pure function of (seed, n): nothing is carried from batch to batch. So the state of the input is
one integer, a resumed run repeats exactly, and neither the number of threads nor of hosts changes what a run sees.
"""
import functools
import os
import sys

import numpy as np

from dynjax.data.picture_cache import PictureCache
from dynjax.data.views import centre_crop, reshape
from dynjax.files.pictures import PictureError

# Bytes, by what `cache` says as lower-case text: flags hand over "True" for True.
CACHE_LIMITS = {"auto": 2 ** 30, "true": float("inf"), "all": float("inf"), "1": float("inf"),
                "false": 0, "none": 0, "0": 0}

# A crop whose channels deviate less than this, in grey levels, is flat: a black sky. Through norms over a single image
# its gradient grows a hundredfold a layer, to 1e31 in a style network.
FLAT, REDRAWS = 1.0, 16


def training_batches(source, *, batch_size, patch_size, seed, start_step=0, crops_per_image=1, flips=True,
                     scales=(1.0,), permute_channels=False, cache="auto", threads=None, shard=(0, 1), crop="random",
                     shorter_side=None):
    """Endless batches of crops.

    Each epoch visits all pictures once, in an order of its own. Pictures that cannot be read, and those smaller than
    the patch, are named in a warning of the logger "dynjax.data" and replaced by the next usable one. A random crop
    without any contrast is drawn anew at another place of the picture, as long as a few tries find one.

    Args:
      source: of `open_source`, or anything with `len` and `source[i]` uint8 [H, W, 3] (a list of arrays).
      batch_size: examples of the global batch, over all shards.
      patch_size: height and width of a crop, pixels.
      seed: an integer >= 0.
      start_step: the number of the first batch; that of a resumed run.
      crops_per_image: this many examples in succession are cut from one picture (at scales of their own), which saves
        decoding where the pictures do not fit into the cache.
      flips: whether crops are mirrored and turned by quarters, 8 ways.
      scales: factors in (0, 1]; each example draws one, by which the picture is reduced (bicubic, antialiased) before
        the crop is cut. A factor that would make it smaller than the patch is not drawn (nor reduced at all where
        every factor would).
      permute_channels: whether the three channels are put into a random order.
      cache: keep decoded and reduced pictures in memory: "auto" up to 1 GiB, True or "all" all of them, False or
        "none" none; "true" and "false" as a command line gives them, in capitals or not.
      threads: that load ahead; by default one a core, at most 8. 0 loads when a batch is asked for.
      shard: (index, count): this host's contiguous slice of every global batch.
      crop: "random", or "centre" for the middle of every picture.
      shorter_side: each picture is resized first so that its shorter side is this long (bilinear, antialiased, the
        ratio is kept); None leaves it. With crop="centre", flips=False and patch_size=shorter_side=256 this is what
        style transfer was published with (Dynamic-Net's program: Resize(256), CenterCrop(256)).

    Returns:
      A `TrainingBatches` iterator of uint8 [batch_size / count, patch_size, patch_size, C], C 3 or, of pairs, 6.

    Raises:
      ValueError: an option out of its range, or no picture is large enough; PictureError, none can be read.
    """
    source = reshape(source, size=shorter_side, resampling="bilinear")
    crops = CropBatches(source, batch_size=batch_size, patch_size=patch_size, seed=seed,
                        crops_per_image=crops_per_image, flips=flips, scales=tuple(scales),
                        permute_channels=permute_channels, cache=cache, shard=shard, crop=crop)
    return TrainingBatches(crops, start_step, min(os.cpu_count() or 1, 8) if threads is None else threads)


def evaluation_images(source):
    """Gives each picture once, as (name, float32 [H, W, 3] in [0, 1]); unreadable ones are warned of and left out.

    Returns:
      An iterator. Its `left_out` lists the names of the pictures that could not be read so far.

    Raises:
      ValueError: the source is empty; PictureError, at the end, none of the pictures can be read.
    """
    return EvaluationImages(source)


class EvaluationImages:
    """Iterator over whole pictures, as `evaluation_images` describes it."""

    def __init__(self, source):
        self.pictures, self.left_out = PictureCache(source, smallest=1, limit=0), []
        self._next = 0

    def __iter__(self):
        return self

    def __next__(self):
        while self._next < len(self.pictures):
            index, self._next = self._next, self._next + 1
            picture = self.pictures.load(index)
            if picture is not None:
                return self.pictures.name(index), picture.astype(np.float32) / 255
            self.left_out.append(self.pictures.name(index))
        if len(self.left_out) == len(self.pictures):
            raise PictureError(self.pictures.nothing_usable())
        raise StopIteration

    def __length_hint__(self):
        return len(self.pictures) - self._next


class TrainingBatches:
    """Iterator of batches; `step` is the number of the next one and all the state there is."""

    def __init__(self, crops, start_step, threads):
        import grain
        if start_step < 0 or threads < 0:
            raise ValueError(f"training_batches got start_step={start_step} and threads={threads}; wanted both >= 0")
        self.crops, self.step = crops, start_step
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=2 * threads)
        self._iterator = iter(grain.MapDataset.source(crops).to_iter_dataset(options))
        self._iterator.set_state({"next_index": start_step})

    def __iter__(self):
        return self

    def __next__(self):
        batch = next(self._iterator)
        self.step += 1
        return batch

    @property
    def skipped(self):
        """How many pictures were left out so far, unreadable or smaller than the patch."""
        return len(self.crops.pictures.unusable)

    def close(self):
        """Stops loading ahead."""
        self._iterator.close()


class CropBatches:
    """`batches[n]` is batch number n of this shard, computed from (seed, n) alone. Options as `training_batches`."""

    def __init__(self, source, *, batch_size, patch_size, seed, crops_per_image, flips, scales, permute_channels,
                 cache, shard, crop):
        for name, value, smallest in (("batch_size", batch_size, 1), ("patch_size", patch_size, 1),
                                      ("crops_per_image", crops_per_image, 1), ("seed", seed, 0)):
            if not isinstance(value, int | np.integer) or value < smallest:
                raise ValueError(f"training_batches got {name}={value!r}; wanted an integer of at least {smallest}")
        if not scales or not all(0 < scale <= 1 for scale in scales):
            raise ValueError(f"training_batches got scales={scales}; wanted factors above 0 and up to 1, such as "
                             "(1.0, 0.7, 0.5)")
        index, count = shard
        if not 0 <= index < count or batch_size % count:
            raise ValueError(f"training_batches got batch_size={batch_size} and shard={shard}; wanted (index, count) "
                             "with index < count and batch_size a multiple of count")
        if crop not in ("random", "centre"):
            raise ValueError(f"training_batches got crop={crop!r}; wanted 'random' or 'centre'")
        limit = CACHE_LIMITS.get(str(cache).lower())
        if limit is None:
            raise ValueError(f"training_batches got cache={cache!r}; wanted 'auto', True ('all') or False ('none')")
        self.batch_size, self.patch_size, self.seed = batch_size, patch_size, seed
        self.crops_per_image, self.crop = crops_per_image, crop
        self.flips, self.scales, self.permute_channels = flips, scales, permute_channels
        share = batch_size // count
        self.examples = range(index * share, (index + 1) * share)
        self.pictures = PictureCache(source, smallest=patch_size, limit=limit)
        self.pictures.usable(0)   # says now, not in the middle of a run, that there is nothing to train on

    def __len__(self):
        return sys.maxsize   # endless

    def __repr__(self):
        return f"batches of {self.batch_size} crops of {self.patch_size} px, seed {self.seed}, from {self.pictures}"

    def __getitem__(self, n):
        # One generator a batch, drawn for all shards: example i is the same however the batch is shared out.
        draws = np.random.default_rng((self.seed, 0, n)).random((self.batch_size, 7))
        batch = np.empty((len(self.examples), self.patch_size, self.patch_size, self.pictures.channels), np.uint8)
        recent = {}   # the picture decoded last, for the crops that share it when it is not in the cache
        for row, i in enumerate(self.examples):
            batch[row] = self._example(n * self.batch_size + i, draws[i], recent)
        return batch

    def _example(self, number, draws, recent):
        """A view of example `number` (counted over all batches); `draws` are seven floats in [0, 1)."""
        count = len(self.pictures)
        epoch, place = divmod(number // self.crops_per_image, count)
        picture = None
        while picture is None:   # a file that was read before can be gone
            index = self.pictures.usable(int(_order(self.seed, epoch, count)[place]), recent)
            scales = self.pictures.fitting(index, self.scales)
            picture = self.pictures.scaled(index, scales[int(draws[0] * len(scales))], recent)
        if self.crop == "centre":
            crop = centre_crop(picture, self.patch_size)
        else:
            crop = crop_at(picture, self.patch_size, *draws[1:3])
            if is_flat(crop):
                places = np.random.default_rng((self.seed, 2, number)).random((REDRAWS, 2))
                others = (crop_at(picture, self.patch_size, *place) for place in places)
                crop = next((other for other in others if not is_flat(other)), crop)
        if self.flips:
            crop = symmetry(crop, int(draws[3] * 8))
        if self.permute_channels:
            order = np.argsort(draws[4:7])   # the same for both pictures of a pair
            crop = crop[:, :, np.concatenate([order + start for start in range(0, crop.shape[-1], 3)])]
        return crop


def crop_at(picture, size, down, right):
    """The square of `size` whose corner lies at the fractions `down` and `right`, in [0, 1), of its range: a view."""
    top, left = (int(place * (side - size + 1)) for place, side in zip((down, right), picture.shape, strict=False))
    return picture[top:top + size, left:left + size]


def is_flat(crop):
    """Whether a crop [P, P, C] has no contrast in any channel."""
    return crop.std((0, 1)).max() < FLAT


def symmetry(crop, which):
    """One of the 8 symmetries of the square, `which` in 0..7 (0 leaves it): a view of the crop [P, P, C]."""
    if which & 1:
        crop = crop[:, ::-1]
    if which & 2:
        crop = crop[::-1]
    return crop.swapaxes(0, 1) if which & 4 else crop


@functools.lru_cache(maxsize=8)
def _order(seed, epoch, count):
    """The order in which an epoch visits `count` pictures."""
    return np.random.default_rng((seed, 1, epoch)).permutation(count)

