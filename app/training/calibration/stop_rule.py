"""Chooses where an analysis may stop: where the checks that are left change no held-out verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from app.calibration.file import StopEntry
from app.calibration.fusion import FIRST_CHECKS, StopRule
from app.evidence import Outcome
from app.training.calibration.sample_weights import has_share
from app.training.calibration.thresholds import UNLIKELY_LLR
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.scoring import ScoredPicture
from app.training.measure import MeasuredPicture

FAR_EYE_LLR: Final = -1.5005
"""At or below it no frame is in reach: the lowest is -1.70; 96 % of 6,228 ordinary pictures and 1
of 4,133 generated ones read so low. Between two llrs as they are printed, as are the next."""
TEXTURE_LLRS: Final = (-0.0005, -0.2505, -0.5005, -0.7505, -1.0005)
"""Tried in this order: the first is where a network begins to favour a photograph."""
MAX_EXCEPTIONS: Final = 0.001
"""Share of the pictures that stop of which the checks that are left would say that it cannot be
told: a photograph among a thousand whose details look drawn."""

ScoreFn = Callable[[Sequence[MeasuredPicture], StopRule | None], Sequence[ScoredPicture]]
"""Held-out scores of pictures under a rule, in order."""


def choose_stop(pictures: Sequence[MeasuredPicture], score: ScoreFn) -> StopEntry | None:
    """The highest bounds that change hardly a verdict; ``None`` where nothing may stop.

    First the bound on ``texture`` alone, then that on ``texture`` and ``fine_texture``. Whatever
    stops must be at or below ``UNLIKELY_LLR``, and, but for ``MAX_EXCEPTIONS``, with every check
    weighed as well. Left out are faces of uncertain orientation, which have no llr below 0 either
    way, and those that the other checks could not measure, for which nothing is left to look at.
    """
    judged = [
        (m, s)
        for m, s in zip(pictures, score(pictures, None), strict=True)
        if s.outcome == Outcome.SCORED
        and m.is_orientation_certain
        and set(measured_llrs(s)) - set(FIRST_CHECKS)
    ]

    def first_sound(rules: Iterable[StopRule]) -> tuple[StopRule, StopEntry] | None:
        tried = ((rule, _try_rule(rule, judged, score)) for rule in rules)
        return next(((rule, entry) for rule, entry in tried if entry is not None), None)

    chosen = first_sound(StopRule(FAR_EYE_LLR, llr) for llr in TEXTURE_LLRS)
    if chosen is None:
        return None
    rule, entry = chosen
    wider = first_sound(replace(rule, both_llr=x) for x in TEXTURE_LLRS if x > rule.texture_llr)
    return entry if wider is None else wider[1]


def _try_rule(
    rule: StopRule, judged: Sequence[tuple[MeasuredPicture, ScoredPicture]], score: ScoreFn
) -> StopEntry | None:
    """What ``rule`` stops, of pictures scored by every check; ``None`` if it may not."""
    stopped = [(m, s) for m, s in judged if rule.deciding_checks(measured_llrs(s)) is not None]
    full = [s.llr for _, s in stopped]
    short = [s.llr for s in score([m for m, _ in stopped], rule)]
    exceptions = sum(llr > UNLIKELY_LLR for llr in full)
    if max(short, default=0.0) > UNLIKELY_LLR or exceptions > MAX_EXCEPTIONS * len(stopped):
        return None
    ordinary_count = sum(s.row.kind in ORDINARY_KINDS for _, s in judged)
    stopped_rows = [s.row for _, s in stopped]
    ordinary_stopped = sum(row.kind in ORDINARY_KINDS for row in stopped_rows)
    return StopEntry(
        eye_llr=rule.eye_llr,
        texture_llr=rule.texture_llr,
        both_llr=rule.both_llr,
        pictures=len(stopped),
        generated=sum(row.is_generated and has_share(row) for row in stopped_rows),
        ordinary_share=round(ordinary_stopped / max(1, ordinary_count), 4),
        exceptions=exceptions,
        highest_llr=round(max(short), 4),
        largest_change=round(max(abs(a - b) for a, b in zip(full, short, strict=True)), 4),
    )


def measured_llrs(scored: ScoredPicture) -> dict[str, float]:
    """The llr of every check that measured."""
    return {name: value[1] for name, value in scored.checks.items() if isinstance(value, tuple)}
