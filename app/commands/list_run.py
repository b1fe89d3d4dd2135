"""A follower list worked on by this process; its state lies beside the output until it is done."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, Literal

import typer

from app.api.analyst import Analyst
from app.api.batch_results import Asked, lines_of
from app.api.batch_schemas import BatchOptions
from app.api.gallery import Gallery
from app.api.metrics import Metrics
from app.api.submission import validated
from app.api.tools import tools_of
from app.commands.progress import shown
from app.jobs.desk import Desk
from app.jobs.records import Batch, NewBatch, Status
from app.lists.items import Item
from app.lists.reading import from_folder, open_list
from app.settings import Settings

FOREVER_S: Final = 100 * 365 * 86_400
_OWNER: Final = ""
_CHUNK_BYTES: Final = 1_048_576


class Unfinished(Exception):
    """The batch did not end as it should; ``str()`` is one line."""


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


@dataclass(frozen=True)
class Source:
    """A list that is ready to be read. ``digest``: of its content."""

    digest: str
    items: Iterable[Item]
    list_format: str
    columns: tuple[str, ...] = ()
    options: BatchOptions = field(default_factory=BatchOptions)


def run(
    source: str,
    outputs: Outputs,
    settings: Settings,
    analyst: Analyst,
    *,
    own_prior: float | None,
    quiet: bool,
    keep: bool,
) -> None:
    """Work on ``source`` until every output is written.

    Raises ``AvatarError`` for a list that cannot be read, ``OSError`` for a file, ``Unfinished``.
    """
    with _state(outputs.state), _opened(source, outputs.state, settings) as opened:
        new = _asked_for(opened, settings, own_prior)
        _forget_another(outputs.state, new)
        desk = Desk.open(
            database_url=None,
            data_dir=outputs.state,
            tools=tools_of(analyst, settings, Metrics()),
            workers=settings.batch_workers,
            retention_s=FOREVER_S,
            max_waiting_items=settings.max_list_items,
        )
        with contextlib.closing(desk):
            batch, _ = desk.submit(new, opened.items)
            batch = shown(desk, batch, quiet=quiet)
            if batch.status is not Status.COMPLETED:
                raise Unfinished(batch.error or f"the batch is {batch.status}")
            _write(desk, batch, outputs, analyst, settings.base_rate)
    if not keep:
        shutil.rmtree(outputs.state)
    if not quiet:
        typer.echo(f"{told(batch)}; results in {outputs.results}", err=True)


def told(batch: Batch) -> str:
    """``batch`` in a line."""
    verdicts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in batch.verdicts.items() if n)
    failed = f", {batch.failed} could not be read" if batch.failed else ""
    return f"{batch.total} avatars: {verdicts or 'none analysed'}{failed}"


@contextmanager
def _state(folder: Path) -> Iterator[None]:
    """The state's folder, for this process alone."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unfinished(f"another process is at work in {folder}") from None
        yield


@contextmanager
def _opened(source: str, state: Path, settings: Settings) -> Iterator[Source]:
    folder = Path(source)
    if source != "-" and folder.is_dir():
        items = from_folder(
            folder, max_items=settings.max_list_items, max_picture_bytes=settings.max_bytes
        )
        yield Source(_folder_digest(folder), items, "folder")
        return
    with tempfile.TemporaryFile(dir=state) if source == "-" else folder.open("rb") as file:
        digest = _taken_in(sys.stdin.buffer, file) if source == "-" else _hashed(file)
        followers = open_list(
            _seekable(file),
            name="" if source == "-" else folder.name,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
        )
        options = validated(BatchOptions, dict(followers.options))
        yield Source(digest, followers, followers.format, followers.columns, options)


def _asked_for(source: Source, settings: Settings, own_prior: float | None) -> NewBatch:
    """The list's own prior goes before the environment's; the command line's before both."""
    prior = own_prior or source.options.prior or settings.prior
    key = hashlib.sha256(f"{source.digest} {prior!r} {settings.base_rate!r}".encode()).hexdigest()
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


def _write(desk: Desk, batch: Batch, outputs: Outputs, analyst: Analyst, base_rate: float) -> None:
    kind: Literal["csv", "ndjson"] = "csv" if outputs.results.suffix.lower() == ".csv" else "ndjson"
    with replacing(outputs.results) as file:
        file.writelines(lines_of(desk, batch, Asked(), kind))
    gallery = Gallery(desk, analyst, base_rate)
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


def _folder_digest(folder: Path) -> str:
    """Of names, sizes and times: enough to tell whether it is still the folder that was begun."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        known = path.stat()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{known.st_size}\0{known.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _taken_in(stream: IO[bytes], file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK_BYTES):
        digest.update(chunk)
        file.write(chunk)
    file.seek(0)
    return digest.hexdigest()


def _hashed(file: Any) -> str:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return digest


def _seekable(file: Any) -> BinaryIO:
    found: BinaryIO = file
    return found
