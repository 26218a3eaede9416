"""What a user may hand over as alpha for tuning-blocks, turned into one array a block."""
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dynjax.control.alpha import as_numbers, check_names

FORMS = "() for all blocks, (K,) one a block, (B, K) one an image and block, (B, H, W, K) a map, or a dict by path"


def block_alphas(alpha, paths, batch=None):
    """Alpha for every block, {path: (), (B,) or (B, H, W)}.

    Args:
      alpha: (), (K,), (B, K), (B, H, W, K), or a dict with (), (B,) or (B, H, W) for every path. Any real value.
      paths: the K paths, those of `before`, then those of `after`.
      batch: B, checked where given.

    Raises:
      ValueError: no numbers, another shape or batch; unknown or missing paths.
    """
    count = len(paths)
    if isinstance(alpha, Mapping):
        return _by_path(alpha, paths, batch)
    array = _floats(alpha)
    if array.ndim == 0:
        return {path: array for path in paths}
    if array.ndim == 3 or array.ndim > 4 or array.shape[-1] != count:
        raise ValueError(f"alpha has shape {array.shape} for K = {count} blocks ({', '.join(paths)}); wanted {FORMS}.")
    if array.ndim > 1 and batch is not None and array.shape[0] != batch:
        raise ValueError(f"alpha of shape {array.shape} has {array.shape[0]} rows for a batch of {batch} images; "
                         f"wanted {batch}, one an image.")
    return {path: array[..., index] for index, path in enumerate(paths)}


def shared_block_alphas(alpha, paths):
    """Alpha for every block as one number each, refusing what differs between images.

    Raises:
      ValueError: one alpha an image or a map.
    """
    alphas = block_alphas(alpha, paths)
    if any(value.ndim for value in alphas.values()):
        raise ValueError(f"alpha differs between images (shape {next(v.shape for v in alphas.values() if v.ndim)} for "
                         "one block); wanted one number a block, () or (K,). Bake once for every point.")
    return alphas


def spread(alpha, z):
    """One block's alpha as an array that multiplies z [B, ...]; a map is resized (bilinear) to z's height and width.

    Raises:
      ValueError: z has no such batch, or a map meets something that is not an image.
    """
    alpha = alpha.astype(z.dtype)
    if alpha.ndim == 0:
        return alpha
    if z.shape[:1] != alpha.shape[:1]:
        raise ValueError(f"alpha is per image, {alpha.shape[0]} of them, but the array at this block has shape "
                         f"{z.shape}; wanted its first axis to be the images. Use one alpha for all of them here.")
    if alpha.ndim == 3 and z.ndim == 4:
        size = (alpha.shape[0], *z.shape[1:3])
        return jax.image.resize(alpha, size, "bilinear")[..., None]
    if alpha.ndim == 3:
        raise ValueError(f"alpha is a map but the array at this block has shape {z.shape}; wanted [B, H, W, C]. Use "
                         "one alpha an image, (B, K).")
    return alpha.reshape(-1, *(1,) * (z.ndim - 1))


def _by_path(alpha, paths, batch):
    check_names(alpha, paths, by="path", wanted="one alpha")
    values = {path: _floats(alpha[path], f"alpha for {path}") for path in paths}
    for path, value in values.items():
        if value.ndim not in (0, 1, 3) or (value.ndim and batch is not None and value.shape[0] != batch):
            images = "B" if batch is None else batch
            raise ValueError(f"alpha for {path} has shape {value.shape}; wanted one number, one an image, ({images},), "
                             f"or a map, ({images}, H, W).")
    return values


def _floats(alpha, name="alpha"):
    array = as_numbers(alpha, name)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(jnp.float32)
