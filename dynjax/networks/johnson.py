"""The style network of Dynamic-Net (Shoshan et al. 2019; Johnson et al. 2016 with instance norm and upsampling)."""
from typing import Any

import flax.linen as nn

from dynjax.networks.layers import check_images, conv, doubled, instance_norm, reflect, result_type
from dynjax.networks.vgg import imagenet_denormalise, imagenet_normalise

SPACES = ("unit", "imagenet")


class ReflectConv(nn.Module):
    """Reflection padding by half the kernel, convolution; [N, H, W, C] -> [N, ceil(H / strides), ceil(W / strides), F].

    Attributes:
      doubles: nearest upsampling by 2 before, to [N, 2 H, 2 W, F]; for a kernel of 3 and strides of 1.
    """
    features: int
    kernel_size: int = 3
    strides: int = 1
    doubles: bool = False
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        if self.doubles:
            return doubled(x, self.features, edge="reflect", use_bias=self.use_bias, dtype=self.dtype, name="conv2d")
        pad = self.kernel_size // 2
        x = reflect(x, pad, pad, pad, pad)
        return conv(x, self.features, self.kernel_size, strides=self.strides, padding="VALID",
                    use_bias=self.use_bias, dtype=self.dtype, name="conv2d")


class JohnsonResidualBlock(nn.Module):
    """Conv, norm, ReLU, conv, norm, plus the input (no ReLU after the sum); [N, H, W, C] to the same shape."""
    features: int
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        conv_of = lambda name: ReflectConv(self.features, use_bias=self.use_bias, dtype=self.dtype, name=name)
        y = conv_of("conv1")(x)
        y = nn.relu(instance_norm(y, dtype=self.dtype, name="in1"))
        y = conv_of("conv2")(y)
        return x + instance_norm(y, dtype=self.dtype, name="in2")


class JohnsonNet(nn.Module):
    """Style transfer, [N, H, W, 3] -> [N, 4 * ceil(H / 4), 4 * ceil(W / 4), 3] (not clipped).

    The paper's three tuning-blocks go before "res3", "deconv1" and "deconv3". "deconv1" and "deconv2" upsample inside,
    so a block before them works at the smaller size; "deconv3" is a plain convolution in spite of its name.
    Submodules: conv1..3, in1..5, res1.., deconv1..3.

    Attributes:
      widths: channels after conv1, conv2, conv3 (and the residual blocks), deconv1, deconv2.
      blocks: residual blocks.
      space: "unit", images in and out are in [0, 1]; "imagenet", both are normalised by ImageNet's mean and standard
        deviation, as the official program has it.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of colour images or too small (sides of 5 at least), unknown space.
    """
    widths: tuple[int, int, int, int, int] = (32, 64, 128, 64, 32)
    blocks: int = 5
    space: str = "unit"
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "JohnsonNet", channels=3)
        if self.space not in SPACES or len(self.widths) != 5:
            raise ValueError(f"JohnsonNet got space={self.space!r} and {len(self.widths)} widths; wanted one of "
                             f"{', '.join(SPACES)} and 5 widths.")
        y = imagenet_normalise(x.astype(result_type(x))) if self.space == "unit" else x
        for index, (size, strides) in enumerate(((9, 1), (3, 2), (3, 2)), 1):
            y = ReflectConv(self.widths[index - 1], size, strides, dtype=self.dtype, name=f"conv{index}")(y)
            y = nn.relu(instance_norm(y, dtype=self.dtype, name=f"in{index}"))
        for index in range(1, self.blocks + 1):
            y = JohnsonResidualBlock(self.widths[2], dtype=self.dtype, name=f"res{index}")(y)
        for index in (1, 2):
            y = ReflectConv(self.widths[2 + index], doubles=True, dtype=self.dtype, name=f"deconv{index}")(y)
            y = nn.relu(instance_norm(y, dtype=self.dtype, name=f"in{index + 3}"))
        y = ReflectConv(3, 9, dtype=self.dtype, name="deconv3")(y).astype(result_type(x))
        return imagenet_denormalise(y) if self.space == "unit" else y


class DumoulinNet(nn.Module):
    """The style network of conditional instance norm, [N, H, W, 3] in [0, 1] -> [N, 4 ceil(H / 4), 4 ceil(W / 4), 3].

    Dumoulin, Shlens and Kudlur 2017, table 1: as JohnsonNet, but no convolution has a bias, and the last one is
    normalised too and ends in a sigmoid. CIN(DumoulinNet(), alpha=names) has several styles.
    Submodules: conv1..3, in1..6, res1.., deconv1..3.

    Attributes:
      widths: channels after conv1, conv2, conv3 (and the residual blocks), deconv1, deconv2.
      blocks: residual blocks.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of colour images or too small (sides of 5 at least), other than 5 widths.
    """
    widths: tuple[int, int, int, int, int] = (32, 64, 128, 64, 32)
    blocks: int = 5
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "DumoulinNet", channels=3)
        if len(self.widths) != 5:
            raise ValueError(f"DumoulinNet got {len(self.widths)} widths; wanted 5.")
        shared, y = {"use_bias": False, "dtype": self.dtype}, x.astype(result_type(x))
        for index, (size, strides) in enumerate(((9, 1), (3, 2), (3, 2)), 1):
            y = ReflectConv(self.widths[index - 1], size, strides, **shared, name=f"conv{index}")(y)
            y = nn.relu(instance_norm(y, dtype=self.dtype, name=f"in{index}"))
        for index in range(1, self.blocks + 1):
            y = JohnsonResidualBlock(self.widths[2], **shared, name=f"res{index}")(y)
        for index in (1, 2):
            y = ReflectConv(self.widths[2 + index], doubles=True, **shared, name=f"deconv{index}")(y)
            y = nn.relu(instance_norm(y, dtype=self.dtype, name=f"in{index + 3}"))
        y = ReflectConv(3, 9, **shared, name="deconv3")(y)
        return nn.sigmoid(instance_norm(y, dtype=self.dtype, name="in6").astype(result_type(x)))
