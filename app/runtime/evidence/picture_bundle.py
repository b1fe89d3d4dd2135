"""The bundle of one picture: as of a list of one, with the picture itself if that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from app.batches import export
from app.records import SHEET_DRAWING, ItemResult, PictureRecord
from app.render import analysis_text
from app.render.report.picture_report import PictureReport, render_picture_report
from app.runtime.batch_report import check_summaries, framed_llr, model_text
from app.runtime.evidence.bundle import encode_model, sheet_name
from app.runtime.evidence.readme import PICTURE_README
from app.runtime.evidence.zip_stream import ZipStream

PICTURE_NAME: Final = "picture"
_SUFFIXES: Final = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif"}


def build_picture_bundle(
    result: ItemResult,
    model: Mapping[str, Any],
    at: datetime,
    *,
    contact: str = "",
    picture: bytes | None = None,
) -> bytes:
    """The zip. ``result``: with a record that has its answer, thumbnail and drawings.

    ``model``: as served. ``at``: when it was analyzed. ``picture``: its file, to put in.
    """
    assert result.record is not None
    stream = ZipStream(at)
    files = _files(result, result.record, model, at, contact, picture)
    pieces = [piece for name, chunks in files for piece in stream.add(name, chunks)]
    return b"".join([*pieces, *stream.finish()])


def _files(
    result: ItemResult,
    record: PictureRecord,
    model: Mapping[str, Any],
    at: datetime,
    contact: str,
    picture: bytes | None,
) -> Iterator[tuple[str, Iterable[bytes]]]:
    answer = json.loads(record.analysis)
    yield "README.txt", [PICTURE_README.encode()]
    yield "report.html", [render_picture_report(_report(result, record, answer, at, contact))]
    yield "results.csv", export.stream_csv([result], (), export.check_names(record.analysis))
    yield "results.ndjson", export.stream_ndjson([result], None)
    yield "model.json", [encode_model(model)]
    if sheet := record.drawings.get(SHEET_DRAWING):
        yield sheet_name(0, sheet), [sheet]
    if record.thumbnail:
        yield "thumbnails/item-000000.jpg", [record.thumbnail]
    if picture is not None:
        suffix = _SUFFIXES.get(answer["image"]["format"], "bin")
        yield f"{PICTURE_NAME}.{suffix}", [picture]


def _report(
    result: ItemResult,
    record: PictureRecord,
    answer: Mapping[str, Any],
    at: datetime,
    contact: str,
) -> PictureReport:
    return PictureReport(
        name=result.custom_id or result.source,
        source=result.source,
        analyzed_at=at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        verdict=record.verdict,
        outcome=record.outcome,
        llr=record.llr if answer["llr_interval"] else None,
        llr_ordinary=record.llr_ordinary,
        llr_framed=framed_llr(record, answer),
        base_rate=answer["base_rate"],
        posterior_at_base_rate=answer["posterior_at_base_rate"],
        checks=check_summaries(answer),
        notes=tuple(map(analysis_text.warning_text, record.warnings)),
        drawings=record.drawings,
        sha256=record.sha256,
        size=(record.width, record.height),
        model=model_text(answer.get("model")),
        contact=contact,
    )
