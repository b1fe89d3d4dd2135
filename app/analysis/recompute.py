"""An answer, computed again from what it states: so that somebody else can check it.

From the stated measures of each check its llr, from those both ratios, from them the total, the
verdict and the posteriors. What the eyes weigh cannot be computed again: it takes the landmarks,
which only the picture has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from app.analysis.schemas import AnalysisOut, MeasuredOut
from app.calibration.calibration import CALIBRATION_FILE, Calibration, load_calibration
from app.calibration.fusion import mixture_llr
from app.calibration.scale import LlrEstimate
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Outcome, Reading
from app.settings import Settings

_CHECK_TOLERANCE: Final = 0.02
"""Of an llr that follows from measures of four decimals."""
_RATIO_TOLERANCE: Final = 0.02
_TOTAL_TOLERANCE: Final = 0.003
"""Of the mixture of two ratios of three decimals."""
_POSTERIOR_TOLERANCE: Final = 0.006
"""Of log10 odds: posteriors have three figures."""


@dataclass(frozen=True)
class Mismatch:
    """A number of an answer that is not what follows from the rest of it."""

    name: str
    stated: str
    computed: str

    def __str__(self) -> str:
        return f"{self.name} is {self.stated}, and {self.computed} follows from the rest"


def find_mismatches(answer: AnalysisOut, calibration: Calibration) -> Iterator[Mismatch]:
    """What does not fit together in ``answer``, which ``calibration`` made.

    Raises ``ValueError`` if it cannot have made it: checks, versions or measures are others.
    """
    if answer.outcome != Outcome.SCORED or answer.against is None:
        if answer.llr != 0.0 or answer.verdict != "not_applicable":
            yield Mismatch("llr", f"{answer.llr:+.3f}", "none, where nothing was scored,")
        return
    estimates: dict[str, LlrEstimate] = {}
    for stated in _measured_checks(answer, calibration):
        estimate = LlrEstimate(stated.llr, (stated.llr, stated.llr))
        if stated.name != EYE_ALIGNMENT.name:
            reading = Reading(stated.value, measures=stated.measures)
            estimate = calibration.scales[stated.name].weigh(reading)
            yield from _compare(f"llr of {stated.name}", stated.llr, estimate.llr, _CHECK_TOLERANCE)
        estimates[stated.name] = estimate
    if estimates:
        yield from _compare_ratios(answer, calibration, estimates)
    yield from _compare_conclusions(answer, calibration)


def _measured_checks(answer: AnalysisOut, calibration: Calibration) -> list[MeasuredOut]:
    stated = [(check.name, check.version) for check in answer.checks]
    known = [(check.name, check.version) for check in calibration.checks]
    if stated != known:
        raise ValueError(f"the checks are {stated}, those of the calibration {known}")
    return [check for check in answer.checks if isinstance(check, MeasuredOut)]


def _compare_ratios(
    answer: AnalysisOut, calibration: Calibration, estimates: dict[str, LlrEstimate]
) -> Iterator[Mismatch]:
    """Both ratios, from the checks. A face that may lie gets no support against a generator."""
    assert answer.against is not None
    computed = calibration.fuse(estimates)
    for name, stated, ratio in (
        ("llr against ordinary avatars", answer.against.ordinary, computed.ordinary),
        ("llr against framed photographs", answer.against.framed, computed.framed),
    ):
        is_withheld = "rotated" in answer.warnings and ratio.llr < 0.0 and stated.llr == 0.0
        if not is_withheld:
            yield from _compare(name, stated.llr, ratio.llr, _RATIO_TOLERANCE)


def _compare_conclusions(answer: AnalysisOut, calibration: Calibration) -> Iterator[Mismatch]:
    """Total, verdict and posteriors, from the ratios."""
    assert answer.against is not None
    ordinary, framed = answer.against.ordinary.llr, answer.against.framed.llr
    total = mixture_llr(ordinary, framed, answer.against.framed_share)
    yield from _compare("llr", answer.llr, total, _TOTAL_TOLERANCE)
    eye_distance_px = answer.face.eye_distance_px if answer.face else 0.0
    # A rounded llr or distance may lie on either side of a limit.
    verdicts = {
        calibration.verdict(answer.llr + llr_step, eye_distance_px + px_step)
        for llr_step in (-0.0005, 0.0005)
        for px_step in (-0.05, 0.05)
    }
    if answer.verdict not in verdicts:
        yield Mismatch("verdict", answer.verdict, str(min(verdicts)))
    for name, prior, stated in (
        ("likelihood", answer.prior, answer.likelihood),
        ("posterior_at_base_rate", answer.base_rate, answer.posterior_at_base_rate),
    ):
        odds = answer.llr + _log10_odds(prior)
        if stated is None or abs(_log10_odds(stated) - odds) > _POSTERIOR_TOLERANCE:
            yield Mismatch(name, str(stated), f"log10 odds of {odds:+.3f}")


def _log10_odds(probability: float) -> float:
    return math.log10(probability / (1.0 - probability)) if 0.0 < probability < 1.0 else math.inf


def _compare(name: str, stated: float, computed: float, tolerance: float) -> Iterator[Mismatch]:
    if not abs(stated - computed) <= tolerance:
        yield Mismatch(name, f"{stated:+.3f}", f"{computed:+.3f}")


class AnswerChecker:
    """Computes answers again with the calibration that is installed here.

    ``networks``: the SHA-256 of each network that it was fitted with, by file.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self.calibration_id = calibration.id
        self.networks = dict(calibration.file.networks)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Raises ``CalibrationError``."""
        return cls(load_calibration(settings.models_dir / CALIBRATION_FILE, CHECKS))

    def made(self, answer: AnalysisOut) -> bool:
        """Whether the answer was made with this calibration."""
        return answer.model.calibration == self.calibration_id

    def find_mismatches(self, answer: AnalysisOut) -> list[Mismatch]:
        """What does not fit together in ``answer``, made with this calibration.

        Raises ``ValueError`` if it cannot have been.
        """
        return list(find_mismatches(answer, self._calibration))
