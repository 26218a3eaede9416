"""Arrays as JAX takes them."""
import jax
import numpy as np


def native(tree):
    """Puts numpy arrays of the other byte order ('>f4' on most machines, as FITS and old TIFF readers give them) into
    the machine's own, the only one that JAX takes; everything else in the tree stays the object it is, and so does a
    tree without such.
    """
    return jax.tree.map(_native, tree) if any(map(_is_foreign, jax.tree.leaves(tree))) else tree


def _native(leaf):
    return leaf.astype(leaf.dtype.newbyteorder("=")) if _is_foreign(leaf) else leaf


def _is_foreign(leaf):
    return isinstance(leaf, np.ndarray | np.generic) and not leaf.dtype.isnative
