"""Drawn faces: pictures of nobody, whose hair colour and expression are known because they were drawn by numbers.

They stand where aligned photographs of faces would (CelebA): for training a generator on a fresh machine, and for
measuring an attribute exactly (`dynjax.data.face_measures`).

Places are fractions of the picture's side, down and to the right. What varies moves little enough that the regions in
which hair and mouth are measured hold nothing else in any face.
"""
import dataclasses

import numpy as np

OVERSAMPLING = 4
ZOOM = 1.18

# Hair from dark to blond. Brightness (BT.601) rises evenly along the way, the middle is brown.
DARK, BROWN, BLOND = (0.090, 0.065, 0.055), (0.5625, 0.4042, 0.2501), (0.930, 0.790, 0.480)
SKINS = ((0.46, 0.30, 0.22), (0.72, 0.50, 0.37), (0.93, 0.74, 0.61), (0.99, 0.86, 0.77))
SMILE = 0.060   # how far the corners of the mouth lie above its middle at smile 1
SHEEN = 0.10    # of the strands


@dataclasses.dataclass(frozen=True)
class Face:
    """The numbers of a face. Each default is the middle of what `random_face` draws, or close to it."""
    hair: float = 0.5             # 0 nearly black, 0.5 brown, 1 blond
    smile: float = 0.0            # -1 corners of the mouth down, 0 straight, 1 up
    skin: float = 0.5             # 0 dark, 1 pale
    head_width: float = 0.225     # half of it
    head_height: float = 0.318    # half of it
    jaw: float = 0.15             # how much narrower the chin is than the temples
    hair_length: float = 0.5      # 0 ends at the ears, 1 on the shoulders
    hair_volume: float = 1.2      # of the hair's outline against the head's
    parting: float = 0.0          # where the hairline is highest, beside the middle
    fringe: float = 0.5           # how steeply the hairline falls to the sides
    strands: float = 0.0          # phase of the strands, radians
    eye_distance: float = 0.095   # half of it
    eye_size: float = 0.034
    iris: tuple = (0.30, 0.24, 0.18)
    brow: float = 0.0             # tilt of the brows
    nose: float = 0.040           # half its width
    mouth_width: float = 0.092    # half of it
    lips: float = 0.017           # half their thickness in the middle
    background: tuple = (0.55, 0.65, 0.75)
    clothes: tuple = (0.35, 0.40, 0.60)
    light: float = 0.0            # brightness of the left side against the right's
    shift: tuple = (0.0, 0.0)     # of the head, down and to the right


def hair_and_smile(generator):
    """The two numbers that are labels: each comes from one of two separate ranges, so that nobody can argue about it.

    Hair is 0 to 0.35 or 0.65 to 1, the smile -1 to -0.3 or 0.3 to 1, each range half of the time.
    """
    hair = generator.uniform(0, 0.35) + 0.65 * generator.integers(2)
    return hair, generator.uniform(0.3, 1) * (2 * generator.integers(2) - 1)


def random_face(generator):
    """A `Face` with numbers drawn by a NumPy generator: those of `hair_and_smile`, and others independent of them."""
    hair, smile = hair_and_smile(generator)
    uniform = generator.uniform
    irises = ((0.30, 0.20, 0.12), (0.20, 0.36, 0.52), (0.25, 0.40, 0.26))
    return Face(
        hair=hair, smile=smile, skin=uniform(0, 1), head_width=uniform(0.210, 0.240),
        head_height=uniform(0.305, 0.330), jaw=uniform(0.08, 0.24), hair_length=uniform(0, 1),
        hair_volume=uniform(1.14, 1.26), parting=uniform(-0.06, 0.06), fringe=uniform(0.2, 0.8),
        strands=uniform(0, 2 * np.pi), eye_distance=uniform(0.088, 0.102),
        eye_size=uniform(0.029, 0.039), iris=irises[generator.integers(3)], brow=uniform(-0.15, 0.15),
        nose=uniform(0.032, 0.048), mouth_width=uniform(0.084, 0.100), lips=uniform(0.014, 0.020),
        background=_hue(uniform(0, 1), uniform(0.10, 0.45), uniform(0.45, 0.85)),
        clothes=_hue(uniform(0, 1), uniform(0.30, 0.70), uniform(0.30, 0.80)),
        light=uniform(-0.12, 0.12), shift=tuple(uniform(-0.008, 0.008, 2)))


