"""Finds the content of a picture inside flat borders or a circle mask.

Two shapes are recognised: a band of one colour along a side that ends at a straight edge over
nearly the whole side, and a disc on one colour. A flat backdrop in a photograph ends at neither,
and is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import BoolArray, GrayArray, RgbArray
from app.face.alignment import Box
from app.face.circle import find_circle, outline_points
from app.face.median import median
from app.image.picture import Picture

FLAT_TOLERANCE: Final = 12
"""Levels by which a border's pixels may differ from its colour, because of JPEG."""
FLAT_SHARE: Final = 0.97
"""Of a line's pixels that must have the border's colour."""
EDGE_SHARE: Final = 0.7
"""Of the line just inside an edge that must not have the border's colour."""
FAINT_EDGE_SHARE: Final = 0.25
"""The same, where another side of the same colour has a plain edge."""
SMEAR_SHARE: Final = 0.2
"""Of the line just outside an edge that may be nearer to the content than to the border."""
RINGING_PX: Final = 17
"""How far JPEG smears an edge: a chroma block, and one."""
MIN_BORDER_SHARE: Final = 0.01
"""The thinnest border to trim, as a share of the side."""
MIN_CONTENT_SHARE: Final = 0.25
"""Of each side that must be left as content."""
DISC_SIDE_PX: Final = 400
"""Larger pictures are shrunk to this before a disc is looked for."""
CORNER_DIVISOR: Final = 12
"""A disc leaves at least this part of the side in every corner."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

_LEFT, _TOP, _RIGHT, _BOTTOM = range(4)


@dataclass(frozen=True)
class _FlatBand:
    """``depth`` lines of ``colour`` along one side."""

    depth: int
    colour: Colour


_NO_BAND: Final = _FlatBand(0, (0, 0, 0))


def find_trimmed_frame(picture: Picture) -> Box | None:
    """The content's bounding box, px, or ``None`` when there is nothing to trim.

    Edges are found to about a pixel. A disc that touches the picture's own frame needs no trimming.
    """
    bands = _find_flat_bands(picture.rgb)
    if not any(band.depth for band in bands):
        return None
    edges = _find_straight_edges(picture.rgb, bands)
    if all(edge > 0 for edge, band in zip(edges, bands, strict=True) if band.depth):
        return _box_from_edges(edges, picture.size)
    return _find_disc(picture.rgb, bands) or _box_from_edges(edges, picture.size)


def _box_from_edges(edges: list[int], size: tuple[int, int]) -> Box | None:
    if not any(edges):
        return None
    left, top, right, bottom = edges
    return Box(left, top, size[0] - right, size[1] - bottom)


def _find_flat_bands(rgb: RgbArray) -> list[_FlatBand]:
    """The flat lines along each side, left, top, right, bottom; none if nearly all is flat."""
    bands = [_NO_BAND] * 4
    height, width = rgb.shape[:2]
    for look, side in enumerate((_TOP, _BOTTOM, _LEFT, _RIGHT, _TOP, _BOTTOM)):
        left, top, right, bottom = (band.depth for band in bands)
        view = rgb[top : height - bottom, left : width - right]
        # A second look finds nothing new unless the lines have become shorter since.
        if bands[side].depth == 0 and (look < len(bands) or left or right):
            bands[side] = _find_flat_band(view, side)
        if (
            view.shape[side % 2 ^ 1] - bands[side].depth
            < MIN_CONTENT_SHARE * rgb.shape[side % 2 ^ 1]
        ):
            return [_NO_BAND] * 4
    return [
        band if band.depth >= MIN_BORDER_SHARE * rgb.shape[side % 2 ^ 1] else _NO_BAND
        for side, band in enumerate(bands)
    ]


def _find_flat_band(view: RgbArray, side: int) -> _FlatBand:
    """The lines along ``side`` of ``view`` that all have the outermost one's colour."""
    line = (view[:, :1], view[:1], view[:, -1:], view[-1:])[side].copy()
    red, green, blue = median(line.reshape(-1, 3)).astype(int).tolist()
    colour = (red, green, blue)
    low = tuple(max(0, level - FLAT_TOLERANCE) for level in colour)
    high = tuple(min(255, level + FLAT_TOLERANCE) for level in colour)
    length = line.shape[0] * line.shape[1]
    differing = length - cv2.countNonZero(cv2.inRange(line, low, high))
    if differing / length > 1 - FLAT_SHARE:
        return _NO_BAND
    within_tolerance = cv2.inRange(view, low, high)
    along = 1 if side in (_TOP, _BOTTOM) else 0
    flat = (
        cv2.reduce(within_tolerance, along, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel()
        >= FLAT_SHARE * 255
    )
    if side in (_RIGHT, _BOTTOM):
        flat = flat[::-1]
    return _FlatBand(len(flat) if flat.all() else int(np.argmin(flat)), colour)


def _find_straight_edges(rgb: RgbArray, bands: list[_FlatBand]) -> list[int]:
    """Depth of each band at its straight edge; 0 where it ends at none.

    A rejected band lengthens the adjacent sides, so those are tested again. Where one edge is
    plain, the others of its colour may be faint: dark clothes meet a black bar below a bright sky.
    """
    edges = [band.depth for band in bands]
    for _ in bands:
        depths = [band.depth if edge else 0 for band, edge in zip(bands, edges, strict=True)]
        edges = [_edge_depth(rgb, bands, depths, side, EDGE_SHARE) for side in range(4)]
        if [edge > 0 for edge in edges] == [depth > 0 for depth in depths]:
            break
    plain_edge_colours = [band.colour for band, edge in zip(bands, edges, strict=True) if edge]
    for side, band in enumerate(bands):
        same_colour = any(
            _largest_difference(band.colour, colour) <= FLAT_TOLERANCE
            for colour in plain_edge_colours
        )
        if same_colour and band.depth and not edges[side]:
            depths = [*edges[:side], band.depth, *edges[side + 1 :]]
            edges[side] = _edge_depth(rgb, bands, depths, side, FAINT_EDGE_SHARE)
    return edges


def _edge_depth(
    rgb: RgbArray, bands: list[_FlatBand], depths: list[int], side: int, share: float
) -> int:
    """Depth of the band on ``side`` at its straight edge, or 0."""
    if depths[side] == 0:
        return 0
    first = max(0, depths[side] - 2)
    edge_index = _edge_index(_edge_window(rgb, side, depths), bands[side].colour, share)
    return first + edge_index if edge_index else 0


def _edge_window(rgb: RgbArray, side: int, depths: list[int]) -> RgbArray:
    """The lines around the end of a band, counted inwards, without the adjacent bands."""
    upright = rgb.swapaxes(0, 1) if side in (_LEFT, _RIGHT) else rgb
    before, after = (_TOP, _BOTTOM) if side in (_LEFT, _RIGHT) else (_LEFT, _RIGHT)
    view = upright[::-1] if side in (_RIGHT, _BOTTOM) else upright
    lines = slice(max(0, depths[side] - 2), depths[side] + RINGING_PX)
    return np.ascontiguousarray(view[lines, depths[before] : view.shape[1] - depths[after]])


def _edge_index(lines: RgbArray, colour: Colour, share: float) -> int:
    """Index of the line that begins the content, or 0; ``share`` of it must begin there."""
    if len(lines) < 3:
        return 0
    difference = _channel_difference(lines, colour)
    inside, outside = (
        difference[2:],
        difference[:-2],
    )  # a line apart on either side of the edge in between
    jump = np.minimum(_channel_difference(lines[2:], lines[:-2]), inside)
    begins = (jump > FLAT_TOLERANCE).mean(axis=1) >= share
    ends = (outside > np.maximum(FLAT_TOLERANCE, inside // 2)).mean(axis=1) <= SMEAR_SHARE
    if not (begins & ends).any():
        return 0
    steps = _channel_difference(lines[1:], lines[:-1]).clip(max=64).mean(axis=1)
    strongest = int(np.argmax(np.where(begins & ends, steps[:-1] + steps[1:], -1.0)))
    return strongest + 1 + int(steps[strongest + 1] > steps[strongest])


def _find_disc(rgb: RgbArray, bands: list[_FlatBand]) -> Box | None:
    """The bounding box of a disc on one colour, or ``None``."""
    colours = [band.colour for band in bands if band.depth]
    if np.ptp(colours, axis=0).max() > FLAT_TOLERANCE or not _are_corners_flat(rgb, colours[0]):
        return None
    height, width = rgb.shape[:2]
    scale = min(1.0, DISC_SIDE_PX / max(width, height))
    if scale < 1:
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rgb = np.asarray(small, dtype=np.uint8)
    left, top, right, bottom = (band.depth * scale for band in bands)
    guess = (
        (left + width * scale - right) / 2,
        (top + height * scale - bottom) / 2,
        max(width * scale - left - right, height * scale - top - bottom) / 2,
    )
    circle = find_circle(outline_points(_foreground_mask(rgb, colours[0])), guess)
    if circle is None:
        return None
    x, y, radius = (value / scale for value in circle)
    box = Box(x - radius, y - radius, x + radius, y + radius)
    overshoot = (-box.left, -box.top, box.right - width, box.bottom - height)
    return box if max(overshoot) <= 0.02 * radius and min(overshoot) <= -0.03 * radius else None


def _channel_difference(pixels: RgbArray, other: RgbArray | Colour) -> GrayArray:
    """Levels between ``pixels`` (h, w, 3) and ``other``, the largest of the three channels."""
    red, green, blue = cv2.split(cv2.absdiff(pixels, np.asarray(other)))
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


def _largest_difference(colour: Colour, other: Colour) -> int:
    """Levels, the largest of the three channels."""
    return max(abs(a - b) for a, b in zip(colour, other, strict=True))


def _are_corners_flat(rgb: RgbArray, colour: Colour) -> bool:
    """Whether all four corners have the ground's colour, as they must around a disc."""
    side = max(1, min(rgb.shape[:2]) // CORNER_DIVISOR)
    ends = (slice(None, side), slice(-side, None))
    corners = (rgb[rows, columns] for rows in ends for columns in ends)
    return all(
        (_channel_difference(corner, colour) <= FLAT_TOLERANCE).mean() >= FLAT_SHARE
        for corner in corners
    )


def _foreground_mask(rgb: RgbArray, colour: Colour) -> BoolArray:
    """Where the picture is not the disc's ground."""
    difference = _channel_difference(rgb, colour)
    contrast = float(np.median(difference[difference > FLAT_TOLERANCE]))
    is_background: BoolArray = difference <= min(max(0.25 * contrast, FLAT_TOLERANCE), 40.0)
    return ~is_background
