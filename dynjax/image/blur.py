"""Gaussian blur with a kernel of fixed size, as tests of deblurring make their pictures."""
import jax.numpy as jnp

from dynjax.image.native import native

SUPPORT = 21


def gaussian_kernel(sigma, support=SUPPORT):
    """The weights of a Gaussian at whole pixels around 0, sum 1; the kernel in the plane is their outer product.

    Args:
      sigma: standard deviation in pixels, a number or an array [...] of 0 or more; 0 leaves the middle alone.
      support: how many weights, odd.

    Returns:
      [..., support].

    Raises:
      ValueError: an even support.
    """
    if support < 1 or support % 2 == 0:
        raise ValueError(f"gaussian_kernel got support={support}; wanted an odd number, so that there is a middle.")
    sigma = jnp.asarray(sigma)[..., None]
    places = jnp.broadcast_to(jnp.arange(support) - support // 2, (*sigma.shape[:-1], support))
    # Far narrower than a pixel already: a division by zero would be no number.
    weights = jnp.exp(-0.5 * jnp.square(places / jnp.maximum(sigma, 1e-2)))
    return weights / jnp.sum(weights, axis=-1, keepdims=True)


def gaussian_blur(images, sigma, *, support=SUPPORT):
    """Blurs images; beyond the edges their outermost pixels go on.

    Args:
      images: [B, H, W, C].
      sigma: standard deviation in pixels, one number or one an image [B].
      support: side of the kernel, odd: 21 as the joint task of Maggioni et al. 2023 is tested.

    Returns:
      The same shape and type.

    Raises:
      ValueError: an even support, or sigma of another shape.
    """
    images, sigma = native((images, sigma))
    images = jnp.asarray(images)
    sigma = jnp.asarray(sigma, images.dtype)
    if sigma.shape not in ((), images.shape[:1]):
        raise ValueError(f"gaussian_blur got sigma of shape {sigma.shape} for {len(images)} images; wanted one number, "
                         "or one an image.")
    weights = jnp.broadcast_to(gaussian_kernel(sigma, support), (len(images), support)).astype(images.dtype)
    # Shifted sums instead of a convolution: kernels that differ between images would make it a grouped one.
    for axis in (1, 2):
        pads = [(support // 2, support // 2) if at == axis else (0, 0) for at in range(images.ndim)]
        padded, side = jnp.pad(images, pads, mode="edge"), images.shape[axis]
        images = sum(weights[:, at].reshape(-1, 1, 1, 1) * _part(padded, axis, at, side) for at in range(support))
    return images


def _part(images, axis, start, count):
    return images[:, start:start + count] if axis == 1 else images[:, :, start:start + count]
