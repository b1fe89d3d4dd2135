"""Answers about pictures that were analyzed before, so that equal bytes are not computed twice.

Of this process, which has one calibration; no picture and no drawing is kept. An answer belongs to
the owner who sent the picture: nobody learns what others have sent.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace

from app.records import PictureRecord

_Key = tuple[str, str, float]


class AnswerCache:
    """The last ``max_answers`` answers that were asked for; 0 keeps none. Safe in threads."""

    def __init__(self, max_answers: int) -> None:
        self._max_answers = max_answers
        self._records: OrderedDict[_Key, PictureRecord] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, owner: str, sha256: str, prior: float) -> PictureRecord | None:
        """What was answered to ``owner`` about these bytes at this prior, without its timings."""
        key = (owner, sha256, prior)
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def keep(self, owner: str, prior: float, record: PictureRecord) -> None:
        """Keep an answer; the one that was not asked for longest makes room."""
        if not self._max_answers:
            return
        kept = replace(record, thumbnail=b"", tile=None, overlay=b"", timings_ms={})
        with self._lock:
            self._records[(owner, record.sha256, prior)] = kept
            self._records.move_to_end((owner, record.sha256, prior))
            while len(self._records) > self._max_answers:
                self._records.popitem(last=False)
