"""What goes along from file to file, what does not, and what is refused before the work."""
import io
import struct
import zlib

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, JpegImagePlugin, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from dynjax.files import read_deep_picture, read_picture, write_deep_picture, write_png
from dynjax.inference import restore_file

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (12, 16, 3), np.uint8)
DISPLAY = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = DISPLAY[:16] + b"GRAY" + DISPLAY[20:]   # as far as its header goes
INKS = DISPLAY[:16] + b"CMYK" + DISPLAY[20:]
XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" tiff:Orientation="6"
 tiff:ImageWidth="16" dc:source="a note"><tiff:ImageLength>12</tiff:ImageLength>
 </rdf:Description></rdf:RDF></x:xmpmeta>"""


class Enlarged(nn.Module):
    scale: int = 1

    def __call__(self, x):
        if x.shape[-1] != 3:
            raise ValueError("wanted 3 channels")
        return jnp.asarray(x).repeat(self.scale, 1).repeat(self.scale, 2)


Image.init()
AVIF = ["avif"] if "AVIF" in Image.SAVE else []   # since Pillow 11.3


def run(source, target, scale=1, **options):
    restore_file(Enlarged(scale), {}, source, target, **options)


def exif(orientation=6):
    block = Image.Exif()
    block[0x010E], block[0x010F], block[0x0132] = "Müller's", "A maker", "2024:05:06 07:08:09"
    block[0x0100], block[0x0101], block[0x0112] = 16, 12, orientation
    block[0x8298], block[0x0131] = "Somebody", "Some program"
    block[ExifTags.IFD.Exif] = {
        0x829A: IFDRational(1, 125), 0x8827: 200, 0xA002: 16, 0xA003: 12, 0x927C: b"notes of the maker\0\1",
        0x9003: "2024:05:06 07:08:09", 0xA434: "A lens"}
    block[ExifTags.IFD.GPSInfo] = {1: "N", 2: (IFDRational(59), IFDRational(3), IFDRational(7, 2))}
    return block


def sources(folder):
    """{ending: path} of the same image, each with all that Pillow writes of profile, EXIF, XMP and resolution."""
    paths = {}
    for ending in ("png", "jpg", "webp", "tif", *AVIF):
        paths[ending] = folder / f"in.{ending}"
        options = {"icc_profile": DISPLAY, "exif": exif(), "dpi": (300, 300), "xmp": XMP}
        if ending == "png":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
            options = {**options, "pnginfo": info}
        if ending == "tif":
            options["exif"][700] = XMP
            options["exif"] = options["exif"].tobytes()   # else without the directories in it
        if ending in ("webp", "avif"):
            options["exif"][282] = options["exif"][283] = IFDRational(300)
            options["exif"][296] = 2
        Image.fromarray(NOISE).save(paths[ending], **options)
    return paths


def check_described(path, size):
    with Image.open(path) as image:
        image.load()
        assert image.size == size
        assert image.info["icc_profile"] == DISPLAY
        found = image.getexif()
        assert found.get(0x0112, 1) == 1
        if path.suffix != ".tif":
            assert 0x0100 not in found and 0x0101 not in found
        assert found[0x010F] == "A maker" and found[0x0131] == "Some program"
        photo, gps = found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.GPSInfo)
        assert (photo[0xA002], photo[0xA003]) == size
        assert photo[0x829A] == IFDRational(1, 125) and photo[0xA434] == "A lens"
        assert photo[0x927C] == b"notes of the maker\0\1"
        assert gps[1] == "N" and tuple(gps[2]) == (59, 3, 3.5)
        dpi = image.info.get("dpi") or (found[282], found[283])
        np.testing.assert_allclose(np.array(dpi, float), 300, atol=0.01)
        xmp = image.info["xmp"]
        assert b"a note" in xmp
        assert not any(stale in xmp for stale in (b"Orientation", b"ImageWidth", b"ImageLength"))
    assert read_deep_picture(path).shape == (size[1], size[0], 3)   # turned once only


@pytest.mark.parametrize("into", ["png", "jpg", "webp", "tif", *AVIF])
def test_profile_exif_xmp_and_resolution_go_along(tmp_path, into):
    for ending, source in sources(tmp_path).items():
        target = tmp_path / f"{ending}.{into}"
        run(source, target, scale=2)
        check_described(target, (24, 32))   # turned, twice as large
        if into in ("png", "tif", "webp"):
            np.testing.assert_array_equal(read_deep_picture(target),
                                          read_deep_picture(source).repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("order", "<>")
def test_sixteen_bits_too(tmp_path, order):
    deep = NOISE.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "in.tif", deep, photometric="rgb", iccprofile=DISPLAY, resolution=(118.11, 118.11),
                     resolutionunit="CENTIMETER", byteorder=order, extratags=[(700, 1, len(XMP), XMP, True)],
                     software="Some program", metadata=None)
    run(tmp_path / "in.tif", tmp_path / "out.png")
    run(tmp_path / "out.png", tmp_path / "out.tif")
    for name in ("out.png", "out.tif"):
        np.testing.assert_array_equal(read_deep_picture(tmp_path / name), deep)
        with Image.open(tmp_path / name) as image:
            assert image.info["icc_profile"] == DISPLAY and b"a note" in image.info["xmp"]
            np.testing.assert_allclose(np.array(image.info["dpi"], float), 300, atol=0.01)
            assert image.getexif()[0x0131] == "Some program"


def test_sixteen_bits_with_exif(tmp_path):
    deep = NOISE.astype(np.uint16) * 257
    write_deep_picture(tmp_path / "in.png", deep)
    data, content = (tmp_path / "in.png").read_bytes(), b"eXIf" + exif(6).tobytes().removeprefix(b"Exif\0\0")
    (tmp_path / "in.png").write_bytes(data[:33] + struct.pack(">I", len(content) - 4) + content
                                      + struct.pack(">I", zlib.crc32(content)) + data[33:])
    for name in ("out.tif", "out.png"):
        run(tmp_path / "in.png", tmp_path / name)
        np.testing.assert_array_equal(read_deep_picture(tmp_path / name), np.rot90(deep, -1))
        with Image.open(tmp_path / name) as image:
            found = image.getexif()
            assert found.get(0x0112, 1) == 1 and found[0x010F] == "A maker"
            photo = found.get_ifd(ExifTags.IFD.Exif)
            assert (photo[0xA002], photo[0xA003], photo[0xA434]) == (12, 16, "A lens")
            assert found.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"


def test_texts_beyond_ascii_and_the_order_of_bytes_are_kept(tmp_path):
    """A maker's notes are written in the order of the block that they lie in."""
    text = "Müller".encode() + b"\0"
    block = (b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + struct.pack(">HHII", 315, 2, len(text), 26) + bytes(4) + text)
    Image.fromarray(NOISE).save(tmp_path / "in.jpg", exif=b"Exif\0\0" + block)
    for name in ("out.png", "out.jpg", "out.tif"):
        run(tmp_path / "in.jpg", tmp_path / name)
        data = (tmp_path / name).read_bytes()
        assert text in data and (b"MM\0*" in data)
    assert tifffile.TiffFile(tmp_path / "out.tif").byteorder == ">"


