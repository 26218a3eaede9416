"""Checks that images lie in [0, 1]: values on 0..255 or -1..1 would give other numbers without a word."""
import jax
import jax.numpy as jnp
import numpy as np

# Outputs of networks overshoot, and unclipped noise reaches beyond [0, 1]; of sigma 50/255 it leaves NEAR for 0.5 % of
# the values at most. Of photographs on -1..1 nearly all have more than 2 % below -0.5 (Kodak's 24 have 6 % or more).
NEAR, SHARE = (-0.5, 1.5), 0.02
FAR = (-4.0, 5.0)
DIVERGED = 20.0        # a generator's values up to here may be its own; more are levels


def check_unit_range(caller, images, *, raw=False):
    """Refuses floats that lie far outside [0, 1].

    Far is: more than 2 % of the values of one image below -0.5 or above 1.5, or a single value below -4 or above 5.
    Less is overshoot or noise. Traced arrays pass, for their values are not known.

    Args:
      caller: the function's name, for the sentence.
      images: floats, [B, ...], numpy or JAX.
      raw: whether outputs of a network that is hardly trained may come: then only those are refused that look like
        another range, all within -1..1, or from about 0 to above 20.

    Raises:
      ValueError: values that are not finite or lie far outside [0, 1].
    """
    if isinstance(images, jax.core.Tracer) or not images.size:
        return
    if isinstance(images, jax.Array) and not images.is_fully_addressable:
        return    # the other part lies on another machine
    values = np.asarray(images)
    values = values if values.dtype == np.float64 else values.astype(np.float32)   # half floats are slow, and overflow
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{caller} got values that are not finite; wanted floats in [0, 1]: the network or its "
                         "weights have diverged, or the images were made by dividing by zero.")
    if NEAR[0] <= low and high <= NEAR[1]:
        return
    share = ((values < NEAR[0]) | (values > NEAR[1])).reshape(len(values), -1).mean(1).max()
    signed = low >= -1.001 and high <= 1.001 and share > SHARE
    levels = high > (DIVERGED if raw else FAR[1]) and low > -high / 10
    if signed or levels or (not raw and (share > SHARE or low < FAR[0] or high > FAR[1])):
        raise ValueError(f"{caller} got values from {low:.4g} to {high:.4g}; wanted floats in [0, 1]: "
                         f"{_advice(high, signed, levels)}.")


def unit_floats(caller, images, *, raw=False):
    """float64 in [0, 1] of uint8, which is divided by 255, or of floats, which are checked.

    Args:
      caller: the function's name, for the sentence.
      images: uint8 or floats, [B, ...], numpy or JAX.
      raw: as for `check_unit_range`.

    Raises:
      ValueError: another dtype; floats as in `check_unit_range`.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images.astype(np.float64) / 255
    if not is_floating(images.dtype):
        raise ValueError(f"{caller} got dtype {images.dtype}; wanted uint8, or floats in [0, 1]")
    check_unit_range(caller, images, raw=raw)
    return images.astype(np.float64)


def is_floating(dtype):
    """Whether a dtype holds real floats, of any size and byte order, JAX's bfloat16 too."""
    return jnp.issubdtype(dtype, jnp.floating)


def _advice(high, signed, levels):
    if signed:
        return "these look like -1..1: add 1 and divide by 2"
    if levels:
        most = next((most for most in (255, 1023, 4095, 65535) if high <= most + most / 8), 255)
        return "divide by the largest value there can be, 255 for 8 bits" + (
            "" if most == 255 else f", {most} for {most.bit_length()}")
    return "take the normalisation back, or clip what a network gave, images.clip(0, 1)"
