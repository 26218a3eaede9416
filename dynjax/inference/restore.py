"""An image of any size, depth and number of channels through a network, and back as it came."""
import jax
import jax.numpy as jnp
import numpy as np

from dynjax.devices import check_platform
from dynjax.files.messages import first_line
from dynjax.image.resize import resize_bicubic
from dynjax.image.tiles import reach, tiled
from dynjax.models.plain import plain_network
from dynjax.networks.inputs import needed_besides
from dynjax.networks.layers import TooSmallError


def restore(network, variables, picture, alpha=None, *, further=(), tile=None, overlap=None, multiple=None):
    """Runs a picture through a network and gives it back with its own depth and channels.

    Grey goes through a colour network as three equal channels, whose results are averaged; colour through a grey
    network channel by channel. Transparency does not go through it: it is kept, or enlarged with the picture.

    Args:
      network, variables: from dynjax.load, or any linen network that gives pictures for pictures in [0, 1].
      picture: uint8, uint16 or floats in [0, 1], [H, W, C]: C is 1 grey, 2 grey and transparency, 3 RGB, 4 RGB and
        transparency.
      alpha: for a network that is tuned by it, as its apply takes it; for FFDNet the noise level.
      further: what a tuned network takes besides alpha: Tunable(FFDNet()) the noise level, (25 / 255,).
      tile: side of the tiles, pixels, for pictures too large for the memory; raised to the next multiple. None runs the
        picture whole.
      overlap: of the tiles, pixels; by default as far as the network sees, so that tiles give what the whole gives.
      multiple: tiles begin at multiples of it, as for `dynjax.image.tiled`; by default the network's own `multiple`
        where it has one, as SwinIR (its windows) and NAFNet do, else 1.

    Returns:
      The same type, [H * scale, W * scale, C], the scale being the network's.

    Raises:
      ValueError: another shape or type, an alpha that is missing, too much or of another form, a network that sees all
        of a picture where `tile` is given without `overlap`.
    """
    for name, given, least in (("tile", tile, 1), ("overlap", overlap, 0), ("multiple", multiple, 1)):
        if given is not None and (not isinstance(given, int | np.integer) or given < least):
            raise ValueError(f"restore got {name}={given!r}; wanted a whole number of pixels, {least} or more.")
    picture = np.asarray(picture)
    if picture.ndim != 3 or picture.shape[-1] not in (1, 2, 3, 4) or not (
            picture.dtype in (np.uint8, np.uint16) or picture.dtype.kind == "f"):
        raise ValueError(f"restore got {picture.dtype} of shape {picture.shape}; wanted uint8, uint16 or floats in "
                         "[0, 1], [H, W, C] with C from 1 to 4.")
    run = _function(network, variables, alpha, further)
    check_platform()
    colours = 3 if picture.shape[-1] > 2 else 1
    levels = np.iinfo(picture.dtype).max if picture.dtype.kind == "u" else 1
    values = picture.astype(np.float32) / np.float32(levels)
    takes, scale = _channels_and_scale(run, picture.shape[:2])
    images = _for_network(values[..., :colours], takes)
    if tile is None:
        restored = jax.jit(run)
    else:
        multiple = multiple or getattr(plain_network(network), "multiple", 1)
        options = {"scale": scale, "multiple": multiple}
        overlap = reach(run, channels=takes, **options) if overlap is None else overlap
        tile = -(-tile // multiple) * multiple
        restored = lambda image: tiled(run, image, tile=tile, overlap=overlap, **options)
    # One image at a time, as alpha is for one picture: a grey network has three of a colour one.
    outputs = np.concatenate([restored(image[None]) for image in images])
    result = _from_network(outputs, takes, colours)
    if picture.shape[-1] > colours:
        through = values[None, ..., colours:]
        result = np.concatenate([result, np.asarray(resize_bicubic(through, scale) if scale > 1 else through)[0]], -1)
    if picture.dtype.kind == "f":
        return result.astype(picture.dtype)
    return np.floor(np.clip(result, 0, 1) * levels + 0.5).astype(picture.dtype)


def _function(network, variables, alpha, further):
    second = next(iter(needed_besides(network)), None)
    if second and alpha is None:
        raise ValueError(f"the network is a {type(network).__name__} and no {second} was given; wanted one, such as "
                         f"alpha={_example(network)}.")
    inner = needed_besides(plain_network(network)) if plain_network(network) is not network else []
    if len(further) != len(inner):
        raise ValueError(f"the network is a {type(network).__name__}, which takes {', '.join(inner) or 'nothing more'} "
                         f"besides, and restore got further={further!r}; wanted {len(inner)} of these.")
    if alpha is None:
        return lambda images: network.apply(variables, images)
    if not second:
        raise ValueError(f"an alpha was given, but the network is a {type(network).__name__}, which has none; leave it "
                         "out.")
    return lambda images: network.apply(variables, images, alpha, *further)


def _example(network):
    names = getattr(network, "alpha", None)
    return dict.fromkeys(names, round(1 / len(names), 2)) if isinstance(names, tuple | list) else "25 / 255"


def _channels_and_scale(run, size):
    """The channels that a network takes, 3 or 1, and output pixels per input pixel, told by pictures of this size."""
    reasons = []
    for channels in (3, 1):
        try:
            shape = jax.eval_shape(run, jax.ShapeDtypeStruct((1, *size, channels), jnp.float32)).shape
        except TooSmallError as error:
            raise ValueError(f"the network cannot take this picture: {error}") from None
        except Exception as error:   # what a network does with channels it has no weights for is its own affair
            reasons.append(first_line(error))
            continue
        scale = shape[1] // size[0] if len(shape) == 4 else 0
        if scale and shape[1:] == (scale * size[0], scale * size[1], channels):
            return channels, scale
        reasons.append(f"{channels} channels of {size[0]} x {size[1]} pixels give {shape}")
    if len(set(reasons)) == 1:   # of another thing than the channels
        raise ValueError(f"the network cannot take this picture: {reasons[0]}")
    raise ValueError(f"the network does not give pictures for pictures ({'; '.join(reasons)}); wanted one that takes 3 "
                     "channels or 1 and gives as many, of as many pixels or a whole number of times as many.")


def _for_network(values, takes):
    """[H, W, colours] as a batch that the network takes."""
    if takes == 3:
        return np.broadcast_to(values, (*values.shape[:2], 3))[None]
    return np.moveaxis(values, -1, 0)[..., None]


def _from_network(outputs, takes, colours):
    if takes == 1:
        return np.moveaxis(outputs[..., 0], 0, -1)
    return outputs[0] if colours == 3 else outputs[0].mean(-1, keepdims=True)
