"""What alpha does to the kernels of a tunable network (Maggioni et al. 2023, figures 8 and 9)."""
import collections
import dataclasses
from pathlib import Path

import numpy as np
from flax import traverse_util

from dynjax.evaluation.columns import alpha_names
from dynjax.evaluation.drawing import draws, save_figure
from dynjax.evaluation.tables import write_csv
from dynjax.files.output import say

MOST_COMPONENTS = 50        # of the principal components that t-SNE sees
PERPLEXITY = 30
COLOURS, MOST_DRAWN = 20, 2


@dataclasses.dataclass(frozen=True)
class Kernels:
    """The tuned kernels of some layers at some points of alpha.

    Attributes:
      layers: {path of a layer: kernels [A, ...]}. alphas: [A, P]. names: of the P numbers.
    """
    layers: dict
    alphas: np.ndarray
    names: tuple


def tuned_kernels(tunable, variables, alphas):
    """The kernels that a Tunable uses at each point of alpha, [A, P], as a Kernels; only layers that alpha changes."""
    alphas = np.asarray(alphas, np.float32)
    baked = [traverse_util.flatten_dict(tunable.bake(variables, alpha)[1]["params"], sep="/") for alpha in alphas]
    layers = {}
    for path in baked[0]:
        if path.rsplit("/", 1)[-1] != "kernel":
            continue
        stack = np.stack([np.asarray(point[path], np.float64) for point in baked])
        if np.ptp(stack, axis=0).max() > 0:
            layers[path.rpartition("/")[0] or path] = stack
    if not layers:
        raise ValueError("no kernel of the network changes with alpha at these points; wanted a Tunable that was "
                         "trained, and two different points or more.")
    return Kernels(layers, alphas, alpha_names(tunable, alphas))


def principal_components(stack):
    """How the kernels of one layer move along alpha.

    Args:
      stack: [A, ...].

    Returns:
      (scores [A, R], shares [R] of the variance, directions [R, ...]), the largest first.
    """
    flat = stack.reshape(len(stack), -1)
    left, values, directions = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    total = np.sum(values**2)
    shares = values**2 / total if total > 0 else np.zeros_like(values)
    return left * values, shares, directions.reshape(-1, *stack.shape[1:])


def embedded(kernels, *, seed=0):
    """The kernels of all layers of the most common size in the plane, by PCA and then t-SNE, as figure 8.

    Args:
      kernels: a Kernels.

    Returns:
      {layer: [A, 2]}.

    Raises:
      ValueError: scikit-learn is not installed, or too few kernels of one size.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError:
        raise ValueError("t-SNE of kernels needs scikit-learn; pip install scikit-learn or dynjax[analysis].") from None
    sizes = collections.Counter(stack[0].size for stack in kernels.layers.values())
    size = max(sizes, key=lambda size: (sizes[size], size))
    chosen = {layer: stack.reshape(len(stack), -1) for layer, stack in kernels.layers.items() if stack[0].size == size}
    rows = np.concatenate(list(chosen.values()))
    if len(rows) < 4:
        raise ValueError(f"there are {len(rows)} kernels of one size; wanted 4 or more for t-SNE: take more points "
                         "of alpha.")
    reduced = PCA(min(MOST_COMPONENTS, *rows.shape), random_state=seed).fit_transform(rows)
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    placed = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return dict(zip(chosen, np.split(placed, len(chosen)), strict=True))


def report_kernels(tunable, variables, alphas, out):
    """Writes kernels.csv (every layer: shares of its two largest components, its score at each alpha), kernels.png
    (figure 8) and components.png (figure 9: the layers that see or make colours).

    Args:
      tunable, variables: a trained Tunable. alphas: [A, P], along a line. out: folder, made where it is missing.

    Returns:
      The Kernels.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    kernels = tuned_kernels(tunable, variables, alphas)
    rows = []
    for layer, stack in kernels.layers.items():
        scores, shares, _ = principal_components(stack)
        rows.append({"layer": layer, "first": float(shares[0]), "second": float(shares[1]) if len(shares) > 1 else 0.0,
                     **{f"score_{index}": float(score) for index, score in enumerate(scores[:, 0])}})
    write_csv(rows, out / "kernels.csv")
    say(f"Share of the first principal component, the lowest of {len(rows)} layers: "
          f"{min(row['first'] for row in rows):.4f}.")
    _draw_plane(embedded(kernels), kernels, out / "kernels.png")
    _draw_components(kernels, out / "components.png")
    return kernels


@draws
def _draw_plane(placed, kernels, path):
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 6), dpi=120, layout="constrained")
    axes, colours = figure.subplots(), colormaps["tab20"]
    for index, (layer, points) in enumerate(placed.items()):
        axes.plot(*points.T, "-o", color=colours(index % COLOURS), markersize=4, linewidth=1)
        axes.annotate(layer, points[0], fontsize=6, color="0.3", xytext=(3, 3), textcoords="offset points")
    axes.margins(0.15)
    axes.set_title(f"Kernels of {len(placed)} layers at {len(kernels.alphas)} points of alpha "
                   f"({', '.join(kernels.names)}): PCA, then t-SNE", fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
    save_figure(figure, path)


@draws
def _draw_components(kernels, path):
    """Of the layers that see or make colours: the score along alpha, and the direction as small pictures."""
    from matplotlib.figure import Figure

    coloured = [layer for layer, stack in kernels.layers.items() if 3 in stack.shape[3:]]
    ends = coloured[:MOST_DRAWN] or list(kernels.layers)[:MOST_DRAWN]
    figure = Figure(figsize=(9, 3.2 * len(ends)), dpi=120, layout="constrained")
    for (left, right), layer in zip(figure.subplots(len(ends), 2, squeeze=False), ends, strict=True):
        scores, shares, directions = principal_components(kernels.layers[layer])
        left.plot(kernels.alphas[:, 0], scores[:, 0], "o-", color="tab:blue")
        left.set_xlabel(f"alpha {kernels.names[0]}")
        left.set_ylabel("first component")
        left.set_title(f"{layer}: {shares[0]:.1%} of the variance", fontsize=10)
        right.imshow(_tiled(directions[0]), interpolation="nearest")
        right.set_title("its direction, kernel by kernel", fontsize=10)
        right.set_axis_off()
    save_figure(figure, path)


def _tiled(kernel):
    """[KH, KW, I, O] as a sheet of small RGB pictures, grey where neither side has three channels."""
    kernel = kernel if kernel.ndim == 4 else kernel.reshape(1, 1, *kernel.shape[-2:])
    if kernel.shape[2] != 3 and kernel.shape[3] == 3:
        kernel = kernel.swapaxes(2, 3)
    pictures = np.moveaxis(kernel if kernel.shape[2] == 3 else kernel[:, :, :1].repeat(3, 2), 3, 0)
    pictures = 0.5 + 0.5 * pictures / max(np.abs(pictures).max(), 1e-12)
    across = int(np.ceil(np.sqrt(len(pictures))))
    height, width = pictures.shape[1] + 1, pictures.shape[2] + 1
    sheet = np.ones((-(-len(pictures) // across) * height, across * width, 3))
    for index, picture in enumerate(pictures):
        top, left = index // across * height, index % across * width
        sheet[top:top + height - 1, left:left + width - 1] = picture
    return sheet