def test_previews_are_left_out(tmp_path):
    Image.new("RGB", (16, 12)).save(preview := io.BytesIO(), "JPEG")
    preview = preview.getvalue()
    first = struct.pack("<HHHI4sI", 1, 271, 2, 4, b"ABC\0", 26)
    second = struct.pack("<H", 2) + struct.pack("<HHII", 513, 4, 1, 56) + struct.pack("<HHII", 514, 4, 1, len(preview))
    block = b"Exif\0\0II*\0\x08\0\0\0" + first + second + bytes(4) + preview
    Image.fromarray(NOISE).save(tmp_path / "in.jpg", exif=block)
    assert (tmp_path / "in.jpg").read_bytes().count(b"\xff\xd8\xff") == 2
    run(tmp_path / "in.jpg", tmp_path / "out.jpg")
    data = (tmp_path / "out.jpg").read_bytes()
    assert b"ABC\0" in data and data.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("target", ["out.png", "out.jpg", "out.tif", "out.webp"])
@pytest.mark.parametrize(("mode", "profile", "stays"), [("L", GREY, True), ("L", DISPLAY, False), ("RGB", GREY, False),
                                                        ("CMYK", INKS, False), ("P", DISPLAY, True),
                                                        ("RGB", b"nonsense", False)])
def test_a_profile_goes_along_where_it_fits(tmp_path, mode, profile, stays, target):
    name = "in.tif" if mode == "CMYK" else "in.png"
    Image.fromarray(NOISE).convert(mode).save(tmp_path / name, icc_profile=profile)
    run(tmp_path / name, tmp_path / target)
    with Image.open(tmp_path / target) as image:
        assert (image.info.get("icc_profile") == profile) is stays
        assert stays or not image.info.get("icc_profile")


