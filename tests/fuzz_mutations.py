"""Damage to bytes that is always the same for the same seed: flips, cuts, copies, forged lengths and numbers."""
import re

HOSTILE = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
WRITTEN = (b"0", b"-1", b"1", b"65536", b"4294967296", b"100000000000", b"18446744073709551615", b"1e400", b"null")


def mutate(data, rng, others=()):
    """Other bytes than `data` in one to four places.

    Args:
      rng: a random.Random, the source of all choices. others: bytes of which parts may be put in.
    """
    damaged = data
    while damaged == data:
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
            damaged = rng.choice(KINDS)(damaged, rng, others)
    return damaged


def _flip(data, rng, others):
    return _set(data, rng, lambda byte: byte ^ 1 << rng.randrange(8))


def _byte(data, rng, others):
    return _set(data, rng, lambda byte: rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256), (byte + 1) % 256)))


def _set(data, rng, change):
    if not data:
        return b"\0"
    at = rng.randrange(len(data))
    return data[:at] + bytes([change(data[at])]) + data[at + 1:]


def _cut(data, rng, others):
    return data[:rng.randrange(len(data) + 1)]


def _insert(data, rng, others):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 16))) + data[at:]


def _delete(data, rng, others):
    start, end = _part(data, rng)
    return data[:start] + data[end:]


def _copy(data, rng, others):
    """A part of the data once more: over what stands elsewhere, or put in between."""
    start, end = _part(data, rng)
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[start:end] + data[at + rng.choice((0, end - start)):]


def _splice(data, rng, others):
    other = rng.choice(others) if others else data
    return data[:rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1):]


def _number(data, rng, others):
    """A binary number, of what width and order it may be."""
    width = rng.choice((1, 2, 4, 8))
    if len(data) < width:
        return data
    at = rng.randrange(len(data) - width + 1)
    order = rng.choice(("little", "big"))
    value = rng.choice((*HOSTILE, *(int.from_bytes(data[at:at + width], order) + step for step in (-1, 1))))
    return data[:at] + (value % 256 ** width).to_bytes(width, order) + data[at + width:]


def _written_number(data, rng, others):
    """A number in decimal digits, of JSON, of Python's literals or of portable pixel maps."""
    places = list(re.finditer(rb"\d+", data))
    if not places:
        return _flip(data, rng, others)
    place = rng.choice(places)
    return data[:place.start()] + rng.choice(WRITTEN) + data[place.end():]


def _part(data, rng):
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 32, 200)))


KINDS = (_flip, _flip, _byte, _byte, _cut, _insert, _delete, _copy, _splice, _number, _number, _written_number)
