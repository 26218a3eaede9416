"""PNGs of every kind against what was put into them, and what is forgiven and what is said of damaged ones."""
import io
import struct
import zlib

import numpy as np
import png
import pytest
from PIL import Image

from dynjax.files import PictureError, read_deep_picture, read_picture

RNG = np.random.default_rng(0)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, damage=0):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ damage)


def header(width, height, depth, colour, interlaced=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def one_row(path, depth, colour, row, *before):
    """A PNG of one row, given as its bytes."""
    width = len(row) * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    path.write_bytes(SIGNATURE + header(width, 1, depth, colour) + b"".join(before)
                     + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b""))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "samples"), [(1, 1), (2, 1), (4, 1), *((depth, samples) for depth in (8, 16)
                                                                       for samples in (1, 2, 3, 4))])
def test_every_kind_holds_what_was_put_in(tmp_path, depth, samples, interlaced):
    for height, width in ((1, 1), (3, 2), (21, 37)):   # some passes of small ones are empty
        stored = RNG.integers(0, 2**depth, (height, width, samples))
        writer = png.Writer(width, height, bitdepth=depth, greyscale=samples < 3, alpha=samples in (2, 4),
                            interlace=interlaced)
        with open(tmp_path / "a.png", "wb") as file:
            writer.write_array(file, stored.ravel().tolist()) if interlaced else writer.write(
                file, stored.reshape(height, -1).tolist())
        found = read_deep_picture(tmp_path / "a.png")
        top = 65535 if depth == 16 else 255
        assert found.dtype == (np.uint16 if depth == 16 else np.uint8)
        np.testing.assert_array_equal(found, stored * (top // (2**depth - 1)))
        alpha = stored[..., -1:] / top if samples in (2, 4) else 1.0
        wanted = stored[..., :3 if samples > 2 else 1] / (2**depth - 1) * alpha + 1 - alpha
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png"),
                                      np.broadcast_to(np.floor(wanted * 255 + 0.5), (height, width, 3)))


@pytest.mark.parametrize("filter", range(5))
def test_sixteen_bits_through_each_filter(tmp_path, filter):
    """Filtered by hand, from the PNG standard: left is 6 bytes before, up in the row before."""
    stored = RNG.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    rows = stored.astype(">u2").view(np.uint8).reshape(5, -1).astype(int)
    left, up, corner = (np.zeros_like(rows) for _ in range(3))
    left[:, 6:], up[1:], corner[1:, 6:] = rows[:, :-6], rows[:-1], rows[:-1, :-6]
    near = np.abs(np.stack([up - corner, left - corner, left + up - 2 * corner]))   # to left, to up, to the corner
    paeth = np.where((near[0] <= near[1]) & (near[0] <= near[2]), left, np.where(near[1] <= near[2], up, corner))
    predicted = [0, left, up, (left + up) // 2, paeth][filter]
    lines = ((rows - predicted) % 256).astype(np.uint8)
    pixels = zlib.compress(b"".join(bytes([filter]) + line.tobytes() for line in lines))
    (tmp_path / "a.png").write_bytes(SIGNATURE + header(7, 5, 16, 2) + chunk(b"IDAT", pixels[:30])
                                     + chunk(b"IDAT", pixels[30:]) + chunk(b"IEND", b""))
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.png"), stored)


@pytest.mark.parametrize(("depth", "colour", "row", "key", "wanted"), [
    (1, 0, b"\xa0", (1,), [255, 0, 255, 0, 0, 0, 0, 0]), (1, 0, b"\xa0", (0,), [255] * 8),
    (2, 0, b"\x1b", (2,), [0, 85, 255, 255]), (4, 0, b"\x05\xaf", (10,), [0, 85, 255, 255]),
    (4, 0, b"\x05\xaf", (0xFF5A,), [0, 85, 255, 255]),   # the upper bits mean nothing
    (8, 0, b"\x00\x55\xaa\xff", (170,), [0, 85, 255, 255]),
    (16, 0, b"\0\0\xaa\xaa\xaa\xab", (0xAAAA,), [0, 255, 170]),
    (8, 2, b"\1\2\3\1\2\4", (1, 2, 3), [[255] * 3, [1, 2, 4]]),
    (16, 2, b"\1\1\2\2\3\3\1\1\2\2\3\4", (0x101, 0x202, 0x303), [[255] * 3, [1, 2, 3]])])
def test_the_transparent_colour_is_laid_over_white(tmp_path, depth, colour, row, key, wanted):
    one_row(tmp_path / "a.png", depth, colour, row, chunk(b"tRNS", struct.pack(f">{len(key)}H", *key)))
    wanted = np.array(wanted)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[0], wanted if wanted.ndim == 2 else
                                  np.repeat(wanted[:, None], 3, -1))
    assert read_deep_picture(tmp_path / "a.png").shape[-1] == (2 if colour == 0 else 4)


@pytest.mark.parametrize(("depth", "row"), [(1, b"\x40"), (2, b"\x10"), (4, b"\x01\x00"), (8, b"\0\1\0\0")])
def test_palettes_with_transparency(tmp_path, depth, row):
    one_row(tmp_path / "a.png", depth, 3, row, chunk(b"PLTE", bytes([10, 20, 30, 40, 50, 60])),
            chunk(b"tRNS", b"\xff\x33"))
    deep = read_deep_picture(tmp_path / "a.png")[0]
    np.testing.assert_array_equal(deep[:3], [[10, 20, 30, 255], [40, 50, 60, 0x33], [10, 20, 30, 255]])
    # 40 * 0.2 + 255 * 0.8 = 212
    found = read_picture(tmp_path / "a.png")[0, :3]
    np.testing.assert_array_equal(found, [[10, 20, 30], [212, 214, 216], [10, 20, 30]])


NOTE = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * 1_500_000))


