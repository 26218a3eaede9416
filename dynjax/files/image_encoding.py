"""Images as the bytes of a file, with what is said of them."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

from dynjax.files import exif as exif_blocks
from dynjax.files.exif import BYTE, UNDEFINED, Entry
from dynjax.files.image_metadata import XMP, Metadata
from dynjax.files.png_image import chunk

LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif")
QUALITY = 95
MOST_IN_JPEG = 65533   # bytes of a segment, its length aside
NOTES = 37500   # the tag of a maker's notes


def encoded(image, ending, quality=None, metadata=None):
    """The bytes of a file with this ending.

    Args:
      image: uint8 or uint16, [H, W, C], in the machine's order of bytes.
      ending: in lower case, such as ".png".
      quality: of LOSSY, 1 to 100; None is QUALITY, and no loss for WebP.
      metadata: Metadata that is true of the image, or None.
    """
    metadata = metadata or Metadata()
    if ending == ".png":
        return _png(image, metadata)
    if ending in (".tif", ".tiff"):
        return _tiff(image, metadata)
    options = {}
    if ending == ".webp":
        options = {"quality": int(quality)} if quality else {"lossless": True, "exact": True}
    elif ending in LOSSY:
        options = {"quality": int(quality or QUALITY), "subsampling": "4:4:4"}
        if ending == ".avif" and image.shape[-1] < 3:
            del options["subsampling"]   # grey has no colours
    if ending in LOSSY:
        options |= _described(metadata, ending)
    if metadata.dpi and ending in (*LOSSY[:4], ".bmp", ".dib"):
        options["dpi"] = metadata.dpi
    return _by_pillow(image, Image.registered_extensions()[ending], options)


def _by_pillow(image, format, options):
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, format=format, **options)
    return file.getvalue()


def _described(metadata, ending):
    """Pillow's options for profile, EXIF and XMP; for JPEG no more of each than a segment holds."""
    is_jpeg, exif, xmp = ending in LOSSY[:4], b"", metadata.xmp
    if metadata.exif:
        exif = b"Exif\0\0" + exif_blocks.to_bytes(metadata.exif)
        if is_jpeg and len(exif) > MOST_IN_JPEG:
            photo = {tag: entry for tag, entry in metadata.exif.photo.items() if tag != NOTES}
            kept = exif_blocks.Exif(metadata.exif.order, metadata.exif.image, photo, metadata.exif.gps)
            exif = b"Exif\0\0" + exif_blocks.to_bytes(kept)
    if is_jpeg:
        exif = exif if len(exif) <= MOST_IN_JPEG else b""
        xmp = xmp if xmp and len(xmp) < MOST_IN_JPEG - 50 else None   # behind the name of its segment
    options = {"icc_profile": metadata.profile, "exif": exif, "xmp": xmp}
    return {name: value for name, value in options.items() if value}


def _png(image, metadata):
    if image.dtype == np.uint8:
        data = _by_pillow(image, "PNG", {})
    else:   # of which Pillow writes grey only
        import png

        height, width, channels = image.shape
        file = io.BytesIO()
        writer = png.Writer(width, height, bitdepth=16, greyscale=channels < 3, alpha=channels in (2, 4))
        writer.write(file, image.reshape(height, width * channels))
        data = file.getvalue()
    chunks = []
    if metadata.profile:
        chunks.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.profile)))
    if metadata.dpi:
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in metadata.dpi), 1)))
    if metadata.exif:
        chunks.append(chunk(b"eXIf", exif_blocks.to_bytes(metadata.exif)))
    if metadata.xmp:
        chunks.append(chunk(b"iTXt", XMP + bytes(5) + metadata.xmp))
    end = data.index(b"IHDR") + 4 + 13 + 4
    return data[:end] + b"".join(chunks) + data[end:]


def _tiff(image, metadata):
    """Deflated; its directory is written anew behind the pixels, with what is said of them."""
    import tifffile

    channels, exif = image.shape[-1], metadata.exif or exif_blocks.Exif("<", {}, {}, {})
    array, file = image[..., 0] if channels == 1 else image, io.BytesIO()
    tifffile.imwrite(file, array, photometric="rgb" if channels > 2 else "minisblack", compression="zlib",
                     planarconfig="contig", extrasamples=["unassalpha"] if channels in (2, 4) else None,
                     byteorder=exif.order, metadata=None)
    data = file.getvalue()
    further = {tag: Entry(type, len(value), value) for tag, type, value in (
        (34675, UNDEFINED, metadata.profile), (700, BYTE, metadata.xmp)) if value}
    if not (further or exif.image or exif.photo or exif.gps) or data[2:4] not in (b"*\0", b"\0*"):
        return data
    written = exif_blocks.read_directory(io.BytesIO(data), struct.unpack_from(exif.order + "I", data, 4)[0], exif.order)
    data += bytes(len(data) % 2)
    everything = exif_blocks.Exif(exif.order, written | exif.image | further, exif.photo, exif.gps)
    return (data[:4] + struct.pack(exif.order + "I", len(data)) + data[8:]
            + exif_blocks.directories(everything, len(data)))
