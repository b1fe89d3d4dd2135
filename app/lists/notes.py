"""What is noticed while a list is read, in sentences for its sender."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

NOTES_MAX: Final = 40
_SHOWN_NAMES: Final = 12
_NAME_MAX_CHARS: Final = 60


class ListNotes:
    """Sentences in the order in which they came up; complete once the list was read to its end."""

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, sentence: str) -> None:
        """Once, however often it is added."""
        if len(self._sentences) < NOTES_MAX:
            self._sentences[sentence] = None

    def tally(self, singular: str, plural: str) -> None:
        """One more of what is told with its number: ``plural`` holds ``{n}``."""
        self._counts[singular, plural] = self._counts.get((singular, plural), 0) + 1

    def _all(self) -> list[str]:
        counted = (
            singular if n == 1 else plural.format(n=n)
            for (singular, plural), n in self._counts.items()
        )
        return [*self._sentences, *counted]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())


def quote_names(names: Sequence[str]) -> str:
    """Columns' names for a sentence: quoted, shortened, not too many."""
    shown = ", ".join(f"`{name[:_NAME_MAX_CHARS]}`" for name in names[:_SHOWN_NAMES])
    rest = len(names) - _SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
