"""Measures a corpus at every size that the fit needs: the longest part of a fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from app.training.calibration.network_offsets import OffsetCorrection, fit_offset_correction
from app.training.calibration.sample_weights import has_share
from app.training.calibration.size_effects import SizeEffects, make_downscaler, measure_size_effects
from app.training.corpus import ORDINARY_KINDS, Corpus, ManifestRow
from app.training.measure import MeasuredPicture, Models, measure_pictures

DOWNSCALED_SIDES_PX: Final = (200, 96, 62, 48)
"""Pictures are measured at native size and downscaled to these: slopes depend on size."""
SMALL_SIDES_PX: Final = (24, 32, 40, 48)
"""Sizes of the smallest avatars that platforms show."""


@dataclass(frozen=True, eq=False)
class MeasuredCorpus:
    """Every measurement that a fit needs.

    ``native``: every picture at native size. ``downscaled``: by side in px, the pictures of kinds
    with a share in the pixel fit. ``size_effects``: effects of small size on the eyes' position.
    ``small_ordinary``: by side, ordinary avatars downscaled until no pixel check can measure, for
    their false positive rate.
    """

    native: Sequence[MeasuredPicture]
    downscaled: Mapping[int, Sequence[MeasuredPicture]]
    size_effects: SizeEffects
    small_ordinary: Mapping[int, Sequence[MeasuredPicture]] = field(default_factory=dict)
    offset_correction: OffsetCorrection = field(default_factory=lambda: OffsetCorrection({}))
    """To apply to further pictures read by the same networks."""

    def filter(self, should_keep: Callable[[ManifestRow], bool]) -> MeasuredCorpus:
        """Only the pictures for which ``should_keep`` is true."""
        return self.resample(lambda row: int(should_keep(row)))

    def resample(self, times: Callable[[ManifestRow], int]) -> MeasuredCorpus:
        """Every picture repeated as often as ``times`` says."""

        def repeat(pictures: Sequence[MeasuredPicture]) -> list[MeasuredPicture]:
            return [m for m in pictures for _ in range(times(m.row))]

        downscaled = {side: repeat(part) for side, part in self.downscaled.items()}
        return replace(self, native=repeat(self.native), downscaled=downscaled)

    @property
    def parts(self) -> tuple[Sequence[MeasuredPicture], ...]:
        """The pictures at native size, then at each size of ``downscaled``."""
        return (self.native, *self.downscaled.values())

    @property
    def pixel_pictures(self) -> list[MeasuredPicture]:
        """The pictures of the pixel fit, at every size."""
        return [m for part in self.parts for m in part if has_share(m.row)]


def measure_corpus(corpus: Corpus, models: Models) -> MeasuredCorpus:
    """Measure ``corpus`` at every size."""
    native = list(measure_pictures(corpus, corpus.rows, models))
    measured_corpus = MeasuredCorpus(
        native,
        measure_downscaled(corpus, models, DOWNSCALED_SIDES_PX),
        measure_size_effects(corpus, native, models),
        measure_small_ordinary(corpus, models),
    )
    return correct_offsets(measured_corpus)


def correct_offsets(measured_corpus: MeasuredCorpus) -> MeasuredCorpus:
    """``measured_corpus`` with the offsets between networks removed."""
    correct = fit_offset_correction(measured_corpus.pixel_pictures)
    downscaled = {
        side: [correct(m) for m in part] for side, part in measured_corpus.downscaled.items()
    }
    return replace(
        measured_corpus,
        native=[correct(m) for m in measured_corpus.native],
        downscaled=downscaled,
        offset_correction=correct,
    )


def measure_small_ordinary(corpus: Corpus, models: Models) -> dict[int, Sequence[MeasuredPicture]]:
    """Measure ordinary avatars at ``SMALL_SIDES_PX``, alternate halves at alternate sizes."""
    rows = [row for row in corpus.rows if row.kind in ORDINARY_KINDS]
    return {
        side: list(measure_pictures(corpus, rows[i % 2 :: 2], models, make_downscaler(side)))
        for i, side in enumerate(SMALL_SIDES_PX)
    }


def measure_downscaled(
    corpus: Corpus, models: Models, sides_px: Sequence[int]
) -> dict[int, Sequence[MeasuredPicture]]:
    """The pictures of the pixel fit, downscaled to each of ``sides_px``."""
    rows = [row for row in corpus.rows if has_share(row)]
    return {
        side: list(measure_pictures(corpus, rows, models, make_downscaler(side)))
        for side in sides_px
    }
