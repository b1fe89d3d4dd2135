"""Do eyes and mouth lie where StyleGAN-family generators put them?

What it sees: the crop square that FFHQ's recipe would cut for this face, compared with the
picture's own frame. For an untouched StyleGAN portrait the two are the same.

Why generators do it: every training portrait was cut by that recipe, so the generator learned to
draw eyes and mouth in one fixed place.

How it is measured: irises and mouth corners from 478 landmarks give the square; it is compared with
the picture's frame, with what is left when flat borders are taken off, and (by the calibration)
with every centred zoom up to 1.3. Where the face is near the frame, mirrored and slightly turned
copies are measured as well, for the uncertainty of the square.

When it cannot be: the eyes are too close together to place, or the landmarks collapse. Real
photographs cropped to the same frame look the same here: only the pixels can separate those.

Reference: Karras, Laine, Aila 2019 (arXiv 1812.04948) for the recipe; Yang, Singh, Menczer 2024
(doi 10.54501/jots.v2i4.197) for eyes as a screen on accounts.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.evidence import Check, Mark, Match, Reading, Reason, Unmeasurable
from app.face.alignment import Alignment
from app.face.portrait import Portrait, clip_points

MIN_EYE_DISTANCE_PX: Final = 5.0
"""Below it, landmark noise is as large as the differences that the check measures."""

# How close (centre x and y, ln side, roll in radians) is worth measuring again: several times the
# scatter of every family, widened by a centred zoom of up to 1.3.
_NEAR_CENTRE: Final = 0.028
_NEAR_LN_SIDE: Final = (-0.12, 0.34)
_NEAR_ROLL: Final = 0.08

_OUT_OF_REACH_LLR: Final = -0.5
"""At or below this llr no frame is in reach; the distance no longer matters."""

GANED_LEFT: Final = (0.3808205078125, 0.4770548828125)
GANED_RIGHT: Final = (0.6152169921875, 0.4771314453125)
"""GANEyeDistance's published eye positions (Yang, Singh, Menczer 2024, package ``ganed``)."""


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """Root mean square distance of the square's corners from the frame's, % of the frame's side."""
    if portrait.face.eye_distance_px < MIN_EYE_DISTANCE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    try:
        face_measurements = portrait.face_measurements
    except ValueError:
        return Unmeasurable(Reason.DEGENERATE)
    size = portrait.picture.size
    return Reading(
        value=corner_displacement(portrait.alignment),
        marks=(
            Mark(clip_points(portrait.face.eyes, size), "dots", "irises"),
            Mark(clip_points(portrait.face.mouth, size), "dots", "mouth corners"),
        ),
        face_measurements=face_measurements,
    )


def corner_displacement(alignment: Alignment) -> float:
    """How far the crop square's corners lie from the frame's: RMS, % of the frame's side, >= 0."""
    x, y, ln_side, roll = alignment.vector()
    side = math.exp(ln_side)
    # Mean over the corners of |offset + side·R(roll)·c − c|² with |c|² = 1/2.
    stretch = (side * math.cos(roll) - 1.0) ** 2 + (side * math.sin(roll)) ** 2
    return 100.0 * math.sqrt((x - 0.5) ** 2 + (y - 0.5) ** 2 + 0.5 * stretch)


def is_near_template(portrait: Portrait) -> bool:
    """Whether any frame comes close enough to a template to be worth a second measurement."""
    try:
        candidate_frames = portrait.face_measurements[0].candidate_frames
    except ValueError:
        return False  # ``measure`` reports the reason
    return any(_is_close(f.alignment) for f in candidate_frames)


def gan_eye_distance(portrait: Portrait) -> float:
    """GANEyeDistance, 0 to 1, with irises for dlib's eye centres. Reported only, never weighed.

    Its authors flag below 0.02. Yang, Singh, Menczer 2024, section 3.
    """
    eyes = portrait.face.eyes / np.array(portrait.picture.size, dtype=np.float64)
    offsets = np.linalg.norm(eyes - np.array([GANED_LEFT, GANED_RIGHT]), axis=1)
    return min(1.0, float(offsets.sum()) / (2.0 * math.sqrt(2.0)))


def summarize(llr: float, match: Match | None) -> str:
    """The result for the position of the eyes, in plain language."""
    if match is None or llr <= _OUT_OF_REACH_LLR:
        return "the eyes lie where ordinary photographs have them, not in a generator's frame"
    if llr < 1.0:
        return "the eyes lie near a generator's frame, but ordinary photographs are found there too"
    family_names = {"ffhq": "FFHQ-aligned generators", "studio": "generators of studio portraits"}
    sentences = {
        "untouched": "both eyes lie where {} put them",
        "zoomed": "both eyes lie where {} put them, in a picture zoomed about its centre",
        "trimmed": "both eyes lie where {} put them, once the borders are taken off",
    }
    return sentences[match.transform].format(family_names.get(match.template, match.template))


def _is_close(alignment: Alignment) -> bool:
    x, y, ln_side, roll = alignment.vector()
    low, high = _NEAR_LN_SIDE
    return (
        abs(x - 0.5) < _NEAR_CENTRE
        and abs(y - 0.5) < _NEAR_CENTRE
        and low < ln_side < high
        and abs(roll) < _NEAR_ROLL
    )


CHECK = Check(
    name="eye_alignment",
    version=1,
    unit="% of the frame's side",
    reference="Karras, Laine, Aila 2019, arXiv 1812.04948, appendix A",
    measure=measure,
    summarize=summarize,
)
