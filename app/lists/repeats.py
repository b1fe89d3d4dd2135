"""Accounts that a list names more than once, noticed in eight bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np

from app.lists.image_files import too_many_rows
from app.lists.notes import ListNotes
from app.records import Item


def check_items(items: Iterator[Item], max_items: int, notes: ListNotes) -> Iterator[Item]:
    """``items``, and once they end a note on rows whose account stood in an earlier row.

    Raises ``TooLarge`` behind ``max_items``.
    """
    keys = array("q")
    add_key = keys.append
    for item in items:
        if item.seq >= max_items:
            raise too_many_rows(max_items)
        if (custom_id := item.custom_id) is not None:
            add_key(hash(custom_id))
        yield item
    hashes = np.frombuffer(keys, dtype=np.int64) if keys else np.empty(0, dtype=np.int64)
    hashes.sort()  # in place: a copy would double what is kept
    repeated = int(np.count_nonzero(hashes[1:] == hashes[:-1]))
    if repeated:
        rows = (
            "1 row repeats the account of an earlier row"
            if repeated == 1
            else f"{repeated} rows repeat the account of an earlier row"
        )
        notes.add(
            f"{rows}; every row is answered, and each account counts once in what is said of the "
            "list as a whole."
        )
