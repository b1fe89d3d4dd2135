"""What an analysis says, in plain words.

No more is stated about a picture than its likelihood ratio carries, and nothing about the account
behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from app.cohort.number_text import format_percent
from app.evidence import Analysis, Evidence, Match, Outcome, Unmeasurable, Verdict, verbal_support
from app.face.alignment import Alignment

NOT_A_PROBABILITY: Final = (
    "llr counts powers of ten. It is not the probability that the picture is generated: that also "
    "depends on how common such pictures are where this one was found."
)

NOT_A_SUM: Final = (
    "The total is not the sum of the numbered checks: the pixel checks measure one face and "
    "overlap, and the eyes alone count for less, because some photographs of people are framed "
    "like this too."
)

VERDICT_TEXT: Final[dict[Verdict, str]] = {
    Verdict.LIKELY_STYLEGAN: "Likely StyleGAN",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.UNLIKELY_STYLEGAN: "Unlikely StyleGAN",
    Verdict.NOT_APPLICABLE: "Not applicable",
}


def in_words(verdict: str) -> str:
    """``verdict`` in running text."""
    return verdict.replace("_", " ").replace("stylegan", "StyleGAN")


OUTCOME_TEXT: Final[dict[Outcome, str]] = {
    Outcome.SCORED: "A face was found and scored.",
    Outcome.NO_FACE: "No face was found that could be measured, so nothing was scored.",
    Outcome.TOO_SMALL: "The face is too small to measure, so nothing was scored.",
    Outcome.NOT_A_PHOTO: "This does not look like a photograph, so nothing was scored.",
}

WARNING_TEXT: Final = {
    "several_faces": (
        "several faces. Each was scored; the result is that of the face with marked irises."
    ),
    "animated": "an animation. Only its first frame was analyzed.",
    "turned_away": "the head is turned far aside, where landmarks are less certain.",
    "rotated": (
        "the face is tilted, lies on its side or stands on its head, or its orientation is unknown."
    ),
    "geometry_only": (
        "no pixel check could measure. The frame fits; at this size nothing tells a photograph "
        "cut to it from a generated face."
    ),
    "too_small_to_clear": "the face is too small for a result against a generator.",
}
VERDICT_LABEL: Final[dict[str, str]] = {
    Verdict.LIKELY_STYLEGAN: "likely StyleGAN",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.UNLIKELY_STYLEGAN: "unlikely",
    Verdict.NOT_APPLICABLE: "not scored",
}
VERDICT_SHORT_LABEL: Final[dict[str, str]] = {**VERDICT_LABEL, Verdict.LIKELY_STYLEGAN: "likely"}
UNSCORED_REASON: Final[dict[str, str]] = {
    Outcome.NO_FACE: "no face",
    Outcome.TOO_SMALL: "face too small",
    Outcome.NOT_A_PHOTO: "not a photograph",
}
NOT_THE_ACCOUNT: Final = (
    "A picture is not an account: a flag asks for a look by a person and decides nothing. "
    "Real photographs framed like the template exist."
)
NO_WIDTH: Final = 0.01
"""An interval of llr that is narrower shows that the llr lies at a bound."""
_NAMED_POWERS: Final = ((1e9, "billion"), (1e6, "million"))


def verdict_counts_text(verdicts: Mapping[str, int], failed: int) -> str:
    """How many got which verdict, the strongest first; kinds of which there are none left out."""
    parts = [f"{verdicts[v]:,} {VERDICT_LABEL[v]}" for v in Verdict if verdicts.get(v)]
    if failed:
        parts.append(f"{failed:,} could not be read")
    return " · ".join(parts) or "no picture was analyzed"


def format_llr(llr: float) -> str:
    """``llr`` with its sign and one decimal, never a minus zero."""
    return f"{round(llr, 1) + 0.0:+.1f}"


def llr_text(analysis: Analysis) -> str:
    """The likelihood ratio with its interval; one without width lies where bounds hold it."""
    low, high = analysis.llr_interval
    if high - low < NO_WIDTH:
        more = "more" if analysis.llr > 0 else "less"
        return f"llr {format_llr(analysis.llr)} or {more} (the bound of what validation can carry)"
    return f"llr {format_llr(analysis.llr)} (95 % interval {format_llr(low)} to {format_llr(high)})"


def llr_sentence(llr: float) -> str:
    """The likelihood ratio as a sentence about the measurements, not about the picture."""
    generated, ordinary = "a picture from a StyleGAN-family generator", "an ordinary avatar"
    band = verbal_support(llr)
    if band == "none":
        return (
            f"No support either way: what was measured is about as likely in {generated} "
            f"as in {ordinary}."
        )
    more, less = (generated, ordinary) if llr > 0 else (ordinary, generated)
    return (
        f"{band.capitalize()} support for {more}: what was measured is about "
        f"{format_power_of_ten(abs(llr))} times more likely there than in {less}."
    )


def against_sentence(analysis: Analysis) -> str:
    """The two likelihood ratios that the total is a mixture of."""
    against = analysis.against
    framed = (
        f"llr {format_llr(against.framed.llr)}"
        if against.is_framed_measured
        else "unknown, no pixel check measured"
    )
    return (
        f"Against an ordinary avatar: llr {format_llr(against.ordinary.llr)}. Against a photograph "
        f"that lies in a generator's frame: {framed}."
    )


def posterior_sentence(analysis: Analysis, base_rate: float) -> str:
    """What the picture is worth where a share ``base_rate`` of all avatars is generated."""
    return base_rate_sentence(base_rate, analysis.posterior(base_rate))


def base_rate_sentence(base_rate: float, posterior: float) -> str:
    """The probability of a picture where a share ``base_rate`` of all avatars is generated."""
    return (
        f"Probability at the base rate, where {format_percent(base_rate)} of avatars are "
        f"generated: {format_percent(posterior)}. The llr alone is no probability."
    )


def format_power_of_ten(exponent: float) -> str:
    """10 to the power of ``exponent`` (0 or more) in two significant figures; whole below 10."""
    if exponent >= 12.0:
        return "a thousand billion or more"
    ratio = 10.0**exponent
    if ratio < 9.5:
        return str(round(ratio))
    rounded = float(f"{ratio:.1e}")
    for unit, name in _NAMED_POWERS:
        if rounded >= unit:
            return f"{rounded / unit:,.3g} {name}"
    return f"{rounded:,.0f}"


def check_heading(evidence: Evidence) -> str:
    """The check's name as words, with its llr."""
    return f"{_check_name(evidence)}: llr {format_llr(evidence.llr)}"


