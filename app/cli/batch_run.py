"""Analyzes a follower list in this process; the state is kept next to the output until it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import typer

from app import __version__
from app.analysis.child_pool import AnyAnalyzer
from app.batches.service import BatchService
from app.batches.store.models import Batch, BatchIncomplete, BatchRequest, Status
from app.cli.batch_input import BatchInput, open_input
from app.cli.progress import wait_with_progress
from app.lists.image_files import printable_name
from app.lists.preview import preview_list
from app.render.analysis_text import in_words
from app.runtime.batch_images import BatchImages
from app.runtime.batch_json import ResultFilter, stream_results
from app.runtime.batch_tools import build_tools
from app.runtime.observability import Metrics
from app.settings import Settings

NO_EXPIRY_S: Final = 100 * 365 * 86_400
_OWNER: Final = ""


@dataclass(frozen=True)
class OutputPaths:
    """Paths of all outputs. ``lines``: whether montage and composite show template lines."""

    results: Path
    montage: Path | None = None
    composite: Path | None = None
    scatter: Path | None = None
    report: Path | None = None
    lines: bool = True

    @property
    def state_dir(self) -> Path:
        """The folder of the unfinished batch's database."""
        return self.results.parent / f".{self.results.name}.eyeline"


def run_batch(
    source: str,
    outputs: OutputPaths,
    settings: Settings,
    analyzer: AnyAnalyzer,
    *,
    cli_prior: float | None,
    quiet: bool,
    keep: bool,
    keep_columns: Sequence[str] = (),
) -> None:
    """Analyze ``source`` and write every output.

    Raises ``RequestError`` for a list that cannot be read, ``OSError`` for a file,
    ``BatchIncomplete``.
    """
    with (
        _lock_state_dir(outputs.state_dir),
        open_input(source, outputs.state_dir, settings, keep_columns) as batch_input,
    ):
        new_batch = _build_new_batch(
            batch_input, settings, cli_prior, analyzer.model.description.get("id")
        )
        _clear_stale_state(outputs.state_dir, new_batch)
        service = BatchService.open(
            database_url=None,
            data_dir=outputs.state_dir,
            tools=build_tools(analyzer, settings, Metrics()),
            workers=settings.batch_workers,
            retention_s=NO_EXPIRY_S,
            max_waiting_items=settings.max_list_items,
        )
        with contextlib.closing(service):
            batch, is_known = service.submit(new_batch, batch_input.followers)
            if is_known and batch.has_ended:
                batch = service.retry_failed(batch.id, _OWNER)
            batch = wait_with_progress(service, batch, quiet=quiet)
            if batch.status is not Status.COMPLETED:
                raise BatchIncomplete(batch.error or f"the batch is {batch.status}")
            batch_images = BatchImages(
                service,
                analyzer.model,
                settings.base_rate,
                batch_input.name,
                settings.contact,
            )
            _write_outputs(service, batch, outputs, batch_images)
            retryable_count = _count_retryable(service, batch)
    if not keep and not retryable_count:
        shutil.rmtree(outputs.state_dir)
    if not quiet:
        for note in batch.request.notes:
            typer.echo(printable_name(f"note: {note}"), err=True)
        typer.echo(f"{format_summary(batch)}; results in {outputs.results}", err=True)
        if batch.failed:
            typer.echo(_describe_failures(batch, retryable_count, outputs), err=True)


def print_preview(
    source: str, settings: Settings, keep_columns: Sequence[str], *, as_json: bool
) -> None:
    """Print how ``source`` would be read; nothing is fetched or stored.

    Raises what reading a list raises, and ``OSError``.
    """
    with open_input(source, None, settings, keep_columns) as batch_input:
        preview = preview_list(batch_input.followers)
    if as_json:
        typer.echo(json.dumps(preview, ensure_ascii=False))
        return
    typer.echo(f"{batch_input.name}: {preview['list_format']}, {preview['total']} items")
    for name, columns in preview["read_as"].items():
        if columns:
            typer.echo(printable_name(f"  {name} from {', '.join(columns)}"))
    for note in preview["notes"]:
        typer.echo(printable_name(f"  note: {note}"))
    for item in preview["items"]:
        error = f" ({item['error']['detail']})" if item["error"] else ""
        facts = ", ".join(f"{name} {value}" for name, value in item["account"].items())
        named = item["custom_id"] or "-"
        line = f"  {item['seq'] + 1}. {named}: {item['url'] or item['source']}{error} {facts}"
        typer.echo(printable_name(line))


