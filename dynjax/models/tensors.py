"""Arrays of what other libraries hold in memory, without importing these."""
import numpy as np

from dynjax.files.messages import first_line, one_line

# What PyTorch wants done before numpy may have a tensor: one that is trained, on a GPU, with a bit that turns signs.
STEPS = ("detach", "cpu", "resolve_conj", "resolve_neg")


def as_array(name, value):
    """One entry of a source as a numpy array: of an array of any library, a PyTorch tensor too, a number or text.

    PyTorch's types of elements that numpy lacks, such as bfloat16, become float32; the byte order is the
    machine's.

    Args:
      name: what an error calls it.

    Raises:
      ValueError: numpy can make no array of it, as of a sparse tensor or of one without values.
    """
    tensor = value
    try:
        for step in STEPS if hasattr(value, "detach") else ():
            tensor = getattr(tensor, step)() if hasattr(tensor, step) else tensor
        try:
            array = np.asarray(tensor)
        except TypeError:
            if not hasattr(tensor, "float"):
                raise
            array = np.asarray(tensor.float())
    except (TypeError, RuntimeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"the source's {one_line(name)} is a {type(value).__name__} that cannot become a numpy array "
                         f"({first_line(error)}); wanted dense arrays with their values in memory: convert it "
                         "first.") from None
    # JAX takes only the machine's own byte order.
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
