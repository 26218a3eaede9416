"""IRCNN (Zhang et al. 2017, arXiv 1704.03264): seven dilated convolutions that find the noise of an image."""
from typing import Any

import flax.linen as nn

from dynjax.networks.initialisers import torch_bias, torch_kernel
from dynjax.networks.layers import check_images, result_type

DILATIONS = (1, 2, 3, 4, 3, 2, 1)


class IRCNN(nn.Module):
    """IRCNN, noisy images [N, H, W, channels] in [0, 1] to clean ones (not clipped): the input minus the noise found.

    One network is for one noise level; the published files hold 25, for 2/255 to 50/255. The arrays are those of a
    DnCNN of seven layers, the computation is another. Submodules: conv_0, ..., conv_6.

    Attributes:
      features: channels inside. channels: of the images.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images.
    """
    features: int = 64
    channels: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        y = x = check_images(x, "IRCNN", channels=self.channels)
        for index, dilation in enumerate(DILATIONS):
            last = index == len(DILATIONS) - 1
            y = nn.Conv(self.channels if last else self.features, (3, 3), padding="SAME",
                        kernel_dilation=(dilation, dilation), kernel_init=torch_kernel,
                        bias_init=torch_bias(9 * y.shape[-1]), dtype=self.dtype, name=f"conv_{index}")(y)
            y = y if last else nn.relu(y)
        return x - y.astype(result_type(x))
