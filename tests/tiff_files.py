"""TIFFs of every kind, by hand from TIFF 6.0, so that what was put in is known."""
import struct
import zlib

import numpy as np

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def tiff(stored, bits, photometric, *, order="<", planar=False, tile=None, rows=5, compression=NONE, predictor=1,
         extra=None, fill_order=1, more=(), big=False):
    """The bytes of a TIFF.

    Args:
      stored: whole numbers as they are to lie in the file, [H, W, samples].
      bits: a sample. photometric: the tag's value, as are predictor, compression and fill_order.
      order: "<" or ">". planar: one plane a sample. tile: (length, width), or None for strips of `rows`.
      extra: ExtraSamples, a tuple, or None. more: [(tag, values as SHORT)]. big: BigTIFF.
    """
    height, width, count = stored.shape
    tall, wide = tile or (rows, width)
    planes = [stored[..., index:index + 1] for index in range(count)] if planar else [stored]
    segments = []
    for plane in planes:
        for top in range(0, height, tall):
            for left in range(0, width, wide):
                part = plane[top:top + tall, left:left + wide]
                if tile:
                    part = np.pad(part, ((0, tall - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
                segments.append(packed(part, bits, order, compression, predictor, fill_order))
    tags = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * count), (259, 3, [compression]),
            (262, 3, [photometric]), (277, 3, [count]), (284, 3, [2 if planar else 1]), (317, 3, [predictor]),
            (266, 3, [fill_order]), *((tag, 3, values) for tag, values in more)]
    if extra is not None:
        tags.append((338, 3, list(extra)))
    offsets_at, counts_at = (324, 325) if tile else (273, 279)
    tags += [(322, 3, [wide]), (323, 3, [tall])] if tile else [(278, 3, [rows])]
    return laid_out(segments, tags, offsets_at, counts_at, order, big)


def laid_out(segments, tags, offsets_at, counts_at, order, big):
    mark = b"II" if order == "<" else b"MM"
    start = 16 if big else 8
    offsets = [start + sum(map(len, segments[:index])) for index in range(len(segments))]
    tags += [(offsets_at, 4, offsets), (counts_at, 4, list(map(len, segments)))]
    data = b"".join(segments)
    data += bytes(len(data) % 2)
    at, word, width = start + len(data), "Q" if big else "I", 8 if big else 4
    behind = at + (8 if big else 2) + len(tags) * (12 + 2 * (width - 4)) + width
    table, values = struct.pack(order + ("Q" if big else "H"), len(tags)), b""
    for tag, type, numbers in sorted(tags):
        value = struct.pack(f"{order}{len(numbers)}{'H' if type == 3 else 'I'}", *numbers)
        if len(value) > width:
            value, values = struct.pack(order + word, behind + len(values)), values + value + bytes(len(value) % 2)
        table += struct.pack(order + "HH" + word, tag, type, len(numbers)) + value.ljust(width, b"\0")
    header = mark + (struct.pack(order + "HHHQ", 43, 8, 0, at) if big else struct.pack(order + "HI", 42, at))
    return header + data + table + bytes(width) + values


def packed(part, bits, order, compression, predictor, fill_order):
    """One strip or tile: differences, numbers side by side, compression, order of bits."""
    if predictor == 2:
        part = np.diff(part.astype(np.int64), axis=1, prepend=0) % 2**bits
    if bits in (8, 16):
        data = part.astype(f"{order}u{bits // 8}").tobytes()
    else:
        lines = ("".join(f"{number:0{bits}b}" for number in row.ravel()) for row in part)
        data = b"".join(int(line.ljust(-(-len(line) // 8) * 8, "0"), 2).to_bytes(-(-len(line) // 8)) for line in lines)
    data = {NONE: bytes, DEFLATE: zlib.compress, PACKBITS: packbits, LZW: lzw}[compression](data)
    return data.translate(REVERSED) if fill_order == 2 else data


def packbits(data):
    """Runs of unequal bytes, up to 128, each behind its length less one."""
    return b"".join(bytes([len(data[at:at + 128]) - 1]) + data[at:at + 128] for at in range(0, len(data), 128))


def lzw(data):
    """Codes of single bytes, the table cleared so often that none needs more than 9 bits."""
    codes = []
    for at in range(0, len(data), 200):
        codes += [256, *data[at:at + 200]]
    text = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8))
