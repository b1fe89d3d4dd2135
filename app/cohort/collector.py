"""A list's results, taken one at a time and kept in some 60 bytes each.

What its rows say of accounts comes on top, 20 bytes at most. An account that several rows name
counts once. What was collected of two parts of a list merges into what there is of the list.
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

from app.arrays import BoolArray, Int64Array
from app.cohort.account_stats import AccountStats
from app.cohort.duplicates import HASH_WORDS
from app.cohort.parameters import ConcentrationEntry
from app.cohort.seen_accounts import SeenAccounts
from app.evidence import Outcome, Verdict
from app.records import ItemResult, PictureRecord

_SCORED_FLAG: Final = 1
_LIKELY_FLAG: Final = 2
_SQUARE_FLAG: Final = 4
_MIN_PDQ_QUALITY: Final = 50
"""A hash of a lower quality says little (Facebook 2019, on PDQ): it is left out."""
_SQUARE_STEP: Final = 5e-4
"""Squares are kept in steps of this: a fifth of the narrowest frame's spread."""
_INT16_MAX: Final = 32767
_LLR_STEPS: Final = 1000.0
_TRIMMED_MIN_EYE_LLR: Final = 1.0
"""From which llr of the eyes a face in a trimmed picture counts as lying where it was found."""

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class CohortColumns:
    """What was collected, as arrays in the list's order. ``squares`` (n, 4): NaN where unknown.

    ``hashes`` (n, 4): 0 where there is none of use. ``ordinary``, ``framed``: the two likelihood
    ratios, log10; 0 where not scored.
    """

    seqs: Int64Array
    hashes: NDArray[np.uint64]
    ordinary: Float32Array
    framed: Float32Array
    eye_llr: Float32Array
    squares: Float32Array
    is_scored: BoolArray
    is_likely: BoolArray


