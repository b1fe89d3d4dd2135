"""Results measured on a turned picture, put back into the coordinates of the picture as given.

Callers and drawings have the picture as given, so faces, marks and frames are mapped back to it.
The alignment stays as it was weighed: it compares the face with the frame of the turned picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app.arrays import FloatArray
from app.evidence import Evidence, Match, Reading
from app.face.alignment import Box
from app.face.face import Face
from app.face.orientation import Turn, turn_points_back

Size = tuple[int, int]
"""(width, height) of the picture as given, px."""


def face_as_given(face: Face, size: Size, turn: Turn) -> Face:
    """``face`` in the picture as given; its left eye is still the left one of the standing face."""
    return Face(turn_points_back(face.landmarks, size, turn)) if turn else face


def evidence_as_given(evidence: Evidence, size: Size, turn: Turn) -> Evidence:
    """``evidence`` with its marks and its match in the picture as given."""
    if not turn or not isinstance(evidence.measurement, Reading):
        return evidence
    marks = tuple(
        replace(mark, points=turn_points_back(mark.points, size, turn))
        for mark in evidence.measurement.marks
    )
    match = evidence.match and match_as_given(evidence.match, size, turn)
    return replace(evidence, measurement=replace(evidence.measurement, marks=marks), match=match)


def match_as_given(match: Match, size: Size, turn: Turn) -> Match:
    """``match`` with its frame and its template eyes in the picture as given."""
    box = match.frame
    corners = np.array([[box.left, box.top], [box.right, box.bottom]])
    eyes_px = np.array(match.template_eyes) * [box.width, box.height] + corners[0]
    (left, top), (right, bottom) = np.sort(turn_points_back(corners, size, turn), axis=0).tolist()
    frame = Box(left, top, right, bottom)
    first, second = _unit(turn_points_back(eyes_px, size, turn), frame).tolist()
    return replace(
        match,
        frame=frame,
        template_eyes=((first[0], first[1]), (second[0], second[1])),
    )


def _unit(points: FloatArray, frame: Box) -> FloatArray:
    """``points`` px in unit coordinates of ``frame``."""
    out: FloatArray = (points - [frame.left, frame.top]) / [frame.width, frame.height]
    return out