def draw_face(face, size=64):
    """Draws a face.

    Args:
      face: a `Face`, such as `random_face(numpy.random.default_rng(0))` gives.
      size: height and width in pixels, at least 16.

    Returns:
      uint8, [size, size, 3]; drawn at four times the size and averaged.

    Raises:
      ValueError: hair, skin or smile out of range, or a size that is none.
    """
    for name, value, low in (("hair", face.hair, 0), ("skin", face.skin, 0), ("smile", face.smile, -1)):
        if not low <= value <= 1:
            raise ValueError(f"draw_face got {name}={value}; wanted a number from {low} to 1")
    if not isinstance(size, int | np.integer) or size < 16:
        raise ValueError(f"draw_face got size={size!r}; wanted an integer of at least 16")
    regions, colours = _regions(face, size * OVERSAMPLING)
    rows = colours[regions].reshape(size, OVERSAMPLING, -1).mean(1)   # the long axis first: four times as fast
    picture = rows.reshape(size, size, OVERSAMPLING, 3).mean(2)
    across = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    picture = picture * (1 - 2 * face.light * across)[None, :, None]
    return np.floor(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def hair_colour(hair):
    """The colour of hair 0 (dark) to 1 (blond), float RGB."""
    return tuple(np.interp(hair, (0, 0.5, 1), channel) for channel in zip(DARK, BROWN, BLOND, strict=True))


def _regions(face, size):
    """Which colour each pixel has, [size, size], and the colours, [N, 3]: back to front, like layers of paper."""
    place = (np.arange(size, dtype=np.float32) + 0.5) / size
    y = (place[:, None] - np.float32(0.52 + face.shift[0])) / np.float32(ZOOM)
    x = (place[None] - np.float32(0.5 + face.shift[1])) / np.float32(ZOOM)
    regions, colours = np.zeros((size, size), np.uint8), [face.background]

    def paint(where, colour):
        regions[where] = len(colours)
        colours.append(colour)

    wide, high = face.head_width, face.head_height
    skin = np.array([np.interp(face.skin, np.linspace(0, 1, len(SKINS)), channel)
                     for channel in zip(*SKINS, strict=True)])
    hair = np.array(hair_colour(face.hair))
    narrowing = wide * (1 - face.jaw * np.clip(y / high, 0, 1))
    side = np.abs(x)

    # Behind the head: long hair, neck, clothes.
    end = 0.02 + 0.36 * face.hair_length
    behind = _oval(y, x, wide * face.hair_volume, high * face.hair_volume) | (side < wide * face.hair_volume) & (y > 0)
    paint(behind & (y < end), 0.82 * hair)
    paint((side < 0.44 * wide) & (y > 0.5 * high), 0.84 * skin)
    paint(_oval(y - 0.56, x, 0.38, 0.22), face.clothes)
    paint(_oval(y - 0.335, x, 0.44 * wide, 0.05) & (y > 0.29), 0.84 * skin)

    # Ears, head.
    paint(_oval(y - 0.03, side - 0.97 * wide, 0.032, 0.055), 0.92 * skin)
    paint((side / narrowing) ** 2.6 + np.abs(y / high) ** 2.6 < 1, skin)
    paint(_oval(y - 0.14, side - 0.125, 0.038, 0.026), skin * (1.0, 0.90, 0.90))   # cheeks

    # Hair over the forehead, in strands about the parting.
    hairline = -0.66 * high + (1.6 + 1.6 * face.fringe) * np.abs(x - face.parting) ** 1.5
    top = _oval(y, x, wide * face.hair_volume, high * face.hair_volume) & (y < hairline) & (y < 0.02)
    turn = np.arctan2(x - face.parting, high * 0.5 - y) * 26 + face.strands
    paint(top, hair)
    paint(top & (np.sin(turn) > 0.5), (1 + SHEEN) * hair)
    paint(top & (np.sin(turn) < -0.5), (1 - SHEEN) * hair)

    # Brows, eyes, nose.
    out = side - face.eye_distance
    paint((np.abs(y + 0.090 + face.brow * out - 2.2 * out ** 2) < 0.010) & (np.abs(out) < 0.052),
          0.6 * hair + 0.15 * skin)
    eye = _oval(y + 0.025, out, 1.45 * face.eye_size, 0.78 * face.eye_size)
    paint(_oval(y + 0.025, out, 1.70 * face.eye_size, 1.02 * face.eye_size), 0.68 * skin)
    paint(eye, (0.96, 0.96, 0.95))
    paint(eye & _oval(y + 0.025, out, 0.66 * face.eye_size, 0.66 * face.eye_size), face.iris)
    paint(_oval(y + 0.025, out, 0.30 * face.eye_size, 0.30 * face.eye_size), (0.05, 0.05, 0.06))
    bridge = (np.abs(x - 0.35 * face.nose) < 0.008) & (y > -0.02) & (y < 0.075)
    paint(bridge | _oval(y - 0.082, x, face.nose, 0.018), 0.86 * skin)
    paint(_oval(y - 0.076, x, 0.80 * face.nose, 0.017), skin)
    paint(_oval(y - 0.088, side - 0.5 * face.nose, 0.010, 0.006), 0.45 * skin)

    # Mouth: a bow whose corners lie SMILE * smile above its middle.
    along = x / face.mouth_width
    middle = 0.62 * high + SMILE * face.smile * (0.5 - along ** 2)
    half = face.lips * np.sqrt(np.clip(1 - along ** 2, 0, 1)) + 0.003
    inside = np.abs(along) < 1
    paint(inside & (np.abs(y - middle) < half), skin * (0.80, 0.42, 0.44))
    paint(inside & (np.abs(y - middle) < 0.005), skin * (0.48, 0.20, 0.22))
    return regions, np.asarray(colours, np.float32)


def _oval(y, x, wide, high):
    return (x / np.float32(wide)) ** 2 + (y / np.float32(high)) ** 2 < 1


def _hue(hue, saturation, value):
    """HSV to RGB, three floats."""
    wheel = np.clip(np.abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return tuple(value * (1 - saturation * (1 - wheel)))
