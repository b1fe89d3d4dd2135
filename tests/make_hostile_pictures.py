"""Write the hostile pictures and their manifest anew: ``python tests/make_hostile_pictures.py``.

Everything is drawn here, from nothing; the same versions of Pillow and its codecs give the same
bytes. Each file holds one trap; the manifest says what ``decode`` must answer: ``ok`` or a code.
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HOSTILE_DIR = Path(__file__).resolve().parent.parent / "fixtures" / "faces" / "hostile"
HostileFile = tuple[bytes, str, str]


def draw_scene(width: int = 48, height: int = 40) -> Image.Image:
    """No two quarters and no two corners alike, so that every turn shows."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x // max(1, width - 1)
    green = 255 * y // max(1, height - 1)
    blue = 200 * ((x < width // 2) & (y < height // 2))
    return Image.fromarray(np.stack([red, green, blue], axis=2).astype(np.uint8))


def save_image(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_png_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """``png`` with one more chunk behind its header."""
    return png[:33] + png_chunk(kind, body) + png[33:]


def build_png(header: bytes, pixels: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(kind, body)
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    )


def with_jpeg_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """``jpeg`` with one more segment at its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    """``jpeg`` whose frame header states another size."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def build_exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def bombs() -> Iterator[tuple[str, HostileFile]]:
    small = draw_scene()
    header = struct.pack(">IIBBBBB", 13_000, 13_000, 8, 2, 0, 0, 0)
    png = build_png(header, bytes(1000))
    yield "bomb.png", (png, "image_bomb", "states 13,000 × 13,000 pixels")
    yield (
        "bomb.jpg",
        (
            with_jpeg_size(save_image(small, "JPEG"), 13_000, 13_000),
            "image_bomb",
            "states 13,000 × 13,000",
        ),
    )
    gif = save_image(small, "GIF")
    yield (
        "bomb_screen.gif",
        (
            gif[:6] + struct.pack("<HH", 13_000, 13_000) + gif[10:],
            "image_bomb",
            "a vast screen",
        ),
    )
    at = gif.index(b",", 13 + 3 * 2)
    while gif[at + 5 : at + 9] != struct.pack("<HH", *small.size):
        at = gif.index(b",", at + 1)
    yield (
        "bomb_frame.gif",
        (
            gif[: at + 5] + struct.pack("<HH", 13_000, 13_000) + gif[at + 9 :],
            "image_bomb",
            "a frame far larger than its screen",
        ),
    )
    canvas = (16_383 - 1).to_bytes(3, "little")
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas + canvas
    lossy = save_image(small, "WEBP")[12:]
    yield (
        "bomb.webp",
        (
            b"RIFF" + struct.pack("<I", 4 + len(vp8x) + len(lossy)) + b"WEBP" + vp8x + lossy,
            "image_bomb",
            "states a canvas of 16,383 × 16,383",
        ),
    )
    avif = save_image(small, "AVIF")
    at = avif.index(b"ispe") + 8
    yield (
        "bomb.avif",
        (
            avif[:at] + struct.pack(">II", 16_000, 16_000) + avif[at + 8 :],
            "image_bomb",
            "states 16,000 × 16,000",
        ),
    )
    vast = save_image(Image.new("RGB", (6000, 6000), (90, 60, 30)), "AVIF", speed=10)
    at = vast.index(b"ispe") + 8
    yield (
        "bomb_stream.avif",
        (
            vast[:at] + struct.pack(">II", 64, 64) + vast[at + 8 :],
            "image_bomb",
            "states 64 × 64, but its AV1 stream unpacks to 6,000 × 6,000",
        ),
    )
    scans = save_image(small, "JPEG", progressive=True)
    at = scans.rindex(b"\xff\xda")
    yield (
        "bomb_scans.jpg",
        (
            scans[:at] + scans[at:-2] * 400 + scans[-2:],
            "image_bomb",
            "progressive, 400 scans too many",
        ),
    )
    yield (
        "side_8193.png",
        (
            build_png(struct.pack(">IIBBBBB", 8193, 1, 8, 0, 0, 0, 0), bytes(8194)),
            "image_bomb",
            "one pixel high, but too wide",
        ),
    )


def pack_bits(*fields: tuple[int, int]) -> bytes:
    """Numbers, each with its width in bits, one behind the other."""
    digits = "".join(format(value, f"0{width}b") for value, width in fields)
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8)


def build_obu(kind: int, body: bytes) -> bytes:
    return bytes([kind << 3 | 2, len(body)]) + body


def build_overriding_stream(stated: int, real: int) -> bytes:
    """A sequence of ``stated`` px a side, and a key frame that says it has ``real``."""
    zeros = (0, 1)
    sequence = pack_bits(
        *((0, 3), zeros, zeros, zeros, zeros, (0, 5), (0, 12), (0, 5)),  # one operating point
        *((15, 4), (15, 4), (stated - 1, 16), (stated - 1, 16)),
        *(zeros,) * 18, (0, 2), *(zeros,) * 2, (1, 1),
    )  # fmt: skip
    frame = pack_bits(
        zeros, (0, 2), (1, 1), zeros, (1, 1), (real - 1, 16), (real - 1, 16), zeros, (1, 1),
        (1, 1), zeros, zeros, (0, 5), (0, 2), (1, 8), *(zeros,) * 6, (0, 6), (0, 6), (0, 3),
        *(zeros,) * 3,
    )  # fmt: skip
    return b"\x12\x00" + build_obu(1, sequence) + build_obu(6, frame + bytes(67))


def build_avif(*streams: bytes, pieces: int = 1) -> bytes:
    """An AVIF of 64 × 64 whose items are ``streams``, each named ``pieces`` times over."""
    ftyp = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1"
    at, items = len(ftyp) + 8, b""
    for number, stream in enumerate(streams, start=1):
        items += struct.pack(">HHH", number, 0, pieces)
        items += struct.pack(">II", at, len(stream)) * pieces
        at += len(stream)
    iloc = b"\x00\x00\x00\x00\x44\x00" + struct.pack(">H", len(streams)) + items
    ispe = build_box(b"ipco", build_box(b"ispe", struct.pack(">III", 0, 64, 64)))
    meta = build_box(b"meta", bytes(4) + build_box(b"iloc", iloc) + build_box(b"iprp", ispe))
    return ftyp + build_box(b"mdat", b"".join(streams)) + meta


def build_box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def hidden_bombs() -> Iterator[tuple[str, HostileFile]]:
    """Bombs that state nothing, or hide what they state."""
    yield (
        "bomb_override.avif",
        (
            build_avif(build_overriding_stream(64, 16_384)),
            "image_bomb",
            "a sequence of 64 × 64 with a frame that says it has 16,384 × 16,384",
        ),
    )
    grid = struct.pack(">BBBBII", 0, 1, 255, 255, 16_384, 16_384)
    yield (
        "bomb_grid.avif",
        (build_avif(grid), "image_bomb", "states 64 × 64, but is a grid of 16,384 × 16,384"),
    )
    yield (
        "bomb_pieces.avif",
        (
            build_avif(b"\x0a\x00" * 90, pieces=1_000),
            "image_bomb",
            "a thousand pieces with ninety headers each, all of them the same bytes",
        ),
    )
    stored = save_image(Image.new("RGB", (4_800, 4_800)), "AVIF", speed=10)
    stream = stored[stored.index(b"mdat") + 4 :]
    yield (
        "bomb_layers.avif",
        (
            build_avif(*([stream] * 9)),
            "image_bomb",
            "nine items of 4,800 × 4,800 behind one of 64 × 64",
        ),
    )
    scans = save_image(Image.new("L", (4_900, 4_900)), "JPEG", progressive=True)
    at = scans.rindex(b"\xff\xda")
    yield (
        "bomb_passes.jpg",
        (
            scans[:at] + scans[at:-2] * 16 + scans[-2:],
            "image_bomb",
            "4,900 × 4,900 may have sixteen scans; this has more",
        ),
    )
    for kind, side in (("WEBP", 3_900), ("AVIF", 4_400)):
        yield (
            f"bomb_within_sides.{kind.lower()}",
            (
                save_image(Image.new("L", (side, side)), kind),
                "image_bomb",
                f"{side:,} × {side:,}: another format might, {kind} takes too much for it",
            ),
        )
    yield (
        "comments.svg",
        (b"<!---->" * 140 + b"x", "not_an_image", "comments that could be read in 2^139 ways"),
    )


def metadata_files() -> Iterator[tuple[str, HostileFile]]:
    png = save_image(draw_scene(), "PNG")
    zeros = zlib.compress(bytes(8_000_000), 9)
    yield (
        "ztxt_bomb.png",
        (
            with_png_chunk(png, b"zTXt", b"Comment\x00\x00" + zeros),
            "ok",
            "8 MB of text, packed",
        ),
    )
    yield (
        "iccp_bomb.png",
        (
            with_png_chunk(png, b"iCCP", b"icc\x00\x00" + zeros),
            "ok",
            "8 MB of colour profile, packed",
        ),
    )
    yield (
        "icc_corrupt.png",
        (
            with_png_chunk(png, b"iCCP", b"icc\x00\x00" + zlib.compress(b"no profile" * 40)),
            "ok",
            "a colour profile that is none",
        ),
    )
    yield (
        "icc_corrupt.jpg",
        (
            save_image(draw_scene(), "JPEG", icc_profile=b"no profile" * 40),
            "ok",
            "a colour profile that is none",
        ),
    )
    yield (
        "exif_corrupt.jpg",
        (
            with_jpeg_segment(
                save_image(draw_scene(), "JPEG"),
                0xE1,
                b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\xff" * 64,
            ),
            "ok",
            "EXIF with entries that lead nowhere",
        ),
    )
    yield (
        "exif_corrupt.webp",
        (save_image(draw_scene(), "WEBP", exif=b"Exif\x00\x00II*\x00\xff"), "ok", "EXIF cut off"),
    )
    yield (
        "exif_corrupt.avif",
        (
            save_image(
                draw_scene(), "AVIF", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x09\x00" + bytes(6)
            ),
            "ok",
            "EXIF that ends early",
        ),
    )
    yield (
        "mpo_corrupt.jpg",
        (
            with_jpeg_segment(save_image(draw_scene(), "JPEG"), 0xE2, b"MPF\x00" + b"\xff" * 24),
            "ok",
            "claims to hold several pictures, at no address",
        ),
    )
    yield (
        "apng_corrupt.png",
        (
            with_png_chunk(png, b"acTL", struct.pack(">II", 0, 0)),
            "ok",
            "animated, of no frames",
        ),
    )


def truncated_files() -> Iterator[tuple[str, HostileFile]]:
    for kind, suffix in (
        ("JPEG", "jpg"),
        ("PNG", "png"),
        ("WEBP", "webp"),
        ("GIF", "gif"),
        ("AVIF", "avif"),
    ):
        whole = save_image(draw_scene(96, 80), kind)
        yield (
            f"truncated.{suffix}",
            (whole[: len(whole) * 6 // 10], "image_truncated", "cut at 60 %"),
        )
        yield f"stub.{suffix}", (whole[:20], "image_truncated", "the first 20 bytes")
    png = bytearray(save_image(draw_scene(), "PNG"))
    png[60] ^= 0x55
    yield (
        "checksum.png",
        (bytes(png), "image_truncated", "a byte changed behind its checksum's back"),
    )


def foreign_files() -> Iterator[tuple[str, HostileFile]]:
    svg = b'<?xml version="1.0"?>\n<!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "empty.jpg", (b"", "not_an_image", "no bytes")
    yield "page.jpg", (b"<!doctype html><title>404</title>" * 9, "not_an_image", "a web page")
    yield "text.png", (b"avatar not found\n", "not_an_image", "text")
    yield "noise.jpg", (np.random.default_rng(7).bytes(500), "not_an_image", "noise")
    yield (
        "movie.avif",
        (
            struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"mp42") + bytes(64),
            "not_an_image",
            "MP4",
        ),
    )
    yield "drawing.png", (svg, "image_unsupported", "SVG")
    yield (
        "postscript.jpg",
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "image_unsupported",
            "EPS",
        ),
    )
    yield "document.jpg", (b"%PDF-1.7\n", "image_unsupported", "PDF")
    for kind in ("BMP", "TIFF", "ICO", "JPEG2000"):
        yield f"{kind.lower()}.png", (save_image(draw_scene(), kind), "image_unsupported", kind)
    yield (
        "heic.jpg",
        (
            struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + bytes(64),
            "image_unsupported",
            "HEIC",
        ),
    )
    yield "psd.png", (b"8BPS\x00\x01" + bytes(40), "image_unsupported", "Photoshop")
    yield "jxl.jpg", (b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(20), "image_unsupported", "JPEG XL")
    twelve = bytearray(save_image(draw_scene(), "JPEG"))
    twelve[twelve.index(b"\xff\xc0") + 4] = 12
    yield "12_bit.jpg", (bytes(twelve), "image_unsupported", "12 bits a sample")


def colour_modes() -> Iterator[tuple[str, HostileFile]]:
    colours, grey = draw_scene(), draw_scene().convert("L")
    deep = np.full((8, 8), 127 * 257, np.uint16)
    deep[:4] = np.arange(8) * 0x2000
    yield (
        "16_bit.png",
        (save_image(Image.fromarray(deep), "PNG"), "ok", "16 bits; the lower half is 127"),
    )
    yield "1_bit.png", (save_image(grey.convert("1"), "PNG"), "ok", "black and white")
    yield "palette.png", (save_image(colours.quantize(16), "PNG"), "ok", "palette")
    yield "grey.jpg", (save_image(grey, "JPEG"), "ok", "greyscale")
    yield (
        "cmyk.jpg",
        (save_image(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), "ok", "CMYK: red"),
    )
    # Pillow writes CMYK the Adobe way; transform 2 says that the same four planes are YCCK.
    ycck = save_image(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")
    at = ycck.index(b"Adobe") + 11
    yield "ycck.jpg", (ycck[:at] + b"\x02" + ycck[at + 1 :], "ok", "YCCK")
    clear = np.zeros((16, 16, 4), np.uint8)
    clear[..., 0], clear[8:, :, 3] = 255, 255
    yield (
        "hidden_rgb.png",
        (save_image(Image.fromarray(clear), "PNG"), "ok", "red hides where nothing shows"),
    )
    yield (
        "hidden_rgb.webp",
        (
            save_image(Image.fromarray(clear), "WEBP", lossless=True, exact=True),
            "ok",
            "the same in WebP",
        ),
    )
    yield (
        "grey_alpha.png",
        (save_image(Image.fromarray(clear).convert("LA"), "PNG"), "ok", "grey and alpha"),
    )
    indexed = Image.fromarray(
        np.repeat(np.array([[0], [1]], np.uint8), 8, axis=1).repeat(4, axis=0), "P"
    )
    indexed.putpalette([255, 0, 0, 0, 255, 0])
    yield (
        "palette_alpha.png",
        (
            save_image(indexed, "PNG", transparency=bytes([0, 255])),
            "ok",
            "red entry transparent",
        ),
    )
    yield (
        "colour_key.png",
        (
            save_image(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG", transparency=(255, 0, 0)),
            "ok",
            "one colour is transparent, and it is all there is",
        ),
    )
    yield "1x1.png", (save_image(Image.new("RGB", (1, 1), (9, 9, 9)), "PNG"), "ok", "one pixel")
    yield (
        "1x8192.png",
        (save_image(Image.new("L", (1, 8192), 77), "PNG"), "ok", "as tall as may be"),
    )
    yield "png_as.jpg", (save_image(colours, "PNG"), "ok", "a PNG by another name")
    oversized = save_image(Image.new("L", (8, 8), 50), "GIF")
    yield (
        "frame_beyond_screen.gif",
        (
            oversized[:6] + struct.pack("<HH", 4, 4) + oversized[10:],
            "ok",
            "8 × 8 on a screen of 4 × 4",
        ),
    )


def orientations() -> Iterator[tuple[str, HostileFile]]:
    upright = draw_scene()
    undo = [None, *(getattr(Image.Transpose, name) for name in (
        "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE",
        "ROTATE_90", "TRANSVERSE", "ROTATE_270",
    ))]  # fmt: skip
    for number, method in enumerate(undo, start=1):
        stored = upright if method is None else upright.transpose(method)
        yield (
            f"exif_{number}.png",
            (
                save_image(stored, "PNG", exif=build_exif(number)),
                "ok",
                f"orientation {number}",
            ),
        )
    sideways = upright.transpose(Image.Transpose.ROTATE_90)
    for kind, suffix in (("JPEG", "jpg"), ("WEBP", "webp"), ("AVIF", "avif")):
        yield (
            f"exif_6.{suffix}",
            (
                save_image(sideways, kind, quality=95, exif=build_exif(6)),
                "ok",
                "orientation 6",
            ),
        )


def without_timestamps(data: bytes) -> bytes:
    """``data`` without the time at which libavif wrote it."""
    return re.sub(
        rb"(mvhd|tkhd|mdhd)(\x01...)(.{16})",
        lambda found: found[1] + found[2] + bytes(16),
        data,
        flags=re.DOTALL,
    )


def animations() -> Iterator[tuple[str, HostileFile]]:
    frames = [Image.new("RGB", (24, 24), colour) for colour in ("red", "lime", "blue")]
    for kind, suffix in (("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("AVIF", "avif")):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = save_image(
            frames[0], kind, save_all=True, append_images=frames[1:], duration=90, **options
        )
        yield (
            f"animated.{suffix}",
            (without_timestamps(data), "ok", "three frames, the first is red"),
        )
    without_timescale = (
        re.sub(  # of what is left after its dates, the first four bytes are the clock's
            rb"(mdhd\x01.{19})....",
            lambda found: found[1] + bytes(4),
            without_timestamps(data),
            flags=re.DOTALL,
        )
    )
    yield (
        "no_clock.avif",
        (without_timescale, "image_truncated", "an animation whose clock stands still"),
    )


FAMILIES: tuple[Callable[[], Iterator[tuple[str, HostileFile]]], ...] = (
    bombs, hidden_bombs, metadata_files, truncated_files, foreign_files, colour_modes,
    orientations, animations,
)  # fmt: skip


def main() -> None:
    with (HOSTILE_DIR / "manifest.csv").open("w", newline="", encoding="utf-8") as manifest:
        rows = csv.writer(manifest, lineterminator="\n")
        rows.writerow(["file", "expected", "why"])
        for family in FAMILIES:
            for name, (data, expected, why) in family():
                (HOSTILE_DIR / name).write_bytes(data)
                rows.writerow([name, expected, why])


if __name__ == "__main__":
    main()
