"""Apparent skin tone of painted faces whose colour is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from app.arrays import RgbArray
from app.training.skin_tone import ITA_BANDS, cheek_ita_deg, ita_band
from tests.synthetic_faces import symmetric_face, transform_face


def painted(lightness: float, a: float, b: float) -> RgbArray:
    """A picture of one colour, CIELAB."""
    lab = np.full((200, 200, 3), (lightness, a, b), dtype=np.float32)
    return np.asarray(np.rint(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255.0), dtype=np.uint8)


FACE = transform_face(symmetric_face(), 80.0, 0.0, by=(100.0, 90.0))


@pytest.mark.parametrize(
    ("lightness", "b"), [(75.0, 15.0), (62.0, 18.0), (50.0, 20.0), (35.0, 14.0)]
)
def test_the_angle_is_that_of_the_colour(lightness: float, b: float) -> None:
    ita = cheek_ita_deg(painted(lightness, 10.0, b), FACE)
    assert ita == pytest.approx(math.degrees(math.atan2(lightness - 50.0, b)), abs=2.0)


def test_darker_cheeks_have_a_smaller_angle() -> None:
    angles = [cheek_ita_deg(painted(level, 10.0, 15.0), FACE) for level in (80.0, 60.0, 40.0, 20.0)]
    assert all(angle is not None for angle in angles)
    assert angles == sorted(angles, key=lambda angle: -(angle or 0.0))


def test_a_picture_without_colour_has_no_tone() -> None:
    assert cheek_ita_deg(painted(60.0, 0.0, 0.0), FACE) is None


def test_cheeks_outside_the_picture_have_no_tone() -> None:
    far = transform_face(symmetric_face(), 80.0, 0.0, by=(5000.0, 5000.0))
    assert cheek_ita_deg(painted(60.0, 10.0, 15.0), far) is None


@pytest.mark.parametrize(
    ("ita_deg", "band"),
    [(80.0, "very_light"), (55.0, "light"), (41.5, "light"), (30.0, "intermediate"),
     (20.0, "tan"), (0.0, "brown"), (-30.0, "dark"), (-80.0, "dark")],
)  # fmt: skip
def test_bands_are_chardon_s(ita_deg: float, band: str) -> None:
    assert ita_band(ita_deg) == band
    assert [lowest for _, lowest in ITA_BANDS] == sorted((x for _, x in ITA_BANDS), reverse=True)
