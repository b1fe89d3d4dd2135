"""An answer as lists keep it: ``PictureRecord`` from an analysis, and an answer from a record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from app.analysis.schemas import AnalysisOut
from app.analysis.serialize import data_uri, timings_out
from app.arrays import RgbArray
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Analysis
from app.face.alignment import Alignment
from app.records import PictureRecord

FourFloats = tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]

_ITEM_FIELDS: Final = {"id", "custom_id"}
"""Of an answer: they belong to the item, and not to the picture."""
_UNNAMED: Final = b'{"id":"","custom_id":null,'


class Unrounded(BaseModel):
    """Numbers of an answer before rounding: what cohorts and drawings compute with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    eye_llr: FiniteFloat
    eyes: FourFloats | None
    square: FourFloats | None
    distance: FiniteFloat | None


def unrounded_numbers(analysis: Analysis) -> Unrounded:
    """The numbers of ``analysis`` that its JSON rounds."""
    eyes = (analysis.face.eyes / analysis.size).ravel().tolist() if analysis.face else None
    return Unrounded(
        eye_llr=next((e.llr for e in analysis.evidence if e.check.name == EYE_ALIGNMENT.name), 0.0),
        eyes=eyes,
        square=analysis.alignment.vector() if analysis.alignment else None,
        distance=analysis.match.distance if analysis.match else None,
    )


def encode_answer(answer: AnalysisOut) -> bytes:
    """``answer`` as it is stored: without ``id`` and ``custom_id``."""
    return answer.model_dump_json(exclude=_ITEM_FIELDS).encode()


def decode_answer(stored: bytes) -> AnalysisOut:
    """What ``encode_answer`` wrote, with an empty ``id``. Raises ``ValueError``."""
    if not stored.startswith(b"{"):
        raise ValueError("a stored analysis is a JSON object")
    answer = AnalysisOut.model_validate_json(_UNNAMED + stored[1:])
    if answer.id or answer.custom_id is not None or answer.overlay is not None:
        raise ValueError("a stored analysis has neither names nor an overlay")
    return answer


def build_record(
    answer: AnalysisOut,
    stored: bytes,
    numbers: Unrounded,
    *,
    thumbnail: bytes,
    tile: RgbArray,
    overlay: bytes,
    timings_ms: Mapping[str, float],
    drawings: Mapping[str, bytes] = MappingProxyType({}),
) -> PictureRecord:
    """``answer`` and all that is kept with it. ``stored``: ``encode_answer(answer)``.

    The same bytes at the same priors give the same record, but for ``timings_ms``.
    """
    alignment = answer.alignment
    return PictureRecord(
        sha256=answer.image.sha256,
        pdq=answer.image.pdq,
        pdq_quality=answer.image.pdq_quality,
        outcome=answer.outcome,
        verdict=answer.verdict,
        llr=answer.llr,
        llr_ordinary=answer.against.ordinary.llr if answer.against else 0.0,
        llr_framed=answer.against.framed.llr if answer.against else 0.0,
        eye_llr=numbers.eye_llr,
        analysis=stored,
        width=answer.image.width,
        height=answer.image.height,
        eyes=numbers.eyes,
        square=numbers.square,
        template=alignment.template if alignment else None,
        transform=alignment.transform if alignment else None,
        distance=numbers.distance,
        warnings=tuple(answer.warnings),
        thumbnail=thumbnail,
        drawings=drawings,
        tile=tile,
        overlay=overlay,
        timings_ms=timings_ms,
    )


def record_from_answer(answer: AnalysisOut) -> PictureRecord:
    """A record as far as an answer alone gives it, its numbers rounded; nothing large."""
    eyes = answer.face.eyes if answer.face else None
    eye_llr = next((check.llr for check in answer.checks if check.name == EYE_ALIGNMENT.name), 0.0)
    alignment = answer.alignment
    square = None
    if alignment is not None:
        square = Alignment(alignment.centre, alignment.side, alignment.roll_deg).vector()
    numbers = Unrounded(
        eye_llr=eye_llr,
        eyes=None if eyes is None else (*eyes[0], *eyes[1]),
        square=square,
        distance=alignment.distance if alignment else None,
    )
    no_tile = np.empty((0, 0, 3), dtype=np.uint8)
    return build_record(
        answer, b"", numbers, thumbnail=b"", tile=no_tile, overlay=b"", timings_ms={}
    )


def complete_answer(
    record: PictureRecord,
    *,
    custom_id: str | None = None,
    fetch_ms: float = 0.0,
) -> AnalysisOut:
    """The answer to a caller who sent one picture: named, timed, with the overlay if there is one.

    ``fetch_ms``: how long the picture took to arrive.
    """
    return decode_answer(record.analysis).model_copy(
        update={
            "id": f"an_{secrets.token_hex(12)}",
            "custom_id": custom_id,
            "timings_ms": timings_out({"fetch": fetch_ms, **record.timings_ms}),
            "overlay": data_uri(record.overlay) if record.overlay else None,
        }
    )
