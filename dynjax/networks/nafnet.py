"""NAFNet (Chen et al. 2022, arXiv 2204.04676): a U-Net of blocks without activation functions, for restoration."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.image.local_mean import STEPS, local_mean, local_mean_fast
from dynjax.networks.layer_norm import LayerNorm
from dynjax.networks.layers import check_images, conv, pixel_shuffle, result_type

POOLS = ("global", "local", "local_fast")


class NAFBlock(nn.Module):
    """Two residual branches that gate by multiplication, [N, H, W, C] to the same shape; the identity at the start.

    The first goes through a depthwise convolution and weighs its channels by a mean over the image, the second is
    pointwise. Submodules: norm1, conv1, conv2 (depthwise), sca, conv3; norm2, conv4, conv5. Parameters of its own:
    beta and gamma [C], the factors on the two branches.

    Attributes:
      pool: "global", or over which pixels the mean is taken, as NAFNet has it.
      window: (rows, columns) of a local mean. largest_step: of its fast form.
    """
    pool: str = "global"
    window: tuple[int, int] = (0, 0)
    largest_step: tuple[int, int] = (1, 1)
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        channels = x.shape[-1]
        y = conv(self._norm(x, "norm1"), 2 * channels, 1, dtype=self.dtype, name="conv1")
        y = gated(conv(y, 2 * channels, 3, groups=2 * channels, dtype=self.dtype, name="conv2"))
        y = y * conv(self._mean(y), channels, 1, dtype=self.dtype, name="sca")
        y = x + conv(y, channels, 1, dtype=self.dtype, name="conv3") * self._factor("beta", channels)
        z = gated(conv(self._norm(y, "norm2"), 2 * channels, 1, dtype=self.dtype, name="conv4"))
        return y + conv(z, channels, 1, dtype=self.dtype, name="conv5") * self._factor("gamma", channels)

    def _norm(self, x, name):
        return LayerNorm(epsilon=1e-6, dtype=self.dtype, name=name)(x)

    def _mean(self, x):
        if self.pool == "global":
            return x.mean((1, 2), keepdims=True)
        if self.pool == "local":
            return local_mean(x, self.window)
        return local_mean_fast(x, self.window, largest_step=self.largest_step)

    def _factor(self, name, channels):
        factor = self.param(name, nn.initializers.zeros_init(), (channels,))
        return factor.astype(self.dtype or factor.dtype).reshape(1, 1, 1, -1)


class NAFNet(nn.Module):
    """NAFNet, [N, H, W, channels] in [0, 1] to the same shape (not clipped).

    Each level of the encoder halves the sides and doubles the channels, the decoder adds the encoder's result of the
    same size, and the whole is added to the input. Sides that the halvings do not divide are padded with zeros at
    bottom and right, and cropped again.

    The published networks are for SIDD (blocks as by default) and for GoPro and REDS (encoder_blocks=(1, 1, 1, 28),
    middle_blocks=1, decoder_blocks=(1, 1, 1, 1)), with 32 or 64 features. Those for GoPro and REDS are tested with
    pool="local" (TLSC: Chu et al. 2022, arXiv 2112.04491): an image larger than those of the training gives means over
    the same windows as then; the parameters are the same.

    The official tunable network is Tunable(NAFNet(), alpha=2 names, frozen=("**/norm*",)): its norms are not tuned, the
    two residual factors of a block are. Submodules: intro, encoder_<level>_<i>, down_<level>, middle_<i>, up_<j>,
    decoder_<j>_<i>, ending, where up_0 and decoder_0 are those of the smallest size. Blocks start as the identity, so
    that a fresh network is linear in its input.

    Attributes:
      features: channels at full size.
      encoder_blocks: blocks a level, of which there are as many. middle_blocks: at the smallest size.
      decoder_blocks: blocks a level, smallest size first.
      channels: of the images.
      pool: mean for the weights of the channels: "global" over the image; "local" over a window around each pixel;
        "local_fast", local from fewer pixels, which are other numbers.
      train_size: (height, width) of the training images; windows are one and a half times that. For the local pools.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, or a field with no such value.
    """
    features: int = 32
    encoder_blocks: tuple[int, ...] = (2, 2, 4, 8)
    middle_blocks: int = 12
    decoder_blocks: tuple[int, ...] = (2, 2, 2, 2)
    channels: int = 3
    pool: str = "global"
    train_size: tuple[int, int] = (256, 256)
    dtype: Any = None

    @property
    def multiple(self):
        """Pixels of the input at whose multiples tiles begin, for the halvings to pair the same pixels."""
        return 2 ** len(self.encoder_blocks)

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "NAFNet", channels=self.channels)
        self._check_fields()
        levels, (height, width) = len(self.encoder_blocks), x.shape[1:3]
        x = jnp.pad(x, ((0, 0), (0, -height % 2**levels), (0, -width % 2**levels), (0, 0)))
        y, skips = conv(x, self.features, 3, dtype=self.dtype, name="intro"), []
        for level, count in enumerate(self.encoder_blocks):
            y = self._blocks(y, level, count, f"encoder_{level}")
            skips.append(y)
            y = conv(y, 2 * y.shape[-1], 2, strides=2, padding="VALID", dtype=self.dtype, name=f"down_{level}")
        y = self._blocks(y, levels, self.middle_blocks, "middle")
        for index, count in enumerate(self.decoder_blocks):
            y = conv(y, 2 * y.shape[-1], 1, use_bias=False, dtype=self.dtype, name=f"up_{index}")
            y = self._blocks(pixel_shuffle(y, 2) + skips.pop(), len(skips), count, f"decoder_{index}")
        y = conv(y, self.channels, 3, dtype=self.dtype, name="ending")
        return (x + y.astype(result_type(x)))[:, :height, :width]

    def _blocks(self, x, level, count, name):
        """Those of one level, 0 at full size."""
        window, largest_step = self._window(level)
        for index in range(count):
            x = NAFBlock(self.pool, window, largest_step, self.dtype, name=f"{name}_{index}")(x)
        return x

    def _window(self, level):
        """The window of local means and the largest step of the fast ones, in pixels of that level.

        As the authors find them: by how large images of training size are there, padded as all are.
        """
        sides = [-(-side // 2**len(self.encoder_blocks)) * 2 ** (len(self.encoder_blocks) - level)
                 for side in self.train_size]
        window = tuple(inner * int(1.5 * side) // side for inner, side in zip(sides, self.train_size, strict=True))
        return window, tuple(max(1, STEPS[0] * inner // side)
                             for inner, side in zip(sides, self.train_size, strict=True))

    def _check_fields(self):
        if min(*self.encoder_blocks, *self.decoder_blocks, self.middle_blocks, 0) < 0:
            raise ValueError(f"NAFNet got encoder_blocks={self.encoder_blocks}, middle_blocks={self.middle_blocks} and "
                             f"decoder_blocks={self.decoder_blocks}; wanted 0 or more blocks each.")
        if self.pool not in POOLS:
            raise ValueError(f"NAFNet got pool={self.pool!r}; wanted one of {', '.join(POOLS)}.")
        if len(self.encoder_blocks) != len(self.decoder_blocks):
            raise ValueError(f"NAFNet got encoder_blocks={self.encoder_blocks} and decoder_blocks="
                             f"{self.decoder_blocks}; wanted a number a level, of as many levels in both.")
        if len(self.train_size) != 2 or min(self.train_size) < 1:
            raise ValueError(f"NAFNet got train_size={self.train_size}; wanted (height, width) of the training images.")


def gated(x):
    """The first half of the channels times the second; [..., 2 C] -> [..., C]."""
    first, second = jnp.split(x, 2, axis=-1)
    return first * second
