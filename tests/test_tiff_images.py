"""TIFFs of every kind against what was put into them."""
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiff_files import DEFLATE, LZW, NONE, PACKBITS, tiff

from dynjax.files import PictureError, read_deep_picture, read_picture

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 21, 37   # no whole number of strips, tiles or bytes
COLOURS = {"white is 0": (0, 1), "grey": (1, 1), "rgb": (2, 3), "palette": (3, 1), "cmyk": (5, 4)}
LAYOUTS = [{"planar": planar, "tile": tile, "order": order, "compression": compression, "predictor": predictor}
           for planar, tile, order in itertools.product((False, True), (None, (16, 32)), "<>")
           for compression, predictor in ((NONE, 1), (DEFLATE, 1), (DEFLATE, 2), (LZW, 1), (LZW, 2), (PACKBITS, 1))]


def meant(stored, bits, colour, extra=None, palette=None):
    """The image that stored numbers stand for, in floats of [0, 1], straight alpha; by hand from TIFF 6.0."""
    values = stored / (2**bits - 1)
    count = COLOURS[colour][1]
    colours, alpha = values[..., :count], values[..., count:count + 1]
    if colour == "palette":
        return palette[stored[..., 0]] / 255
    if colour == "cmyk":
        return (1 - colours[..., :3]) * (1 - colours[..., 3:])
    if extra == (0,):
        alpha = alpha[..., :0]
    if extra == (1,):
        colours = np.where(alpha > 0, np.minimum(colours / np.where(alpha > 0, alpha, 1), 1), 0)
    return np.concatenate([1 - colours if colour == "white is 0" else colours, alpha], -1)


def over_white(image):
    colours, alpha = (image[..., :-1], image[..., -1:]) if image.shape[-1] in (2, 4) else (image, 1.0)
    return np.broadcast_to(colours * alpha + 1 - alpha, (*image.shape[:2], 3))


def check(path, wanted, bits, level=0.501):
    """Both faces of the reader, to half a level; a level for the two roundings on the way to 8 bits."""
    deep, plain = read_deep_picture(path), read_picture(path)
    assert deep.dtype == (np.uint8 if bits <= 8 else np.uint16) and plain.dtype == np.uint8
    assert deep.shape == wanted.shape
    np.testing.assert_allclose(deep, wanted * np.iinfo(deep.dtype).max, rtol=0, atol=level)
    np.testing.assert_allclose(plain, over_white(wanted) * 255, rtol=0, atol=1.01)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("colour", COLOURS)
def test_every_layout_holds_what_was_put_in(tmp_path, colour, bits):
    if colour == "palette" and bits > 8:
        pytest.skip("a palette of 65536 colours")
    photometric, count = COLOURS[colour]
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, count))
    palette = RNG.integers(0, 256, (2**bits, 3))
    more = [(320, (palette.T * 257).ravel().tolist())] if colour == "palette" else []
    for layout in LAYOUTS:
        if layout["predictor"] == 2 and bits not in (8, 16):
            continue
        (tmp_path / "a.tif").write_bytes(tiff(stored, bits, photometric, more=more, **layout))
        # Inks of 12 bits are rounded to 16 and then multiplied.
        check(tmp_path / "a.tif", meant(stored, bits, colour, palette=palette), bits,
              level=1.51 if (colour, bits) == ("cmyk", 12) else 0.501)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("extra", [(0,), (1,), (2,), None])
def test_further_samples_are_what_the_file_says(tmp_path, colour, bits, extra):
    photometric, count = COLOURS[colour]
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, count + 1))
    if extra == (1,):   # no colour is more than its alpha, and some have none
        stored[:2, :, -1] = 0
        stored[..., :-1] = stored[..., :-1] * (stored[..., -1:] / (2**bits - 1))
    for layout in LAYOUTS:
        (tmp_path / "a.tif").write_bytes(tiff(stored, bits, photometric, extra=extra, **layout))
        check(tmp_path / "a.tif", meant(stored, bits, colour, extra), bits)


def test_colours_are_divided_by_the_alpha_they_are_stored_with(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.array([[[30000, 15000, 5000, 32768]]], np.uint16), photometric="rgb",
                     extrasamples=["assocalpha"], planarconfig="contig")
    # 65535 / 32768 = 1.99997 times
    np.testing.assert_allclose(read_deep_picture(tmp_path / "a.tif"), [[[60000, 30000, 10000, 32768]]], atol=1)
    tifffile.imwrite(tmp_path / "b.tif", np.array([[[100, 50, 0, 128], [9, 9, 9, 0], [90, 20, 1, 30]]], np.uint8),
                     photometric="rgb", extrasamples=["assocalpha"], planarconfig="contig")
    # 255 / 128: 199.2, 99.6; nothing; 90 is more than its alpha of 30, 20 * 8.5, 8.5 up
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "b.tif"),
                                  [[[199, 100, 0, 128], [0, 0, 0, 0], [255, 170, 9, 30]]])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("extra", "alpha"), [((0, 0), None), ((2, 0), 3), ((0, 2), 4), ((2, 0, 0), 3)])
