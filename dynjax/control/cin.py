"""Conditional instance normalisation: the norms alone are tuned (Dumoulin, Shlens and Kudlur, ICLR 2017)."""
from collections.abc import Mapping

import flax.linen as nn
import jax

from dynjax.control.base import AroundNet
from dynjax.control.tunable import paths
from dynjax.control.tunable.wrapper import Tuned


class CIN(nn.Module, AroundNet, Tuned):
    """A network whose norms have one scale and bias a style, mixed: `apply(variables, x, alpha, *args, **kwargs)`.

    gamma = sum_s alpha_s gamma_s and beta likewise (Dumoulin et al. 2017, section 2); all else is shared by the
    styles. The weights need not sum to one. A further style is two rows a norm.

    The tree: {"params": {"kernels": the norms, every leaf [S, C], "frozen": all else}, other collections}.

    Attributes:
      net: any linen module with norms, called as net(x, *args, **kwargs).
      alpha: the names of the S styles, or S.
      norms: patterns of the modules that are tuned, such as ("**/norm*",); by default all modules that have a
        parameter named "scale".
      domain: which values of alpha are trained, for `space`: "simplex", numbers that sum to one, or "box", each from 0
        to 1.
    """
    net: nn.Module
    alpha: tuple[str, ...] | int
    norms: tuple[str, ...] = ()
    domain: str = "simplex"

    kernels, phi, hidden, frozen = None, "identity", (), ()

    def _patterns(self, params):
        norms = (self.norms,) if isinstance(self.norms, str) else tuple(self.norms)
        paths.split(params, norms, field="norms")   # a pattern that matches nothing is told by the field's name
        return {"tuned": norms or tuple(_modules_with_scale(params))}

    @nn.compact
    def __call__(self, x, alpha, *args, **kwargs):
        """x [B, ...] and alpha, (S,), (B, S) or a dict by name; the rest goes to the network."""
        return self._call(x, alpha, args, kwargs)


def _modules_with_scale(params):
    """The paths of modules that have a parameter "scale"."""
    found = {jax.tree_util.keystr(path[:-1], simple=True, separator="/")
             for path, _ in jax.tree_util.tree_leaves_with_path(params)
             if isinstance(params, Mapping) and path[-1] == jax.tree_util.DictKey("scale")}
    if not found:
        raise ValueError("CIN found no module with a parameter 'scale' in the network; wanted one with norms: name "
                         "them by norms=('**/norm*',), or use Tunable, which tunes every parameter.")
    return sorted(path or "**" for path in found)   # the network may be a norm itself
