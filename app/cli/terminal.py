"""What the command line prints: names of files and accounts are strangers' text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import typer

from app.lists.printable import printable_text


def echo(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Print ``text``, and with ``nl`` a line feed; escapes and direction marks do not pass."""
    typer.echo(printable_text(text), nl=nl, err=err)


def for_standard_output(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of whole lines in UTF-8: as they are, or made harmless where a terminal reads them."""
    if not sys.stdout.isatty():
        yield from blocks
        return
    for block in blocks:
        text = block.decode("utf-8", "replace").replace("\r\n", "\n")
        yield printable_text(text).encode()