@pytest.mark.parametrize("sign", [b'<a hdrgm:Version="1.0"/>', b'<a xmpNote:HasExtendedXMP="1"/>',
                                  b"<Container:Directory/>"])
def test_xmp_that_speaks_of_other_parts_of_the_file_stays_behind(tmp_path, sign):
    Image.fromarray(NOISE).save(tmp_path / "in.webp", xmp=XMP + sign)
    run(tmp_path / "in.webp", tmp_path / "out.webp")
    with Image.open(tmp_path / "out.webp") as image:
        assert "xmp" not in image.info


def test_a_jpeg_has_what_its_segments_hold(tmp_path):
    block = exif(1)
    block[ExifTags.IFD.Exif] |= {0x927C: bytes(90_000)}
    Image.fromarray(NOISE).save(tmp_path / "in.png", exif=block, icc_profile=DISPLAY + bytes(200_000))
    run(tmp_path / "in.png", tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["icc_profile"] == DISPLAY + bytes(200_000)
        assert image.getexif()[0x010F] == "A maker"


@pytest.mark.parametrize("name", ["out.bmp", "out.gif", "out.jp2", "out.tga", "out.ppm"])
def test_formats_without_a_place_for_it_are_written_without(tmp_path, name):
    run(sources(tmp_path)["png"], tmp_path / name)
    assert read_picture(tmp_path / name).shape == (16, 12, 3)


def psnr(path, wanted):
    return -10 * np.log10(np.mean((read_picture(path) / 255.0 - wanted / 255.0) ** 2) + 1e-12)


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "webp", "jp2", *AVIF])
def test_what_was_computed_is_written_at_high_quality(tmp_path, ending):
    """Colours that change from pixel to pixel: at half their resolution no format reaches 20 dB."""
    picture = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    write_png(tmp_path / "in.png", picture)
    run(tmp_path / "in.png", tmp_path / f"out.{ending}")
    assert psnr(tmp_path / f"out.{ending}", picture) > 35
    if ending in ("jpg", "jpeg"):
        with Image.open(tmp_path / f"out.{ending}") as image:
            assert JpegImagePlugin.get_sampling(image) == 0   # 4:4:4
            assert max(image.quantization[0]) <= 12   # 10 hundredths of the standard's 121


@pytest.mark.parametrize("ending", ["jpg", "webp", *AVIF])
def test_quality_is_chosen(tmp_path, ending):
    write_png(tmp_path / "in.png", NOISE.repeat(4, 0).repeat(4, 1))
    sizes = []
    for quality in (20, np.int64(90)):
        run(tmp_path / "in.png", tmp_path / f"out.{ending}", quality=quality)
        sizes.append((tmp_path / f"out.{ending}").stat().st_size)
    assert sizes[0] < sizes[1]


class Untouched(nn.Module):
    def __call__(self, x):
        raise AssertionError("the network ran")


@pytest.mark.parametrize(("name", "options", "sentence"), [
    *(("out.jpg", {"quality": quality}, "wanted a whole number from 1 to 100") for quality in (0, 101, 2.5, True, "x")),
    ("out.png", {"quality": 90}, r"quality=90 for .*out\.png, but \.png is written without loss; leave quality out"),
    ("out.jp2", {"quality": 90}, r"\.jp2 is written without loss"),
    ("folder", {}, "got the folder .*; wanted the path of a file"),
    ("folder.png", {}, "got the folder .*; wanted the path of a file"),
    ("in.png/out.png", {}, r"in\.png is a file, not a folder; choose another place"),
    ("in.png/further/out.png", {}, r"in\.png is a file, not a folder; choose another place"),
    ("n" * 300 + ".png", {}, r"cannot write .*\(File name too long\); choose another name"),
    ("a\0b.png", {}, r"cannot write .*a\\x00b\.png \(.*null byte.*\); choose another name")])
