"""Every kind of picture that Pillow can write, made here, becomes uint8 RGB; what cannot be read is named."""
import io
import struct
import zlib

import jax.numpy as jnp
import memory
import numpy as np
import pytest
import tifffile
from PIL import Image

from dynjax.files.image_file import read_image_file
from dynjax.files.pictures import PictureError, is_picture, read_picture, write_png

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (6, 9), dtype=np.uint8)


def save(folder, image, name="x.png", **options):
    path = folder / name
    image.save(path, **options)
    return path


def png16(array):
    """A 16-bit colour PNG by hand (Pillow does not write them): signature, IHDR, IDAT, IEND of the PNG standard."""
    height, width, _ = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def check(picture, wanted):
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    np.testing.assert_array_equal(picture, wanted)


def test_rgb_from_path_text_and_open_file(tmp_path):
    path = save(tmp_path, Image.fromarray(COLOUR))
    check(read_picture(path), COLOUR)
    check(read_picture(str(path)), COLOUR)
    with open(path, "rb") as file:
        check(read_picture(file), COLOUR)
    check(read_picture(io.BytesIO(path.read_bytes())), COLOUR)


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.pgm"])
def test_grey_is_repeated(tmp_path, name):
    check(read_picture(save(tmp_path, Image.fromarray(GREY), name)), np.stack([GREY] * 3, -1))


def test_one_bit_is_black_and_white(tmp_path):
    bits = GREY > 127
    check(read_picture(save(tmp_path, Image.fromarray(bits))), np.stack([bits * np.uint8(255)] * 3, -1))


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.pgm"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path, name):
    grey = np.array([[0, 128, 129, 257], [1000, 32768, 65406, 65535]], np.uint16)
    # value / 257 rounded: 128 / 257 = 0.498, 129 / 257 = 0.502, 32768 / 257 = 127.502, 65406 / 257 = 254.498
    wanted = np.array([[0, 0, 1, 1], [4, 128, 254, 255]], np.uint8)
    check(read_picture(save(tmp_path, Image.fromarray(grey), name)), np.stack([wanted] * 3, -1))


def test_sixteen_bit_colour_is_rounded():
    deep = RNG.integers(0, 65536, (6, 9, 3)).astype(np.uint16)
    check(read_picture(io.BytesIO(png16(deep))), np.rint(deep / 257).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(tmp_path, mode):
    image = Image.new(mode, (4, 1), (50,) * (3 if mode == "RGBA" else 1) + (255,))
    for x, alpha in enumerate([255, 0, 128]):
        image.putpixel((x, 0), (50,) * (3 if mode == "RGBA" else 1) + (alpha,))
    # 50 * 128 / 255 + 255 * 127 / 255 = 152.1
    wanted = np.array([50, 255, 152, 50], np.uint8)
    check(read_picture(save(tmp_path, image)), np.broadcast_to(wanted[None, :, None], (1, 4, 3)))


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90] + [0] * 759)
    colours = np.array([[[10, 20, 30], [40, 50, 60], [70, 80, 90]]], np.uint8)
    check(read_picture(save(tmp_path, image)), colours)
    colours[0, 1] = 255
    check(read_picture(save(tmp_path, image, "t.png", transparency=1)), colours)
    check(read_picture(save(tmp_path, image, "t.gif", transparency=1)), colours)


def test_cmyk_becomes_rgb(tmp_path):
    for name in ("x.tif", "x.jpg"):
        picture = read_picture(save(tmp_path, Image.new("CMYK", (8, 8), (255, 0, 0, 0)), name))   # cyan
        assert picture.shape == (8, 8, 3)
        np.testing.assert_allclose(picture[4, 4], [0, 255, 255], atol=3)


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6   # shown turned a quarter clockwise
    check(read_picture(save(tmp_path, Image.fromarray(COLOUR), exif=exif)), np.rot90(COLOUR, -1))


@pytest.mark.parametrize("dtype, words", [(np.float32, "float32"), (np.int32, "int32")])
def test_values_without_a_range_are_refused(tmp_path, dtype, words):
    path = save(tmp_path, Image.fromarray(GREY.astype(dtype)), "x.tif")
    with pytest.raises(PictureError, match=rf"x\.tif holds {words} values.*16-bit PNG"):
        read_picture(path)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.tif", "x.webp"])
def test_cut_short_is_named(tmp_path, name):
    path = save(tmp_path, Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), name)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(PictureError, match=r"x\.\w+ cannot be read as a picture.*replace or remove"):
        read_picture(path)


def test_flipped_byte_no_picture_and_absent_are_named(tmp_path):
    path = save(tmp_path, Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(PictureError, match=r"x\.png cannot be read"):
        read_picture(path)
    with pytest.raises(PictureError, match="sheet 7 cannot be read"):
        read_picture(io.BytesIO(b"not a picture"), name="sheet 7")
    with pytest.raises(PictureError, match=r"no file .*gone\.png"):
        read_picture(tmp_path / "gone.png")
    assert issubclass(PictureError, ValueError)


@pytest.mark.parametrize("limit", [40, 10])   # 54 pixels: above the limit; above twice the limit, where Pillow stops
def test_decompression_bomb_is_refused(tmp_path, monkeypatch, limit):
    path = save(tmp_path, Image.fromarray(COLOUR))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with (pytest.raises(PictureError, match=r"x\.png is too large.*MAX_IMAGE_PIXELS"),
          pytest.warns(Image.DecompressionBombWarning) if limit == 40 else io.BytesIO()):
        read_picture(path)


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\n%%EOF\n",
                                     b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(99)])
