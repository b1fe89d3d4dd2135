"""Does the whole face crop look painted by a generator or taken by a camera?

What it sees: skin, hair, backdrop, and how they go together, at their native size: of a face crop
up to 256 px wide all of it, of a larger one the hair above the forehead and the face below it with
what lies close around.

Why generators do it: a generator draws each picture from a few hundred numbers, coarse to fine. It
has a typical look (smooth skin, one way of drawing strands, backdrops without objects) that
platforms' resizing and compression weaken but do not remove.

How it is measured: a convolutional network (EfficientNet-Lite0 without its last block), trained on
generated faces and on photographs by many cameras cut into the same frame, gives log odds of a
generator for every place of some 32 px. The value is their mean; their standard deviation is a
second measure. Every picture was resized and compressed alike in training, so that a source's
habits carry no information, and the crop hides the picture's framing.

When it cannot be: the face crop is smaller than 64 px, or most of both lies outside the picture.
The cue is learned, not a law: generators with a plainer look (truncation 1, StyleGAN 3) are
recognised less well, and photographs smoothed by a filter are confused more often.

Reference: Tan, Le 2019 (arXiv 1905.11946) for the network; Aniano Porcile et al. 2024 (arXiv
2311.08577) for its kind as a detector of generated profile pictures.
"""

from __future__ import annotations

import math
from typing import Final

from app.evidence import Check, Mark, Match, Reading, Reason, Unmeasurable
from app.face.portrait import Portrait, clip_points
from app.networks.region_score import LOG_ODDS, score_region
from app.networks.regions import Region

MIN_SIDE_PX: Final = 64
"""The smallest crops that the network was trained on are 72 px wide."""
_INCONCLUSIVE_LLR: Final = 0.5


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """The network's mean log odds over hair and face; natural logarithm, not yet calibrated."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    score = score_region(portrait, Region.TEXTURE)
    if isinstance(score, Unmeasurable):
        return score
    return Reading(
        value=score.log_odds,
        marks=(
            Mark(
                clip_points(score.max_place, portrait.picture.size),
                "outline",
                "the place that looks most generated",
            ),
        ),
        measures={
            "witness": score.log_odds,
            "spread": score.spread,
            "ln_side": math.log(crop.side_px / 200.0),
        },
    )


def summarize(llr: float, match: Match | None) -> str:
    """The result for the whole face crop, in plain language."""
    if llr >= _INCONCLUSIVE_LLR:
        return "the face as a whole looks drawn by a generator rather than photographed"
    if llr > -_INCONCLUSIVE_LLR:
        return "the face as a whole could be photographed or generated"
    return "the face as a whole looks photographed rather than drawn by a generator"


CHECK = Check(
    name="texture",
    version=4,
    unit=LOG_ODDS,
    reference="Tan, Le 2019, arXiv 1905.11946; Aniano Porcile et al. 2024, arXiv 2311.08577",
    measure=measure,
    summarize=summarize,
)
