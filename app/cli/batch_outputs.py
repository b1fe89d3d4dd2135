"""Writes what ``eyeline batch`` was asked for, each file complete or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.cli.output_files import (
    RESULT_FORMATS,
    OutputPaths,
    atomic_writer,
    write_file,
    write_picture,
)
from app.cli.terminal import for_standard_output
from app.lists.edges import read_edges
from app.lists.notes import ListNotes
from app.records import OwnEdge
from app.runtime.batch_images import BatchImages
from app.runtime.batch_json import ResultFilter, stream_results
from app.runtime.batch_network import NETWORK_FORMATS, BatchNetworks
from app.runtime.evidence.bundle import stream_batch_bundle


def write_outputs(
    service: BatchService,
    batch: Batch,
    outputs: OutputPaths,
    batch_images: BatchImages,
    networks: BatchNetworks,
) -> None:
    """Write everything that was asked for, each file complete or not at all."""
    kind = outputs.result_format or RESULT_FORMATS.get(outputs.results.suffix.lower(), "ndjson")
    selection = ResultFilter(order=outputs.order, min_llr=outputs.min_llr)
    blocks = stream_results(service, batch, selection, kind)
    if outputs.is_standard_output:
        sys.stdout.buffer.writelines(for_standard_output(blocks))
        sys.stdout.buffer.flush()
    else:
        with atomic_writer(outputs.results) as file:
            file.writelines(blocks)
    if outputs.montage:
        for number, page in enumerate(batch_images.montage_pages(batch, outputs.lines), start=1):
            write_picture(_page_path(outputs.montage, number), page)
    if outputs.composite:
        write_picture(outputs.composite, batch_images.composite(batch, None, outputs.lines))
    if outputs.scatter:
        write_picture(outputs.scatter, batch_images.scatter(batch))
    if outputs.network:
        write_file(outputs.network, _render_network(batch, outputs, networks))
    if outputs.report:
        write_file(outputs.report, batch_images.report(batch))
    if outputs.evidence:
        with atomic_writer(outputs.evidence) as file:
            file.writelines(stream_batch_bundle(service, batch_images, networks, batch))


def _render_network(batch: Batch, outputs: OutputPaths, networks: BatchNetworks) -> bytes:
    assert outputs.network is not None
    suffix = outputs.network.suffix.lower().removeprefix(".")
    form = next(each for each in NETWORK_FORMATS if each == suffix)
    return networks.render(batch, form)


def iter_edges(path: Path | None) -> Iterator[OwnEdge]:
    """The lines in the file, read again each time; raises ``OSError`` and what reading raises."""
    if path is not None:
        with path.open("rb") as file:
            yield from read_edges(file, ListNotes())


def _page_path(path: Path, number: int) -> Path:
    """``path`` for the first page of a montage, ``name-2.png`` for the second, and so on."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
