"""Colours and strokes that colour-blind eyes can tell apart; shape carries the meaning as well.

Colours are Okabe and Ito's (2008, "Color Universal Design"). What the generator's template says is
vermillion and open, what was measured on this face is sky blue and solid: the pair lies on the
blue-yellow axis that deuteranopia and protanopia keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from app.evidence import Verdict

Colour = tuple[int, int, int]
DotShape = Literal["disc", "square", "diamond", "triangle"]

BLACK: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (255, 255, 255)
ORANGE: Final[Colour] = (230, 159, 0)
SKY_BLUE: Final[Colour] = (86, 180, 233)
BLUISH_GREEN: Final[Colour] = (0, 158, 115)
YELLOW: Final[Colour] = (240, 228, 66)
BLUE: Final[Colour] = (0, 114, 178)
VERMILLION: Final[Colour] = (213, 94, 0)
REDDISH_PURPLE: Final[Colour] = (204, 121, 167)

INK: Final[Colour] = (24, 24, 28)
"""Text; 17:1 on ``PAPER``."""
FAINT_INK: Final[Colour] = (88, 88, 96)
"""Small print; 7:1 on ``PAPER``."""
RULE: Final[Colour] = (208, 208, 214)
PAPER: Final[Colour] = (255, 255, 255)
SURROUND: Final[Colour] = (176, 178, 184)
"""Around the avatar: neither the white nor the black that avatars have at their edges."""


@dataclass(frozen=True)
class Stroke:
    """A line of ``width_px``; ``dash_px`` alternates drawn and left out, empty for a solid one."""

    colour: Colour
    width_px: int
    dash_px: tuple[float, ...] = ()


PICTURE_FRAME: Final = Stroke(WHITE, 2, (14.0, 14.0))
TEMPLATE_FRAME: Final = Stroke(VERMILLION, 2, (24.0, 18.0, 2.0, 18.0))
CROP_SQUARE: Final = Stroke(SKY_BLUE, 4)
TEMPLATE_EYE: Final = Stroke(VERMILLION, 2)
OTHER_FACE: Final = Stroke(WHITE, 1)
IRIS_COLOUR: Final[Colour] = SKY_BLUE


@dataclass(frozen=True)
class CheckStyle:
    """How the marks of one check look: its own colour, its own dot, its own dash."""

    colour: Colour
    dot_shape: DotShape
    dash_px: tuple[float, ...]

    @property
    def stroke(self) -> Stroke:
        return Stroke(self.colour, 2, self.dash_px)


CHECK_STYLE: Final[dict[str, CheckStyle]] = {
    "eye_alignment": CheckStyle(YELLOW, "square", ()),
    "hairline": CheckStyle(REDDISH_PURPLE, "diamond", (12.0, 11.0)),
    "teeth": CheckStyle(BLUISH_GREEN, "triangle", (2.0, 10.0)),
    "background_blur": CheckStyle(BLACK, "disc", (14.0, 10.0, 2.0, 10.0)),
    "irises": CheckStyle(BLUE, "square", (7.0, 7.0)),
    "texture": CheckStyle(ORANGE, "diamond", (22.0, 8.0)),
    "fine_texture": CheckStyle(SKY_BLUE, "triangle", (16.0, 4.0, 4.0, 4.0)),
    "stamp": CheckStyle(WHITE, "triangle", (5.0, 6.0, 14.0, 6.0)),
}
"""Each check looks the same in every picture. A new check needs a line here."""
UNKNOWN_CHECK_STYLE: Final = CheckStyle(SKY_BLUE, "disc", (3.0, 3.0))


def check_style(name: str) -> CheckStyle:
    """The style of the check called ``name``."""
    return CHECK_STYLE.get(name, UNKNOWN_CHECK_STYLE)


def is_light(colour: Colour) -> bool:
    """Whether black letters are legible on ``colour`` (Rec. 601 luma above the middle)."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue > 127.5


VERDICT_COLOUR: Final[dict[Verdict, Colour]] = {
    Verdict.LIKELY_STYLEGAN: VERMILLION,
    Verdict.INCONCLUSIVE: ORANGE,
    Verdict.UNLIKELY_STYLEGAN: BLUE,
    Verdict.NOT_APPLICABLE: FAINT_INK,
}

VERDICT_DOT_SHAPE: Final[dict[Verdict, DotShape]] = {
    Verdict.LIKELY_STYLEGAN: "diamond",
    Verdict.INCONCLUSIVE: "triangle",
    Verdict.UNLIKELY_STYLEGAN: "disc",
    Verdict.NOT_APPLICABLE: "square",
}
"""The verdict's shape, next to its colour, where many verdicts are shown at once."""
