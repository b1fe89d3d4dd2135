"""Picture: untrusted bytes made upright RGB. The only file that opens untrusted image bytes."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import ImageBomb, ImageTruncated, NotAnImage, TooLarge

RgbArray = NDArray[np.uint8]

FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
MID_GREY: Final = 128
WORKING_SIDE_PX: Final = 1600
HASH_GRID: Final = 32
HASH_BLOCK: Final = 8


@dataclass(frozen=True)
class DecodeLimits:
    """What a picture may ask for. ``max_pixels`` and ``max_side_px`` are as declared in the file."""

    max_bytes: int = 5_000_000
    max_pixels: int = 25_000_000
    max_side_px: int = 8192


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture.

    ``rgb``: uint8 (H, W, 3), read-only, at most ``WORKING_SIDE_PX`` a side. ``format``: one of
    ``FORMATS``. ``sha256``: of the file's bytes. ``declared_size``: (width, height) in the file,
    upright; (0, 0) where the picture did not come from a file.
    """

    rgb: RgbArray
    format: str
    sha256: str
    animated: bool = False
    declared_size: tuple[int, int] = (0, 0)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @cached_property
    def gray(self) -> NDArray[np.uint8]:
        """Luma, uint8 (H, W), read-only."""
        gray = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
        gray.setflags(write=False)
        return gray

    @cached_property
    def perceptual_hash(self) -> str:
        """64 bits as 16 hex digits; pictures that look alike differ in a few bits."""
        small = cv2.resize(self.gray, (HASH_GRID, HASH_GRID), interpolation=cv2.INTER_AREA)
        low = cv2.dct(small.astype(np.float32))[:HASH_BLOCK, :HASH_BLOCK].ravel()
        bits = low > np.median(low[1:])
        return np.packbits(bits).tobytes().hex()


def decode(data: bytes, limits: DecodeLimits = DecodeLimits()) -> Picture:  # noqa: B008
    """The picture in ``data``. Raises children of ``AvatarError`` only."""
    if len(data) > limits.max_bytes:
        raise TooLarge(f"The picture has {len(data)} bytes, more than {limits.max_bytes}.")
    try:
        opened = Image.open(io.BytesIO(data), formats=FORMATS)
        if opened.width * opened.height > limits.max_pixels:
            raise ImageBomb("Send a picture of fewer pixels.")
        declared = opened.size
        animated = bool(getattr(opened, "is_animated", False))
        upright = ImageOps.exif_transpose(opened)
        rgba = upright.convert("RGBA")
    except UnidentifiedImageError as error:
        raise NotAnImage("Send a JPEG, PNG, WEBP, GIF or AVIF picture.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageTruncated("Send the whole file.") from error
    ground = Image.new("RGBA", rgba.size, (MID_GREY, MID_GREY, MID_GREY, 255))
    rgb = np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))
    rgb.setflags(write=False)
    return Picture(rgb, opened.format or "", hashlib.sha256(data).hexdigest(), animated, declared)
