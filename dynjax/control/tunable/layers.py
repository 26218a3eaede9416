"""Single tunable layers: the fields of the plain layer and of Tunable, called with (x, alpha)."""
import dataclasses
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.control.tunable.wrapper import Tuned
from dynjax.networks.conv_transpose import ConvTranspose


class TunableConv(nn.Module, Tuned):
    """Tunable convolution, (x [B, H, W, C], alpha) -> [B, H', W', features] (Maggioni et al. 2023, eq. 5).

    The fields of flax.linen.Conv (one number as kernel_size is a square), then those of Tunable; `alpha` (names or P)
    may be left out: then P is the length of the alpha that comes. The tree:
    {"kernels": {"kernel": [W, KH, KW, C / groups, features], "bias": [W, features]},
    "phi": {"kernel": [P, W], "bias": [W]}}, without "phi" where it is the identity.
    """
    features: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] | None = 1
    padding: Any = "SAME"
    input_dilation: int | Sequence[int] | None = 1
    kernel_dilation: int | Sequence[int] | None = 1
    feature_group_count: int = 1
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    precision: Any = None
    kernel_init: Any = nn.initializers.lecun_normal()
    bias_init: Any = nn.initializers.zeros_init()
    alpha: tuple[str, ...] | int | None = None
    kernels: int | None = None
    phi: str = "affine"
    hidden: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()

    @property
    def base_network(self):
        """The flax.linen.Conv that is tuned."""
        size = self.kernel_size
        # flax.linen.Conv reads one number as a one-dimensional kernel.
        return _with_fields_of(self, nn.Conv, kernel_size=(size, size) if isinstance(size, int) else tuple(size))

    @nn.compact
    def __call__(self, x, alpha):
        return self._call(x, alpha, (), {})


class TunableConvTranspose(nn.Module, Tuned):
    """Tunable transposed convolution with PyTorch's arithmetic, (x [B, H, W, C], alpha) -> [B, H', W', features].

    The fields of dynjax.ConvTranspose, then those of Tunable; the tree as for TunableConv.
    """
    features: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    output_padding: int | Sequence[int] = 0
    kernel_dilation: int | Sequence[int] = 1
    feature_group_count: int = 1
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    kernel_init: Any = nn.initializers.lecun_normal()
    bias_init: Any = nn.initializers.zeros_init()
    alpha: tuple[str, ...] | int | None = None
    kernels: int | None = None
    phi: str = "affine"
    hidden: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()

    @property
    def base_network(self):
        """The dynjax.ConvTranspose that is tuned."""
        return _with_fields_of(self, ConvTranspose)

    @nn.compact
    def __call__(self, x, alpha):
        return self._call(x, alpha, (), {})


class TunableDense(nn.Module, Tuned):
    """Tunable dense layer, (x [B, ..., C], alpha) -> [B, ..., features].

    The fields of flax.linen.Dense, then those of Tunable; the tree as for TunableConv.
    """
    features: int
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    precision: Any = None
    kernel_init: Any = nn.initializers.lecun_normal()
    bias_init: Any = nn.initializers.zeros_init()
    alpha: tuple[str, ...] | int | None = None
    kernels: int | None = None
    phi: str = "affine"
    hidden: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()

    @property
    def base_network(self):
        """The flax.linen.Dense that is tuned."""
        return _with_fields_of(self, nn.Dense)

    @nn.compact
    def __call__(self, x, alpha):
        return self._call(x, alpha, (), {})


def _with_fields_of(layer, plain_class, **changes):
    """A plain layer with the fields that it has in common with the tunable one."""
    names = [field.name for field in dataclasses.fields(plain_class) if field.name not in ("parent", "name")]
    fields = {name: getattr(layer, name) for name in names if hasattr(layer, name)}
    return plain_class(**fields | changes, parent=None)