@pytest.mark.parametrize("extra", [
    NOTE, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(3_000_000))),
    chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3_000_000))), *(
        chunk(kind, content, damage=1) for kind, content in (
            (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)), (b"gAMA", b"\0\0\xb1\x8f"), (b"tEXt", b"a\0b"),
            (b"iCCP", b"a\0\0b"), (b"eXIf", b"II*\0"), (b"tIME", bytes(7)), (b"prVt", b"anything"))),
    chunk(b"eXIf", b"nonsense"), chunk(b"iCCP", b"nonsense"), chunk(b"pHYs", b"1"), chunk(b"zTXt", b""),
    chunk(b"iTXt", b"XML:com.adobe.xmp\0"), chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 3\nzz"),
    struct.pack(">I", 0) + b"tEXt" + bytes(4)])
@pytest.mark.parametrize("depth", [8, 16])
def test_what_is_wrong_beside_sound_pixels_is_passed_over(tmp_path, extra, depth):
    one_row(tmp_path / "a.png", depth, 2, bytes(range(10, 10 + 3 * depth // 8)), extra)
    wanted = [[[10, 11, 12]]] if depth == 8 else [[[10 * 256 + 11, 12 * 256 + 13, 14 * 256 + 15]]]
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.png"), wanted)
    data = (tmp_path / "a.png").read_bytes()
    if depth == 8:
        np.testing.assert_array_equal(read_picture(io.BytesIO(data)), wanted)
    (tmp_path / "a.png").write_bytes(data[:-12] + b"\0\0\0\x09tEXtcut")   # behind the pixels
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.png"), wanted)


GOOD = (SIGNATURE, header(1, 1, 8, 2), chunk(b"IDAT", zlib.compress(b"\0abc")), chunk(b"IEND", b""))


@pytest.mark.parametrize(("data", "said"), [
    (b"", "it is empty"), (b"a text", "does not begin like any format that is read"),
    (b"\x89PNG\n\x1a\n" + b"".join(GOOD[1:]), "begins like PNG, but its signature is not whole"),
    (SIGNATURE, "begins like PNG, but has no header"), (SIGNATURE + b"anything", "begins like PNG, but has no header"),
    (b"".join(GOOD[:2]), "ends before its pixels"), (b"".join(GOOD)[:20], "ends within its chunk IHDR"),
    (b"".join(GOOD)[:-20], "ends within its chunk IDAT, which claims 12 bytes and has 8"),
    (SIGNATURE + chunk(b"IHDR", bytes(13), damage=1), "its chunk IHDR has a wrong checksum"),
    (SIGNATURE + header(1, 1, 8, 3) + b"".join(GOOD[2:]), "no palette"),
    (SIGNATURE + header(9, 9, 16, 2) + b"".join(GOOD[2:]), "its pixels unpack to 4 bytes of 495"),
    (SIGNATURE + header(9, 9, 8, 5) + b"".join(GOOD[2:]), "begins like PNG, but"),
    (SIGNATURE + header(1, 1, 16, 2) + chunk(b"IDAT", b"abc"), "error: .*incorrect header check")])
def test_what_is_wrong_is_said(tmp_path, data, said):
    (tmp_path / "a.png").write_bytes(data)
    for read in (read_picture, read_deep_picture):
        with pytest.raises(PictureError, match=rf"a\.png cannot be read as a picture.*{said}.*replace or remove it"):
            read(tmp_path / "a.png")


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000"])
def test_a_file_that_is_cut_within_its_header_is_not_told_to_be_of_no_format(tmp_path, format):
    file = io.BytesIO()
    Image.init()
    if format not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {format}")
    Image.new("RGB", (30, 20)).save(file, format)
    for length in (20, 16, 12, 8):
        (tmp_path / "a.png").write_bytes(file.getvalue()[:8 if format == "GIF" else length])
        for read in (read_picture, read_deep_picture):
            with pytest.raises(PictureError, match=r"a\.png cannot be read as a picture.*damaged") as caught:
                read(tmp_path / "a.png")
            assert "any format" not in str(caught.value)


@pytest.mark.parametrize("data", [b"GIF8", b"\xff\xd8\0\0 no JPEG", b"RIFF\0\0\0\0WEBPVP9 and more"])
def test_what_begins_like_a_format_is_told_which(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"it begins like (GIF|JPEG|WEBP), but not as such a file goes on"):
        read_picture(tmp_path / "a.png")


def test_a_recording_does_not_begin_like_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    with pytest.raises(PictureError, match=r"does not begin like any format"):
        read_picture(tmp_path / "a.png")
