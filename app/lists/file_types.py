"""What a file is, by its first bytes alone: a picture, an archive, something else, or text."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 1024
"""How much of a file's beginning is enough to tell."""

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"})
"""Pictures that are read here; in an archive and in a form the bytes alone decide."""

OTHER_PICTURE_SUFFIXES: Final = frozenset(
    {".heic", ".heif", ".jfif", ".tif", ".tiff", ".bmp", ".jxl", ".jp2", ".svg", ".ico", ".psd"}
)
"""Pictures that are taken from a folder as well, so that each gets an answer."""

_PICTURE_SIGNATURES: Final = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    # Not read here; their own error says more than "not a picture" would.
    b"II*\x00",
    b"MM\x00*",
    b"8BPS",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cJXL ",
    b"\x00\x00\x00\x0cjP  ",
    b"\x00\x00\x01\x00",
    b"<svg",
)
_ARCHIVE_SIGNATURES: Final = {"zip": (b"PK\x03\x04", b"PK\x05\x06"), "gzip": (b"\x1f\x8b",)}
_OTHER_SIGNATURES: Final = {
    "compressed with bzip2": b"BZh",
    "compressed with xz": b"\xfd7zXZ\x00",
    "compressed with zstd": b"\x28\xb5\x2f\xfd",
    "a 7z archive": b"7z\xbc\xaf\x27\x1c",
    "a RAR archive": b"Rar!\x1a\x07",
    "a PDF": b"%PDF-",
    "an old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a Parquet file": b"PAR1",
    "an SQLite database": b"SQLite format 3\x00",
}
_TAR_BLOCK: Final = 512


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is meant as a picture, readable here or not."""
    return (
        head.startswith(_PICTURE_SIGNATURES)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or head[4:8] == b"ftyp"
        or (head.startswith(b"BM") and head[6:10] == bytes(4))
    )


def detect_file_type(head: bytes) -> str:
    """``picture``, ``zip``, ``gzip``, ``tar``, ``text``, or words for what is not read here."""
    if is_picture(head):
        return "picture"
    for kind, signatures in _ARCHIVE_SIGNATURES.items():
        if head.startswith(signatures):
            return kind
    for description, signature in _OTHER_SIGNATURES.items():
        if head.startswith(signature):
            return description
    return "tar" if is_tar_header(head[:_TAR_BLOCK]) else "text"


def is_archive(head: bytes) -> bool:
    """Whether a file that begins with ``head`` holds further files."""
    return detect_file_type(head) not in ("picture", "text", "a PDF")


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes carries the checksum of a tar header."""
    if len(block) != _TAR_BLOCK or not any(block):
        return False
    try:
        stated = int(block[148:156].strip(b" \x00") or b"0", 8)
    except ValueError:
        return False
    return stated == sum(block) - sum(block[148:156]) + 8 * 32
