"""What a comparison found, in lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

MAX_SHOWN: Final = 10
"""Mismatches of one kind that are named; the others are counted."""
CheckStatus = Literal["ok", "mismatch", "not computed"]


@dataclass(frozen=True)
class BundleCheck:
    """One line of the verdict on a bundle: what was compared, how it came out, and why."""

    name: str
    status: CheckStatus
    detail: str


@dataclass(eq=False)
class Mismatches:
    """Mismatches of one kind: all counted, the first ones kept."""

    count: int = 0
    shown: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(text)

    def rows(self, name: str) -> Iterator[BundleCheck]:
        yield from (BundleCheck(name, "mismatch", text) for text in self.shown)
        if self.count > len(self.shown):
            more = f"and {self.count - len(self.shown):,} more"
            yield BundleCheck(name, "mismatch", more)
