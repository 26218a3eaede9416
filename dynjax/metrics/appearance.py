"""How a picture looks beside another: its colours, the structure it keeps, detail by scale, the grain of its texture.

What these are for is comparing styles (Shoshan et al. 2019, figure 5 and the supplement's figure 1), where no picture
is the right one. Values outside [0, 1] are clipped, nothing is rounded.
"""
from itertools import pairwise

import numpy as np

from dynjax.metrics.preparation import as_pictures, prepare

BANDS = (1.0, 2.0, 4.0, 8.0)        # deviations of the Gaussians between which the bands lie, pixels
SMALLEST_TEXTURE = 32
COARSEST = 8.0                      # of a texture: what changes over more pixels than this is the picture itself


def colour_distance(a, b):
    """How far apart the colours of two pictures are, wherever in the picture they stand; one number an image.

    The 2-Wasserstein distance of the normal distributions with the mean and covariance of the pictures' colours in CIE
    Lab (D65): for two flat pictures the difference of their colours (black and white: 100).

    Args:
      a, b: RGB floats in [0, 1], [B, H, W, 3]; sizes may differ.

    Returns:
      numpy float64, [B].

    Raises:
      ValueError: no floats [B, H, W, 3], far outside [0, 1], or different numbers of images.
    """
    from skimage.color import rgb2lab

    a, b = as_pictures("colour_distance", a), as_pictures("colour_distance", b)
    if a.shape[-1] == 1 or b.shape[-1] == 1:
        raise ValueError("colour_distance got grey pictures; wanted RGB, [B, H, W, 3].")
    if len(a) != len(b):
        raise ValueError(f"colour_distance got {len(a)} and {len(b)} pictures; wanted as many.")
    lab = lambda picture: rgb2lab(np.clip(picture, 0, 1)).reshape(-1, 3)
    return np.array([_wasserstein(lab(one), lab(other)) for one, other in zip(a, b, strict=True)])


def structure_correlation(a, b):
    """Whether edges are where they were: the correlation of the two pictures' gradient magnitudes in luma.

    Args:
      a, b: floats in [0, 1], [B, H, W, C] with C = 3 or 1.

    Returns:
      numpy float64, [B]: 1 for the same edges, 0 for edges elsewhere; NaN where one picture has none.

    Raises:
      ValueError: no floats [B, H, W, C], far outside [0, 1], or different shapes.
    """
    a, b = map(_gradient, _clipped_luma("structure_correlation", a, b))
    a, b = (x - x.mean((1, 2), keepdims=True) for x in (a, b))
    spread = np.sqrt(np.mean(a**2, (1, 2)) * np.mean(b**2, (1, 2)))
    return np.divide(np.mean(a * b, (1, 2)), spread, out=np.full(len(a), np.nan), where=spread > 1e-12)


def band_energies(a):
    """How much detail there is at each scale: the variance of luma, on the scale 0 to 1, in four octaves.

    Differences of Gaussian blurs with deviations of 0, 1, 2, 4 and 8 pixels, fine to coarse: a wave of 2 to 5 pixels is
    in the first band, one of 20 to 40 in the last.

    Args:
      a: floats in [0, 1], [B, H, W, C] with C = 3 or 1.

    Returns:
      numpy float64, [B, 4].

    Raises:
      ValueError: no floats [B, H, W, C], or far outside [0, 1].
    """
    y, _ = _clipped_luma("band_energies", a, a)
    y = y[..., 0] / 255
    blurred = [y] + [_blur(y, sigma) for sigma in BANDS]
    return np.stack([np.var(fine - coarse, axis=(1, 2)) for fine, coarse in pairwise(blurred)], -1)


def texture_length(a):
    """How coarse the texture is: the distance in pixels at which luma's autocorrelation has fallen to 1/e.

    The autocorrelation is averaged over directions, of luma without what changes over more than 8 pixels (a Gaussian's
    deviation), for that is the picture and not its texture.

    Args:
      a: floats in [0, 1], [B, H, W, C] with C = 3 or 1.

    Returns:
      numpy float64, [B]; NaN for flat pictures and for sides below 32 pixels.

    Raises:
      ValueError: no floats [B, H, W, C], or far outside [0, 1].
    """
    y, _ = _clipped_luma("texture_length", a, a)
    if min(y.shape[1:3]) < SMALLEST_TEXTURE:
        return np.full(len(y), np.nan)
    y = y[..., 0] / 255
    return np.array([_length(picture) for picture in y - _blur(y, COARSEST)])


def _clipped_luma(name, a, b):
    """Y of two batches on 0..255, float64 [B, H, W, 1], of their values clipped to [0, 1]."""
    return prepare(name, *(as_pictures(name, x).clip(0, 1) for x in (a, b)), channel="y", border=0, quantize=False)


def _blur(y, sigma):
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(y, (0, sigma, sigma), mode="nearest")


def _gradient(y):
    down, right = np.gradient(y[..., 0] / 255, axis=(1, 2))
    return np.hypot(down, right)


def _wasserstein(a, b):
    """Between the normal distributions of two sets of points [N, 3]: |m - n|^2 + tr(S + T - 2 (S T)^(1/2)), rooted."""
    shift = np.sum((a.mean(0) - b.mean(0)) ** 2)
    s, t = np.cov(a, rowvar=False, bias=True), np.cov(b, rowvar=False, bias=True)
    # S T has the eigenvalues of a matrix that is symmetric and not negative; rounding may push them below 0.
    cross = np.sqrt(np.clip(np.linalg.eigvals(s @ t).real, 0, None)).sum()
    return np.sqrt(max(shift + np.trace(s) + np.trace(t) - 2 * cross, 0.0))


def _length(y):
    """Where the autocorrelation [H, W], averaged over rings one pixel wide, passes 1/e."""
    if np.var(y) < 1e-12:
        return np.nan
    height, width = y.shape
    spectrum = np.fft.rfft2(y - y.mean(), s=(2 * height, 2 * width))   # padded: no wrapping round
    correlation = np.fft.irfft2(np.abs(spectrum) ** 2, s=(2 * height, 2 * width))
    lags = [np.minimum(np.arange(2 * side), 2 * side - np.arange(2 * side)) for side in (height, width)]
    rings = np.hypot(lags[0][:, None], lags[1][None])
    near = rings < min(height, width) / 2
    number = np.round(rings[near]).astype(int)
    # Fewer pairs of pixels are far apart than near.
    pairs = ((height - lags[0][:, None]) * (width - lags[1][None]))[near]
    count = np.bincount(number)
    mean = np.bincount(number, correlation[near] / pairs) / count
    radius = np.bincount(number, rings[near]) / count
    mean = mean / mean[0]
    after = int(np.argmax(mean < 1 / np.e))
    share = (mean[after - 1] - 1 / np.e) / (mean[after - 1] - mean[after])
    return radius[after - 1] + share * (radius[after] - radius[after - 1])
