"""What the command line prints moves no cursor, whoever named the files."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.cli import terminal
from app.cli.terminal import echo, for_standard_output

NAME = "a\x1b[2Jb\u202egpj.c\x07\x9b31m\u2066\u200f\udcff.jpg"


def test_escapes_and_direction_marks_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    echo(NAME)
    echo(f"two\n\tlines of {NAME}", err=True)
    printed = capsys.readouterr()
    shown = "a\ufffd[2Jb\ufffdgpj.c\ufffd\ufffd31m\ufffd\ufffd\ufffd.jpg"
    assert printed.out == f"{shown}\n"
    assert printed.err == f"two\n\tlines of {shown}\n"


def test_every_command_prints_this_way() -> None:
    folder = Path(terminal.__file__).parent
    others = [path for path in folder.rglob("*.py") if path != Path(terminal.__file__)]
    assert [path.name for path in others if "typer.echo(" in path.read_text()] == []


@pytest.mark.parametrize("is_terminal", [True, False])
def test_results_are_changed_for_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    rows = "name,\u0645\r\nx\x1b]0;title\x07,\u202e\r\n".encode()
    expected = "name,\u0645\nx\ufffd]0;title\ufffd,\ufffd\n".encode() if is_terminal else rows
    assert b"".join(for_standard_output([rows])) == expected
