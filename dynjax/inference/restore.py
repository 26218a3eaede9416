"""An image of any size, depth and number of channels through a network, and back as it came."""
import jax
import jax.numpy as jnp
import numpy as np

from dynjax.control import base_network
from dynjax.devices import check_platform
from dynjax.files.messages import one_line
from dynjax.image.native import native
from dynjax.image.resize import resize_bicubic
from dynjax.image.value_range import check_unit_range
from dynjax.inference.bound import bind
from dynjax.inference.channels import colour_channels, for_network, from_network, hides_an_image, spread_colours
from dynjax.inference.overlap import TiledRun


def restore(network, variables, picture, alpha=None, *, further=(), tile=None, overlap=None, multiple=None, name=None):
    """Runs a picture through a network and gives it back with its own depth and channels.

    Grey goes through a colour network as three equal channels, whose results are averaged; colour through a grey
    network channel by channel. Transparency does not go through it: it is kept, or enlarged with the picture. What
    fully transparent pixels hide does not bleed into the edge: for what is seen they are given the colour of the
    nearest pixel that is seen. Where they hide an image, more than black, white or another full colour, it is restored
    by itself, at twice the time, and stays hidden.

    A network is compiled once for each size: other alphas, other weights and further pictures of that size compile
    nothing. For pictures of many sizes, tiles are one program.

    Args:
      network, variables: from dynjax.load, or any linen network that gives pictures for pictures in [0, 1].
      picture: uint8, uint16 or floats in [0, 1], [H, W, C]: C is 1 grey, 2 grey and transparency, 3 RGB, 4 RGB and
        transparency.
      alpha: for a network that is tuned by it, as its apply takes it; for FFDNet the noise level.
      further: what a tuned network takes besides alpha: Tunable(FFDNet()) the noise level, (25 / 255,).
      tile: side of the tiles, pixels, for pictures too large for the memory; raised to the next multiple. None runs the
        picture whole.
      overlap: of the tiles, pixels. By default the smallest at which tiles differ from the whole by less than half a
        level: of 8 bits for uint8, of 16 bits otherwise. It is measured once a network and its weights, at the
        picture's busiest places, and every picture's tiles are compared with their neighbours along all seams; where
        they do not agree, all overlap more. "exact": as far as the network sees, so that tiles equal the whole but for
        rounding, which costs much with deep networks; the default never exceeds it. A number is taken as it is.
      multiple: tiles begin at multiples of it, as for `dynjax.image.tiled`; by default the network's own `multiple`
        where it has one, as SwinIR (its windows) and NAFNet do, else 1.
      name: what errors call the picture, such as its path.

    Returns:
      The same type, [H * scale, W * scale, C], the scale being the network's.

    Raises:
      ValueError: another shape or type, an alpha that is missing, too much or of another form, a picture smaller than
        the network takes, values that are not finite in the picture or the result, a network that sees all of a picture
        where `tile` is given without `overlap` in pixels.
    """
    for option, given, least in (("tile", tile, 1), ("overlap", overlap, 0), ("multiple", multiple, 1)):
        if given is not None and (option, given) != ("overlap", "exact") and (
                not isinstance(given, int | np.integer) or isinstance(given, bool) or given < least):
            raise ValueError(f"restore got {option}={given!r}; wanted a whole number of pixels, {least} or more"
                             f'{", or " + repr("exact") if option == "overlap" else ""}.')
    picture = np.asarray(picture)
    called = "the picture" if name is None else one_line(name)
    values, levels = _values(picture, called)
    colours = colour_channels(picture)
    check_platform()
    run, takes, scale = bind(network, variables, alpha, further, picture.shape[:2])
    restored = run
    if tile is not None:
        if any(np.ndim(value) > 2 for value in jax.tree.leaves(run.arguments)):
            raise ValueError(f"restore got tile={tile} and an alpha that is a map; wanted one point of alpha for "
                             "tiles: leave tile out, or restore the parts of the picture one by one.")
        multiple = multiple or getattr(base_network(network), "multiple", 1)
        restored = TiledRun(run, channels=takes, tile=-(-tile // multiple) * multiple, overlap=overlap, scale=scale,
                            multiple=multiple, bits=8 if picture.dtype == np.uint8 else 16)
    # One image at a time, as alpha is for one picture: a grey network has three of a colour one.
    through = lambda image: from_network(
        np.concatenate([restored(part[None]) for part in for_network(image, takes)]), takes, colours)
    result = through(spread_colours(values))
    if picture.shape[-1] > colours:
        transparency = resize_bicubic(values[..., colours:], scale) if scale > 1 else values[..., colours:]
        if hides_an_image(values):
            result = np.where(transparency > 0, result, through(values[..., :colours]))
        result = np.concatenate([result, transparency], -1)
    if levels is None:
        with np.errstate(over="ignore"):   # told below
            result = result.astype(picture.dtype)
    _check_finite(result, called, alpha, variables)
    if levels is None:
        return result
    return np.floor(np.clip(result, 0, 1) * levels + 0.5).astype(picture.dtype)


def _values(picture, called):
    """The picture in float32, and its largest level; None for floats."""
    whole = picture.dtype.kind == "u" and picture.dtype.itemsize <= 2
    if picture.ndim != 3 or picture.shape[-1] not in (1, 2, 3, 4) or 0 in picture.shape or not (
            whole or jnp.issubdtype(picture.dtype, jnp.floating)):
        raise ValueError(f"restore got {picture.dtype} of shape {picture.shape}; wanted uint8, uint16 or floats in "
                         "[0, 1], [H, W, C] with C from 1 to 4 and a pixel or more.")
    with np.errstate(over="ignore"):   # told below
        values = native(picture).astype(np.float32)
    if whole:
        levels = np.iinfo(native(picture).dtype).max
        return values / np.float32(levels), levels
    if not np.isfinite(values).all():
        count = np.size(values) - np.isfinite(values).sum()
        raise ValueError(f"restore got {count:,} of {values.size:,} values that are not finite (NaN, infinity, or "
                         f"beyond float32) in {called} itself; wanted floats in [0, 1]: replace them first, as "
                         "numpy.nan_to_num does.")
    check_unit_range(f"restore ({called})", values[None], raw=True)
    return values, None


def _check_finite(result, called, alpha, variables):
    finite = np.isfinite(result)
    if finite.all():
        return
    bad = [jax.tree_util.keystr(path, simple=True, separator="/")
           for path, leaf in jax.tree_util.tree_leaves_with_path(variables)
           if not np.isfinite(np.asarray(leaf, np.float32)).all()]
    at = "" if alpha is None else f" at alpha {one_line(_said(alpha))}"
    why = (f"{len(bad)} of its parameters are not finite either ({one_line(bad[0])} is the first), so use other "
           "weights, such as an earlier checkpoint") if bad else (
        "try an alpha nearer to those it was trained at, or a type with a larger range than this one"
        if alpha is not None else "its weights have diverged, or values exceed the type that it computes in")
    raise ValueError(f"the network gave {finite.size - finite.sum():,} of {finite.size:,} values that are not finite "
                     f"(NaN or infinity) for {called}{at}; wanted finite ones: {why}.")


def _said(alpha):
    """As a person would write it."""
    if isinstance(alpha, dict):
        return "{" + ", ".join(f"{name!r}: {_said(value)}" for name, value in alpha.items()) + "}"
    return np.array2string(np.asarray(alpha), separator=", ", threshold=16)
