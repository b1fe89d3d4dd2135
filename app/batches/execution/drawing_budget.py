"""Whether a picture is still worth drawing: a list keeps drawings of a bounded number only."""

from __future__ import annotations

import threading
from typing import Final

from app.batches.store.database import Database
from app.batches.store.drawing_store import MAX_DRAWN_PICTURES, count_drawn
from app.records import DrawingScope, PictureRecord

_MAX_BATCHES: Final = 1_000
"""Whose counts are remembered; then all of them are read anew."""


class DrawingBudget:
    """How many pictures of each batch were drawn, as far as this process knows.

    It saves work alone: what is kept is bounded where it is stored. May be used by any thread.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._drawn: dict[int, int] = {}

    def scope(self, batch_no: int) -> DrawingScope:
        """Which pictures of the batch to draw now."""
        with self._lock:
            drawn = self._drawn.get(batch_no)
        if drawn is None:
            with self._database.reading() as c:
                drawn = count_drawn(c, batch_no)
            with self._lock:
                if len(self._drawn) >= _MAX_BATCHES:
                    self._drawn.clear()
                drawn = self._drawn.setdefault(batch_no, drawn)
        return "flagged" if drawn < MAX_DRAWN_PICTURES else "none"

    def charge(self, batch_no: int, record: PictureRecord) -> None:
        """Count ``record`` if it was drawn."""
        if record.drawings:
            with self._lock:
                self._drawn[batch_no] = self._drawn.get(batch_no, 0) + 1
