"""The format of a file from its signature."""

from __future__ import annotations

import re
from typing import Final

from app.errors import ImageUnsupported, NotAnImage
from app.image.containers.isobmff import read_brands
from app.image.containers.png import PNG_SIGNATURE

_SVG_START: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+"
    rb"(?>(?:<\?xml[^>]*+>|<!--(?>(?:(?!-->).)*)-->|<!DOCTYPE\s++svg[^>]*+>)\s*+)*+<svg[\s>/]",
    re.DOTALL | re.IGNORECASE,
)
"""All repetitions are possessive or atomic, so that no input makes it backtrack."""
_UNSUPPORTED_SIGNATURES: Final = {
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "PSD": (b"8BPS",),
    "EPS": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "PDF": (b"%PDF-",),
    "ICO": (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00"),
    "JPEG XL": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"),
    "JPEG 2000": (b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  \r\n\x87\n"),
    "OpenEXR": (b"v/1\x01",),
    "Radiance": (b"#?RADIANCE",),
    "XCF": (b"gimp xcf",),
    "QOI": (b"qoif",),
    "DDS": (b"DDS ",),
}
_CONVERSIONS: Final = {
    "HEIC": "convert it to JPEG and send that, for example `heif-convert photo.heic photo.jpg`, "
    "or on a Mac `sips -s format jpeg photo.heic --out photo.jpg`.",
}
"""Advice for formats that people send unknowingly: phones save HEIC."""
_HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
)

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})


def detect_format(data: bytes) -> str:
    """The name of the format, if it is supported.

    Raises ``ImageUnsupported`` for a picture in another format, ``NotAnImage`` for other bytes.
    """
    if not data:
        raise NotAnImage("The file is empty; send a picture.")
    if (kind := _supported_format(data)) is not None:
        return kind
    if (kind := _unsupported_format(data)) is not None:
        advice = _CONVERSIONS.get(kind, "send JPEG, PNG, WEBP, GIF or AVIF.")
        raise ImageUnsupported(f"This is {kind}; {advice}")
    raise NotAnImage("These bytes are not a picture; send JPEG, PNG, WEBP, GIF or AVIF.")


def _supported_format(data: bytes) -> str | None:
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(PNG_SIGNATURE):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return "AVIF" if _AVIF_BRANDS & read_brands(data) else None


def _unsupported_format(data: bytes) -> str | None:
    for kind, signatures in _UNSUPPORTED_SIGNATURES.items():
        if data.startswith(signatures):
            return kind
    if _HEIF_BRANDS & read_brands(data):
        return "HEIC"
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return "BMP"
    return "SVG" if _SVG_START.match(data[:1024]) else None
