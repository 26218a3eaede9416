"""Pictures as they are: their depth, grey and transparency come back; against Pillow and by hand."""
import logging
import struct
import zlib

import memory
import numpy as np
import png
import pytest
import tifffile
from PIL import Image

from dynjax.files import PictureError, read_deep_picture, read_picture, write_deep_picture
from dynjax.files.deep_pictures import CHANNELS

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_what_is_written_is_read(tmp_path, channels, depth, ending):
    picture = RNG.integers(0, np.iinfo(depth).max + 1, (7, 5, channels)).astype(depth)
    path = tmp_path / f"a.{ending}"
    write_deep_picture(path, picture)
    found = read_deep_picture(path)
    assert found.dtype == depth
    np.testing.assert_array_equal(found, picture)


def test_eight_bits_are_pillow_s(tmp_path):
    picture = RNG.integers(0, 256, (6, 4, 4), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.png"), picture)
    grey = picture[..., 0]
    Image.fromarray(grey).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "g.png"), grey[..., None])
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")        # 16-bit grey, written by Pillow
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "deep.png")[..., 0], grey.astype(np.uint16) * 257)
    Image.fromarray(picture[..., :3]).quantize(16).save(tmp_path / "palette.png")
    assert read_deep_picture(tmp_path / "palette.png").shape == (6, 4, 3)
    rotated = Image.fromarray(picture[..., :3])
    exif = rotated.getexif()
    exif[0x0112] = 6
    rotated.save(tmp_path / "turned.jpg", exif=exif)
    assert read_deep_picture(tmp_path / "turned.jpg").shape == (4, 6, 3)


@pytest.mark.parametrize("ending", ["pgm", "jp2"])
def test_sixteen_bit_grey_of_pillow_s_keeps_its_bits(tmp_path, ending):
    grey = RNG.integers(0, 65536, (6, 4)).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / f"a.{ending}")
    found = read_deep_picture(tmp_path / f"a.{ending}")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[..., 0], grey)


def test_sixteen_bit_portable_pixmaps_keep_their_bits(tmp_path):
    colours = RNG.integers(0, 65536, (6, 4, 3)).astype(np.uint16)
    (tmp_path / "a.ppm").write_bytes(b"P6\n# a note\n4 6\n65535\n" + colours.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.ppm"), colours)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.ppm"), np.rint(colours / 257))
    (tmp_path / "b.ppm").write_bytes(b"P6 1 1 1023\n\0\0\1\0\3\xff")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "b.ppm"), [[[0, 16400, 65535]]])   # 256 * 65535 / 1023
    (tmp_path / "b.ppm").write_bytes(b"P3 2 1 # a note\n1023\n0 256 # another\n1023 1 2 3 ")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "b.ppm"), [[[0, 16400, 65535], [64, 128, 192]]])
    (tmp_path / "b.ppm").write_bytes(b"P3 1 1 1023\n0 256")
    with pytest.raises(PictureError, match=r"b\.ppm cannot be read as a picture \(its pixels have 2 numbers of 3\)"):
        read_picture(tmp_path / "b.ppm")
    (tmp_path / "c.ppm").write_bytes(b"P6 1 1 1023\n\0\0\1\0\3")
    with pytest.raises(PictureError, match=r"c\.ppm cannot be read as a picture \(its pixels have 5 bytes of 6\)"):
        read_picture(tmp_path / "c.ppm")


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16, np.int32, np.uint32])
def test_values_without_a_range_are_refused(tmp_path, dtype, shape):
    tifffile.imwrite(tmp_path / "a.tif", np.ones(shape, dtype), photometric="rgb" if len(shape) == 3 else "minisblack")
    with pytest.raises(PictureError, match=rf"a.tif holds {np.dtype(dtype)} values, whose black and white are not"):
        read_deep_picture(tmp_path / "a.tif")


def test_portable_floats_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 5), np.float32)).save(tmp_path / "a.pfm")
    with pytest.raises(PictureError, match=r"a\.pfm holds floating point values"):
        read_deep_picture(tmp_path / "a.pfm")


