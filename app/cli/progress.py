"""Shows a batch's progress as a bar on stderr until it has ended."""

from __future__ import annotations

import sys
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from app.batches.service import BatchService
from app.batches.store.models import Batch

WAIT_S: Final = 1.0
"""Longest delay until Ctrl-C is handled."""


def wait_with_progress(service: BatchService, batch: Batch, *, quiet: bool) -> Batch:
    """Wait until ``batch`` has ended; returns its final state."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task(str(batch.status), total=batch.total)
        while True:
            flagged = batch.verdicts.get("likely_stylegan", 0)
            description = f"{batch.status}, {flagged} likely StyleGAN"
            bar.update(task, completed=batch.completed + batch.failed, description=description)
            if batch.has_ended:
                return batch
            batch = service.wait_for_change(batch.id, batch.request.owner, batch.revision, WAIT_S)
