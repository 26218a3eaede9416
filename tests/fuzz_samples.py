"""Tiny good files of every format that is read, and damage that reaches what lies inside of a container.

A format is (files, wrapped): the bytes of good files, and a function (file, rng, mutate) that gives a file whose outer
form is right, with lengths and checksums, around content that `mutate` has changed; None where there is no such.
"""
import collections
import io
import json
import pickle
import random
import struct
import zipfile
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
import tifffile
from PIL import Image

from dynjax.files import to_safetensors, write_deep_picture
from dynjax.models import save
from dynjax.models.files import CHECKSUM, KEY, _checksum
from dynjax.networks import EDSR

PARITY = Path(__file__).parent / "data" / "parity"
RNG = np.random.default_rng(0)
ARRAYS = {"weight": RNG.random((2, 3, 1, 1), np.float32), "bias": np.arange(2, dtype=np.float16),
          "step": np.array(7), "empty": np.zeros((0, 2)), "flags": np.array([True, False])}
PIXELS = RNG.integers(0, 256, (7, 13, 4), np.uint8)
DEEP = RNG.integers(0, 65536, (7, 13, 4)).astype(np.uint16)


def _safetensors(folder):
    half = {"half": np.ones(2, ml_dtypes.bfloat16), "eighth": np.ones(2, ml_dtypes.float8_e4m3fn)}
    return [to_safetensors(ARRAYS), _ordered(to_safetensors(ARRAYS | half, {"note": "é", "format": "pt"}))]


def _ordered(data):
    """The same file with its metadata in the order of their names; safetensors writes them in any."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    return data[:8] + text.ljust(length) + data[8 + length:]


def _with_header(data, rng, change):
    """The length of the header follows it."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = change(data[8:end])
    return len(header).to_bytes(8, "little") + header + data[end:]


def _models(folder):
    variables = {"params": {"a": {"kernel": np.arange(3, dtype=np.float32)}, "more": [np.int8(3), ()], "é": np.ones(1)}}
    save(folder / "m.safetensors", EDSR(features=2), variables, card={"é": "x", "steps": 3})
    save(folder / "h.safetensors", EDSR(features=2), variables, half=True)
    return [_ordered((folder / name).read_bytes()) for name in ("m.safetensors", "h.safetensors")]


def _signed(data, rng, change):
    """Another description or other names, under a checksum that is right."""
    from dynjax.files.safetensors import parse_safetensors

    arrays, metadata = parse_safetensors(data, "sample", widen=False)
    text = metadata[KEY]
    if rng.random() < 0.3:
        arrays = {change(name.encode()).decode("utf-8", "replace"): array
                  for name, array in sorted(arrays.items())}
    else:
        text = change(text.encode()).decode("utf-8", "replace")
    return _ordered(to_safetensors(arrays, {KEY: text, CHECKSUM: _checksum(text, arrays)}))


def _pth(kind):
    names = {"zip": ("state_dict_zip", "state_dict_zip_protocol4", "state_dict_zip_bigendian"),
             "legacy": ("state_dict_legacy", "state_dict_legacy_protocol4", "sample_legacy")}[kind]
    return lambda folder: [(PARITY / "pth" / f"{name}.pth").read_bytes() for name in names]


def _npz(folder):
    files = []
    for write in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        write(file, **ARRAYS, text=np.array("é"))
        files.append(_zipped(file.getvalue(), random.Random(0), lambda content: content))   # without the time of day
    return files