def test_sixteen_bit_cmyk_becomes_rgb(tmp_path):
    inks = np.array([[[0, 0, 0, 0], [65535, 0, 0, 0], [0, 0, 0, 65535], [13107, 26214, 0, 32768]]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated")
    # the last by hand: 65535 * (1 - ink) * (1 - 32768 / 65535), ink being 0.2, 0.4 and 0
    wanted = [[[65535] * 3, [0, 65535, 65535], [0, 0, 0], [26214, 19660, 32767]]]
    found = read_deep_picture(tmp_path / "a.tif")
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, wanted)
    Image.fromarray((inks >> 8).astype(np.uint8), "CMYK").save(tmp_path / "b.tif")
    np.testing.assert_allclose(found / 257, read_deep_picture(tmp_path / "b.tif"), atol=1)   # Pillow's, of 8 bits


def test_zero_is_white_where_the_tiff_says_so(tmp_path):
    grey = np.array([[0, 1, 40000, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", grey, photometric="miniswhite")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.tif")[..., 0], [[65535, 65534, 25535, 0]])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif")[..., 0], [[255, 255, 99, 0]])   # 25535 / 257 = 99.4


def test_deep_tiffs_of_other_colours_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5, 3), np.uint16), photometric="cielab")
    with pytest.raises(PictureError, match=r"a\.tif is a TIFF of 16-bit CIELAB; wanted grey, RGB or CMYK"):
        read_deep_picture(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.ones((6, 7, 5), np.uint16), photometric="separated", planarconfig="contig")
    with pytest.raises(PictureError, match=r"b\.tif .* of shape \(6, 7, 5\)"):
        read_deep_picture(tmp_path / "b.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_deep_pictures_are_turned_as_pillow_turns_them(tmp_path, ending, orientation):
    picture = RNG.integers(0, 256, (7, 5, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / "8.png", exif=exif)
    path = tmp_path / f"16.{ending}"
    if ending == "tif":
        tifffile.imwrite(path, picture.astype(np.uint16), photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    else:
        write_deep_picture(path, picture.astype(np.uint16))
        data, chunk = path.read_bytes(), b"eXIf" + exif.tobytes()[len(b"Exif\0\0"):]
        end = data.index(b"IDAT") - 4
        path.write_bytes(data[:end] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
                         + data[end:])
    np.testing.assert_array_equal(read_deep_picture(path), read_deep_picture(tmp_path / "8.png"))


@pytest.mark.parametrize(("bits", "colours"), [(1, 1), (2, 1), (4, 1), (8, 1), (16, 1), (8, 3), (16, 3)])
def test_the_transparent_colour_of_a_png_becomes_an_alpha_channel(tmp_path, bits, colours):
    top = 2 ** bits - 1
    pixels = [[0] * colours, [1] * colours, [0] * (colours - 1) + [1], [top] * colours]
    key = pixels[2]
    writer = png.Writer(4, 1, bitdepth=bits, greyscale=colours == 1, transparent=key if colours == 3 else key[0])
    with open(tmp_path / "a.png", "wb") as file:
        writer.write(file, [np.ravel(pixels).tolist()])
    levels = 65535 if bits == 16 else 255
    wanted = [[*(levels // top * value for value in pixel), 0 if pixel == key else levels] for pixel in pixels]
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.png"), [wanted])


@pytest.mark.parametrize("white", [0, 1])   # the value of tag 262: zero is white, or black
def test_deep_grey_tiff_by_lzw_is_read(tmp_path, white):
    grey = RNG.integers(0, 65536, (7, 5)).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "a.tif", compression="tiff_lzw", tiffinfo={262: white, 274: 6})
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.tif")[..., 0],
                                  np.rot90(grey if white else 65535 - grey, -1))


def test_what_is_no_lzw_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5, 3), np.uint16), photometric="rgb")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(5)
    with pytest.raises(PictureError, match=r"a\.tif is a 16-bit TIFF .* LZW.*: save it uncompressed or with deflate"):
        read_deep_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_damaged_deep_files_are_told(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write_deep_picture(path, RNG.integers(0, 65536, (40, 30, 3)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(PictureError, match=f"a.{ending} cannot be read as a picture"):
        read_deep_picture(path)


def refused_cheaply(path, sentence):
    with memory.at_most(24), pytest.raises(PictureError, match=sentence):
        read_deep_picture(path)


MANY = zlib.compress(bytes(2**26), 9)   # 65 KB


def test_pixels_of_a_png_that_unpack_to_much_are_refused(tmp_path):
    write_deep_picture(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint16))
    data = (tmp_path / "a.png").read_bytes()
    start = data.index(b"IDAT") - 4
    chunk = b"IDAT" + MANY
    (tmp_path / "a.png").write_bytes(data[:start] + struct.pack(">I", len(MANY)) + chunk
                                     + struct.pack(">I", zlib.crc32(chunk)) + data[data.index(b"IEND") - 4:])
    refused_cheaply(tmp_path / "a.png", r"a\.png unpacks to more than the 96 bytes of its pixels")


def retagged(path, **values):
    with tifffile.TiffFile(path, mode="r+") as file:
        for name, value in values.items():
            file.pages[0].tags[name].overwrite(value)


def test_strips_of_a_tiff_that_unpack_to_much_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    write_deep_picture(path, np.zeros((64, 64, 3), np.uint16))
    end = path.stat().st_size
    path.write_bytes(path.read_bytes() + MANY)
    retagged(path, StripOffsets=end, StripByteCounts=len(MANY))
    refused_cheaply(path, r"a\.tif unpacks to more than the 24576 bytes of its pixels")


@pytest.mark.parametrize(("values", "sentence"), [
    ({"ImageWidth": 60000, "ImageLength": 60000}, "too large to be decoded safely"),
    ({"SamplesPerPixel": 60000}, r"a first page of shape \(64, 64, 60000\)"),
    ({"Compression": 34925}, "by LZMA, which is not decoded here"), ({"ImageLength": 0}, r"a\.tif")])
def test_hostile_headers_of_deep_tiffs_are_refused(tmp_path, values, sentence):
    path = tmp_path / "a.tif"
    write_deep_picture(path, np.zeros((64, 64, 3), np.uint16))
    retagged(path, **values)
    refused_cheaply(path, sentence)


def test_tiles_larger_than_a_picture_may_be_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint16), photometric="minisblack", tile=(32, 32))
    retagged(path, TileWidth=60000, TileLength=60000)
    refused_cheaply(path, "too large to be decoded safely")


def test_damaged_tags_are_not_logged_where_nobody_asked(tmp_path, capfd, monkeypatch):
    path = tmp_path / "a.tif"
    write_deep_picture(path, np.zeros((8, 8, 3), np.uint16))
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<HH", 305, 2)) + 2] = 99   # the type of the tag Software
    path.write_bytes(data)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])   # pytest's
    assert read_deep_picture(path).shape == (8, 8, 3)
    assert capfd.readouterr().err == ""


