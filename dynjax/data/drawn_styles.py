"""Painted textures drawn by a seeded generator: pictures to learn a style from where there are no paintings.

A picture is a function of its name and seed, in coordinates from 0 to 1; its size only says how finely it is sampled.
So `draw_style("waves", 512)` shows what `draw_style("waves", 256)` shows, twice as large.
"""
import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

WARM = ("3a1420", "6e1a24", "a82c20", "cf4520", "e2701f", "eb9a2c", "f2c14a", "f7e2a0")
STRONG = ("1d3f8f", "c8202f", "f0b321", "1f8a5b", "f4ead2", "7a2a7d", "e8731f", "2aa5b8")
COOL = ("0b1f3f", "12406b", "1c6e8c", "3aa0a8", "86cbbf", "d7ecdc", "f4f1e1", "5a6fb0")


def draw_style(name, size=256, *, seed=0):
    """Draws a painted texture.

    Args:
      name: "strokes", oriented brush strokes in warm colours with visible bristles; "mosaic", tiles in strong colours
        with dark joints; "waves", swirling bands in cool colours with lines of ink.
      size: height and width in pixels, at least 16.
      seed: an integer >= 0; another one arranges the picture anew.

    Returns:
      uint8, [size, size, 3].

    Raises:
      ValueError: an unknown name, a size or seed that is none.
    """
    if name not in _PAINTERS:
        raise ValueError(f"draw_style got the name {name!r}; wanted one of {', '.join(STYLES)}, or open a picture of "
                         "your own with open_style")
    for option, value, smallest in (("size", size, 16), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or value < smallest:
            raise ValueError(f"draw_style got {option}={value!r}; wanted an integer of at least {smallest}")
    picture = _PAINTERS[name](np.random.default_rng((seed, STYLES.index(name))), int(size))
    return np.floor(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _strokes(rng, size):
    """Three layers of strokes, broad to fine, along a flow; the relief of the paint is lit from the upper left."""
    flow, tone, accent = _Noise(rng, 4), _Noise(rng, 6), _Noise(rng, 6)
    palette = _colours(WARM)
    canvas = np.broadcast_to(palette[1], (size, size, 3)).copy()
    relief = np.zeros((size, size))
    for length, width, count in ((0.32, 0.075, 260), (0.24, 0.052, 420), (0.14, 0.030, 420)):
        centres = rng.random((count, 2)) * 1.1 - 0.05
        angles = 2.2 * flow(*centres.T) + rng.normal(size=count) * 0.12
        colours = _blend(palette, 3.7 + 1.9 * tone(*centres.T) + rng.normal(size=count) * 0.9)
        cool = accent(*centres.T) + 0.5 * rng.normal(size=count) > 1.5   # here and there a cool note
        colours[cool] = _colours(["1f6f78"]) * rng.uniform(0.8, 1.3, (cool.sum(), 1))
        for centre, angle, colour in zip(centres, angles, colours, strict=True):
            _paint_stroke(rng, canvas, relief, centre * size, angle, length * size * rng.uniform(0.7, 1.2),
                          width * size * rng.uniform(0.8, 1.2), colour)
    down, right = np.gradient(relief)
    return canvas * (1 + 0.09 * np.clip((down + right) * size / 256 * 1.6, -2.5, 2.5))[..., None]


def _paint_stroke(rng, canvas, relief, centre, angle, length, width, colour):
    """One bent stroke: its bristles differ in colour and in where they run dry."""
    bristles, ends = rng.normal(size=(2, 16))
    bend = rng.normal() * 0.5
    reach = int(np.ceil(np.hypot(length, width * (1 + abs(bend))) / 2)) + 1
    top, left = (max(int(place) - reach, 0) for place in centre)
    window = (slice(top, max(int(centre[0]) + reach, 0)), slice(left, max(int(centre[1]) + reach, 0)))
    under = canvas[window]
    if under.size == 0:
        return
    down = np.arange(top, top + under.shape[0])[:, None] + 0.5 - centre[0]
    right = np.arange(left, left + under.shape[1])[None] + 0.5 - centre[1]
    along = (np.cos(angle) * right + np.sin(angle) * down) / (length / 2)
    across = (np.cos(angle) * down - np.sin(angle) * right) / (width / 2) + bend * (along ** 2 - 0.4)
    hairs = np.linspace(-1, 1, 16)
    hair = np.interp(across, hairs, bristles)
    end = 0.85 + 0.12 * np.interp(across, hairs, ends)
    cover = np.clip((1 - np.abs(across)) * width / 2, 0, 1) * np.clip((end - np.abs(along)) * length / 5, 0, 1)
    cover = cover * np.clip(1.15 - 0.3 * np.clip(along, 0, 1) * (1 + hair), 0, 1)   # paint thins out towards the end
    shade = 1 + 0.10 * hair
    canvas[window] = under + cover[..., None] * (colour * shade[..., None] - under)
    relief[window] += cover * (1.4 + 0.9 * hair - relief[window])


def _mosaic(rng, size):
    """Tiles laid along a field whose contours choose their colours; each is tilted and has a bevelled edge."""
    count = 16
    y, x = _places(size)
    cells = np.mgrid[-2:count + 2, -2:count + 2].reshape(2, -1).T
    sites = (cells + 0.5 + 0.5 * (cells[:, :1] % 2) * [0, 1] + rng.uniform(-0.26, 0.26, cells.shape)) / count
    field, hue = _Noise(rng, 2), _Noise(rng, 5)
    distances, nearest = cKDTree(sites).query(np.stack([y, x], -1), k=2)
    apart = np.linalg.norm(sites[nearest[..., 0]] - sites[nearest[..., 1]], axis=-1)
    edge = (distances[..., 1] ** 2 - distances[..., 0] ** 2) / (2 * apart) * count   # to the joint, in tiles
    ripple = 3.2 * field(*sites.T) + 5 * np.hypot(*(sites - rng.uniform(0.3, 0.7, 2)).T)
    chosen = np.floor(1.7 * ripple).astype(int) % len(STRONG)
    stray = rng.random(len(sites)) < 0.07
    chosen[stray] = rng.integers(len(STRONG), size=stray.sum())
    value = 1 + 0.13 * rng.normal(size=len(sites)) + 0.10 * hue(*sites.T)
    tilts = rng.normal(size=(len(sites), 2)) * 2.5
    tile = nearest[..., 0]
    offset = np.stack([y, x], -1) - sites[tile]
    light = value[tile] + (offset * tilts[tile]).sum(-1)
    facing = -offset.sum(-1) / (np.linalg.norm(offset, axis=-1) + 1e-6)   # towards the light or away from it
    light = light + 0.22 * facing * np.clip(1 - edge / 0.16, 0, 1)
    grain = 1 + 0.035 * _Noise(rng, 70)(y, x)
    picture = _colours(STRONG)[chosen[tile]] * (light * grain)[..., None]
    joint = np.clip((0.06 - edge) * size / count + 0.5, 0, 1)[..., None]
    mortar = _colours(["191512"])[0] * (1 + 0.25 * _Noise(rng, 50)(y, x))[..., None]
    # Matte, as stone is. At full contrast its Gram matrices were 15 times as far from a photograph's as a painting's
    # are, and no weight meant for paintings served it.
    return 0.6 * (picture + joint * (mortar - picture)) + 0.4 * _colours(STRONG).mean(0)


def _waves(rng, size):
    """Bands of a field that vortices have stirred: each a wash from light to dark, hatched, between lines of ink."""
    size = 2 * size   # the finest lines are thinner than a pixel: drawn at twice the size and averaged
    y, x = _places(size)
    row, column = y, x
    for centre in rng.permutation(np.mgrid[:3, :3].reshape(2, 9).T):
        centre = (centre + rng.uniform(0.1, 0.9, 2)) / 3
        reach, turn = rng.uniform(0.12, 0.22), rng.choice([-1, 1]) * rng.uniform(1.5, 3.4)
        down, right = row - centre[0], column - centre[1]
        angle = turn * np.exp(-(down ** 2 + right ** 2) / reach ** 2)
        row = centre[0] + np.cos(angle) * down - np.sin(angle) * right
        column = centre[1] + np.sin(angle) * down + np.cos(angle) * right
    phase = 10 * row + 1.3 * np.sin(2 * np.pi * (column + 0.3 * row)) + 0.7 * _Noise(rng, 3)(row, column)
    slope = np.hypot(*np.gradient(phase)) * size + 1e-6   # bands a unit of length
    band = np.floor(phase).astype(int)
    inside = phase - band
    palette = _colours(COOL)
    picture = palette[band * 3 % len(palette)]
    wash = 1.10 - 0.35 * inside + 0.07 * _Noise(rng, 9)(y, x) + 0.03 * _Noise(rng, 60)(y, x)
    picture = picture * wash[..., None]
    ink = np.zeros((size, size))
    for at, width in ((0.0, 0.0042), (1.0, 0.0042), (0.34, 0.0013), (0.58, 0.0013), (0.76, 0.0013)):
        brush = width * (1 + 0.45 * _Noise(rng, 12)(y, x))
        line = np.clip((brush - np.abs(inside - at) / slope) * size + 0.5, 0, 1)
        ink = np.maximum(ink, line * (1.0 if width > 0.002 else 0.55))
    picture += ink[..., None] * (_colours(["0a1626"])[0] - picture)
    return picture.reshape(size // 2, 2, size // 2, 2, 3).mean((1, 3))


class _Noise:
    """A smooth random function of place, about N(0, 1), that changes over 1 / `cells` of the picture's side."""

    def __init__(self, rng, cells):
        self.grid, self.cells = rng.normal(size=(cells + 4, cells + 4)), cells

    def __call__(self, row, column):
        where = [1.5 + np.asarray(row) * self.cells, 1.5 + np.asarray(column) * self.cells]
        return 1.4 * map_coordinates(self.grid, where, order=3, mode="mirror")


def _places(size):
    """Rows and columns of the pixels' centres, each [size, size], 0 to 1."""
    return (np.mgrid[:size, :size] + 0.5) / size


def _colours(codes):
    """RRGGBB words to floats, [N, 3]."""
    return np.array([[int(code[start:start + 2], 16) for start in (0, 2, 4)] for code in codes]) / 255


def _blend(palette, places):
    """Colours at places along the palette, 0 to its length less one; [N] to [N, 3]."""
    return np.stack([np.interp(places, np.arange(len(palette)), channel) for channel in palette.T], -1)


_PAINTERS = {"strokes": _strokes, "mosaic": _mosaic, "waves": _waves}
STYLES = tuple(_PAINTERS)