@dataclass(eq=False)
class CohortCollector:
    """What is kept of a list. ``parameters`` tell where frames lie."""

    parameters: ConcentrationEntry
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    templates: Counter[str] = field(default_factory=Counter)
    transforms: Counter[str] = field(default_factory=Counter)
    flagged: AccountStats = field(default_factory=AccountStats)
    rest: AccountStats = field(default_factory=AccountStats)
    repeated: int = 0
    """Rows left out, because their account was counted with an earlier row."""
    _seen: SeenAccounts = field(default_factory=SeenAccounts)
    _seqs: array[int] = field(default_factory=lambda: array("q"))
    _hashes: array[int] = field(default_factory=lambda: array("Q"))
    _ordinary: array[float] = field(default_factory=lambda: array("f"))
    _framed: array[float] = field(default_factory=lambda: array("f"))
    _eye_llr: array[int] = field(default_factory=lambda: array("h"))
    _squares: array[int] = field(default_factory=lambda: array("h"))
    _flags: array[int] = field(default_factory=lambda: array("B"))

    def __len__(self) -> int:
        """How many pictures have a record, repeated rows left out."""
        return len(self._seqs)

    def extend(self, results: Iterable[ItemResult]) -> CohortCollector:
        for result in results:
            self.add(result)
        return self

    def add(self, result: ItemResult) -> None:
        """Count a row; an account that the list names again counts once, with its first answer."""
        record = result.record
        if result.custom_id is not None and self._is_repeat(result.custom_id, record is not None):
            self.repeated += 1
            return
        if record is None:
            self.failures[result.failure.code if result.failure else "unknown"] += 1
            return
        self.outcomes[record.outcome] += 1
        is_scored = record.outcome is Outcome.SCORED and math.isfinite(record.llr)
        is_likely = is_scored and record.verdict is Verdict.LIKELY_STYLEGAN
        (self.flagged if is_likely else self.rest).add(result.account)
        words = hash_words(record)
        square = self._square_of(record) if is_scored else None
        self._seqs.append(result.seq)
        self._hashes.extend(words)
        self._ordinary.append(_finite(record.llr_ordinary) if is_scored else 0.0)
        self._framed.append(_finite(record.llr_framed) if is_scored else 0.0)
        eye = record.eye_llr if is_scored and math.isfinite(record.eye_llr) else 0.0
        self._eye_llr.append(_to_int16(eye * _LLR_STEPS))
        self._squares.extend(_to_int16(c / _SQUARE_STEP) for c in square or (0.0,) * 4)
        self._flags.append(
            _SCORED_FLAG * is_scored
            + _LIKELY_FLAG * is_likely
            + _SQUARE_FLAG * (square is not None)
        )
        if is_scored and eye >= self.parameters.on_template_llr:
            self.templates[record.template or "unknown"] += 1
            self.transforms[record.transform or "unknown"] += 1

    def _is_repeat(self, account_id: str, has_answer: bool) -> bool:
        return not self._seen.add(account_id) if has_answer else account_id in self._seen

    def merge(self, other: CohortCollector) -> None:
        """Take over what ``other`` tallied of another part of the same list.

        No account may have rows in both parts.
        """
        self.repeated += other.repeated
        self._seen.merge(other._seen)
        for name in ("outcomes", "failures", "templates", "transforms"):
            getattr(self, name).update(getattr(other, name))
        self.flagged.merge(other.flagged)
        self.rest.merge(other.rest)
        for name in ("_seqs", "_hashes", "_ordinary", "_framed", "_eye_llr", "_squares", "_flags"):
            getattr(self, name).extend(getattr(other, name))

    def columns(self) -> CohortColumns:
        """Everything as arrays, in the order of the list, whatever order it came in."""
        seqs = np.array(self._seqs, dtype=np.int64)
        order = np.argsort(seqs, kind="stable")
        flags = np.array(self._flags, dtype=np.uint8)[order]
        squares: Float32Array = np.array(self._squares, dtype=np.float32).reshape(-1, 4)[order]
        squares *= np.float32(_SQUARE_STEP)
        squares[(flags & _SQUARE_FLAG) == 0] = np.nan
        return CohortColumns(
            seqs=seqs[order],
            hashes=np.array(self._hashes, dtype=np.uint64).reshape(-1, HASH_WORDS)[order],
            ordinary=np.array(self._ordinary, dtype=np.float32)[order],
            framed=np.array(self._framed, dtype=np.float32)[order],
            eye_llr=np.array(self._eye_llr, dtype=np.float32)[order] / np.float32(_LLR_STEPS),
            squares=squares,
            is_scored=(flags & _SCORED_FLAG) > 0,
            is_likely=(flags & _LIKELY_FLAG) > 0,
        )

    def _square_of(self, record: PictureRecord) -> tuple[float, ...] | None:
        """Where the face lies: in the picture, or as far from the template as in what was trimmed.

        A trimmed picture's own square tells nothing of the frame inside the borders; its distance
        from the template does, and is put back as a square that far away.
        """
        if record.transform == "trimmed" and record.eye_llr >= _TRIMMED_MIN_EYE_LLR:
            frame = next((f for f in self.parameters.frames if f.name == record.template), None)
            if frame is not None and record.distance is not None and math.isfinite(record.distance):
                direction = np.linalg.cholesky(np.array(frame.scale))[:, 0]
                return tuple((np.array(frame.mean) + record.distance * direction).tolist())
        square = record.square
        return square if square is not None and all(map(math.isfinite, square)) else None


def _finite(number: float | None) -> float:
    return number if number is not None and math.isfinite(number) else 0.0


def hash_words(record: PictureRecord) -> tuple[int, ...]:
    """The PDQ hash as 64-bit words; all 0 where it is of no use."""
    if record.pdq_quality < _MIN_PDQ_QUALITY:
        return (0,) * HASH_WORDS
    try:
        return tuple(int(record.pdq[i : i + 16], 16) for i in range(0, 16 * HASH_WORDS, 16))
    except ValueError:
        return (0,) * HASH_WORDS


def _to_int16(number: float) -> int:
    return max(-_INT16_MAX, min(_INT16_MAX, round(number)))
