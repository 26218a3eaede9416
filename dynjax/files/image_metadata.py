"""What an image file says about its pixels: colour profile, EXIF, XMP and resolution, from one format to another."""
import dataclasses
import re

from dynjax.files import exif as exif_blocks
from dynjax.files.inflation import inflate_text

MOST = 2**22   # bytes of a profile or a packet of XMP
SPACES = {1: b"GRAY", 2: b"GRAY", 3: b"RGB ", 4: b"RGB "}   # of a profile that fits so many channels
XMP = b"XML:com.adobe.xmp"
# Of XMP: what is no longer true, and signs of parts that lie in the file beside the image, and would be missing.
STALE = rb"tiff:Orientation|tiff:ImageWidth|tiff:ImageLength|exif:PixelXDimension|exif:PixelYDimension"
BOUND = (b"HasExtendedXMP", b"hdrgm:", b"Container:", b"GCamera:", b"GImage:", b"GDepth:", b"HDRGainMap:")


@dataclasses.dataclass
class Metadata:
    """What a file says about its pixels.

    Attributes:
      profile: an ICC profile, bytes, or None.
      exif: exif.Exif or None.
      xmp: a packet of XMP, bytes, or None.
      dpi: pixels an inch, (x, y), or None.
    """
    profile: bytes | None = None
    exif: exif_blocks.Exif | None = None
    xmp: bytes | None = None
    dpi: tuple | None = None

    def __post_init__(self):
        self.profile, self.xmp = (part or None for part in (self.profile, self.xmp))
        dpi = self.dpi or (self.exif.dpi if self.exif else None)
        self.dpi = tuple(map(float, dpi)) if dpi and all(1 <= value < 2**16 for value in dpi) else None

    def fitted(self, pixels):
        """What of it may stand beside other pixels, [H, W, C], of the same image, upright.

        A profile of another kind of colour is left out: of inks, where they became RGB.
        """
        profile = self.profile
        if profile and (profile[36:40] != b"acsp" or profile[16:20] != SPACES[pixels.shape[-1]]):
            profile = None
        size = pixels.shape[1], pixels.shape[0]
        return Metadata(profile, exif_blocks.carried(self.exif, size, self.dpi), _upright(self.xmp), self.dpi)


def of_pillow(image):
    """Metadata of an image that Pillow has opened."""
    return Metadata(image.info.get("icc_profile"), exif_blocks.from_bytes(image.info.get("exif")),
                    image.info.get("xmp"), image.info.get("dpi"))


def of_tiff(file, offset):
    """Metadata of a page of a TIFF, the directory of which lies at `offset`."""
    try:
        exif = exif_blocks.read_exif(file, offset)
    except Exception:   # the pixels are sound; tifffile forgives more
        return Metadata()
    profile, xmp = (exif.image[tag].data if tag in exif.image else None for tag in (34675, 700))
    return Metadata(profile, exif, xmp)


def of_png(chunks):
    """Metadata of png_image.PngChunks."""
    profile = dpi = None
    for kind, content in chunks.describing:
        if kind == b"iCCP":
            profile = inflate_text(content.partition(b"\0")[2][1:], MOST)
        elif kind == b"pHYs" and len(content) == 9 and content[8] == 1:   # pixels a metre
            dpi = tuple(_whole(int.from_bytes(content[at:at + 4], "big")) for at in (0, 4))
    return Metadata(profile, _png_exif(chunks), _png_xmp(chunks), dpi)


def png_orientation(chunks):
    """The orientation that EXIF or XMP record in a PNG, or None."""
    if (exif := _png_exif(chunks)) is not None and exif.orientation:
        return exif.orientation
    found = re.search(rb"""tiff:Orientation(=["']|>)([1-8])""", _png_xmp(chunks) or b"")
    return int(found[2]) if found else None


def _whole(a_metre):
    """Pixels an inch: the whole number that is so many a metre, or else the fraction."""
    whole = round(a_metre * 0.0254)
    return whole if round(whole / 0.0254) == a_metre else a_metre * 0.0254


def _png_exif(chunks):
    """From its own chunk, or as ImageMagick writes it, as a text of hexadecimal digits."""
    for kind, content in chunks.describing:
        if kind == b"eXIf":
            return exif_blocks.from_bytes(content)
    for kind, content in chunks.describing:
        name, _, text = content.partition(b"\0")
        if kind in (b"tEXt", b"zTXt") and name == b"Raw profile type exif":
            text = inflate_text(text[1:], MOST) if kind == b"zTXt" else text
            try:
                return exif_blocks.from_bytes(bytes.fromhex("".join((text or b"").decode("latin-1").split()[2:])))
            except ValueError:
                return None
    return None


def _png_xmp(chunks):
    for kind, content in chunks.describing:
        name, _, rest = content.partition(b"\0")
        if kind == b"iTXt" and name == XMP and len(rest) > 2:
            text = rest[2:].split(b"\0", 2)[-1]   # behind a language and a translated name
            return inflate_text(text, MOST) if rest[0] else text[:MOST]
    return None


def _upright(xmp):
    """XMP without what was true of the old pixels only; None where it is bound to other parts of the old file."""
    if not xmp or len(xmp) > MOST or any(sign in xmp for sign in BOUND):
        return None
    xmp = re.sub(rb"""\s(""" + STALE + rb""")\s*=\s*("[^"]*"|'[^']*')""", b"", xmp)
    xmp = re.sub(rb"<(" + STALE + rb")>[^<]*</\1>", b"", xmp)
    return re.sub(rb"<xmp:Thumbnails>.*?</xmp:Thumbnails>", b"", xmp, flags=re.DOTALL)