def _zipped(data, rng, change):
    """One member changed; the sizes and checksums of the new zip are right."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        members = [(info.filename, info.compress_type, old.read(info)) for info in old.infolist()]
        pickled = [i for i, member in enumerate(members) if member[0].endswith("data.pkl")]
        chosen = pickled[0] if pickled and rng.random() < 0.8 else rng.randrange(len(members))
        for index, (name, compression, content) in enumerate(members):
            new.writestr(zipfile.ZipInfo(name),   # of 1980, not of now
                         change(content) if index == chosen else content, compression)
    return file.getvalue()


def _checkpoints(folder):
    from test_mindspore import entry, field

    written = entry("half", [1, 3], "BFloat16", bytes(6), packed=True) + entry("step", [0], "Int32", b"\x07\0\0\0")
    written += entry("random_op", [], "random_op", b"\x01\x02") + field(1, field(1, b"table") + field(3, b"\x08\x01"))
    written += entry("note", [0], "str", "é1".encode("utf-32-le")) + entry("bias", [2], "Float16", bytes(4))
    return [written, written + b"crc_num" + bytes(10), (PARITY / "ms_ckpt_tiny.ckpt").read_bytes()]


def _pickles(folder):
    tree = {"a": collections.OrderedDict(ARRAYS), "big": np.arange(3, dtype=">f8"), "turned": ARRAYS["weight"].T}
    return [pickle.dumps(tree, protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]


def _saved(format, *images, **options):
    file = io.BytesIO()
    images[0].save(file, format, **options)
    return file.getvalue()


def _modes(*modes):
    return [Image.fromarray(PIXELS).convert(mode) for mode in modes]


def _exif():
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    return exif


def _png(folder):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("note", "text " * 50, zip=True)
    info.add_itxt("more", "é")
    files = [_saved("PNG", image) for image in _modes("RGB", "RGBA", "L", "LA", "1")]
    colour, palette = _modes("RGB", "P")
    files += [_saved("PNG", colour, pnginfo=info, exif=_exif(), icc_profile=bytes(200), dpi=(72, 72)),
              _saved("PNG", palette, transparency=b"\0\x80\xff")]
    files += [_saved("PNG", Image.fromarray(DEEP[..., 0]))]
    for channels in (2, 3, 4):
        write_deep_picture(folder / "deep.png", DEEP[..., :channels])
        files.append((folder / "deep.png").read_bytes())
    return files


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_chunks(data):
    """[(kind, content)] of a good PNG."""
    chunks, at = [], 8
    while at < len(data):
        length = int.from_bytes(data[at:at + 4], "big")
        chunks.append((data[at + 4:at + 8], data[at + 8:at + 8 + length]))
        at += 12 + length
    return chunks


def _rechunked(data, rng, change):
    """One chunk changed, its pixels before they are compressed in half of the cases; the checksums are right."""
    chunks = png_chunks(data)
    chosen = rng.randrange(len(chunks))
    kind, content = chunks[chosen]
    if kind == b"IDAT" and rng.random() < 0.5:
        content = zlib.compress(change(zlib.decompress(content)))
    else:
        content = change(content)
    chunks[chosen] = kind, content
    return data[:8] + b"".join(png_chunk(*chunk) for chunk in chunks)


def _jpeg(folder):
    grey, colour, inks = _modes("L", "RGB", "CMYK")
    return [_saved("JPEG", grey), _saved("JPEG", colour, exif=_exif(), icc_profile=bytes(200)), _saved("JPEG", inks),
            _saved("JPEG", colour, progressive=True, quality=30),
            _saved("MPO", colour, save_all=True, append_images=[colour])]


def _webp(folder):
    colour, clear = _modes("RGB", "RGBA")
    return [_saved("WEBP", colour), _saved("WEBP", clear), _saved("WEBP", clear, lossless=True, exif=_exif()),
            _saved("WEBP", colour, save_all=True, append_images=[colour.rotate(180)])]


def _tiff(folder):
    colour, grey, bits, inks, palette, clear = _modes("RGB", "L", "1", "CMYK", "P", "RGBA")
    files = [_saved("TIFF", image) for image in (colour, grey, bits, inks, palette, clear)]
    files += [_saved("TIFF", colour, compression=name)
              for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg", "zstd")]
    files += [_saved("TIFF", bits, compression="group4"), _saved("TIFF", colour, big_tiff=True, exif=_exif()),
              _saved("TIFF", colour, save_all=True, append_images=[grey])]
    from tiff_files import LZW, PACKBITS, tiff

    files += [tiff(PIXELS.astype(int) % 2**bits, bits, 2, extra=(1,), compression=compression, planar=planar,
                   big=planar) for bits, compression, planar in ((8, LZW, False), (4, PACKBITS, True), (2, LZW, False))]
    return [*files, *(_by_tifffile(PIXELS[..., :3], **options) for options in (
        {"tile": (16, 16)}, {"planarconfig": "separate"}, {"byteorder": ">"}))]


def _deep_tiff(folder):
    from tiff_files import LZW, PACKBITS, tiff

    files = [tiff(DEEP, 16, 2, extra=(1,), compression=LZW, predictor=2, tile=(16, 16)),
             tiff(DEEP[..., :3], 16, 2, planar=True, compression=PACKBITS, order=">"),
             tiff(DEEP[..., :1] >> 4, 12, 1), _saved("TIFF", Image.fromarray(DEEP[..., 0])),
             _saved("TIFF", Image.fromarray(DEEP[..., 0]), compression="tiff_lzw")]
    return [*files, *(_by_tifffile(array, **options) for array, options in (
        (DEEP[..., :3], {}), (DEEP, {"photometric": "separated"}), (DEEP[..., 0], {"photometric": "miniswhite"}),
        (DEEP[..., :3], {"compression": "zlib", "predictor": True}), (DEEP[..., :3], {"tile": (16, 16)}),
        (DEEP[..., :3], {"planarconfig": "separate", "byteorder": ">"}), (DEEP[..., :3], {"bigtiff": True}),
        (np.stack([DEEP[..., :3]] * 2), {}), (DEEP[..., 0].astype(np.float32), {})))]


def _by_tifffile(array, **options):
    file = io.BytesIO()
    colours = {"photometric": "rgb" if array.shape[-1] in (3, 4) else "minisblack"}
    tifffile.imwrite(file, np.moveaxis(array, -1, 0) if options.get("planarconfig") == "separate" else array,
                     **colours | options)
    return file.getvalue()


def _portable(folder):
    plain = b"P3\n# a note\n3 2\n255\n" + b" ".join(b"%d" % value for value in range(18))
    bits = b"P1\n4 2\n0101\n1010\n"
    floats = b"Pf\n2 1\n-1.0\n" + bytes(8)
    return [*(_saved("PPM", image) for image in _modes("RGB", "L", "1")), _saved("PPM", Image.fromarray(DEEP[..., 0])),
            b"P6\n3 1\n65535\n" + bytes(18), plain, bits, floats]


def _bmp(folder):
    # 4 x 2 pixels of a palette, run by run: BITMAPINFOHEADER with compression 1
    runs = bytes((4, 1, 0, 0, 2, 0, 2, 1, 0, 1))
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(runs), 0, 0, 2, 0) + bytes(4) + b"\xff\xff\xff\0"
    coded = b"BM" + struct.pack("<IHHI", 14 + len(head) + len(runs), 0, 0, 14 + len(head)) + head + runs
    return [*(_saved("BMP", image) for image in _modes("RGB", "L", "1", "P", "RGBA")), coded]


def _gif(folder):
    grey, palette = _modes("L", "P")
    return [_saved("GIF", grey), _saved("GIF", palette, transparency=3, interlace=1),
            _saved("GIF", palette, save_all=True, append_images=[palette.rotate(180)], comment=b"a note")]


def _others(folder):
    colour, grey = _modes("RGB", "L")
    return [_saved("TGA", colour), _saved("TGA", grey, compression="tga_rle"), _saved("JPEG2000", colour),
            _saved("JPEG2000", Image.fromarray(DEEP[..., 0])), _saved("AVIF", colour)]


FORMATS = {   # name: (ending, good files, damage inside)
    "safetensors": (".safetensors", _safetensors, _with_header),
    "model": (".safetensors", _models, _with_header),
    "model_signed": (".safetensors", _models, _signed),
    "pth_zip": (".pth", _pth("zip"), _zipped),
    "pth_legacy": (".pth", _pth("legacy"), None),
    "npz": (".npz", _npz, _zipped),
    "ckpt": (".ckpt", _checkpoints, None),
    "pickle": (".pkl", _pickles, None),
    "png": (".png", _png, _rechunked),
    "jpeg": (".jpg", _jpeg, None),
    "webp": (".webp", _webp, None),
    "tiff": (".tif", _tiff, None),
    "deep_tiff": (".tif", _deep_tiff, None),
    "ppm": (".ppm", _portable, None),
    "bmp": (".bmp", _bmp, None),
    "gif": (".gif", _gif, None),
    "tga_jp2_avif": (".tga", _others, None),
}
ARRAY_FORMATS = tuple(name for name, (ending, *_) in FORMATS.items() if ending in (
    ".safetensors", ".pth", ".npz", ".ckpt", ".pkl"))
PICTURE_FORMATS = tuple(name for name in FORMATS if name not in ARRAY_FORMATS)


