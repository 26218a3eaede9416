"""The tuning-block: what Dynamic-Net adds between two modules of a trained network."""
import flax.linen as nn
import jax
import jax.numpy as jnp

from dynjax.networks.conv_gradient import conv_with_fast_gradient
from dynjax.networks.initialisers import normal, torch_bias, torch_kernel
from dynjax.networks.layers import reflect

PADDINGS = ("reflect", "zeros")
KERNEL_INITS = ("torch", "normal")


class TuningBlock(nn.Module):
    """psi of z + alpha * psi(z): convolutions with ReLU between them; [N, H, W, C] to the same shape.

    Shoshan et al. 2019, section 3. No normalisation, nothing after the last convolution, and the sum with z is left to
    DynamicNet. Submodules: conv0, conv1, ...

    Attributes:
      features: channels between the convolutions; None is the input's. The last one returns to the input's.
      layers: convolutions, 1 or more.
      kernel_size: side of every kernel, odd.
      padding: "reflect", or "zeros" for maps too small to be mirrored (1 x 1).
      kernel_init: of the convolutions; "torch", as PyTorch begins every convolution, like the published style networks;
        "normal", kernels from N(0, 0.02) and biases at zero, like the published generator of faces.
      zero_last: start the last convolution at zero, so that training starts at the main network; no published block
        does.

    Raises:
      ValueError: a field with no such value, an input of another form, or a map too small for its reflection.
    """
    features: int | None = None
    layers: int = 3
    kernel_size: int = 3
    padding: str = "reflect"
    kernel_init: str = "torch"
    zero_last: bool = False

    @nn.compact
    def __call__(self, z):
        self._check(z)
        channels, pad = z.shape[-1], self.kernel_size // 2
        y = z
        for index in range(self.layers):
            last = index == self.layers - 1
            kernel_init, bias_init = self._starts(self.kernel_size**2 * y.shape[-1], last)
            if self.padding == "reflect":
                y = reflect(y, pad, pad, pad, pad)
            y = nn.Conv(channels if last else self.features or channels, (self.kernel_size,) * 2,
                        padding="VALID" if self.padding == "reflect" else "SAME", dtype=z.dtype,
                        kernel_init=kernel_init, bias_init=bias_init, name=f"conv{index}",
                        conv_general_dilated=conv_with_fast_gradient)(y)
            y = y if last else nn.relu(y)
        return y

    def scaled(self, params, factor):
        """Parameters of the block whose output is `factor` times that of `params`: the last layer takes the factor."""
        last = f"conv{self.layers - 1}"
        return {**params, last: jax.tree.map(lambda leaf: leaf * factor.astype(leaf.dtype), params[last])}

    def _starts(self, fan_in, last):
        """The initialisers of a convolution's kernel and bias."""
        zero = nn.initializers.zeros_init()
        if last and self.zero_last:
            return zero, zero
        return (normal(0.02), zero) if self.kernel_init == "normal" else (torch_kernel, torch_bias(fan_in))

    def _check(self, z):
        if self.layers < 1 or self.kernel_size % 2 == 0 or self.padding not in PADDINGS:
            raise ValueError(f"TuningBlock got layers={self.layers}, kernel_size={self.kernel_size}, "
                             f"padding={self.padding!r}; wanted one layer or more, an odd kernel_size and a padding "
                             f"of {', '.join(PADDINGS)}.")
        if self.kernel_init not in KERNEL_INITS:
            raise ValueError(f"TuningBlock got kernel_init={self.kernel_init!r}; wanted one of "
                             f"{', '.join(KERNEL_INITS)}.")
        if z.ndim != 4 or not jnp.issubdtype(z.dtype, jnp.floating):
            raise ValueError(f"TuningBlock got an array of shape {z.shape} and type {z.dtype}; wanted a map of floats "
                             "[N, H, W, C]. Put it where images pass, or give DynamicNet a block of your own.")
