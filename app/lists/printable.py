"""Text of strangers for a terminal: nothing in it moves the cursor or turns a line about."""

from __future__ import annotations

import re
from typing import Final

NAME_MAX_CHARS: Final = 1024

_CONTROLS: Final = "\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL: Final = re.compile(f"[{_CONTROLS}]")
_UNPRINTABLE: Final = re.compile(f"[{_CONTROLS}\u061c\u200e\u200f\u2028\u2029]")
_UNPRINTABLE_IN_TEXT: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""The same without line feeds and tabs."""


def printable_name(name: str) -> str:
    """A file's name on one line, without control and direction marks, cut to ``NAME_MAX_CHARS``."""
    return _UNPRINTABLE.sub("\ufffd", name[:NAME_MAX_CHARS])


def printable_text(text: str) -> str:
    """``text`` without control and direction marks; its lines and tabs stay."""
    return _UNPRINTABLE_IN_TEXT.sub("\ufffd", text)


def has_controls(name: str) -> bool:
    """Whether there is something in a name that no file's name needs."""
    return _CONTROL.search(name) is not None
