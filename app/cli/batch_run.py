"""Analyzes a follower list in this process; the state is kept next to the output until it ends."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from app import __version__
from app.analysis.child_pool import AnyAnalyzer
from app.batches.service import BatchService
from app.batches.store.models import Batch, BatchIncomplete, BatchRequest, Status
from app.cli.batch_input import BatchInput, open_input
from app.cli.batch_outputs import iter_edges, write_outputs
from app.cli.output_files import KEY_FILE, OutputPaths
from app.cli.progress import ItemRate, open_progress, wait_with_progress
from app.cli.terminal import echo
from app.cohort.parameters import COHORT_FILE, load_parameters
from app.cohort.text import caveat_sentences, summary_sentences
from app.lists.preview import preview_list
from app.lists.printable import printable_name
from app.render.analysis_text import in_words
from app.runtime.batch_images import BatchImages
from app.runtime.batch_network import BatchNetworks
from app.runtime.batch_tools import build_tools
from app.runtime.observability import Metrics
from app.settings import Settings

NO_EXPIRY_S: Final = 100 * 365 * 86_400
_OWNER: Final = ""


def run_batch(
    source: str,
    outputs: OutputPaths,
    settings: Settings,
    analyzer: AnyAnalyzer,
    *,
    cli_prior: float | None,
    flagged_threshold: int | None = None,
    quiet: bool,
    keep: bool,
    force: bool = False,
    keep_columns: Sequence[str] = (),
) -> None:
    """Analyze ``source`` and write every output.

    Raises ``RequestError`` for a list that cannot be read, ``OSError`` for a file, ``OutputError``
    for one that would be replaced without ``force``, ``BatchIncomplete``.
    """
    with (
        _open_state_dir(outputs) as state_dir,
        open_input(source, state_dir, settings, keep_columns) as batch_input,
        open_progress(quiet=quiet) as progress,
    ):
        new_batch = _build_new_batch(
            batch_input, settings, cli_prior, analyzer.model.description.get("id")
        )
        if flagged_threshold is not None:
            new_batch = replace(new_batch, flagged_threshold=flagged_threshold)
        if not _is_continuation(state_dir, new_batch):
            if not force:
                outputs.require_new()
            _clear_stale_state(state_dir, new_batch)
        service = BatchService.open(
            database_url=None,
            data_dir=state_dir,
            tools=build_tools(analyzer, _draw_only_for(outputs, settings), Metrics()),
            workers=settings.batch_workers,
            retention_s=NO_EXPIRY_S,
            max_waiting_items=settings.max_list_items,
            min_free_bytes=settings.min_free_bytes,
        )
        with contextlib.closing(service):
            batch, is_known = service.submit(new_batch, batch_input.followers)
            if is_known and batch.has_ended:
                batch = service.retry_failed(batch.id, _OWNER)
            rate = ItemRate(batch)
            batch = wait_with_progress(
                service, batch, progress, None if quiet else new_batch.flagged_threshold
            )
            if batch.status is not Status.COMPLETED:
                raise BatchIncomplete(batch.error or f"the batch is {batch.status}")
            parameters = load_parameters(settings.models_dir / COHORT_FILE)
            networks = BatchNetworks(
                service, parameters, batch_input.name, partial(iter_edges, outputs.edges)
            )
            batch_images = BatchImages(
                service,
                networks,
                analyzer.model,
                settings.base_rate,
                batch_input.name,
                settings.contact,
                outputs.case_number,
            )
            progress.update(progress.task_ids[0], description="writing")
            write_outputs(service, batch, outputs, batch_images, networks)
            retryable_count = _count_retryable(service, batch)
    if not keep and not retryable_count and not outputs.is_standard_output:
        shutil.rmtree(state_dir)
    if not quiet:
        for line in describe_batch(batch, rate, retryable_count, outputs):
            echo(printable_name(line), err=True)


def _draw_only_for(outputs: OutputPaths, settings: Settings) -> Settings:
    """``settings``, keeping drawings of flagged pictures only where an output shows them."""
    is_shown = outputs.report is not None or outputs.evidence is not None
    return settings.model_copy(update={"keep_overlays": settings.keep_overlays and is_shown})


def describe_batch(
    batch: Batch, rate: ItemRate, retryable_count: int, outputs: OutputPaths
) -> Iterator[str]:
    """What was noticed, how much was done, what the list says as a whole, and what failed."""
    yield from (f"note: {note}" for note in batch.request.notes)
    yield f"{format_summary(batch)}{rate.describe(batch)}; results in {outputs.display_name}"
    cohort = batch.cohort or {}
    yield from summary_sentences(cohort)
    yield from caveat_sentences(cohort)
    if batch.failed:
        yield _describe_failures(batch, retryable_count, outputs)


def print_preview(
    source: str, settings: Settings, keep_columns: Sequence[str], *, as_json: bool
) -> None:
    """Print how ``source`` would be read; nothing is fetched or stored.

    Raises what reading a list raises, and ``OSError``.
    """
    with open_input(source, None, settings, keep_columns) as batch_input:
        preview = preview_list(batch_input.followers)
    if as_json:
        echo(json.dumps(preview))
        return
    echo(f"{batch_input.name}: {preview['list_format']}, {preview['total']} items")
    for name, columns in preview["read_as"].items():
        if columns:
            echo(printable_name(f"  {name} from {', '.join(columns)}"))
    for note in preview["notes"]:
        echo(printable_name(f"  note: {note}"))
    for item in preview["items"]:
        error = f" ({item['error']['detail']})" if item["error"] else ""
        facts = ", ".join(f"{name} {value}" for name, value in item["account"].items())
        named = item["custom_id"] or "-"
        line = f"  {item['seq'] + 1}. {named}: {item['url'] or item['source']}{error} {facts}"
        echo(printable_name(line))


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
    reason = f"{batch.failed} of {batch.total} failed: `error` in {outputs.display_name} says why"
    if not retryable_count:
        return f"{reason}; none of these failures is temporary"
    if outputs.is_standard_output:
        return f"{reason}; {retryable_count} may succeed on another try"
    return (
        f"{reason}; {retryable_count} may succeed on retry: run the same command again to "
        f"retry only those "
        f"(progress is kept in {outputs.state_dir}; delete it to start over)"
    )


@contextmanager
def _open_state_dir(outputs: OutputPaths) -> Iterator[Path]:
    """Beside the results; where these go to standard output, a temporary one."""
    if outputs.is_standard_output:
        with tempfile.TemporaryDirectory(prefix="eyeline-") as folder:
            yield Path(folder)
    else:
        with _lock_state_dir(outputs.state_dir):
            yield outputs.state_dir


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
        base_rate=settings.base_rate,
        owner=_OWNER,
        metadata=batch_input.options.metadata,
        flagged_threshold=batch_input.options.flagged_threshold,
        idempotency_key=key,
        body_sha256=key,
        list_format=batch_input.followers.format,
        columns=batch_input.followers.columns,
        notes=batch_input.followers.notes,
        title=batch_input.name,
    )


def _is_continuation(state: Path, new_batch: BatchRequest) -> bool:
    """Whether ``state`` belongs to the same input and options."""
    key_file = state / KEY_FILE
    return key_file.exists() and key_file.read_text("ascii") == new_batch.idempotency_key


def _clear_stale_state(state: Path, new_batch: BatchRequest) -> None:
    """Delete the state of another input, which would otherwise be resumed first."""
    for path in state.iterdir():
        if path.name != "lock":
            path.unlink()
    (state / KEY_FILE).write_text(str(new_batch.idempotency_key), encoding="ascii")
