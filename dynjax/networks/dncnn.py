"""DnCNN (Zhang et al. 2017, arXiv 1608.03981): a stack of convolutions that finds the noise of an image."""
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dynjax.networks.batch_norm import BatchNorm
from dynjax.networks.layers import check_images, conv, result_type

NORMS = ("batch", "none")
EPSILON = 1e-4   # of the authors' batch norms


class DnCNN(nn.Module):
    """DnCNN, noisy images [N, H, W, channels] in [0, 1] to clean ones (not clipped): the input minus the noise found.

    The published networks are for one noise level each: grey with 17 layers, colour with 20, stored with their batch
    norms merged into the convolutions (norm="none"; `merged` does it). In training a batch's statistics weigh 0.9 in
    the running ones, as the authors have it. Submodules: conv_0, ..., conv_<layers - 1> and norm_1, ...,
    norm_<layers - 2>.

    Attributes:
      features: channels inside. layers: convolutions, 2 or more. channels: of the images.
      norm: "batch" after every convolution but the first and the last, or "none".
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, or a field with no such value.
    """
    features: int = 64
    layers: int = 17
    channels: int = 1
    norm: str = "batch"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move."""
        x = check_images(x, "DnCNN", channels=self.channels)
        if self.norm not in NORMS or self.layers < 2:
            raise ValueError(f"DnCNN got norm={self.norm!r} and layers={self.layers}; wanted one of "
                             f"{', '.join(NORMS)} and 2 layers or more.")
        y = nn.relu(conv(x, self.features, 3, dtype=self.dtype, name="conv_0"))
        for index in range(1, self.layers - 1):
            y = conv(y, self.features, 3, dtype=self.dtype, name=f"conv_{index}")
            if self.norm == "batch":
                y = BatchNorm(momentum=0.9, epsilon=EPSILON, axis_name=self.axis_name, name=f"norm_{index}")(y, train)
            y = nn.relu(y)
        noise = conv(y, self.channels, 3, dtype=self.dtype, name=f"conv_{self.layers - 1}")
        return x - noise.astype(result_type(x))


def merged(net, variables):
    """The same denoiser without its batch norms, which become part of the convolutions before them.

    kernel' = kernel * s and bias' = (bias - mean) * s + shift with s = scale / sqrt(var + eps), of the running
    statistics: as the released networks are stored.

    Args:
      net: a DnCNN with norm="batch". variables: its own, {"params": ..., "batch_stats": ...}.

    Returns:
      (network, variables) with network.apply(variables, x) what net.apply computed, to rounding.

    Raises:
      ValueError: a network without batch norm.
    """
    if not isinstance(net, DnCNN) or net.norm != "batch":
        raise ValueError(f"merged got {type(net).__name__} with norm={getattr(net, 'norm', None)!r}; wanted a DnCNN "
                         "with batch norm. Others are used as they are.")
    params = dict(variables["params"])
    for index in range(1, net.layers - 1):
        layer, norm = params[f"conv_{index}"], params.pop(f"norm_{index}")
        statistics = variables["batch_stats"][f"norm_{index}"]
        factor = norm["scale"] * jax.lax.rsqrt(jnp.asarray(statistics["var"]) + EPSILON)
        params[f"conv_{index}"] = {"kernel": layer["kernel"] * factor.reshape(1, 1, 1, -1),
                                   "bias": (layer["bias"] - statistics["mean"]) * factor + norm["bias"]}
    return net.clone(norm="none"), {"params": params}
