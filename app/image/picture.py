"""Picture: untrusted bytes made upright RGB. The only file that has untrusted pixels decoded.

Containers are read first (``app.image.containers``), so that Pillow sees nothing but the pixels
of one picture whose size is known to be acceptable.
"""

from __future__ import annotations

import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageCms

from app.arrays import GrayArray, RgbArray
from app.errors import ImageBomb, ImageTruncated, RequestError, TooLarge
from app.image.containers import open_container
from app.image.containers.container import Container
from app.image.containers.exif import read_orientation
from app.image.pdq import PdqHash, pdq_hash

PICTURE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
WORKING_SIDE_PX: Final = 1600
"""Larger pictures are shrunk to this: landmarks gain nothing beyond it, memory and time do."""
MID_GREY: Final = 128
"""What shows through transparent pixels: neither the dark nor the light page they were made for."""

_PIXEL_LIMIT_FACTORS: Final = {"WEBP": 0.6, "AVIF": 0.75}
"""Of the pixels that others may have: these decoders hold 17 and 13 bytes for each (PNG 9)."""
_MAX_LAYERS: Final = 4
"""A picture, its transparency, a thumbnail, a gain map: each may be as large as a picture may."""

# DecodeLimits stands in place of Pillow's own limit, which is one for the whole process and warns
# where it should refuse.
Image.MAX_IMAGE_PIXELS = None

_DAMAGE_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,  # a size too large to count, a clock that divides by nothing
    RuntimeError,  # libavif's complaints
    struct.error,
    zlib.error,
)
"""What Pillow raises for damaged pixels; anything else is a fault that must be seen."""

_UPRIGHT_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class DecodeLimits:
    """What a picture may ask for; pixels and sides as stated in the file, before any shrinking.

    Formats whose decoders hold more for each pixel may have fewer of them
    (``_PIXEL_LIMIT_FACTORS``).
    """

    max_bytes: int = 5_000_000
    max_pixels: int = 25_000_000
    max_side_px: int = 8192


DEFAULT_LIMITS: Final = DecodeLimits()


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture.

    ``rgb``: uint8 (H, W, 3), read-only, sRGB, no side above ``WORKING_SIDE_PX``. ``format``: one of
    ``PICTURE_FORMATS``. ``sha256``: of the file, hex. ``animated``: the first of several frames.
    ``declared_size``: (width, height) of the file's picture, upright, px; larger than ``size``
    where it was shrunk, and the same as ``size`` unless given.
    """

    rgb: RgbArray
    format: str
    sha256: str
    animated: bool = False
    declared_size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.declared_size == (0, 0):
            object.__setattr__(self, "declared_size", self.size)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        return self.rgb.shape[1], self.rgb.shape[0]

    @cached_property
    def gray(self) -> GrayArray:
        """Luma, uint8 (H, W), read-only."""
        gray = np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        gray.setflags(write=False)
        return gray

    @cached_property
    def pdq(self) -> PdqHash:
        """The picture's PDQ hash and its quality."""
        return pdq_hash(self.rgb)


def decode(
    data: bytes, limits: DecodeLimits = DEFAULT_LIMITS, sha256: str | None = None
) -> Picture:
    """The picture in ``data``; its name and content type do not matter.

    Upright by EXIF, sRGB by its ICC profile, transparency on mid-grey, the first frame of an
    animation that is not blank. ``sha256``: of ``data``, hex, where it is known. Raises only
    ``TooLarge``, ``NotAnImage``, ``ImageUnsupported``, ``ImageTruncated`` and ``ImageBomb``. Safe
    in threads.
    """
    if len(data) > limits.max_bytes:
        raise TooLarge(f"This has {len(data)} bytes; send {limits.max_bytes} at most.")
    container = open_container(data)
    if container.size is not None:
        _check_pixel_limits(container.format, container.size, limits)
    if container.decode_cost_px > _MAX_LAYERS * limits.max_pixels:
        raise ImageBomb("This picture is composed of too many large layers; re-save it.")
    try:
        image, size, animated, orientation_value = _first_frame(container, limits)
        if container.next_frames and _is_blank(image):
            image = _first_shown_frame(container, limits) or image
    except RequestError:
        raise
    except _DAMAGE_ERRORS as error:
        raise ImageTruncated(
            f"This {container.format} is cut off or damaged; send the whole file, or re-save it."
        ) from error
    if orientation_value in _UPRIGHT_TRANSPOSES:
        image = image.transpose(_UPRIGHT_TRANSPOSES[orientation_value])
    rgb = np.asarray(image)
    rgb.setflags(write=False)
    return Picture(
        rgb=rgb,
        format=container.format,
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        animated=animated,
        declared_size=size[::-1] if orientation_value >= 5 else size,
    )


