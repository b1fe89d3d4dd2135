"""What is kept of a picture after its analysis: a thumbnail to show, a tile to average.

Both are made for every avatar, a fraction of a millisecond each.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray
from app.image.picture import Picture
from app.image.resizing import halve
from app.records import AVERAGE_TILE_PX

THUMBNAIL_PX: Final = 128

_JPEG_QUALITY: Final = 80


def thumbnail_jpeg(picture: Picture) -> bytes:
    """``thumbnail_pixels`` as a JPEG. Nothing of the file's metadata comes along."""
    return encode_jpeg(thumbnail_pixels(picture))


def thumbnail_pixels(picture: Picture) -> RgbArray:
    """``picture`` with a longer side of 128 px; smaller ones keep their size."""
    width, height = picture.size
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    return _resize_in_steps(
        picture.rgb, (max(1, round(width * scale)), max(1, round(height * scale)))
    )


def encode_jpeg(rgb: RgbArray, quality: int = _JPEG_QUALITY) -> bytes:
    """``rgb`` as a JPEG. ``quality``: 1 to 100, as libjpeg counts it."""
    options = (cv2.IMWRITE_JPEG_QUALITY, quality)
    is_encoded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not is_encoded:
        raise RuntimeError("OpenCV was built without JPEG")
    return jpeg.tobytes()


def decode_jpeg(jpeg: bytes) -> RgbArray:
    """The pixels of what ``encode_jpeg`` made. Raises ``ValueError`` if that is not what it is.

    For thumbnails of our own; a picture from outside goes through ``app.image.picture.decode``.
    """
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError("this is not a thumbnail")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def average_tile(picture: Picture) -> RgbArray:
    """The centre square of ``picture``, uint8 RGB (192, 192, 3)."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return _resize_in_steps(
        picture.rgb[top : top + side, left : left + side], (AVERAGE_TILE_PX, AVERAGE_TILE_PX)
    )


def _resize_in_steps(rgb: RgbArray, size: tuple[int, int]) -> RgbArray:
    """``rgb`` at ``size`` (width, height): the mean of what falls together, or straight between."""
    width, height = size
    while rgb.shape[0] >= 2 * height and rgb.shape[1] >= 2 * width:
        rgb = halve(rgb)
    smaller = width <= rgb.shape[1]
    interpolation = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR_EXACT
    return np.asarray(cv2.resize(rgb, size, interpolation=interpolation), dtype=np.uint8)
