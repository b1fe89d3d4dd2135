"""Does the whole face look painted by a generator or taken by a camera?

What it sees: skin, hair, backdrop, and how they go together, in the whole face crop at 144 px.

Why generators do it: a generator draws each picture from a few hundred numbers, coarse to fine. It
has a typical look (smooth skin, one way of drawing strands, backdrops without objects) that
platforms' resizing and compression weaken but do not remove.

How it is measured: a convolutional network (EfficientNet-Lite0 without its last block), trained on
generated faces and on photographs by many cameras cut into the same frame, gives log odds of a
generator for every place of some 32 px. The value is their mean; their standard deviation is a
second measure. Every picture was resized and compressed alike in training, so that a source's
habits carry no information, and the crop hides the picture's framing.

When it cannot be: the face crop is smaller than 40 px, or most of it lies outside the picture. The
cue is learned, not a law: generators with a plainer look (truncation 1, StyleGAN 3) are recognised
less well, and photographs smoothed by a filter are confused more often. What only full detail shows
is left to ``fine_texture``.

Reference: Tan, Le 2019 (arXiv 1905.11946) for the network; Aniano Porcile et al. 2024 (arXiv
2311.08577) for its kind as a detector of generated profile pictures.
"""

from __future__ import annotations

from typing import Final

from app.evidence import Check, GradedSummary, Reading, Reason, Unmeasurable
from app.face.crop import MAX_CROP_SIDE_PX
from app.face.portrait import Portrait
from app.networks.region_score import LOG_ODDS, network_reading, score_face

MIN_SIDE_PX: Final = 40
"""The smallest faces that the network was trained on."""


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """The network's mean log odds over the face; natural logarithm, not yet calibrated."""
    crop = portrait.small_crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    side_px = min(float(MAX_CROP_SIDE_PX), crop.native_side_px)
    return network_reading(portrait, score_face(portrait), side_px)


_DRAWN: Final = "the face as a whole looks drawn by a generator rather than photographed"
summarize: Final = GradedSummary(
    drawn=_DRAWN,
    rather_drawn=_DRAWN,
    neither="the face as a whole could be photographed or generated",
    photographed="the face as a whole looks photographed rather than drawn by a generator",
    inconclusive_llr=0.5,
)


CHECK = Check(
    name="texture",
    version=5,
    unit=LOG_ODDS,
    reference="Tan, Le 2019, arXiv 1905.11946; Aniano Porcile et al. 2024, arXiv 2311.08577",
    measure=measure,
    summarize=summarize,
)