def preload_decoders() -> None:
    """Make Pillow load its plugins and profiles: for a process that will open no more files."""
    sample = Image.new("RGB", (8, 8), (200, 100, 50))
    xyz_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    for kind in PICTURE_FORMATS:
        buffer = io.BytesIO()
        sample.save(buffer, kind, icc_profile=xyz_profile)
        decode(buffer.getvalue())


def _check_pixel_limits(kind: str, size: tuple[int, int], limits: DecodeLimits) -> None:
    width, height = size
    max_pixels = int(limits.max_pixels * _PIXEL_LIMIT_FACTORS.get(kind, 1.0))
    if width * height > max_pixels or max(size) > limits.max_side_px:
        raise ImageBomb(
            f"This {kind} states {width} × {height} pixels; send {max_pixels} pixels and "
            f"{limits.max_side_px} a side at most."
        )


def _first_frame(
    container: Container, limits: DecodeLimits
) -> tuple[Image.Image, tuple[int, int], bool, int]:
    """RGB of the first frame, not upright yet; stored size; whether there are more; orientation."""
    with Image.open(io.BytesIO(container.stripped_file), formats=(container.format,)) as source:
        size = source.size
        _check_pixel_limits(container.format, size, limits)
        exif = container.exif or source.info.get("exif") or b""
        profile = container.icc_profile or source.info.get("icc_profile")
        animated = container.animated or getattr(source, "n_frames", 1) > 1
        working_size = _working_size(size)
        if working_size != size:
            source.draft(None, working_size)  # a JPEG is unpacked small; nothing happens to others
        source.load()
        image = _shrink(_to_8_bit(source), working_size)
    return _composite_on_grey(image, profile), size, animated, read_orientation(exif)


def _first_shown_frame(container: Container, limits: DecodeLimits) -> Image.Image | None:
    """The first of the next frames that is not blank and not smaller than half the first one."""
    for frame in container.next_frames:
        image, size, _, _ = _first_frame(replace(container, stripped_file=frame), limits)
        is_whole = container.size is None or 2 * min(size) >= min(container.size)
        if is_whole and not _is_blank(image):
            return image
    return None


def _is_blank(image: Image.Image) -> bool:
    """Whether a picture is of one colour: animations often begin with nothing."""
    return all(low == high for low, high in image.getextrema())  # type: ignore[misc]  # RGB: pairs


def _working_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, WORKING_SIDE_PX / max(size))
    return max(1, math.ceil(size[0] * scale)), max(1, math.ceil(size[1] * scale))


def _to_8_bit(image: Image.Image) -> Image.Image:
    """``image`` as L, RGB, RGBA or CMYK, 8 bits, with its transparency."""
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    if image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Pillow's own conversion clips at 255 instead of scaling."""
    values = np.asarray(image).astype(np.uint16, copy=False)
    grey = Image.fromarray(cv2.convertScaleAbs(values, alpha=1 / 257).reshape(values.shape))
    transparent_value = image.info.get("transparency")
    if transparent_value is None:
        return grey
    grey.putalpha(Image.fromarray(np.where(values == transparent_value, 0, 255).astype(np.uint8)))
    return grey.convert("RGBA")


def _shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _composite_on_grey(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "RGB" and not profile:
        return image  # most of them: no copy
    if image.mode != "RGBA":
        return _to_srgb(image, profile)
    background = Image.new("RGB", image.size, (MID_GREY, MID_GREY, MID_GREY))
    background.paste(_to_srgb(image.convert("RGB"), profile), mask=image.getchannel("A"))
    return background


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB as ``profile`` means it; as it stands where there is none, or none that fits."""
    if not profile:
        return image.convert("RGB")
    try:
        source_profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in (
            source_profile.profile.profile_description or ""
        ):  # most of them, and dear to apply
            return image.convert("RGB")
        srgb_profile = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source_profile, srgb_profile, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a corrupt profile, or one for other colours
        return image.convert("RGB")
    assert converted is not None  # only in-place conversion returns nothing
    return converted
