"""The inputs of the command line: files, folders, URLs, standard input."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.fetch.avatar_urls import fetch_with_fallback, resolve_avatar_url
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import HostCooldowns
from app.lists.file_types import PICTURE_SUFFIXES


class NoPictures(ValueError):
    """A folder contains no pictures."""


@dataclass(frozen=True)
class InputPicture:
    """One picture: its display name, and how to read its bytes."""

    name: str
    read: Callable[[], bytes]
    remote: bool = False


def find_inputs(
    source: str, policy: FetchPolicy, holds: HostCooldowns | None = None
) -> Iterator[InputPicture]:
    """The pictures of ``source``; for a folder all pictures in it, recursively, sorted by path.

    In a folder pictures are recognised by suffix; a named file is always tried. ``holds``: shared
    cooldowns of hosts, for all sources.

    Raises ``NoPictures`` for a folder without pictures.
    """
    if source == "-":
        # One byte more than the limit, so that exceeding it is detected.
        yield InputPicture("stdin", partial(sys.stdin.buffer.read, policy.max_bytes + 1))
    elif source.lower().startswith(("http://", "https://")):
        yield InputPicture(source, partial(_fetch, source, policy, holds), remote=True)
    elif (folder := Path(source)).is_dir():
        paths = sorted(
            p for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES and p.is_file()
        )
        if not paths:
            raise NoPictures(f"no pictures in {source}")
        yield from (InputPicture(str(path), path.read_bytes) for path in paths)
    else:
        yield InputPicture(source, folder.read_bytes)


def _fetch(url: str, policy: FetchPolicy, holds: HostCooldowns | None) -> bytes:
    async def fetch_bytes() -> bytes:
        avatar_url = resolve_avatar_url(url)
        async with Fetcher(policy, cooldowns=holds) as fetcher:
            return await fetch_with_fallback(fetcher.fetch, avatar_url.url, avatar_url.fallback_url)

    return asyncio.run(fetch_bytes())
