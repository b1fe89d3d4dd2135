"""What drawings of a whole list say, in the words that the overlay uses of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.evidence import Outcome, Verdict

WORD: Final[dict[str, str]] = {
    Verdict.LIKELY_GENERATED: "likely generated",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.UNLIKELY_GENERATED: "unlikely",
    Verdict.NOT_APPLICABLE: "not weighed",
}
SHORT: Final[dict[str, str]] = {**WORD, Verdict.LIKELY_GENERATED: "likely"}
WHY_NOT: Final[dict[str, str]] = {
    Outcome.NO_FACE: "no face",
    Outcome.TOO_SMALL: "face too small",
    Outcome.NOT_A_PHOTO: "not a photograph",
}
NOT_THE_ACCOUNT: Final = (
    "A picture is not an account: a flag asks for a look by a person and decides nothing. "
    "Real photographs framed like the template exist."
)


def counted(number: int, one: str, many: str | None = None) -> str:
    """``number`` with its noun: 1 avatar, 2 avatars, 3,000 avatars."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def tally(verdicts: Mapping[str, int], failed: int) -> str:
    """How many got which verdict, the strongest first; kinds of which there are none left out."""
    parts = [f"{verdicts[v]:,} {WORD[v]}" for v in Verdict if verdicts.get(v)]
    if failed:
        parts.append(f"{failed:,} could not be read")
    return " · ".join(parts) or "nothing was looked at"
