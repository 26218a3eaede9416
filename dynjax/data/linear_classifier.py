"""How much of an attribute a picture shows, where nothing but labelled pictures says what it is."""
import dataclasses

import numpy as np

from dynjax.image.value_range import unit_floats

LARGEST_SIDE = 32       # of the averaged picture that is looked at; 3 x 32 x 32 numbers are solved for
MOST = 4_000            # pictures of each kind
KEPT_BACK = 5           # every fifth tells how well it does
FEWEST = 5
SHRINK = 0.1            # of a pixel's mean variance, added to the diagonal so that few pictures do not mislead


@dataclasses.dataclass(frozen=True)
class LinearAttributeClassifier:
    """A weighted sum of pixels: about -1 for pictures without the attribute, 1 for those with it, not bounded.

    Attributes:
      weights: [h, w, 3], of the averaged picture. bias: added. shape: of the pictures it was fitted to.
      accuracy: the share of `tried` pictures it was not fitted to whose kind its sign says.
    """
    weights: np.ndarray
    bias: float
    shape: tuple
    accuracy: float
    tried: int

    def __call__(self, pictures):
        """Pictures [B, H, W, 3], uint8 or floats in [0, 1], to [B].

        Raises:
          ValueError: another size than it was fitted to, another dtype, floats far outside [0, 1].
        """
        if np.shape(pictures)[1:] != self.shape:
            raise ValueError(f"the judge got pictures of shape {np.shape(pictures)}; wanted "
                             f"[B, {', '.join(map(str, self.shape))}], as those it was fitted to.")
        return np.tensordot(_averaged(unit_floats("the judge", pictures, raw=True)), self.weights, 3) + self.bias


def fit_linear_classifier(without, with_it):
    """Fits a judge by least squares with a little shrinkage (ridge regression); seconds for thousands of pictures.

    For pictures that are aligned, such as faces cut alike: a pixel means the same place in all of them.

    Args:
      without, with_it: pictures of the two kinds, [H, W, 3], all of one size: sources of `open_source`, whose pictures
        are uint8, or lists of uint8 or of floats in [0, 1]. Of more than 4,000 pictures so many are taken, spread
        over all.

    Returns:
      A LinearAttributeClassifier.

    Raises:
      ValueError: fewer than 5 of a kind, pictures of several sizes, another dtype, floats far outside [0, 1].
    """
    if min(len(without), len(with_it)) < FEWEST:
        raise ValueError(f"a judge got {len(without)} pictures without the attribute and {len(with_it)} with it; "
                         f"wanted {FEWEST} or more of each.")
    kinds, shape = [], None
    for source in (without, with_it):
        places = np.unique(np.linspace(0, len(source) - 1, min(len(source), MOST)).round().astype(int))
        pictures = []
        for place in places:
            picture = np.asarray(source[int(place)])
            shape = shape or picture.shape
            if picture.shape != shape:
                raise ValueError(f"a judge got pictures of shapes {shape} and {picture.shape}; wanted one size: set "
                                 "size and crop.")
            pictures.append(_averaged(unit_floats("a judge", picture[None]))[0])
        kinds.append(np.stack(pictures).reshape(len(pictures), -1))
    held = [np.arange(len(kind)) % KEPT_BACK == KEPT_BACK - 1 for kind in kinds]
    fitted = [kind[~back] for kind, back in zip(kinds, held, strict=True)]
    # Both kinds weigh the same, however many there are of each.
    middle = sum(kind.mean(0) for kind in fitted) / 2
    second = sum((kind - middle).T @ (kind - middle) / len(kind) for kind in fitted) / 2
    second[np.diag_indices_from(second)] += SHRINK * np.trace(second) / len(second)
    weights = np.linalg.solve(second, (fitted[1].mean(0) - fitted[0].mean(0)) / 2)
    right = [np.sign((kind[back] - middle) @ weights) == sign
             for kind, back, sign in zip(kinds, held, (-1, 1), strict=True)]
    return LinearAttributeClassifier(
        weights.reshape(_averaged(np.zeros((1, *shape))).shape[1:]), float(-middle @ weights), shape,
        float(np.mean([part.mean() for part in right])), sum(map(len, right)))


def _averaged(pictures):
    """[B, H, W, 3] with blocks of pixels averaged so that 32 a side or fewer are left; smaller ones as they are."""
    count, height, width, channels = pictures.shape
    block = -(-max(height, width) // LARGEST_SIDE)
    rows, columns = height // block, width // block
    cut = pictures[:, :rows * block, :columns * block]
    return cut.reshape(count, rows, block, columns, block, channels).mean((2, 4))