def test_targets_are_refused_before_the_work(tmp_path, name, options, sentence):
    for folder in ("folder", "folder.png"):
        (tmp_path / folder).mkdir()
    write_png(tmp_path / "in.png", NOISE)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=sentence):
        restore_file(Untouched(), {}, tmp_path / "in.png", tmp_path / name, **options)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_picture_may_take_its_own_place(tmp_path):
    path = sources(tmp_path)["jpg"]
    run(path, path, scale=2)
    check_described(path, (24, 32))


def frames(folder, format):
    first, second = Image.fromarray(NOISE), Image.fromarray(255 - NOISE)
    path = folder / {"TIFF": "a.tif", "AVIF": "a.avif", "WEBP": "a.webp", "GIF": "a.gif", "PNG": "a.png"}[format]
    first.save(path, format, save_all=True, append_images=[second])
    return path


@pytest.mark.parametrize("format", ["TIFF", "GIF", "PNG", "WEBP", *map(str.upper, AVIF)])
def test_several_pages_or_frames_are_refused(tmp_path, format):
    path = frames(tmp_path, format)
    with pytest.raises(ValueError, match=rf"{path.name} holds several pages or frames, .*wanted a file of one picture"):
        restore_file(Untouched(), {}, path, tmp_path / "out.png")
    assert read_picture(path).shape == (12, 16, 3)   # the first; for training


def test_planes_of_a_stack_are_pages(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 8, 8), np.uint8), photometric="minisblack")
    with pytest.raises(ValueError, match=r"a\.tif holds several pages"):
        restore_file(Untouched(), {}, tmp_path / "a.tif", tmp_path / "out.png")


@pytest.mark.parametrize("options", [{"imagej": True}, {"shaped": True}])
def test_images_behind_one_directory_are_pages_too(tmp_path, options):
    """As ImageJ writes stacks of over 4 GB: one directory, and in its description how many images follow."""
    with tifffile.TiffWriter(tmp_path / "a.tif", **options) as file:
        file.write(np.zeros((3, 8, 8), np.uint16), photometric="minisblack", truncate=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    with pytest.raises(ValueError, match=r"a\.tif holds several pages"):
        restore_file(Untouched(), {}, tmp_path / "a.tif", tmp_path / "out.png")


@pytest.mark.parametrize("image", [b"P6 1 2 255\nabcdef", b"P6 1 1 1023\n\1a\1b\1c", b"P5 2 2 255\nabcd", b"P4 9 1\nab",
                                   b"P5 1 2 65535\nabcd"])
def test_a_stream_of_portable_pixmaps_is_several(tmp_path, image):
    (tmp_path / "a.ppm").write_bytes(2 * image)
    with pytest.raises(ValueError, match=r"a\.ppm holds several pages"):
        restore_file(Untouched(), {}, tmp_path / "a.ppm", tmp_path / "out.png")
    (tmp_path / "a.ppm").write_bytes(image + b"\n")
    run(tmp_path / "a.ppm", tmp_path / "out.png")


def test_the_default_image_of_an_animation_is_read(tmp_path):
    still, moving = Image.fromarray(NOISE), Image.fromarray(255 - NOISE)
    still.save(tmp_path / "a.png", save_all=True, default_image=True, append_images=[moving])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), NOISE)
    with pytest.raises(ValueError, match=r"a\.png holds several"):
        restore_file(Untouched(), {}, tmp_path / "a.png", tmp_path / "out.png")


@pytest.mark.parametrize("kind", ["further page", "first page", "SubIFD"])
def test_previews_in_a_tiff_are_no_pages(tmp_path, kind):
    preview = np.zeros((3, 4, 3), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        if kind == "first page":
            file.write(preview, photometric="rgb", subfiletype=1, metadata=None)
        file.write(NOISE, photometric="rgb", metadata=None, subifds=1 if kind == "SubIFD" else None)
        if kind != "first page":
            file.write(preview, photometric="rgb", subfiletype=1, metadata=None)
    run(tmp_path / "a.tif", tmp_path / "out.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png"), NOISE)