def test_formats_that_no_ending_stands_for_are_not_read(tmp_path, content):
    """PostScript above all, a program, for which Pillow starts Ghostscript; the other is Photoshop's."""
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(PictureError, match=r"x\.png .* does not begin like any format that is read"):
        read_picture(tmp_path / "x.png")


def test_what_a_header_claims_costs_nothing(tmp_path):
    """Pillow reads as far as the next strip, which is to lie behind a gigabyte."""
    tifffile.imwrite(tmp_path / "x.tif", COLOUR, photometric="rgb", rowsperstrip=3)
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        file.pages[0].tags["StripOffsets"].overwrite((file.pages[0].dataoffsets[1] + 40, 2**30))
    with memory.at_most(16), pytest.raises(PictureError, match=r"x\.tif cannot be read as a picture"):
        read_picture(tmp_path / "x.tif")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("kind, before", [(b"zTXt", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"iCCP", b"a\0\0")])
def test_texts_and_profiles_that_unpack_to_much_are_passed_over(tmp_path, kind, before):
    file = io.BytesIO()
    Image.fromarray(COLOUR).save(file, "PNG")
    data, text = file.getvalue(), zlib.compress(bytes(2**25))
    (tmp_path / "x.png").write_bytes(data[:33] + chunk(kind, before + text) + data[33:])
    with memory.at_most(16):
        check(read_picture(tmp_path / "x.png"), COLOUR)
        assert read_image_file(tmp_path / "x.png", name="x", reader="", with_metadata=True).metadata.profile is None


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_giant_sizes_are_refused_by_the_header(tmp_path, format):
    """Files of a few hundred bytes that claim some 65000 x 65000 pixels."""
    file = io.BytesIO()
    Image.new("L", (300, 300)).save(file, format, **{"WEBP": {"lossless": True}}.get(format, {}))
    data = bytearray(file.getvalue())
    start, width = {   # where the two sides stand, one behind the other
        "PNG": (16, ">II"), "JPEG": (data.find(b"\xff\xc0") + 5, ">HH"), "BMP": (18, "<ii"), "GIF": (6, "<HH")}.get(
            format, (0, ""))
    if format == "WEBP":     # RFC 9649: 14 bits each, less one, behind the signature 0x2f
        data[21:25] = struct.pack("<I", 0x3FFF | 0x3FFF << 14 | int.from_bytes(data[21:25], "little") >> 28 << 28)
    elif format == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
            data[at:at + 4] = struct.pack("<I", 65000)
    elif format == "PPM":
        data = bytearray(data.replace(b"300 300", b"65000 65000"))
    else:
        data[start:start + struct.calcsize(width)] = struct.pack(width, 65000, 65000)
        if format == "PNG":
            data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"x\.png is too large to be decoded safely"):
        read_picture(tmp_path / "x.png")


def test_is_picture():
    assert all(map(is_picture, ["a.png", "B.PNG", "c/d.JPeG", "e.webp", "f.tif"]))
    assert not any(map(is_picture, ["a.txt", "png", "b.png.zip", "._a.png", "c/.hidden.jpg"]))


def test_write_png_rounds_and_clips(tmp_path):
    # 0.5 * 255 = 127.5 rounds up; 0.998 * 255 = 254.49 and 0.9985 * 255 = 254.6 lie on both sides of 254.5
    row = np.array([[-0.2, 0.0, 0.5, 0.998, 0.9985, 1.0, 1.7]], np.float32)
    wanted = np.array([[0, 0, 128, 254, 255, 255, 255]], np.uint8)
    for image in (row, row[..., None], np.repeat(row[..., None], 3, -1)):
        write_png(tmp_path / "x.png", image)
        check(read_picture(tmp_path / "x.png"), np.stack([wanted] * 3, -1))


def test_write_png_keeps_eight_bits_exactly(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colours = np.stack([levels, levels.T, 255 - levels], -1)
    for image in (colours, colours.astype(np.float32) / 255, jnp.asarray(colours) / 255):
        write_png(tmp_path / "x.png", image)
        check(read_picture(tmp_path / "x.png"), colours)
    write_png(tmp_path / "x.png", jnp.ones((2, 3, 3), jnp.bfloat16))
    check(read_picture(tmp_path / "x.png"), np.full((2, 3, 3), 255, np.uint8))


def test_write_png_puts_a_new_file_in_the_place_of_the_old(tmp_path):
    """Who has the old one open, here by another name, keeps it whole."""
    write_png(tmp_path / "x.png", np.zeros((2, 3)))
    (tmp_path / "old.png").hardlink_to(tmp_path / "x.png")
    write_png(tmp_path / "x.png", np.ones((2, 3)))
    assert read_picture(tmp_path / "old.png").max() == 0 and read_picture(tmp_path / "x.png").min() == 255
    write_png(tmp_path / "new" / "x.png", np.ones((2, 3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old.png", "x.png"]


@pytest.mark.parametrize("image, words", [
    (np.zeros((1, 4, 4, 3)), r"shape \(1, 4, 4, 3\).*one by one"),
    (np.zeros((4, 4, 2)), r"shape \(4, 4, 2\)"),
    (np.zeros((4, 4, 3), np.int32), "dtype int32"),
    (np.full((4, 4, 3), np.nan), "not finite"),
])
def test_write_png_refuses(tmp_path, image, words):
    with pytest.raises(ValueError, match=words):
        write_png(tmp_path / "x.png", image)
