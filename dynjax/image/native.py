"""Arrays as JAX takes them."""
import jax
import numpy as np


def native(tree):
    """Puts numpy arrays of the other byte order ('>f4' on most machines, as FITS and old TIFF readers give them) into
    the machine's own, the only one that JAX takes; everything else in the tree stays the object it is.
    """
    return jax.tree.map(_native, tree)


def _native(leaf):
    if isinstance(leaf, np.ndarray | np.generic) and not leaf.dtype.isnative:
        return leaf.astype(leaf.dtype.newbyteorder("="))
    return leaf
