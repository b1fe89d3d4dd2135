"""What the command line was pointed at: files, folders, URLs, standard input."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.fetch import Fetcher, FetchPolicy, Holds
from app.fetch.avatar_urls import fetch_first, find
from app.lists.file_types import SUFFIXES


class NoPictures(ValueError):
    """A folder without a picture in it."""


@dataclass(frozen=True)
class Item:
    """One picture: what to call it, and how to get its bytes."""

    name: str
    read: Callable[[], bytes]
    remote: bool = False


def items(source: str, policy: FetchPolicy, holds: Holds | None = None) -> Iterator[Item]:
    """What ``source`` stands for; a folder stands for the pictures below it, sorted by path.

    In a folder a file's suffix decides; one that is named itself is always tried. ``holds``: of
    the other sources, so that a host that asked for rest has it from all.

    Raises ``NoPictures`` for a folder that holds none.
    """
    if source == "-":
        # One byte more than is allowed, so that too much is seen to be too much.
        yield Item("stdin", partial(sys.stdin.buffer.read, policy.max_bytes + 1))
    elif source.lower().startswith(("http://", "https://")):
        yield Item(source, partial(_fetch, source, policy, holds), remote=True)
    elif (folder := Path(source)).is_dir():
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        if not paths:
            raise NoPictures(f"no pictures in {source}")
        yield from (Item(str(path), path.read_bytes) for path in paths)
    else:
        yield Item(source, folder.read_bytes)


def _fetch(url: str, policy: FetchPolicy, holds: Holds | None) -> bytes:
    async def fetched() -> bytes:
        found = find(url)
        async with Fetcher(policy, holds=holds) as fetcher:
            return await fetch_first(fetcher.fetch, found.url, found.fallback_url)

    return asyncio.run(fetched())