@pytest.mark.parametrize(("type", "is_one"), [(0x000000, True), (0x010001, True), (0x010002, True), (0x020001, False),
                                              (0x020002, False), (0x020003, False)])
def test_a_camera_s_jpeg_with_a_preview_is_one_picture(tmp_path, type, is_one):
    """CIPA DC-007: 1.1 and 1.2 are previews, 2.1 to 2.3 panorama, disparity and multi-angle."""
    image = Image.fromarray(NOISE)
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[image.resize((8, 6))])
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    at = data.index(b"MPF\0") + 4
    order = "<" if data[at:at + 2] == b"II" else ">"
    # The tag 0xB002, UNDEFINED, of 16 bytes a picture, which begin with its attribute.
    tag = data.index(struct.pack(order + "HHI", 0xB002, 7, 32), at)
    second = at + struct.unpack_from(order + "I", data, tag + 8)[0] + 16
    data[second:second + 4] = struct.pack(order + "I", type)
    (tmp_path / "a.jpg").write_bytes(data)
    with Image.open(tmp_path / "a.jpg") as opened:
        assert opened.n_frames == 2
    if is_one:
        run(tmp_path / "a.jpg", tmp_path / "out.png")
        assert read_picture(tmp_path / "out.png").shape == (12, 16, 3)
    else:
        with pytest.raises(ValueError, match=r"a\.jpg holds several"):
            restore_file(Untouched(), {}, tmp_path / "a.jpg", tmp_path / "out.png")


def test_a_jpeg_of_several_images_of_one_size_is_several(tmp_path):
    """Of no kind that is defined; one that belongs to the first, as a map of gains, is said to in the first's XMP."""
    image, other = Image.fromarray(NOISE), Image.fromarray(255 - NOISE)
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[other])
    with pytest.raises(ValueError, match=r"a\.jpg holds several"):
        restore_file(Untouched(), {}, tmp_path / "a.jpg", tmp_path / "out.png")
    image.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[other],
               xmp=XMP + b'<!-- hdrgm:Version="1.0" -->')
    run(tmp_path / "a.jpg", tmp_path / "out.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "out.png"), read_picture(tmp_path / "a.jpg"))


@pytest.mark.parametrize("name", ["x.jpg", "x", "x.tif", "x.png.zip"])
def test_write_png_writes_png(tmp_path, name):
    with pytest.raises(ValueError, match=r"write_png got .*; wanted a path that ends in \.png"):
        write_png(tmp_path / name, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="write_png got the folder"):
        write_png(tmp_path, np.zeros((2, 3)))
    write_png(tmp_path / "X.PNG", np.zeros((2, 3)))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_arrays_of_any_order_of_bytes_and_layout_are_written(tmp_path, ending):
    picture = RNG.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    for same in (picture.astype(">u2"), picture.astype("<u2"), np.asfortranarray(picture), memoryview(picture),
                 picture[::-1, ::-1].copy()[::-1, ::-1], np.repeat(picture, 2, 1)[:, ::2]):
        write_deep_picture(tmp_path / f"a.{ending}", same)
        np.testing.assert_array_equal(read_deep_picture(tmp_path / f"a.{ending}"), picture)
    read_only = (picture >> 8).astype(np.uint8)
    read_only.flags.writeable = False
    write_deep_picture(tmp_path / f"a.{ending}", read_only)
    np.testing.assert_array_equal(read_deep_picture(tmp_path / f"a.{ending}"), picture >> 8)


@pytest.mark.parametrize("dtype", [">f4", "<f4", ">f8", ">f2", "<f2"])
def test_write_png_takes_any_order_of_bytes(tmp_path, dtype):
    image = np.array([[0, 0.25, 1.0], [0.5, 0.75, 0.125]]).astype(dtype)
    for same in (image, np.asfortranarray(image), image[::-1][::-1]):
        write_png(tmp_path / "a.png", same)
        # 63.75, 127.5 up, 191.25, 31.875
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[..., 0], [[0, 64, 255], [128, 191, 32]])
