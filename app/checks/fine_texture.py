"""Do skin, hair and backdrop look painted by a generator at full detail?

What it sees: the face at its native size: of a face crop up to 256 px wide all of it, of a larger
one the hair above the forehead and the face below it with what lies close around.

Why generators do it: strands, pores and the grain of a backdrop are painted by the last layers of a
generator, evenly and without a lens; ``texture`` looks at a smaller view, where they are gone.

How it is measured: the network that reads hair, teeth, eyes and background (EfficientNet-Lite0
without its last block) has a head for windows from anywhere in the face. It gives log odds of a
generator for every place of some 32 px; the value is their mean, their standard deviation a second
measure.

When it cannot be: the face crop is smaller than 64 px, or most of what is read lies outside the
picture. It is not looked at where ``texture`` and the eyes have decided. The cue is learned, not a
law: generators with a plainer look (truncation 1, StyleGAN 3) are recognised less well, and
photographs smoothed by a filter are confused more often.

Reference: Tan, Le 2019 (arXiv 1905.11946) for the network; Aniano Porcile et al. 2024 (arXiv
2311.08577) for its kind as a detector of generated profile pictures.
"""

from __future__ import annotations

from typing import Final

from app.evidence import Check, GradedSummary, Reading, Reason, Unmeasurable
from app.face.portrait import Portrait
from app.networks.region_score import LOG_ODDS, network_reading, score_region
from app.networks.regions import Region

MIN_SIDE_PX: Final = 64
"""The smallest crops that the network was trained on are 72 px wide."""


def measure(portrait: Portrait) -> Reading | Unmeasurable:
    """The network's mean log odds at full detail; natural logarithm, not yet calibrated."""
    crop = portrait.crop
    if crop is None or crop.side_px < MIN_SIDE_PX:
        return Unmeasurable(Reason.TOO_SMALL)
    return network_reading(portrait, score_region(portrait, Region.FINE_TEXTURE), crop.side_px)


_DRAWN: Final = "skin and hair look drawn by a generator at full detail"
summarize: Final = GradedSummary(
    drawn=_DRAWN,
    rather_drawn=_DRAWN,
    neither="skin and hair could be photographed or generated at full detail",
    photographed="skin and hair look photographed at full detail",
    inconclusive_llr=0.5,
)


CHECK = Check(
    name="fine_texture",
    version=1,
    unit=LOG_ODDS,
    reference="Tan, Le 2019, arXiv 1905.11946; Aniano Porcile et al. 2024, arXiv 2311.08577",
    measure=measure,
    summarize=summarize,
)
