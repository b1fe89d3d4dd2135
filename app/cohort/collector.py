"""A list's results, taken one at a time and kept in some 35 bytes each.

What its rows say of accounts comes on top, 20 bytes at most. Two tallies of parts of a list merge
into the tally of the list.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.cohort.account_stats import Accounts
from app.cohort.parameters import ConcentrationEntry
from app.evidence import Outcome, Verdict
from app.records import Finding, Result

_SCORED: Final = 1
_LIKELY: Final = 2
_PLACED: Final = 4
_HASHED: Final = 8
_STEP: Final = 5e-4
"""Squares are kept in steps of this: a fifth of the narrowest frame's spread."""
_FARTHEST: Final = 32767
_MILLI: Final = 1000.0
_TRIMMED_LLR: Final = 1.0
"""From which llr of the eyes a face in a trimmed picture counts as lying where it was found."""

Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Columns:
    """A tally as arrays, in the order of the list. ``squares`` (n, 4): NaN where unknown.

    ``hashes``: 0 where there is none.
    """

    seqs: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    llr: Singles
    eye_llr: Singles
    squares: Singles
    scored: NDArray[np.bool_]
    likely: NDArray[np.bool_]


@dataclass(eq=False)
class Tally:
    """What is kept of a list. ``numbers`` tell where frames lie."""

    numbers: ConcentrationEntry
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    templates: Counter[str] = field(default_factory=Counter)
    transforms: Counter[str] = field(default_factory=Counter)
    flagged: Accounts = field(default_factory=Accounts)
    rest: Accounts = field(default_factory=Accounts)
    _seqs: array[int] = field(default_factory=lambda: array("q"))
    _hashes: array[int] = field(default_factory=lambda: array("Q"))
    _llr: array[float] = field(default_factory=lambda: array("f"))
    _eye_llr: array[int] = field(default_factory=lambda: array("h"))
    _squares: array[int] = field(default_factory=lambda: array("h"))
    _flags: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        """How many pictures were found something of."""
        return len(self._seqs)

    def extend(self, results: Iterable[Result]) -> Tally:
        for result in results:
            self.add(result)
        return self

    def add(self, result: Result) -> None:
        found = result.finding
        if found is None:
            self.failures[result.failure.code if result.failure else "unknown"] += 1
            return
        self.outcomes[found.outcome] += 1
        scored = found.outcome == Outcome.SCORED and math.isfinite(found.llr)
        likely = scored and found.verdict == Verdict.LIKELY_GENERATED
        (self.flagged if likely else self.rest).add(result.account)
        hashed = _hash(found.perceptual_hash)
        square = self._square(found) if scored else None
        self._seqs.append(result.seq)
        self._hashes.append(hashed or 0)
        self._llr.append(found.llr if scored else 0.0)
        eye = found.eye_llr if scored and math.isfinite(found.eye_llr) else 0.0
        self._eye_llr.append(_clipped(eye * _MILLI))
        self._squares.extend(_clipped(c / _STEP) for c in square or (0.0,) * 4)
        self._flags.append(
            _SCORED * scored
            + _LIKELY * likely
            + _PLACED * (square is not None)
            + _HASHED * (hashed is not None)
        )
        if scored and eye >= self.numbers.on_template_llr:
            self.templates[found.template or "unknown"] += 1
            self.transforms[found.transform or "unknown"] += 1

    def merge(self, other: Tally) -> None:
        """Take over what ``other`` tallied of another part of the same list."""
        for name in ("outcomes", "failures", "templates", "transforms"):
            getattr(self, name).update(getattr(other, name))
        self.flagged.merge(other.flagged)
        self.rest.merge(other.rest)
        for name in ("_seqs", "_hashes", "_llr", "_eye_llr", "_squares", "_flags"):
            getattr(self, name).extend(getattr(other, name))

    def columns(self) -> Columns:
        """Everything as arrays, in the order of the list, whatever order it came in."""
        seqs = np.array(self._seqs, dtype=np.int64)
        order = np.argsort(seqs, kind="stable")
        flags = np.array(self._flags, dtype=np.uint8)[order]
        squares: Singles = np.array(self._squares, dtype=np.float32).reshape(-1, 4)[order]
        squares *= np.float32(_STEP)
        squares[(flags & _PLACED) == 0] = np.nan
        hashes = np.array(self._hashes, dtype=np.uint64)[order]
        hashes[(flags & _HASHED) == 0] = 0
        return Columns(
            seqs=seqs[order],
            hashes=hashes,
            llr=np.array(self._llr, dtype=np.float32)[order],
            eye_llr=np.array(self._eye_llr, dtype=np.float32)[order] / np.float32(_MILLI),
            squares=squares,
            scored=(flags & _SCORED) > 0,
            likely=(flags & _LIKELY) > 0,
        )

    def _square(self, found: Finding) -> tuple[float, ...] | None:
        """Where the face lies: in the picture, or as far from the template as in what was trimmed.

        A trimmed picture's own square tells nothing of the frame inside the borders; its distance
        from the template does, and is put back as a square that far away.
        """
        if found.transform == "trimmed" and found.eye_llr >= _TRIMMED_LLR:
            frame = next((f for f in self.numbers.frames if f.name == found.template), None)
            if frame is not None and found.distance is not None and math.isfinite(found.distance):
                arm = np.linalg.cholesky(np.array(frame.scale))[:, 0]
                return tuple((np.array(frame.mean) + found.distance * arm).tolist())
        square = found.square
        return square if square is not None and all(map(math.isfinite, square)) else None


def _hash(text: str) -> int | None:
    try:
        found = int(text, 16)
    except ValueError:
        return None
    return found if 0 < found < 1 << 64 else None


def _clipped(number: float) -> int:
    return max(-_FARTHEST, min(_FARTHEST, round(number)))
