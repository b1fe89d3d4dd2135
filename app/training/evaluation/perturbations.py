"""Perturbations: what platforms do to avatars, and what people do to evade detection.

Each maps a picture to a picture in which the person stays recognisable, and is applied before
anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np

from app.arrays import RgbArray
from app.image.picture import Picture

_WHITE: Final = (250, 250, 250)
_BLACK: Final = (4, 4, 4)
_JPEG_QUALITY: Final = 85


def resize(rgb: RgbArray, side_px: int) -> RgbArray:
    """Longer side at most ``side_px``; never enlarged."""
    height, width = rgb.shape[:2]
    scale = min(1.0, side_px / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _as_rgb(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))


def recompress(rgb: RgbArray, quality: int = _JPEG_QUALITY) -> RgbArray:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _as_rgb(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1])


def zoom(rgb: RgbArray, factor: float) -> RgbArray:
    """The middle 1/``factor`` of each side, enlarged to the original size."""
    height, width = rgb.shape[:2]
    shrink = np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shrink[:, 2] = middle - factor * middle
    return _as_rgb(cv2.warpAffine(rgb, shrink, (width, height), flags=cv2.INTER_CUBIC))


def crop_off_centre(rgb: RgbArray, factor: float, shift: float) -> RgbArray:
    """The middle 1/factor of each side moved by ``shift`` of it to the left and down.

    Raises ``ValueError`` if that reaches beyond the picture.
    """
    height, width = rgb.shape[:2]
    share = 1.0 / factor
    margin = (1.0 - share) / 2.0
    if not 0.0 <= shift <= margin:
        raise ValueError("the cut reaches beyond the picture")
    left, top = round((margin - shift) * width), round((margin + shift) * height)
    return _as_rgb(rgb[top : top + round(share * height), left : left + round(share * width)])


def add_border(rgb: RgbArray, share: float, colour: tuple[int, int, int]) -> RgbArray:
    """A flat border of ``share`` of each side all around."""
    height, width = rgb.shape[:2]
    x, y = round(width * share), round(height * share)
    return _as_rgb(cv2.copyMakeBorder(rgb, y, y, x, x, cv2.BORDER_CONSTANT, value=colour))


def letterbox(rgb: RgbArray, share: float) -> RgbArray:
    """Black bars above and below, each ``share`` of the height."""
    y = round(rgb.shape[0] * share)
    return _as_rgb(cv2.copyMakeBorder(rgb, y, y, 0, 0, cv2.BORDER_CONSTANT, value=_BLACK))


def mask_circle(rgb: RgbArray, inset: float = 0.0) -> RgbArray:
    """Cut to a disc on white; ``inset`` leaves a margin around it as a share of the side."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[:height, :width] + 0.5
    radius = np.hypot((x - width / 2) / (width / 2), (y - height / 2) / (height / 2))
    alpha = np.clip((1.0 - radius) * min(width, height) / 2 + 0.5, 0.0, 1.0)[:, :, None]
    disc = _as_rgb(np.rint(rgb * alpha + np.array(_WHITE) * (1.0 - alpha)))
    return add_border(disc, inset, _WHITE) if inset else disc


def add_second_face(rgb: RgbArray) -> RgbArray:
    """The picture itself, small, mirrored, in its upper left corner."""
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb[:, ::-1], (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    out = rgb.copy()
    out[: height // 4, : width // 4] = small
    return out


def to_grey(rgb: RgbArray) -> RgbArray:
    """Without colour."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2).astype(np.uint8)


def _as_rgb(array: object) -> RgbArray:
    return np.ascontiguousarray(array, dtype=np.uint8)


Perturbation = Callable[[RgbArray], RgbArray]
PERTURBATIONS: Final[Mapping[str, Perturbation]] = {
    "untouched": lambda rgb: rgb,
    "96 px": lambda rgb: recompress(resize(rgb, 96)),
    "48 px": lambda rgb: recompress(resize(rgb, 48)),
    "JPEG 30": lambda rgb: recompress(rgb, 30),
    "mirrored": lambda rgb: _as_rgb(rgb[:, ::-1]),
    "grey": to_grey,
    "second small face": add_second_face,
    "circle mask": lambda rgb: recompress(mask_circle(rgb)),
    "circle mask with margin": lambda rgb: recompress(mask_circle(rgb, 0.06)),
    "white border 10 %": lambda rgb: recompress(add_border(rgb, 0.10, _WHITE)),
    "letterbox 12 %": lambda rgb: recompress(letterbox(rgb, 0.12)),
    "zoom 1.10": lambda rgb: recompress(zoom(rgb, 1.10)),
    "zoom 1.25": lambda rgb: recompress(zoom(rgb, 1.25)),
    "cut 1.3, off-centre": lambda rgb: recompress(resize(crop_off_centre(rgb, 1.3, 0.08), 300)),
    "cut 1.6, off-centre": lambda rgb: recompress(resize(crop_off_centre(rgb, 1.6, 0.12), 300)),
}


def picture_transform(perturb: Perturbation) -> Callable[[Picture], Picture]:
    """``perturb`` as a ``prepare`` argument of ``measure_pictures``."""
    return lambda picture: Picture(perturb(picture.rgb), picture.format, picture.sha256)
