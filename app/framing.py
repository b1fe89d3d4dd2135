"""Where the content of a picture lies, when flat borders or a circle mask surround it."""

from __future__ import annotations

from app.alignment import Box
from app.picture import Picture


def trimmed_frame(picture: Picture) -> Box | None:
    """The content's bounding box, px, or ``None`` when there is nothing to trim."""
    return None
