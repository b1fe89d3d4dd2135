"""Error rates that a flag is to be read with, for the groups that it might wrong more often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from app.calibration.file import ErrorRateEntry
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.evaluation.breakdowns import (
    ITA_BAND_NAMES,
    SIZE_BANDS_PX,
    called_likely,
    size_band,
    skin_tone_band,
)
from app.training.evaluation.scoring import ScoredPicture

REAL_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "ordinary avatars": ("avatar",),
    "studio portraits and press photographs": ("portrait",),
    "photographs joined by hand": ("composite",),
    "framed photographs": ALIGNED_KINDS,
    "retouched photographs (restored by a network)": ("real_restored",),
    "portraits by diffusion models": ("diffusion",),
}
"""What the kinds of a corpus are called for a reader. Diffusion portraits are generated, but not by
the family that a verdict speaks of: calling them likely is an error as well."""
_SPLIT_KINDS: Final = {
    "ordinary avatars": ("avatar", "portrait", "composite"),
    "framed photographs": ALIGNED_KINDS,
}


def build_error_rates(
    scores: Sequence[ScoredPicture], small_scores: Sequence[ScoredPicture] = ()
) -> list[ErrorRateEntry]:
    """Shares called likely: by kind of picture, by size band and by apparent skin tone.

    ``small_scores``: downscaled copies of pictures of ``scores``; they count for their size alone.
    """
    by_kind = [
        entry
        for name, kinds in REAL_KINDS.items()
        for entry in _entries("kinds of pictures", name, kinds, scores)
    ]
    by_size = _split(
        [*scores, *small_scores],
        "size bands",
        lambda s: size_band(s.side_px),
        {band: f"{band} px" for band in map(size_band, SIZE_BANDS_PX)},
    )
    by_tone = _split(
        scores,
        "apparent skin tone",
        skin_tone_band,
        {band: f"apparent skin tone {band.replace('_', ' ')}" for band in ITA_BAND_NAMES},
    )
    return [*by_kind, *by_size, *by_tone]


def _split(
    scores: Sequence[ScoredPicture],
    group: str,
    key: Callable[[ScoredPicture], str],
    labels: Mapping[str, str],
) -> list[ErrorRateEntry]:
    return [
        entry
        for name, kinds in _SPLIT_KINDS.items()
        for band, label in labels.items()
        for entry in _entries(
            group, f"{name}, {label}", kinds, [s for s in scores if key(s) == band]
        )
    ]


def _entries(
    group: str, pictures: str, kinds: Sequence[str], scores: Sequence[ScoredPicture]
) -> list[ErrorRateEntry]:
    """The rate of those of ``scores`` that are of ``kinds``; none where there is no picture."""
    found = called_likely(scores, kinds)
    if not found["pictures"]:
        return []
    return [
        ErrorRateEntry(
            group=group,
            pictures=pictures,
            count=found["pictures"],
            likely=found["likely"],
            rate=found["rate"],
            upper_95=found["upper_95"],
        )
    ]