def format_summary(batch: Batch) -> str:
    """One line about ``batch``."""
    verdicts = ", ".join(f"{n} {in_words(name)}" for name, n in batch.verdicts.items() if n)
    failed = f", {batch.failed} could not be read" if batch.failed else ""
    return f"{batch.total} avatars: {verdicts or 'none analysed'}{failed}"


def _count_retryable(service: BatchService, batch: Batch) -> int:
    """How many failures may be temporary. Failures are sorted after all other results."""
    failed = service.iter_results(
        batch.id, _OWNER, order="-llr", thumbnails=False, skip=batch.completed
    )
    return sum(result.failure is not None and result.failure.retryable for result in failed)


def _describe_failures(batch: Batch, retryable_count: int, outputs: OutputPaths) -> str:
    """How many items failed, where the reasons are, and how to retry."""
    reason = f"{batch.failed} of {batch.total} failed: `error` in {outputs.results} says why"
    if not retryable_count:
        return f"{reason}; none of these failures is temporary"
    return (
        f"{reason}; {retryable_count} may succeed on retry: run the same command again to "
        f"retry only those "
        f"(progress is kept in {outputs.state_dir}; delete it to start over)"
    )


@contextmanager
def _lock_state_dir(folder: Path) -> Iterator[None]:
    """Create and lock the state folder for this process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BatchIncomplete(f"another process is using {folder}") from None
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == ["lock"]:  # nothing was started
                shutil.rmtree(folder)


def _build_new_batch(
    batch_input: BatchInput, settings: Settings, cli_prior: float | None, calibration: Any
) -> BatchRequest:
    """The request for this input: the command line's prior precedes the list's, then the settings'.

    The version and the calibration are part of the key, so that results of others are not resumed.
    """
    prior = cli_prior or batch_input.options.prior or settings.prior
    identity = (batch_input.digest, prior, settings.base_rate, __version__, calibration)
    key = hashlib.sha256(repr(identity).encode()).hexdigest()
    return BatchRequest(
        prior=prior,
        owner=_OWNER,
        metadata=batch_input.options.metadata,
        idempotency_key=key,
        body_sha256=key,
        list_format=batch_input.followers.format,
        columns=batch_input.followers.columns,
        notes=batch_input.followers.notes,
        title=batch_input.name,
    )


def _clear_stale_state(state: Path, new_batch: BatchRequest) -> None:
    """Delete the state of another input, which would otherwise be resumed first."""
    key_file = state / "key"
    known_key = key_file.read_text(encoding="ascii") if key_file.exists() else ""
    if known_key != new_batch.idempotency_key:
        for path in state.iterdir():
            if path.name != "lock":
                path.unlink()
        key_file.write_text(str(new_batch.idempotency_key), encoding="ascii")


def _write_outputs(
    service: BatchService, batch: Batch, outputs: OutputPaths, batch_images: BatchImages
) -> None:
    kind: Literal["csv", "ndjson"] = "csv" if outputs.results.suffix.lower() == ".csv" else "ndjson"
    with atomic_writer(outputs.results) as file:
        file.writelines(stream_results(service, batch, ResultFilter(), kind))
    if outputs.montage:
        for number, page in enumerate(batch_images.montage_pages(batch, outputs.lines), start=1):
            _write(_page_path(outputs.montage, number), page)
    if outputs.composite:
        _write(outputs.composite, batch_images.composite(batch, None, outputs.lines))
    if outputs.scatter:
        _write(outputs.scatter, batch_images.scatter(batch))
    if outputs.report:
        _write(outputs.report, batch_images.report(batch))


def _page_path(path: Path, number: int) -> Path:
    """``path`` for the first page of a montage, ``name-2.png`` for the second, and so on."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def _write(path: Path, content: bytes) -> None:
    with atomic_writer(path) as file:
        file.write(content)


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces ``path`` once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
