"""Portrait: a picture with one of its faces, and everything that two checks might share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from app.alignment import Alignment, Box, align
from app.face import Face
from app.framing import trimmed_frames
from app.picture import Picture


@dataclass(frozen=True)
class Framing:
    """One reading of where the original picture's frame lies in this one."""

    transform: Literal["untouched", "trimmed"]
    frame: Box
    alignment: Alignment


@dataclass(frozen=True, eq=False)
class Portrait:
    """``face`` in ``picture``.

    ``repeats`` are further measurements of the same face (on the mirrored or slightly moved
    picture, mapped back to this picture's px): what they disagree about is landmark noise.
    """

    picture: Picture
    face: Face
    face_count: int = 1
    repeats: tuple[Face, ...] = ()

    @cached_property
    def frame(self) -> Box:
        """The picture's own frame, px."""
        width, height = self.picture.size
        return Box(0.0, 0.0, float(width), float(height))

    @cached_property
    def alignment(self) -> Alignment:
        """The crop square of the face as seen from the picture's own frame."""
        return align(self.face, self.frame)
