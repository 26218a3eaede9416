"""The parametric multi-loss: objectives weighted by the same alpha that tunes the kernels."""
import dataclasses
import inspect
import numbers
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dynjax.image.value_range import check_unit_range, is_floating
from dynjax.networks.vgg import TRUNKS, imagenet_normalise, trunk_variables
from dynjax.objectives.adversarial import Adversarial
from dynjax.objectives.perceptual import LPIPS, Perceptual
from dynjax.objectives.pixel import L1, L2, Charbonnier, Chroma, TotalVariation
from dynjax.objectives.style import Gram
from dynjax.registry import Registry, suggestion

TERMS = Registry("term")
for _name, _term in {"l1": L1, "l2": L2, "charbonnier": Charbonnier, "chroma": Chroma,
                     "total_variation": TotalVariation, "perceptual": Perceptual, "gram": Gram, "lpips": LPIPS,
                     "adversarial": Adversarial}.items():
    TERMS.register(_term, name=_name)


@dataclasses.dataclass(frozen=True)
class Objective:
    """One objective: terms with a scale each, and the weight lambda of their sum.

    Attributes:
      terms: ((scale, term), ...), each called as term(constants, output, example, critic=...) -> [B]. A term that
        reads features has `trunk`, (net, file of weights or None), and `layers`, and is called with `features` too.
      weight: lambda_i of equation 7.
    """
    terms: tuple
    weight: float = 1.0


class MultiLoss:
    """L(alpha) = sum_i lambda_i mean_b(alpha_i(b) L_i(b)) (Maggioni et al. 2023, eq. 7), L_i one value an image.

    A term that stands in several objectives is computed once, and so are the features that several terms read. The
    weights of feature networks come as `constants`, an argument of whatever is compiled, so that they are not copied
    into the program.

    Args:
      objectives: {name: Objective}, in the order of alpha.
    """

    def __init__(self, objectives):
        self.objectives = dict(objectives)
        self.names = tuple(self.objectives)
        distinct = dict.fromkeys(term for objective in self.objectives.values() for _, term in objective.terms)
        self._keys = {term: f"{index}_{type(term).__name__}" for index, term in enumerate(distinct)}
        self._trunks = {}   # {(net, weights): layers that some term reads}
        for term in distinct:
            if hasattr(term, "trunk"):
                read = self._trunks.get(term.trunk, ())
                self._trunks[term.trunk] = tuple(dict.fromkeys(read + tuple(term.layers)))

    def constants(self):
        """The weights that the terms need: of feature networks, and by term."""
        trunks = {_name(trunk): trunk_variables(trunk[0], weights=trunk[1], layers=layers)
                  for trunk, layers in self._trunks.items()}
        return {"trunks": trunks, **{key: term.constants() for term, key in self._keys.items()}}

    def values(self, constants, output, example, critic=None):
        """Every objective's value for every image, [B, P], before alpha and lambda.

        Args:
          constants: as `constants()` gives them. output: [B, H, W, C], nominally in [0, 1], not clipped.
          example: a dict with "target", floats in [0, 1], and whatever else the terms read.
          critic: () -> (logits of the targets, logits of the outputs), for adversarial terms.

        Raises:
          ValueError: output or target are no floats; a target on 0..255 or -1..1, where its values are known, which
            they are not inside jit.
        """
        by_term = self.by_term(constants, output, example, critic)
        return jnp.stack([sum(scale * by_term[term] for scale, term in objective.terms)
                          for objective in self.objectives.values()], axis=-1)

    def by_term(self, constants, output, example, critic=None):
        """{term: [B]}, each term's value before its scale; arguments as for `values`."""
        _check(output, example.get("target"))
        features = {}
        for (net, weights), layers in self._trunks.items():
            trunk, variables = TRUNKS[net](layers=layers), constants["trunks"][_name((net, weights))]
            read = lambda images, trunk=trunk, variables=variables: trunk.apply(variables, imagenet_normalise(images))
            features[net, weights] = (read(output), read(jax.lax.stop_gradient(example["target"])))
        given = lambda term: {"features": features[term.trunk]} if hasattr(term, "trunk") else {}
        return {term: term(constants[key], output, example, critic=critic, **given(term))
                for term, key in self._keys.items()}

    @property
    def adversarial(self):
        """The adversarial term among these, by which the critic is trained too; None where there is none.

        Raises:
          ValueError: adversarial terms that want different critics.
        """
        terms = [term for term in self._keys if isinstance(term, Adversarial)]
        if len(terms) > 1:
            raise ValueError(f"the objectives have different adversarial terms ({', '.join(map(str, terms))}); wanted "
                             "one kind, for there is one critic.")
        return terms[0] if terms else None

    def combine(self, values, alpha):
        """The loss, a scalar, of values [B, P] at alpha, [P] for all images or [B, P].

        Raises:
          ValueError: alpha of another shape.
        """
        if jnp.shape(alpha) not in (values.shape, values.shape[1:]):
            raise ValueError(f"alpha has shape {jnp.shape(alpha)} for losses of shape {values.shape}; wanted "
                             f"{values.shape[1:]} or {values.shape}, one number for each of {', '.join(self.names)}.")
        weights = jnp.asarray([objective.weight for objective in self.objectives.values()], values.dtype)
        alpha = jnp.broadcast_to(alpha, values.shape)
        return jnp.sum(weights * jnp.mean(alpha * values, axis=0))