def test_large_pictures_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    write_deep_picture(tmp_path / "a.png", np.zeros((40, 30, 3), np.uint16))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(PictureError, match="too large to be decoded safely"):
        read_deep_picture(tmp_path / "a.png")


@pytest.mark.parametrize(("name", "picture", "sentence"), [
    ("a.jpg", np.zeros((4, 4, 3), np.uint16), "a.jpg .* cannot hold 16 bits; wanted .png, .tif or .tiff"),
    ("a.jpg", np.zeros((4, 4, 4), np.uint8), r"a.jpg is RGB with transparency; wanted grey or RGB for \.jpg: .*\.png"),
    ("a.jpe", np.zeros((4, 4, 4), np.uint8), r"wanted grey or RGB for \.jpe"),
    ("a.JFIF", np.zeros((4, 4, 2), np.uint8), r"is grey with transparency; wanted grey or RGB for \.jfif"),
    ("a.ppm", np.zeros((4, 4, 2), np.uint8), r"is grey with transparency; wanted grey or RGB for \.ppm"),
    ("a.ppm", np.zeros((4, 4, 4), np.uint8), r"wanted grey or RGB for \.ppm"),
    ("a.gif", np.zeros((4, 4, 4), np.uint8), r"wanted grey or RGB for \.gif"),
    ("a.pgm", np.zeros((4, 4, 3), np.uint8), r"is RGB; wanted grey for \.pgm"),
    ("a.xyz", np.zeros((4, 4, 3), np.uint8), r"cannot write \.xyz, .*a\.xyz; wanted one of \.png, .*\.jpg"),
    ("a", np.zeros((4, 4, 3), np.uint8), "cannot write a name without ending"),
    ("a.jpg", np.zeros((1, 65536, 1), np.uint8), r"a\.jpg, of 65536 x 1 pixels, cannot be written as \.jpg"),
    ("a.png", np.zeros((4, 4, 3), np.float32), "got float32 for .*; wanted uint8 or uint16"),
    ("a.png", np.zeros((4, 4, 5), np.uint8), r"shape \(4, 4, 5\)")])
def test_what_cannot_be_written_is_told(tmp_path, name, picture, sentence):
    with pytest.raises(ValueError, match=sentence):
        write_deep_picture(tmp_path / name, picture)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "channels"), [(ending, channels) for ending in CHANNELS
                                                  for channels in CHANNELS[ending]])
def test_what_may_be_written_keeps_colours_and_transparency(tmp_path, ending, channels):
    colours = [[200], [200, 100], [200, 150, 50], [200, 150, 50, 100]][channels - 1]
    path = tmp_path / f"a{ending}"
    if Image.registered_extensions().get(ending) not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {ending}")
    write_deep_picture(path, np.broadcast_to(np.array(colours, np.uint8), (8, 8, channels)))
    with Image.open(path) as image:
        wanted = colours if channels > 2 else colours[:1] * 3 + colours[1:]
        found = np.asarray(image.convert("RGBA"))[4, 4]
    np.testing.assert_allclose(found, wanted if channels in (2, 4) else [*wanted, 255], atol=3)   # some are lossy
