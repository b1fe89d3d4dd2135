"""Enlarged parts of the picture: what each check measured, with its marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from app.arrays import FloatArray
from app.evidence import Analysis, Evidence
from app.face.alignment import Box
from app.image.picture import Picture
from app.render import shapes
from app.render.overlay.mark_style import StyledMark, draw_mark, marks_of
from app.render.overlay.overlay_image import fits_template, template_eyes_px
from app.render.shapes import SLIM_CASING, Canvas
from app.render.style import PAPER, SURROUND, TEMPLATE_EYE, Stroke

CUT_OUT_ASPECT: Final = 1.5
"""Width of a cut-out ÷ its height."""
_MARGIN: Final = 1.7
"""So many times as large as its marks is what a cut-out shows."""
_FAR_SHARE: Final = 0.4
"""Two marks further apart than this share of the picture's shorter side get a region each."""
_MIN_SIDE_PX: Final = 6
"""Px of the picture; a smaller part shows nothing."""
_GAP_PX: Final = 6
_RING_RADIUS_PX: Final = 13.0
_DOT_RADIUS_PX: Final = 2.5
_TEMPLATE_RING: Final = Stroke(TEMPLATE_EYE.colour, 2)


@dataclass(frozen=True, eq=False)
class CutOut:
    """What one check measured. ``regions``: parts of the picture, whole px, shown side by side."""

    number: int
    evidence: Evidence
    marks: tuple[StyledMark, ...]
    regions: tuple[Box, ...]


def find_cut_outs(analysis: Analysis) -> tuple[CutOut, ...]:
    """A cut-out for each check that marked a place, in the order of the analysis."""
    cut_outs = []
    for number, evidence in enumerate(analysis.evidence, start=1):
        marks = marks_of(number, evidence)
        if marks:
            cut_outs.append(CutOut(number, evidence, marks, _regions(marks, analysis.size)))
    return tuple(cut_outs)


def draw_cut_out(
    canvas: Canvas, box: Box, cut_out: CutOut, picture: Picture, analysis: Analysis
) -> None:
    """Draw ``cut_out`` into ``box``, px of the canvas, with the marks of its check alone."""
    shapes.fill_box(canvas, box, PAPER)
    for region, target in zip(cut_out.regions, _split(box, len(cut_out.regions)), strict=True):
        _draw_region(canvas, target, picture, region)
        scale = np.array([target.width / region.width, target.height / region.height])
        origin = np.array([region.left, region.top])
        corner = np.array([target.left, target.top])
        match = cut_out.evidence.match
        if match is not None and fits_template(match):
            eyes = template_eyes_px(match, analysis.size)
            for eye in (eyes - origin) * scale + corner:
                if target.left < eye[0] < target.right and target.top < eye[1] < target.bottom:
                    shapes.draw_crosshair_ring(
                        canvas, eye, _RING_RADIUS_PX, _TEMPLATE_RING, SLIM_CASING
                    )
        for styled in cut_out.marks:
            points = (styled.mark.points - origin) * scale + corner
            draw_mark(canvas, points, styled, target, SLIM_CASING, _DOT_RADIUS_PX)


def _regions(marks: tuple[StyledMark, ...], size: tuple[int, int]) -> tuple[Box, ...]:
    """One region around all marks; two for a pair of alike or far apart lines or outlines."""
    points = np.concatenate([styled.mark.points for styled in marks])
    drawn = [styled.mark for styled in marks if styled.mark.shape != "dots"]
    is_pair = len(drawn) == 2 and drawn[0].label == drawn[1].label
    is_far_apart = len(drawn) == 2 and np.ptp(points, axis=0).max() > _FAR_SHARE * min(size)
    if not is_pair and not is_far_apart:
        return (_region(points, size, CUT_OUT_ASPECT),)
    return tuple(
        _region(mark.points, size, CUT_OUT_ASPECT / 2)
        for mark in sorted(drawn, key=lambda mark: float(mark.points[:, 0].mean()))
    )


def _region(points: FloatArray, size: tuple[int, int], aspect: float) -> Box:
    """A box of ``aspect`` around ``points`` (n, 2), in whole px.

    Inside the picture if it fits, with less room around the marks if need be.
    """
    inside = np.clip(points, 0, size)
    low, high = inside.min(axis=0), inside.max(axis=0)
    across, down = np.maximum((high - low) * _MARGIN, _MIN_SIDE_PX)
    height = max(float(down), float(across) / aspect)
    tight = max(float((high - low)[1]), float((high - low)[0]) / aspect, _MIN_SIDE_PX)
    height = max(tight, min(height, float(size[1]), size[0] / aspect))
    sides = np.round([height * aspect, height])
    corner = np.round((low + high) / 2 - sides / 2)
    corner = np.clip(corner, 0, np.maximum(np.array(size) - sides, 0))
    left, top = (float(v) for v in corner)
    return Box(left, top, left + float(sides[0]), top + float(sides[1]))


def _split(box: Box, count: int) -> list[Box]:
    """``count`` parts of ``box`` beside one another, whole px."""
    if count == 1:
        return [box]
    width = (box.width - (count - 1) * _GAP_PX) // count
    lefts = [box.left + number * (width + _GAP_PX) for number in range(count)]
    return [Box(left, box.top, left + width, box.bottom) for left in lefts]


def _draw_region(canvas: Canvas, target: Box, picture: Picture, region: Box) -> None:
    """``region`` of the picture fills ``target``; beyond the picture there is the surround."""
    width, height = round(region.width), round(region.height)
    left, top = round(region.left), round(region.top)
    part = np.full((height, width, 3), SURROUND, dtype=np.uint8)
    visible = picture.rgb[top : top + height, left : left + width]
    part[: visible.shape[0], : visible.shape[1]] = visible
    size = round(target.width), round(target.height)
    interpolation = cv2.INTER_LINEAR_EXACT if size[0] > width else cv2.INTER_AREA
    x, y = round(target.left), round(target.top)
    canvas[y : y + size[1], x : x + size[0]] = cv2.resize(part, size, interpolation=interpolation)
