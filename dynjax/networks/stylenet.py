"""StyleNet: the style-transfer network of the tunable convolutions (Maggioni et al. 2023, section 5; after Johnson)."""
from typing import Any

import flax.linen as nn

from dynjax.networks.layers import check_images, conv, doubled, instance_norm, reflect, result_type
from dynjax.networks.vgg import imagenet_denormalise, imagenet_normalise


class ConvBlock(nn.Module):
    """Convolution, instance norm, ReLU; [N, H, W, C] -> [N, H / strides, W / strides, features].

    Attributes:
      padding: "SAME", or the number of zeros on every side.
      doubles: nearest upsampling by 2 before, to [N, 2 H, 2 W, features]; for a kernel of 3 and strides of 1.
    """
    features: int
    kernel_size: int = 3
    strides: int = 1
    padding: str | int = "SAME"
    doubles: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        if self.doubles:
            y = doubled(x, self.features, edge="zeros", dtype=self.dtype, name="conv")
        else:
            y = conv(x, self.features, self.kernel_size, strides=self.strides, padding=self.padding, dtype=self.dtype,
                     name="conv")
        return nn.relu(instance_norm(y, dtype=self.dtype, name="norm"))


class NormResidualBlock(nn.Module):
    """Conv, norm, ReLU, conv, norm, plus the input, ReLU; [N, H, W, C] to the same shape."""
    features: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        y = conv(x, self.features, 3, dtype=self.dtype, name="conv1")
        y = nn.relu(instance_norm(y, dtype=self.dtype, name="norm1"))
        y = conv(y, self.features, 3, dtype=self.dtype, name="conv2")
        return nn.relu(x + instance_norm(y, dtype=self.dtype, name="norm2"))


class StyleNet(nn.Module):
    """Style transfer, [N, H, W, 3] in [0, 1] to the same shape (not clipped).

    Encoder of strided blocks that double the channels, residual blocks, decoder of nearest upsampling and blocks that
    halve them. Sides that the strides do not divide are padded by reflection and cropped again.

    The official tunable network is Tunable(StyleNet(), alpha=3 names, frozen=("**/norm*",)): its norms are not tuned.
    Submodules: conv_in, encoder_<scale>_<i>, ResidualBlock_<i>, decoder_<scale>_<i>, conv_out.

    Attributes:
      features: channels at full size. scales: halvings of the size, 1 or more.
      blocks: (blocks a scale of the encoder, residual blocks, blocks a scale of the decoder).
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of colour images, or a field with no such value.
    """
    features: int = 64
    scales: int = 2
    blocks: tuple[int, int, int] = (2, 6, 2)
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "StyleNet", channels=3)
        encoder, residual, decoder = self._block_counts()
        height, width = x.shape[1:3]
        multiple = 2**self.scales
        y = imagenet_normalise(reflect(x.astype(result_type(x)), 0, -height % multiple, 0, -width % multiple))
        y = ConvBlock(self.features, 9, dtype=self.dtype, name="conv_in")(y)
        for scale in range(self.scales):
            features = self.features * 2 ** (scale + 1)
            for index in range(encoder):
                how = {"strides": 2, "padding": 1} if index == 0 else {}
                y = ConvBlock(features, **how, dtype=self.dtype, name=f"encoder_{scale}_{index}")(y)
        for index in range(residual):
            y = NormResidualBlock(y.shape[-1], dtype=self.dtype, name=f"ResidualBlock_{index}")(y)
        for scale in reversed(range(self.scales)):
            for index in range(decoder):
                y = ConvBlock(self.features * 2**scale, doubles=index == 0, dtype=self.dtype,
                              name=f"decoder_{scale}_{index}")(y)
        y = conv(y, 3, 9, dtype=self.dtype, name="conv_out")
        return imagenet_denormalise(y.astype(result_type(x)))[:, :height, :width]

    def _block_counts(self):
        if self.scales < 1 or len(self.blocks) != 3 or min(self.blocks[0], self.blocks[2]) < 1:
            raise ValueError(f"StyleNet got scales={self.scales} and blocks={self.blocks}; wanted at least one "
                             "scale and three numbers (encoder, residual and decoder blocks), first and last "
                             "above 0.")
        return self.blocks
