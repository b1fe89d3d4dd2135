"""What a command says when it cannot start: one line, and exit code 2."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli.startup import EXIT_USAGE, describe_bind_error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.EADDRINUSE, ""),
            "another program listens there; stop it, or set EYELINE_PORT",
        ),
        (OSError(errno.EADDRNOTAVAIL, ""), "this machine has no such address; set EYELINE_HOST"),
        (OSError(errno.EACCES, ""), "ports below 1024 are root's"),
        (OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN)), "Network is down"),
        (socket.gaierror(-2, "Name or service not known"), "EYELINE_HOST=h is no address of"),
    ],
)
def test_why_an_address_cannot_be_listened_on(error: OSError, words: str) -> None:
    line = describe_bind_error(error, "h", 80, "EYELINE_PORT")
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        (["serve", "--port"], "EYELINE_PORT"),
        (["worker", "--port"], "EYELINE_WORKER_PORT"),
    ],
)
def test_a_port_that_is_taken_is_one_line(
    command: list[str], variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYELINE_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(cli, [*command, str(port)])
    assert result.exit_code == EXIT_USAGE
    assert result.stderr.startswith(f"eyeline: cannot listen on 127.0.0.1 port {port}: another")
    assert variable in result.stderr
    assert result.stderr.count("\n") == 1
