"""Grey, colour and transparency of an image on the way to a network and back."""
import numpy as np
from scipy import ndimage


def colour_channels(image):
    """How many of the channels of [H, W, 1 to 4] are colour; one more is transparency."""
    return 3 if image.shape[-1] > 2 else 1


def spread_colours(values):
    """Gives fully transparent pixels the colour of the nearest pixel that is not.

    What lies below transparency is anything, mostly black; a network and any enlarging would mix it into the edge that
    is seen.

    Args:
      values: floats [H, W, 2 or 4], the last channel transparency (0 is hidden); or [H, W, 1 or 3], which has none.

    Returns:
      The colours alone, [H, W, 1 or 3]; as they came where no pixel is hidden, or none is seen.
    """
    colours = colour_channels(values)
    if values.shape[-1] == colours:
        return values
    hidden = values[..., -1] <= 0
    if not hidden.any() or hidden.all():
        return values[..., :colours]
    rows, columns = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return values[rows, columns, :colours]


def hides_an_image(values):
    """Whether fully transparent pixels hold more than programs leave there: black, white or another full colour."""
    colours = colour_channels(values)
    hidden = values[..., -1] <= 0 if values.shape[-1] > colours else np.zeros(values.shape[:2], bool)
    return bool(hidden.any() and not hidden.all() and not np.isin(values[hidden, :colours], (0, 1)).all())


def for_network(values, takes):
    """[H, W, colours] as a batch of images with the channels that the network takes."""
    if takes == 3:
        return np.broadcast_to(values, (*values.shape[:2], 3))[None]
    return np.moveaxis(values, -1, 0)[..., None]


def from_network(outputs, takes, colours):
    """The batch of the network's results as one image [H, W, colours]."""
    if takes == 1:
        return np.moveaxis(outputs[..., 0], 0, -1)
    return outputs[0] if colours == 3 else outputs[0].mean(-1, keepdims=True)
