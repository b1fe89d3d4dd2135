"""Shows a batch's progress as a bar on stderr until it has ended, and how fast it was."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from app.batches.service import BatchService
    from app.batches.store.models import Batch

WAIT_S: Final = 1.0
"""Longest delay until Ctrl-C is handled."""


class RateColumn(ProgressColumn):
    """Items a second, once there is a rate."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.3g}/s")


class ItemRate:
    """How many items this run did a second, from its beginning."""

    def __init__(self, batch: Batch) -> None:
        self._began = time.monotonic()
        self._done_before = batch.completed + batch.failed

    def describe(self, batch: Batch) -> str:
        """`` in 12 s (8.3 a second)``, or nothing if nothing was left to do."""
        done = batch.completed + batch.failed - self._done_before
        spent_s = time.monotonic() - self._began
        if done <= 0 or spent_s <= 0.0:
            return ""
        return f" in {spent_s:.3g} s ({done / spent_s:.3g} a second)"


@contextmanager
def loading_status(*, quiet: bool) -> Iterator[None]:
    """Says that models and libraries are loading, where stderr is a terminal."""
    console = Console(file=sys.stderr)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status("loading the models"):
        yield


@contextmanager
def open_progress(*, quiet: bool) -> Iterator[Progress]:
    """A bar with one task, which reads the list; invisible where stderr is no terminal."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=console,
        redirect_stdout=False,  # results may go there
        redirect_stderr=False,
        disable=quiet or not console.is_terminal,
    ) as progress:
        progress.add_task("reading the list", total=None)
        yield progress


def wait_with_progress(
    service: BatchService, batch: Batch, progress: Progress, flagged_threshold: int | None = None
) -> Batch:
    """Wait until ``batch`` has ended; returns its final state.

    ``flagged_threshold``: flagged items at which a line says so, once.
    """
    (task,) = progress.task_ids
    done_before = batch.completed + batch.failed
    progress.reset(task, total=batch.total, completed=done_before)
    while True:
        done = batch.completed + batch.failed
        progress.update(task, completed=done, description=_describe(batch, done > done_before))
        if flagged_threshold is not None and flagged_count(batch) >= flagged_threshold:
            progress.console.print(describe_flagged(batch), soft_wrap=True, highlight=False)
            flagged_threshold = None
        if batch.has_ended:
            return batch
        batch = service.wait_for_change(batch.id, batch.request.owner, batch.revision, WAIT_S)


def _describe(batch: Batch, has_begun: bool) -> str:
    if not has_begun and not batch.has_ended:
        return "waiting for the first result"
    return f"{batch.status}, {flagged_count(batch)} likely StyleGAN"


def flagged_count(batch: Batch) -> int:
    """Items that are ``likely_stylegan`` so far."""
    return batch.verdicts.get("likely_stylegan", 0)


def describe_flagged(batch: Batch) -> str:
    """``12 flagged among the first 40 of 300``."""
    done = batch.completed + batch.failed
    return f"{flagged_count(batch)} flagged among the first {done} of {batch.total}"
