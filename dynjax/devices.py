"""The devices that JAX computes on, looked for once, so that a platform that is not there is told in a sentence."""
import jax

from dynjax.files.messages import first_line


def check_platform():
    """Lets JAX find its devices.

    Raises:
      ValueError: there is none of the kind that JAX_PLATFORMS, or jax.config, asks for.
    """
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:   # an assertion where JAX itself is without words
        asked = jax.config.jax_platforms
        words = first_line(error).removesuffix(
            "(set JAX_PLATFORMS='' to automatically choose an available backend)").strip(" .")
        raise ValueError(
            (f"JAX_PLATFORMS is {asked!r}, and JAX finds no such device on this machine" if asked else
             "JAX finds no device to compute on")
            + ("" if isinstance(error, AssertionError) else f" ({words})")
            + ". Wanted a kind that is here, such as JAX_PLATFORMS=cpu; without it JAX takes the best there "
              "is.") from None
