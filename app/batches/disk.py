"""Room on the disk: below a low-water mark no list is taken in, and below half of it none works.

What is left is for erasing, which needs room, too: a file of zeros is given up for it where even
that is gone. Where the batches lie in Postgres, only the folder of arriving bodies is looked at.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.batches.store.outage import STORAGE_RETRY_AFTER_S, ThrottledWarning
from app.errors import StorageFull

DEFAULT_MIN_FREE_BYTES: Final = 512_000_000
DEFAULT_MIN_FREE_SHARE: Final = 0.02
"""Of the file system, where that is less."""
RESERVE_FILE: Final = "eyeline.reserve"
RESERVE_BYTES: Final = 16_000_000
FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger("eyeline.storage")


class Disk:
    """The disk of ``folder``. ``min_free_bytes``: the mark; by default 512 MB, or 2 % if less.

    ``has_batches``: they lie there themselves, so work pauses and a reserve is kept.
    """

    def __init__(
        self,
        folder: Path,
        min_free_bytes: int | None = None,
        *,
        has_batches: bool = True,
        usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._has_batches = has_batches
        self._usage = usage
        self._warning = ThrottledWarning()

    def check_intake(self) -> None:
        """Raises ``StorageFull`` below the mark."""
        problem = self.problem()
        if problem is not None:
            raise StorageFull(
                "No list is taken in now: the disk is nearly full. Erase batches that are no "
                "longer needed, or ask the operator for space.",
                STORAGE_RETRY_AFTER_S,
            )

    def check_work(self) -> None:
        """Raises ``StorageFull`` below half of the mark."""
        free, mark = self._measure()
        if self._has_batches and free < mark // 2:
            if self._warning.is_due():
                log.warning("lists pause: %s", self.problem())
            raise StorageFull("The disk is nearly full: lists pause.", STORAGE_RETRY_AFTER_S)

    def problem(self) -> str | None:
        """Why no list is taken in, in a sentence for the operator; ``None`` above the mark."""
        free, mark = self._measure()
        if free >= mark:
            return None
        return (
            f"the disk of {self._folder} has {free // 1_000_000} MB free, and below "
            f"{mark // 1_000_000} MB no list is taken in: free some, erase batches, or set "
            "EYELINE_MIN_FREE_BYTES"
        )

    def keep_reserve(self) -> None:
        """Make the reserve where there is room for it."""
        path = self._folder / RESERVE_FILE
        free, mark = self._measure()
        if self._has_batches and not path.exists() and free - RESERVE_BYTES > mark:
            with path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)

    def give_up_reserve(self) -> bool:
        """Whether there was one: erasing goes on in its place."""
        path = self._folder / RESERVE_FILE
        was_there = path.exists()
        path.unlink(missing_ok=True)
        return was_there

    def _measure(self) -> tuple[int, int]:
        """Free bytes, and the mark."""
        folder = self._folder.absolute()
        while not folder.exists():  # yet: it will be made on the file system of its parent
            folder = folder.parent
        total, _, free = self._usage(folder)
        if self._min_free_bytes is not None:
            return free, self._min_free_bytes
        return free, min(DEFAULT_MIN_FREE_BYTES, int(DEFAULT_MIN_FREE_SHARE * total))


def is_full(error: OSError) -> bool:
    """Whether a file could not be written for want of space."""
    return error.errno in FULL_ERRNOS
