"""``eyeline completions``: what a shell needs to complete commands and options."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import shell_complete


class Shell(StrEnum):
    """Shells whose completion Typer can write."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completions(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(help="Whose script to print.")],
) -> None:
    """Print a shell's completion script: eval "$(eyeline completions bash)"."""
    command = context.find_root().command
    raise typer.Exit(shell_complete(command, {}, "eyeline", "_EYELINE_COMPLETE", f"source_{shell}"))
