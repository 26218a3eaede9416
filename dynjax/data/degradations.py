"""What is done to clean images to make the network's input: pure functions of device arrays, jittable."""
import jax
import jax.numpy as jnp

from dynjax.image.value_range import check_unit_range

LARGEST_SIGMA = 2.0     # on [0, 1], 510 on 0..255: nothing is left of the picture


def add_gaussian_noise(images, key, sigma):
    """Adds white Gaussian noise; the noise of an image depends on its own key only, not on its place in the batch.

    Args:
      images: [B, H, W, C], [0, 1].
      key: one key an image, [B]: fold the image's index in the global batch into the key of the step.
      sigma: standard deviation on the scale of [0, 1] (sigma_255 / 255), a number or [B].

    Returns:
      The noisy images, same shape and dtype, not clipped: clipping would make the noise signal-dependent.

    Raises:
      ValueError: not one key an image; sigma of another shape, or above 2 and so on the scale of 0..255; images on
        0..255 or -1..1. Values are not known inside jit, and pass.
    """
    keys = key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)
    if keys.shape != images.shape[:1]:
        raise ValueError(f"add_gaussian_noise got keys of shape {keys.shape} for images of shape {images.shape}; "
                         "wanted one key an image: jax.vmap(jax.random.fold_in, (None, 0))(key, indices)")
    check_unit_range("add_gaussian_noise", images, raw=True)
    sigma = jnp.asarray(sigma, images.dtype)
    if not isinstance(sigma, jax.core.Tracer) and sigma.size and sigma.max() > LARGEST_SIGMA:
        raise ValueError(f"add_gaussian_noise got sigma up to {float(sigma.max()):.4g}; wanted it on the scale of the "
                         "images, [0, 1]: divide sigma on 0..255 by 255.")
    if sigma.shape not in ((), images.shape[:1]):
        raise ValueError(f"add_gaussian_noise got sigma of shape {sigma.shape} for {len(images)} images; wanted one "
                         "number, or one an image")
    # Drawn as rows: the same numbers, and XLA takes seconds to compile a draw along several axes.
    noise = jax.vmap(lambda key: jax.random.normal(key, (images[0].size,), images.dtype))(keys).reshape(images.shape)
    return images + jnp.reshape(sigma, (-1,) + (1,) * (images.ndim - 1)) * noise