def _check(output, target):
    for name, images in (("an output", output), ("a target", target)):
        if images is not None and not is_floating(images.dtype):
            raise ValueError(f"the objectives got {name} of {images.dtype}; wanted floats in [0, 1]: divide 8-bit "
                             "values by 255.")
    if target is not None:
        check_unit_range("the objectives, in their target,", target, raw=True)


def _name(trunk):
    net, weights = trunk
    return net if weights is None else f"{net} of {weights}"


def build_multi_loss(config, *, axis_name=None):
    """A MultiLoss from nested dicts, as configs hold them.

    {"fidelity": {"weight": 1.0, "terms": {"l1": 1.0}},
     "perceptual": {"terms": {"l1": 0.2, "lpips": {"scale": 0.05, "net": "alex"}}}}: a number is the scale of a term; a
    dict has the scale and the term's options. `axis_name` is the devices' axis, for terms that average over them.

    The objectives are numbered as they come; a ConfigDict hands its entries out sorted by name, so where alpha has
    another order, give {name: config[name] for name in names}.

    Raises:
      ValueError: no objectives, an unknown term or option, or an objective without terms.
    """
    config, objectives = dict(config), {}
    if not config:
        raise ValueError('there are no objectives; wanted at least one, such as {"fidelity": {"terms": {"l1": 1.0}}}.')
    for name, settings in config.items():
        settings = _plain(settings)
        unknown = set(settings) - {"weight", "terms"}
        if unknown or not settings.get("terms"):
            raise ValueError(f"the objective {name!r} has {', '.join(map(str, settings)) or 'nothing'}; wanted terms, "
                             "at least one, and a weight if it is not 1.")
        terms = tuple(_scaled_term(f"{name}.terms.{key}", key, value, axis_name)
                      for key, value in settings["terms"].items())
        objectives[name] = Objective(terms, float(settings.get("weight", 1.0)))
    return MultiLoss(objectives)


def _scaled_term(where, key, value, axis_name):
    """(scale, term) of one entry of a config."""
    if key not in TERMS:
        raise ValueError(f"objectives.{where}: there is no term {key!r}; "
                         f"{suggestion(key, TERMS.names())}")
    if not isinstance(value, numbers.Real | Mapping):
        raise ValueError(f"objectives.{where} is {value!r}; wanted the term's scale, a number, or a dict of scale and "
                         "options.")
    options = dict(value) if isinstance(value, Mapping) else {"scale": value}
    scale = float(options.pop("scale", 1.0))
    fields = list(inspect.signature(TERMS.get(key)).parameters)
    if "axis_name" in fields:
        options.setdefault("axis_name", axis_name)
    for name, option in options.items():
        if name not in fields:
            known = suggestion(name, ["scale", *fields])
            raise ValueError(f"objectives.{where}: there is no option {name!r}; {known}")
        options[name] = tuple(option) if isinstance(option, list) else option
    return scale, TERMS.get(key)(**options)


def _plain(settings):
    """Nested dicts from nested mappings of any kind, such as ConfigDict."""
    items = settings.items() if isinstance(settings, Mapping) or hasattr(settings, "items") else None
    return settings if items is None else {key: _plain(value) for key, value in items}
