"""The picture of a bundle, analyzed again: its answer must be what the picture shows.

Only the picture itself can be: a thumbnail is a smaller copy, and gives other measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from app.analysis.canary import TOLERANCE
from app.analysis.schemas import AnalysisOut
from app.errors import ImageBomb, RequestError, TooLarge
from app.runtime.evidence.findings import BundleCheck, Mismatches

AnalyzeAgain = Callable[[bytes], AnalysisOut]
"""A picture's bytes → its answer. Raises a ``RequestError``."""

NAME: Final = "picture"
NO_PICTURE: Final = BundleCheck(
    NAME,
    "not computed",
    "no picture is in it: measures are taken as stated, and thumbnails are not what was analyzed",
)
_EYE_TOLERANCE: Final = 0.005
"""Unit coordinates; ``TOLERANCE`` is what that comes to in an llr."""


@dataclass(eq=False)
class PictureChecker:
    """``sha256``: of the picture's file, hex. ``read``: gives its bytes. ``answer``: about it."""

    sha256: str
    read: Callable[[], bytes]
    answer: AnalysisOut | None = None

    def look_at(self, answer: AnalysisOut) -> None:
        """Remember ``answer`` if it is about this picture."""
        if answer.image.sha256 == self.sha256:
            self.answer = answer

    def check(self, analyze: AnalyzeAgain | None, *, is_ours: bool) -> Iterator[BundleCheck]:
        """Once all answers were looked at. ``is_ours``: the models here are those that answered.

        ``analyze``: ``None`` leaves it at the sum.
        """
        if self.answer is None:
            yield BundleCheck(NAME, "mismatch", f"{self.sha256} is not the one that was analyzed")
            return
        if analyze is None or not is_ours:
            reason = "with another calibration" if analyze is not None else "and not analyzed again"
            detail = f"it is the one that was analyzed, {reason}"
            yield BundleCheck(NAME, "not computed", detail)
            return
        try:
            computed = analyze(self.read())
        except (ImageBomb, TooLarge) as error:
            yield BundleCheck(NAME, "not computed", f"it is beyond the limits here: {error.detail}")
            return
        except RequestError as error:
            yield BundleCheck(NAME, "mismatch", f"it cannot be analyzed: {error.detail}")
            return
        mismatches = Mismatches()
        for difference in find_differences(self.answer, computed):
            mismatches.add(difference)
        yield from mismatches.rows(NAME)
        if not mismatches.count:
            yield BundleCheck(NAME, "ok", "analyzed again, it gives the same measures and ratios")


def find_differences(stated: AnalysisOut, computed: AnalysisOut) -> Iterator[str]:
    """Where the answers differ by more than another processor explains.

    What follows from the ratios (verdict, posteriors) is not looked at.
    """
    if stated.image != computed.image or stated.outcome != computed.outcome:
        yield f"it is {_describe(stated)}, and {_describe(computed)} when it is analyzed again"
        return
    for name, before, now in _numbers(stated, computed):
        tolerance = _EYE_TOLERANCE if name.startswith("eye ") else TOLERANCE
        if before is None or now is None or not abs(before - now) <= tolerance:
            yield f"{name} is {_format(before)}, and {_format(now)} when it is analyzed again"


def _numbers(
    stated: AnalysisOut, computed: AnalysisOut
) -> Iterator[tuple[str, float | None, float | None]]:
    both = stated, computed
    for name in dict.fromkeys(check.name for answer in both for check in answer.checks):
        before, now = (_check_llr(answer, name) for answer in both)
        if before is not None or now is not None:
            yield f"llr of {name}", before, now
    if stated.against is not None and computed.against is not None:
        before, now = (each.against.ordinary.llr for each in both if each.against)
        yield "llr against ordinary avatars", before, now
        before, now = (each.against.framed.llr for each in both if each.against)
        yield "llr against framed photographs", before, now
    if stated.face is not None and computed.face is not None:
        for index, axis in ((0, "x"), (1, "y")):
            for side, eye in enumerate(("left", "right")):
                before, now = (each.face.eyes[side][index] for each in both if each.face)
                yield f"eye {eye} {axis}", before, now


def _check_llr(answer: AnalysisOut, name: str) -> float | None:
    """The llr of a check that measured something."""
    measured = (c.llr for c in answer.checks if c.name == name and c.status == "measured")
    return next(measured, None)


def _describe(answer: AnalysisOut) -> str:
    image = answer.image
    return f"{image.format} {image.width}x{image.height}, pdq {image.pdq[:8]}…, {answer.outcome}"


def _format(value: float | None) -> str:
    return "not measured" if value is None else f"{value:+.3f}"
