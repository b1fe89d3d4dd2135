"""A corpus measured once, at every size that the fit needs: the long part of a fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.training.calibration.network_offsets import Evening, fit_evening
from app.training.calibration.sample_weights import takes_part
from app.training.calibration.size_effects import SizeEffects, shrinker, size_effects
from app.training.corpus import Corpus, Row
from app.training.measure import Measured, Models, measure

PIXEL_SIDES_PX: Final = (200, 96)
"""Pictures are weighed as they are and made as small as this: slopes depend on size."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Every measurement that a fit needs.

    ``native``: every picture as it is. ``smaller``: by side in px, those that take part in telling
    pixels apart, made as small as that. ``effects``: what small pictures do to the eyes' place.
    """

    native: Sequence[Measured]
    smaller: Mapping[int, Sequence[Measured]]
    effects: SizeEffects
    even: Evening = field(default_factory=lambda: Evening({}))
    """What brings further pictures, read by the same networks, to the scale of these."""

    def kept(self, keep: Callable[[Row], bool]) -> Seen:
        """Only the pictures that ``keep`` lets pass."""
        return self.repeated(lambda row: int(keep(row)))

    def repeated(self, times: Callable[[Row], int]) -> Seen:
        """Every picture as often as ``times`` says."""

        def some(part: Sequence[Measured]) -> list[Measured]:
            return [m for m in part for _ in range(times(m.row))]

        smaller = {side: some(part) for side, part in self.smaller.items()}
        return Seen(some(self.native), smaller, self.effects, self.even)

    @property
    def pixels(self) -> list[Measured]:
        """Everything that tells pixels apart, at every size."""
        parts = (self.native, *self.smaller.values())
        return [m for part in parts for m in part if takes_part(m.row)]


def see(corpus: Corpus, models: Models) -> Seen:
    """Measure ``corpus`` at every size."""
    native = list(measure(corpus, corpus.rows, models))
    seen = Seen(native, smaller_of(corpus, models), size_effects(corpus, native, models))
    return evened(seen)


def evened(seen: Seen) -> Seen:
    """``seen`` as if one network had read it all."""
    even = fit_evening(seen.pixels)
    smaller = {side: [even(m) for m in part] for side, part in seen.smaller.items()}
    return Seen([even(m) for m in seen.native], smaller, seen.effects, even)


def smaller_of(corpus: Corpus, models: Models) -> dict[int, Sequence[Measured]]:
    """What takes part in telling pixels apart, made as small as each of ``PIXEL_SIDES_PX``."""
    part = [row for row in corpus.rows if takes_part(row)]
    return {side: list(measure(corpus, part, models, shrinker(side))) for side in PIXEL_SIDES_PX}
