"""SwinIR (Liang et al. 2021, arXiv 2108.10257): attention within shifted windows, for restoration and enlarging."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from dynjax.networks.edsr import DIV2K_MEAN, upsampling_steps
from dynjax.networks.layer_norm import LayerNorm
from dynjax.networks.layers import check_images, conv, leaky_relu, pixel_shuffle, reflect, result_type
from dynjax.networks.window_attention import WindowAttention, dense, shift_mask, window_partition, window_reverse

UPSAMPLERS = ("none", "pixelshuffle", "pixelshuffledirect", "nearest+conv")
CONVOLUTIONS = ("1conv", "3conv")


class SwinBlock(nn.Module):
    """Window attention and two dense layers, each with a norm before it and the input added; [N, H, W, C] to the same.

    H and W are multiples of the window. Submodules: norm1, attn, norm2, fc1, fc2.

    Attributes:
      window: side of a window. shift: pixels by which the windows are moved, 0 for none.
      mask_small: keep apart what the rolling brings together in images of a single window's height or width too.
      drop: probability with which a branch is left out for an image, in training.
    """
    heads: int
    window: int
    shift: int
    mlp_ratio: float = 2.0
    scale: float | None = None
    qkv_bias: bool = True
    mask_small: bool = True
    drop: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        _, height, width, channels = x.shape
        y, mask = norm(x, "norm1", self.dtype), None
        if self.shift:
            y = jnp.roll(y, (-self.shift, -self.shift), (1, 2))
            if self.mask_small or min(height, width) > self.window:
                mask = shift_mask(height, width, self.window, self.shift)
        y = WindowAttention(self.window, self.heads, self.scale, self.qkv_bias, self.dtype, name="attn")(
            window_partition(y, self.window), mask)
        y = window_reverse(y, self.window, height, width)
        y = jnp.roll(y, (self.shift, self.shift), (1, 2)) if self.shift else y
        x = x + self._dropped(y, train, "drop1")
        y = dense(int(channels * self.mlp_ratio), dtype=self.dtype, name="fc1")(norm(x, "norm2", self.dtype))
        y = dense(channels, dtype=self.dtype, name="fc2")(nn.gelu(y, approximate=False))
        return x + self._dropped(y, train, "drop2")

    def _dropped(self, y, train, name):
        return nn.Dropout(self.drop, broadcast_dims=(1, 2, 3), deterministic=not train, name=name)(y)


class SwinIR(nn.Module):
    """SwinIR, [N, H, W, channels] in [0, 1] to [N, H * scale, W * scale, channels], not clipped.

    Any size: sides are extended by reflection to multiples of the window and the result cut back. The published
    variants, for `dynjax.pretrained.build("SwinIR", ...)` by their official arguments: classical enlarging
    ("pixelshuffle", 180 features, six groups of six blocks, six heads), light ("pixelshuffledirect", 60, four groups),
    for photographs ("nearest+conv"; the large one 240, nine groups, eight heads, "3conv"), denoising ("none"), JPEG
    (window 7, image_range 255).

    The official tunable network is Tunable(SwinIR(mask_small=False, ...), alpha=2 names, frozen=("**/norm*",)): all is
    tuned, the tables of relative positions too, but for the norms. Submodules: conv_first, norm_patch,
    group_<i>_block_<j>, group_<i>_conv, norm_last, conv_after_body, conv_before_upsample, upsample_<i>, conv_up<i>,
    conv_hr, conv_last; with "3conv" group_<i>_conv_<0, 1, 2> and conv_after_body_<0, 1, 2>.

    Attributes:
      features: channels of the body. depths: blocks of each group. heads: of attention in each group.
      window: side of a window. whole: sides are extended to multiples of this, a multiple of the window; None the
        window. The authors' program keeps to the window it was asked for where it was built for smaller images.
      mlp_ratio: width of the dense layers between, as a multiple of the features.
      scale: 1, 2, 3, 4 or 8. channels: of the images. image_range: factor on them inside.
      upsampler: how the result is made. upsampler_features: channels there.
      convolution: "1conv" or "3conv", what ends a group and the body.
      qkv_bias, qk_scale: as for WindowAttention. patch_norm: a norm before the first group.
      positions: (H, W) for a learned value at every pixel; images then have that size, after being extended.
      shifted: move the windows of every other block by half a window.
      mask_small: as for SwinBlock.
      drop_path: probability with which a branch is left out in training, rising from 0 to this.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, too small to be extended, or not of the size of
        `positions`; a field with no such value.
    """
    features: int = 60
    depths: tuple[int, ...] = (6, 6, 6, 6)
    heads: tuple[int, ...] = (6, 6, 6, 6)
    window: int = 8
    mlp_ratio: float = 2.0
    scale: int = 1
    channels: int = 3
    image_range: float = 1.0
    upsampler: str = "none"
    upsampler_features: int = 64
    convolution: str = "1conv"
    qkv_bias: bool = True
    qk_scale: float | None = None
    patch_norm: bool = True
    positions: tuple[int, int] | None = None
    shifted: bool = True
    mask_small: bool = True
    drop_path: float = 0.1
    whole: int | None = None
    dtype: Any = None

    @property
    def multiple(self):
        """Pixels of the input at whose multiples tiles begin, for windows where the whole image has them."""
        return self.whole or self.window

    @nn.compact
    def __call__(self, x, train=False):
        """train: leave branches out at random, by the key "dropout"."""
        x = check_images(x, "SwinIR", channels=self.channels)
        self._check_fields()
        height, width = x.shape[1:3]
        x = reflect(x, 0, -height % self.multiple, 0, -width % self.multiple)
        mean = jnp.asarray(DIV2K_MEAN if self.channels == 3 else 0.0, result_type(x)).reshape(1, 1, 1, -1)
        x = (x - mean) * self.image_range
        first = self._conv(x, self.features, "conv_first")
        body = self._convolutions(self._body(first, train), "conv_after_body") + first
        y = self._reconstruct(x, body).astype(result_type(x)) / self.image_range + mean
        return y[:, :height * self.scale, :width * self.scale]

    def _body(self, x, train):
        x = norm(x, "norm_patch", self.dtype) if self.patch_norm else x
        if self.positions is not None:
            x = x + self._positions(x.shape)
        drops, block = np.linspace(0, self.drop_path, sum(self.depths)).tolist(), 0
        for group, (depth, heads) in enumerate(zip(self.depths, self.heads, strict=True)):
            y = x
            for index in range(depth):
                shift = self.window // 2 if index % 2 and self.shifted else 0
                y = SwinBlock(heads, self.window, shift, self.mlp_ratio, self.qk_scale, self.qkv_bias,
                              self.mask_small, drops[block], self.dtype, name=f"group_{group}_block_{index}")(y, train)
                block += 1
            x = x + self._convolutions(y, f"group_{group}_conv")
        return norm(x, "norm_last", self.dtype)

    def _positions(self, shape):
        if shape[1:3] != tuple(self.positions):
            raise ValueError(f"SwinIR has learned positions for {self.positions[0]} x {self.positions[1]} pixels and "
                             f"got {shape[1]} x {shape[2]} (after being extended to whole windows); wanted that size.")
        values = self.param("absolute_pos_embed", nn.initializers.normal(0.02),
                            (self.positions[0] * self.positions[1], self.features))
        return values.reshape(1, *shape[1:]).astype(self.dtype or values.dtype)

    def _conv(self, x, features, name, size=3):
        return conv(x, features, size, dtype=self.dtype, name=name)

    def _convolutions(self, x, name):
        if self.convolution == "1conv":
            return self._conv(x, self.features, name)
        y = leaky_relu(self._conv(x, self.features // 4, f"{name}_0"))
        y = leaky_relu(self._conv(y, self.features // 4, f"{name}_1", size=1))
        return self._conv(y, self.features, f"{name}_2")

    def _reconstruct(self, x, body):
        if self.upsampler == "none":
            return x + self._conv(body, self.channels, "conv_last")
        if self.upsampler == "pixelshuffledirect":
            return pixel_shuffle(self._conv(body, self.channels * self.scale**2, "upsample_0"), self.scale)
        y = nn.leaky_relu(self._conv(body, self.upsampler_features, "conv_before_upsample"), 0.01)
        steps = upsampling_steps(self.scale)
        if self.upsampler == "pixelshuffle":
            for index, step in enumerate(steps):
                y = pixel_shuffle(self._conv(y, self.upsampler_features * step**2, f"upsample_{index}"), step)
            return self._conv(y, self.channels, "conv_last")
        for index, step in enumerate(steps):
            y = y.repeat(step, 1).repeat(step, 2)
            y = leaky_relu(self._conv(y, self.upsampler_features, f"conv_up{index + 1}"))
        return self._conv(leaky_relu(self._conv(y, self.upsampler_features, "conv_hr")), self.channels, "conv_last")

    def _check_fields(self):
        for name, known in (("upsampler", UPSAMPLERS), ("convolution", CONVOLUTIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"SwinIR got {name}={getattr(self, name)!r}; wanted one of {', '.join(known)}.")
        if self.window < 1 or self.multiple % self.window:
            raise ValueError(f"SwinIR got window={self.window} and whole={self.whole}; wanted 1 pixel or more, and a "
                             "multiple of it.")
        if len(self.depths) != len(self.heads) or any(self.features % heads for heads in self.heads):
            raise ValueError(f"SwinIR got depths={self.depths} and heads={self.heads} for {self.features} features; "
                             "wanted one number of heads for every group, each dividing the features.")
        if self.upsampler == "none" and self.scale != 1:
            raise ValueError(f"SwinIR got scale={self.scale} with upsampler='none'; wanted 1, or one of "
                             f"{', '.join(UPSAMPLERS[1:])}.")
        if self.upsampler == "nearest+conv" and self.scale not in (2, 4):
            raise ValueError(f"SwinIR got scale={self.scale} with upsampler='nearest+conv'; wanted 2 or 4.")


def norm(x, name, dtype):
    return LayerNorm(epsilon=1e-5, dtype=dtype, name=name)(x)
