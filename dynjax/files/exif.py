"""EXIF and the directories of TIFF that it is made of: what describes a photograph, as bytes from file to file."""
import dataclasses
import io
import struct

from dynjax.files.orientation import ORIENTATION

UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7   # types, bytes of each in UNITS
CLASSIC = (*range(1, 14),)   # those that EXIF has, BigTIFF's left out
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, PHOTO, GPS, WIDTH, HEIGHT = 282, 283, 296, 34665, 34853, 40962, 40963
# Of the image as a whole: description, maker and model, software, times, people, copyright, rating, Windows's texts.
# What is left out tells how pixels lie in the file, or is a preview.
KEPT = (269, 270, 271, 272, 285, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096))
STALE = (40965,)   # of the photograph: a directory with sizes of related files
MOST = 2**22   # bytes, and entries in a directory
MOST_ENTRIES = 1000


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tag's type, how many values, and these as bytes in the order of the file."""
    type: int
    count: int
    data: bytes


@dataclasses.dataclass
class Exif:
    """What EXIF says of an image.

    Attributes:
      order: "<" or ">", of all numbers in it; a maker's notes are bytes that rely on it.
      image, photo, gps: {tag: Entry}, of the directories of these names.
    """
    order: str
    image: dict
    photo: dict
    gps: dict

    def numbers(self, tag):
        """The values of one of the image's tags as integers, two for a fraction; None where there is no such."""
        return _numbers(self.image.get(tag), self.order)

    @property
    def orientation(self):
        return (self.numbers(ORIENTATION) or (None,))[0]

    @property
    def dpi(self):
        """Pixels an inch, (x, y), or None."""
        x, y, unit = map(self.numbers, (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT))
        unit = unit[0] if unit else 2
        if not (x and y) or len(x) != 2 or len(y) != 2 or not (x[1] and y[1]) or unit not in (2, 3):
            return None
        return tuple(up / down * (2.54 if unit == 3 else 1) for up, down in (x, y))


def _numbers(entry, order):
    letters = {BYTE: "B", SHORT: "H", LONG: "I", RATIONAL: "II", 13: "I", 16: "Q", 18: "Q"}
    if entry is None or entry.type not in letters:
        return None
    return struct.unpack(order + letters[entry.type] * entry.count, entry.data)


def read_exif(file, offset=None):
    """Reads the directories of an EXIF block or a TIFF.

    Args:
      file: open; the positions in it count from its beginning.
      offset: of the image's directory; by default where the header says.

    Raises:
      ValueError, struct.error: no such, or damaged.
    """
    file.seek(0)
    header = file.read(16)
    order = {b"II": "<", b"MM": ">"}[header[:2]]
    is_big = struct.unpack_from(order + "H", header, 2)[0] == 43
    if offset is None:
        offset, = struct.unpack_from(order + "I", header, 4)
    image = read_directory(file, offset, order, is_big)
    parts = []
    for pointer in (PHOTO, GPS):
        at = _numbers(image.get(pointer), order)
        try:
            parts.append(read_directory(file, at[0], order, is_big) if at else {})
        except (ValueError, struct.error):   # the rest is sound
            parts.append({})
    return Exif(order, image, *parts)


def read_directory(file, offset, order, is_big=False):
    """Reads the directory at `offset` as {tag: Entry}."""
    count_code, entry_code, width = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    file.seek(offset)
    count, = struct.unpack(order + count_code, file.read(struct.calcsize("<" + count_code)))
    size = struct.calcsize("<" + entry_code) + width
    if count > MOST_ENTRIES:
        raise ValueError(f"a directory of {count} entries")
    table, entries, total = file.read(count * size), {}, 0
    for at in range(0, len(table) - size + 1, size):
        tag, type, number = struct.unpack_from(order + entry_code, table, at)
        value = table[at + size - width:at + size]
        length = UNITS.get(type, 0) * number
        total += length
        if not length or total > MOST:
            continue
        if length > width:
            file.seek(struct.unpack(order + ("Q" if is_big else "I"), value)[0])
            value = file.read(length)
        if len(value) >= length:
            entries.setdefault(tag, Entry(type, number, value[:length]))
    return entries


def carried(exif, size, dpi):
    """The part of EXIF that is true of the image in another file; it says nothing of orientation and has no preview.

    Args:
      exif: Exif, or None.
      size: width and height there.
      dpi: pixels an inch there, (x, y), or None.

    Returns:
      Exif, or None where there is nothing to say.
    """
    exif = exif or Exif("<", {}, {}, {})
    image = {tag: entry for tag, entry in exif.image.items() if tag in KEPT and entry.type in CLASSIC}
    photo, gps = ({tag: entry for tag, entry in part.items() if tag not in STALE and entry.type in CLASSIC}
                  for part in (exif.photo, exif.gps))
    for tag, side in zip((WIDTH, HEIGHT), size, strict=True):
        if tag in photo:
            photo[tag] = Entry(LONG, 1, struct.pack(exif.order + "I", side))
    if dpi is not None:
        for tag, value in zip((X_RESOLUTION, Y_RESOLUTION), dpi, strict=True):
            image[tag] = Entry(RATIONAL, 1, struct.pack(exif.order + "II", round(value * 1000), 1000))
        image[RESOLUTION_UNIT] = Entry(SHORT, 1, struct.pack(exif.order + "H", 2))
    return Exif(exif.order, image, photo, gps) if image or photo or gps else None


def to_bytes(exif):
    """An EXIF block, from "II" or "MM" on."""
    mark = b"II" if exif.order == "<" else b"MM"
    return mark + struct.pack(exif.order + "HI", 42, 8) + directories(exif, 8)


def directories(exif, offset):
    """The bytes of the three directories, the image's first, to lie at `offset`, an even number, of a file."""
    pointed = {pointer: part for pointer, part in ((PHOTO, exif.photo), (GPS, exif.gps)) if part}
    placed = {pointer: Entry(LONG, 1, bytes(4)) for pointer in pointed}
    at, later = offset + len(_directory(exif.image | placed, offset, exif.order)), b""
    for pointer, part in pointed.items():
        placed[pointer] = Entry(LONG, 1, struct.pack(exif.order + "I", at + len(later)))
        later += _directory(part, at + len(later), exif.order)
    return _directory(exif.image | placed, offset, exif.order) + later


def _directory(entries, offset, order):
    table, values = struct.pack(order + "H", len(entries)), b""
    start = offset + 2 + 12 * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        value = entry.data
        if len(value) > 4:
            value, values = struct.pack(order + "I", start + len(values)), values + value + bytes(len(value) % 2)
        table += struct.pack(order + "HHI", tag, entry.type, entry.count) + value.ljust(4, b"\0")
    return table + bytes(4) + values


def from_bytes(data):
    """Reads an EXIF block with or without the mark that JPEG puts before it; None where there is none or damage."""
    data = data.removeprefix(b"Exif\0\0") if data else b""
    try:
        return read_exif(io.BytesIO(data)) if data else None
    except (ValueError, struct.error, KeyError, OverflowError):
        return None
