"""A network that is one array: what Tunable makes a tunable parameter of."""
import flax.linen as nn
import jax.numpy as jnp


class Parameter(nn.Module):
    """Ignores its input [B, ...] but for the batch and returns its own array once an image, [B, *shape].

    Attributes:
      shape: of the array, which starts at zero.
    """
    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, x):
        data = self.param("data", nn.initializers.zeros_init(), tuple(self.shape))
        return jnp.broadcast_to(data[None], (x.shape[0], *data.shape))