def test_one_of_several_further_samples_is_alpha(tmp_path, bits, extra, alpha):
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3 + len(extra)))
    wanted = stored[..., [0, 1, 2] + [alpha] * (alpha is not None)]
    for layout in LAYOUTS:
        (tmp_path / "a.tif").write_bytes(tiff(stored, bits, 2, extra=extra, **layout))
        np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.tif"), wanted)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [NONE, LZW])
def test_grey_of_several_channels_is_not_guessed(tmp_path, bits, planar, compression):
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3))
    (tmp_path / "a.tif").write_bytes(tiff(stored, bits, 1, extra=(0, 0), planar=planar, compression=compression))
    for read in (read_picture, read_deep_picture):
        with pytest.raises(PictureError, match=r"a\.tif has a first page of shape .*; wanted \[H, W, C\]"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("bits", "compression"), [(8, NONE), (16, LZW), (1, NONE)])
def test_planes_are_turned(tmp_path, orientation, bits, compression):
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3))
    (tmp_path / "a.tif").write_bytes(tiff(stored, bits, 2, planar=True, compression=compression,
                                          more=[(274, (orientation,))]))
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray((stored >> max(bits - 8, 0)).astype(np.uint8)).save(tmp_path / "b.png", exif=exif)
    found = read_deep_picture(tmp_path / "a.tif")
    found = found // 255 if bits == 1 else found >> (bits - 8)
    np.testing.assert_array_equal(found, read_deep_picture(tmp_path / "b.png"))


@pytest.mark.parametrize("options", [{"big": True}, {"big": True, "order": ">"}, {"fill_order": 2},
                                     {"fill_order": 2, "compression": LZW}])
@pytest.mark.parametrize("bits", [1, 8, 16])
def test_big_tiffs_and_bits_the_other_way_round(tmp_path, options, bits):
    stored = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 3))
    (tmp_path / "a.tif").write_bytes(tiff(stored, bits, 2, **options))
    check(tmp_path / "a.tif", meant(stored, bits, "rgb"), bits)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_deflate", "zstd", "jpeg", "group4", None])
def test_what_libtiff_writes(tmp_path, compression):
    smooth = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    picture = np.stack([smooth, smooth[::-1], 255 - smooth], -1)
    image = Image.fromarray(picture) if compression != "group4" else Image.fromarray(picture[..., 0] > 60)
    try:
        image.save(tmp_path / "a.tif", compression=compression)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow has no {compression}")
    wanted = picture if compression != "group4" else np.repeat((picture[..., :1] > 60) * np.uint8(255), 3, -1)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif"), wanted, rtol=0,
                               atol=12 if compression == "jpeg" else 0)


def test_a_preview_before_the_image_is_passed_over(tmp_path):
    image = RNG.integers(0, 65536, (9, 8, 3)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.zeros((3, 2, 3), np.uint16), photometric="rgb", subfiletype=1, metadata=None)
        file.write(image, photometric="rgb", metadata=None)
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "a.tif"), image)


def test_colours_that_share_pixels_are_not_guessed(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(RNG.integers(0, 256, (8, 8, 3)), 8, 6, more=[(530, (2, 2))]))
    for read in (read_picture, read_deep_picture):
        with pytest.raises(PictureError, match=r"a\.tif is an uncompressed TIFF of YCbCr .*wanted RGB"):
            read(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [NONE, LZW, DEFLATE, PACKBITS])
def test_a_strip_that_is_cut_short_is_told(tmp_path, compression):
    data = tiff(RNG.integers(0, 65536, (40, 40, 3)), 16, 2, compression=compression, rows=40)
    (tmp_path / "a.tif").write_bytes(data)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        tags = file.pages[0].tags
        tags["StripOffsets" if compression == NONE else "StripByteCounts"].overwrite(
            len(data) - 300 if compression == NONE else 300)
    for read in (read_picture, read_deep_picture):
        with pytest.raises(PictureError, match=r"a\.tif .*damaged"):
            read(tmp_path / "a.tif")