def check_sentence(evidence: Evidence) -> str:
    """The check's own sentence; the reason where it could not measure."""
    if isinstance(evidence.measurement, Unmeasurable):
        return f"Not measured: {_reason(evidence.measurement)}."
    return to_sentence(evidence.summary)


def check_line(evidence: Evidence) -> str:
    """The check in one line: what it measured, or why it could not."""
    if isinstance(evidence.measurement, Unmeasurable):
        return f"{_check_name(evidence)}: not measured, {_reason(evidence.measurement)}."
    return f"{check_heading(evidence)}. {check_sentence(evidence)}"


def _check_name(evidence: Evidence) -> str:
    return code_to_words(evidence.check.name).capitalize()


def _reason(measurement: Unmeasurable) -> str:
    return code_to_words(measurement.reason)


def closest_template_text(match: Match, size: tuple[int, int]) -> str:
    """Template, transform and distance of ``match`` in a picture of ``size`` (width, height)."""
    return (
        f"Closest template: {match.template}, {transform_text(match, size)}; "
        f"{_format_distance(match.distance)} standard deviations away."
    )


def no_template_text(match: Match) -> str:
    """That no template comes near this face, and how far the closest is."""
    distance = _format_distance(match.distance)
    return (
        f"No template fits: the closest, {match.template}, is {distance} standard deviations away."
    )


def transform_text(match: Match, size: tuple[int, int]) -> str:
    """What was done to the generator's picture to make this one of ``size`` px, in words."""
    return {
        "untouched": "untouched",
        "zoomed": f"zoomed in {match.frame.width / size[0]:.2f} times",
        "trimmed": "in a trimmed frame",
    }[match.transform]


def picture_frame_text(size: tuple[int, int]) -> str:
    """The picture's frame and its ``size`` (width, height)."""
    return f"the picture's own frame ({size[0]:,} x {size[1]:,} px)"


def crop_square_text(alignment: Alignment | None, size: tuple[int, int]) -> str:
    """The crop square, and its side in the same px as the frame's."""
    if alignment is None:
        return "the crop square aligned to this face"
    side_px, roll_deg = alignment.side * math.sqrt(size[0] * size[1]), round(alignment.roll_deg, 1)
    side_text = f"{side_px:,.0f}" if side_px >= 100.0 else f"{side_px:.1f}"
    return f"the crop square aligned to this face ({side_text} px, turned {roll_deg + 0.0:+.1f}°)"


def footnote_text(analysis: Analysis, scale: float) -> str:
    """Which bytes and which calibration the drawing is of; it is ``scale`` times as large."""
    width, height = analysis.size
    scale_text = f", drawn {scale:.1f} times as large" if scale > 1.0 else ""
    animation_text = ", first frame of an animation" if analysis.animated else ""
    return (
        f"{width:,} x {height:,} px {analysis.format}{animation_text}{scale_text} · "
        f"sha256 {analysis.sha256[:16]} · calibration {analysis.calibration_id or 'none'}"
    )


def warning_text(code: str) -> str:
    """What a warning's ``code`` means."""
    return f"Note: {WARNING_TEXT.get(code, code_to_words(code) + '.')}"


def code_to_words(code: str) -> str:
    """A code such as ``several_faces`` as words."""
    return code.replace("_", " ")


def to_sentence(text: str) -> str:
    """``text`` with a capital at its start and a full stop at its end."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def _format_distance(distance: float) -> str:
    return f"{distance:.1f}" if distance < 9.95 else f"{distance:,.0f}"
