"""Pictures of the highest permitted cost, and beyond: too large to ship, so generated on demand."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from tests.make_hostile_pictures import (
    build_box,
    build_overriding_stream,
    png_chunk,
    save_image,
    with_png_chunk,
)

FACES: Final = Path(__file__).resolve().parent.parent / "fixtures" / "faces"
SIDE_PX: Final = 5_000
"""5,000 × 5,000 is exactly the limit of a picture's size; these two formats have lower limits."""
WEBP_SIDE_PX: Final = 3_872
AVIF_SIDE_PX: Final = 4_330


def _blank(mode: str = "RGB", side: int = SIDE_PX) -> Image.Image:
    return Image.new(mode, (side, side))


def _compressible_png(colour_type: int, depth: int, samples: int, interlaced: bool) -> bytes:
    """Zeros at PNG's largest bit depth: kilobytes that decode to hundreds of megabytes."""
    row = 1 + SIDE_PX * samples * depth // 8
    compressor = zlib.compressobj(9)
    rows = 2 * SIDE_PX if interlaced else SIDE_PX  # more than any interlacing needs
    packed = b"".join(compressor.compress(bytes(row)) for _ in range(rows)) + compressor.flush()
    header = struct.pack(">IIBBBBB", SIDE_PX, SIDE_PX, depth, colour_type, 0, 0, int(interlaced))
    parts = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in parts)


def _many_scans() -> bytes:
    """The largest permitted number of scans over the whole picture."""
    data = save_image(_blank(), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * (16 - data.count(b"\xff\xda")) + data[-2:]


def _progressive_noise() -> bytes:
    tile = Image.effect_noise((500, 500), 20).convert("RGB")
    whole = _blank()
    for x in range(0, SIDE_PX, 500):
        for y in range(0, SIDE_PX, 500):
            whole.paste(tile, (x, y))
    return save_image(whole, "JPEG", progressive=True, subsampling=0, quality=35)


def _many_frames(kind: str, count: int) -> bytes:
    frames = [Image.new("L", (64, 64), i % 256) for i in range(count)]
    return save_image(frames[0], kind, save_all=True, append_images=frames[1:])


def _many_extents() -> bytes:
    """An AVIF with a million extents, each with ninety headers."""
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    headers = b"\x0a\x00" * 90
    mdat = struct.pack(">I4s", 8 + len(headers), b"mdat") + headers
    items = b"".join(struct.pack(">HHIH", n, 0, len(ftyp) + 8, 1000) + b"" for n in range(1000))
    iloc = b"\x00\x00\x00\x00\x00\x40" + struct.pack(">H", 1000) + items
    box = struct.pack(">I4s", 8 + len(iloc), b"iloc") + iloc
    return ftyp + mdat + struct.pack(">I4sI", 12 + len(box), b"meta", 0) + box


def _decoy() -> bytes:
    """An AVIF that announces 64 × 64 in a stray ``idat``, and unpacks to 6,000 × 6,000."""
    large = (FACES / "hostile" / "bomb_stream.avif").read_bytes()
    at = large.index(b"mdat") + 4
    iloc = b"\x01\x00\x00\x00\x44\x00" + struct.pack(">HHHHHII", 1, 1, 1, 0, 1, 0, len(large) - at)
    boxes = build_box(b"iloc", iloc) + build_box(b"idat", large[at:])
    stray = build_box(b"idat", build_overriding_stream(64, 64).ljust(len(large) - at, b"\x00"))
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    return ftyp + stray + build_box(b"meta", bytes(4) + boxes)


def _large_exif() -> bytes:
    entries = struct.pack("<HHII", 0x9286, 7, 1, 0) * 65_535
    return b"II*\x00\x08\x00\x00\x00\xff\xff" + entries + bytes(3_000_000)


def _large_profile() -> bytes:
    """A colour profile whose table fills most of the permitted profile size."""
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes() + bytes(900_000)


def _small_png() -> bytes:
    return save_image(Image.new("RGB", (64, 64)), "PNG")


COSTLY_PICTURES: Final[Mapping[str, Callable[[], bytes]]] = {
    "most.jpg": lambda: save_image(_blank(), "JPEG"),
    "most_progressive.jpg": _progressive_noise,
    "most_16_scans.jpg": _many_scans,
    "most_cmyk.jpg": lambda: save_image(_blank("CMYK"), "JPEG"),
    "most_rgb.png": lambda: _compressible_png(2, 8, 3, False),
    "most_rgba_16_bit.png": lambda: _compressible_png(6, 16, 4, False),
    "most_rgba_16_bit_interlaced.png": lambda: _compressible_png(6, 16, 4, True),
    "most.gif": lambda: save_image(_blank("L"), "GIF"),
    "most.webp": lambda: save_image(_blank("RGB", WEBP_SIDE_PX), "WEBP", method=0),
    "most_alpha.webp": lambda: save_image(_blank("RGBA", WEBP_SIDE_PX), "WEBP", method=0),
    "most_alpha_lossless.webp": lambda: save_image(
        _blank("RGBA", WEBP_SIDE_PX), "WEBP", lossless=True, method=0
    ),
    "most.avif": lambda: save_image(_blank("RGB", AVIF_SIDE_PX), "AVIF", speed=10),
    "most_alpha.avif": lambda: save_image(_blank("RGBA", AVIF_SIDE_PX), "AVIF", speed=10),
    "5000_frames.gif": lambda: _many_frames("GIF", 5_000),
    "2000_frames.png": lambda: _many_frames("PNG", 2_000),
    "2000_frames.webp": lambda: _many_frames("WEBP", 2_000),
    "million_pieces.avif": _many_extents,
    "decoy.avif": _decoy,
    "comments.svg": lambda: b"<!---->" * 140 + b"x",
    "fill.jpg": lambda: b"\xff\xd8" + b"\xff" * 4_900_000,
    "vast_exif.png": lambda: with_png_chunk(_small_png(), b"eXIf", _large_exif()),
    "vast_text.png": lambda: with_png_chunk(
        _small_png(), b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(1_000_000_000), 9)
    ),
    "vast_profile.png": lambda: with_png_chunk(
        _small_png(), b"iCCP", b"a\0\0" + zlib.compress(_large_profile(), 9)
    ),
    "many_chunks.png": lambda: with_png_chunk(_small_png(), b"tEXt", b"a\0b").replace(
        png_chunk(b"tEXt", b"a\0b"), png_chunk(b"tEXt", b"a\0b") * 300_000
    ),
}
