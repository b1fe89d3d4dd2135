"""What a follower list becomes: one item a row, in the list's own order, wrong rows included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """Why an item has no analysis: an ``AvatarError`` as it is kept and told."""

    code: str
    title: str
    detail: str
    retryable: bool = False


@dataclass(frozen=True)
class Item:
    """One row of a list. Exactly one of ``url``, ``payload`` and ``failure`` is given.

    ``seq``: 0, 1, 2 … in the list's order. ``line``: where it stands in the file (1 is the first),
    if lines mean anything there. ``source``: what the row points at, as people know it: the URL as
    given, or the picture's name in an archive. ``url``: what to fetch first; ``fallback_url`` if
    that fails (a platform's larger variant is tried before the one that was given).
    ``content_id``: a name that the platform derives from the picture's own bytes, if it does.
    ``cells``: the row as it came, under the list's columns. ``account``: what the row says of the
    account (``username``, ``created_at``, ``followers_count`` …), as text.
    """

    seq: int
    source: str
    custom_id: str | None = None
    line: int | None = None
    url: str | None = None
    fallback_url: str | None = None
    content_id: str | None = None
    payload: bytes | None = None
    failure: Failure | None = None
    cells: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
