"""What goes into the bundle of a list, in the order in which it is written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Final

from app import __version__
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.errors import NotYet
from app.evidence import Verdict
from app.render.jpeg import kept_format
from app.runtime.batch_images import BatchImages
from app.runtime.batch_json import ResultFilter, serialize_batch, stream_results
from app.runtime.batch_network import BatchNetworks, NetworkFormat
from app.runtime.evidence.readme import LIST_README
from app.runtime.evidence.zip_stream import ZipStream

NETWORK_FORMS: Final[tuple[NetworkFormat, ...]] = ("svg", "json", "graphml")
MAX_THUMBNAILS: Final = 10_000
_READ_SHEETS: Final = 50
Bundle = Generator[bytes, None, None]


def stream_batch_bundle(
    service: BatchService, images: BatchImages, networks: BatchNetworks, batch: Batch
) -> Bundle:
    """The bundle of ``batch`` in pieces; the same batch gives the same bytes.

    Raises ``NotYet``, at once, for a list that has not ended, and
    ``NotFound`` if it is erased meanwhile.
    """
    if not batch.has_ended:
        raise NotYet("The bundle is made once the list has ended; ask again then.")
    return _stream(service, images, networks, batch)


def _stream(
    service: BatchService, images: BatchImages, networks: BatchNetworks, batch: Batch
) -> Bundle:
    # The end of the list, so that its bundle is the same whenever it is asked for.
    zip_stream = ZipStream(max(batch.reached.values()))
    for name, chunks in _files(service, images, networks, batch):
        yield from zip_stream.add(name, chunks)
    yield from zip_stream.finish()


def _files(
    service: BatchService, images: BatchImages, networks: BatchNetworks, batch: Batch
) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield "README.txt", [LIST_README.encode()]
    if batch.completed + batch.failed:
        yield "report.html", [images.report(batch)]
        for form in NETWORK_FORMS:
            yield f"network.{form}", [networks.render(batch, form)]
    yield "results.csv", stream_results(service, batch, ResultFilter(), "csv")
    yield "results.ndjson", stream_results(service, batch, ResultFilter(), "ndjson")
    yield "batch.json", [serialize_batch(batch).model_dump_json(indent=1).encode()]
    yield "model.json", [encode_model(images.model)]
    for seq, sheet in _iter_sheets(service, batch):
        yield sheet_name(seq, sheet), [sheet]
    for seq, thumbnail in _iter_thumbnails(service, batch):
        yield f"thumbnails/item-{seq:06d}.jpg", [thumbnail]


def sheet_name(seq: int, sheet: bytes) -> str:
    """Where in a bundle the drawing of item ``seq`` lies."""
    suffix = "webp" if kept_format(sheet) == "webp" else "jpg"
    return f"overlays/item-{seq:06d}.{suffix}"


def encode_model(model: Mapping[str, Any]) -> bytes:
    """What made the results: the program's version, and the model as it is served."""
    return json.dumps({"version": __version__, **model}, indent=1, ensure_ascii=False).encode()


def _iter_sheets(service: BatchService, batch: Batch) -> Iterator[tuple[int, bytes]]:
    """The drawings that are kept, each with the first item that has the picture."""
    owner = batch.request.owner
    flagged = service.iter_results(
        batch.id, owner, verdict=Verdict.LIKELY_STYLEGAN, thumbnails=False
    )
    seen: set[str] = set()
    while some := list(itertools.islice(flagged, _READ_SHEETS)):
        seqs: dict[str, int] = {}
        for result in some:
            if result.record is not None and result.record.sha256 not in seen:
                seqs[result.record.sha256] = result.seq
                seen.add(result.record.sha256)
        sheets = service.drawings.read_sheets(batch.id, owner, seqs)
        yield from ((seq, sheets[sha256]) for sha256, seq in seqs.items() if sha256 in sheets)


def _iter_thumbnails(service: BatchService, batch: Batch) -> Iterator[tuple[int, bytes]]:
    strongest = service.iter_results(batch.id, batch.request.owner, order="-llr")
    for result in itertools.islice(strongest, MAX_THUMBNAILS):
        if result.record is not None and result.record.thumbnail:
            yield result.seq, result.record.thumbnail
