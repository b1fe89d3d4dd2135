"""A follower list worked on by this process; its state lies beside the output until it is done."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import typer

from app import __version__
from app.analysis.analyzer import Analyst
from app.analysis.child_pool import Look
from app.api.batches.results import Asked, lines_of
from app.batches.service import Desk
from app.batches.store.models import Batch, NewBatch, Status, Unfinished
from app.cli.batch_input import Source, opened
from app.cli.progress import shown
from app.runtime.batch_images import Gallery
from app.runtime.batch_tools import tools_of
from app.runtime.observability import Metrics
from app.settings import Settings

FOREVER_S: Final = 100 * 365 * 86_400
_OWNER: Final = ""


@dataclass(frozen=True)
class Outputs:
    """Where everything goes."""

    results: Path
    montage: Path | None = None
    report: Path | None = None

    @property
    def state(self) -> Path:
        """The folder that holds what is done, as long as not everything is."""
        return self.results.parent / f".{self.results.name}.eyeline"


def run(
    source: str,
    outputs: Outputs,
    settings: Settings,
    analyst: Analyst,
    look: Look,
    *,
    own_prior: float | None,
    quiet: bool,
    keep: bool,
) -> None:
    """Work on ``source`` until every output is written.

    Raises ``AvatarError`` for a list that cannot be read, ``OSError`` for a file, ``Unfinished``.
    """
    with _state(outputs.state), opened(source, outputs.state, settings) as found:
        new = _asked_for(found, settings, own_prior, analyst.describe().get("id"))
        _forget_another(outputs.state, new)
        desk = Desk.open(
            database_url=None,
            data_dir=outputs.state,
            tools=tools_of(look, settings, Metrics()),
            workers=settings.batch_workers,
            retention_s=FOREVER_S,
            max_waiting_items=settings.max_list_items,
        )
        with contextlib.closing(desk):
            batch, known = desk.submit(new, found.items)
            if known and batch.ended:
                batch = desk.retry_failed(batch.id, _OWNER)
            batch = shown(desk, batch, quiet=quiet)
            if batch.status is not Status.COMPLETED:
                raise Unfinished(batch.error or f"the batch is {batch.status}")
            gallery = Gallery(desk, analyst, settings.base_rate, found.name)
            _write(desk, batch, outputs, gallery)
            again = _retryable(desk, batch)
    if not keep and not again:
        shutil.rmtree(outputs.state)
    if not quiet:
        typer.echo(f"{told(batch)}; results in {outputs.results}", err=True)
        if batch.failed:
            typer.echo(_what_failed(batch, again, outputs), err=True)


def told(batch: Batch) -> str:
    """``batch`` in a line."""
    verdicts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in batch.verdicts.items() if n)
    failed = f", {batch.failed} could not be read" if batch.failed else ""
    return f"{batch.total} avatars: {verdicts or 'none analysed'}{failed}"


def _retryable(desk: Desk, batch: Batch) -> int:
    """How many items failed that may succeed another time; failures stand behind all others."""
    failed = desk.every(batch.id, _OWNER, order="-llr", thumbnails=False, skip=batch.completed)
    return sum(result.failure is not None and result.failure.retryable for result in failed)


def _what_failed(batch: Batch, again: int, outputs: Outputs) -> str:
    """How many have no answer, where it is said why, and what may be done about it."""
    why = f"{batch.failed} of {batch.total} failed: `error` in {outputs.results} says why"
    if not again:
        return f"{why}; none of them would succeed if it were tried again"
    return (
        f"{why}; {again} may succeed later: run the same command again, and only those are tried "
        f"(what is done lies in {outputs.state}; delete it if you do not want to)"
    )


@contextmanager
def _state(folder: Path) -> Iterator[None]:
    """The state's folder, for this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unfinished(f"another process is at work in {folder}") from None
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == ["lock"]:  # nothing was begun
                shutil.rmtree(folder)


def _asked_for(
    source: Source, settings: Settings, own_prior: float | None, calibration: Any
) -> NewBatch:
    """The list's own prior goes before the environment's; the command line's before both.

    What was found by another version, or another calibration, is not gone on with.
    """
    prior = own_prior or source.options.prior or settings.prior
    asked = (source.digest, prior, settings.base_rate, __version__, calibration)
    key = hashlib.sha256(repr(asked).encode()).hexdigest()
    return NewBatch(
        prior=prior,
        owner=_OWNER,
        metadata=source.options.metadata,
        idempotency_key=key,
        body_sha256=key,
        list_format=source.list_format,
        columns=source.columns,
    )


def _forget_another(state: Path, new: NewBatch) -> None:
    """Another list's state is of no use to this one, and would be worked on first."""
    mark = state / "key"
    known = mark.read_text(encoding="ascii") if mark.exists() else ""
    if known != new.idempotency_key:
        for path in state.iterdir():
            if path.name != "lock":
                path.unlink()
        mark.write_text(str(new.idempotency_key), encoding="ascii")


def _write(desk: Desk, batch: Batch, outputs: Outputs, gallery: Gallery) -> None:
    kind: Literal["csv", "ndjson"] = "csv" if outputs.results.suffix.lower() == ".csv" else "ndjson"
    with replacing(outputs.results) as file:
        file.writelines(lines_of(desk, batch, Asked(), kind))
    if outputs.montage:
        with replacing(outputs.montage) as file:
            file.write(gallery.montage(batch))
    if outputs.report:
        with replacing(outputs.report) as file:
            file.write(gallery.report(batch))


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place when it is whole, and never before."""
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
