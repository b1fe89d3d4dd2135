"""``eyeline serve | doctor``."""

from __future__ import annotations

import json
import socket
from typing import Annotated, Final

import typer

from app.cli.startup import (
    EXIT_FAILED,
    EXIT_USAGE,
    describe_bind_error,
    exit_if_unready,
    exit_with_error,
    load_settings_or_exit,
    open_analyzer_or_exit,
    silence_native_stderr,
)
from app.cli.terminal import echo
from app.settings import SettingsError

KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s of common load balancers, so that the server never closes first."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to (EYELINE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to (EYELINE_PORT).")] = None,
) -> None:
    """Serve the HTTP API until SIGTERM or SIGINT; then finish the requests in progress."""
    settings = load_settings_or_exit(host=host, port=port)
    try:
        settings.require_keys_if_public()
    except SettingsError as error:
        exit_with_error(str(error), EXIT_USAGE)
    _exit_if_taken(settings.host, settings.port)
    from app.analysis.child_pool import service_processes
    from app.api.app import create_app
    from app.api.server.options import run_server
    from app.runtime import observability

    exit_if_unready(settings)
    observability.configure_logs()
    analyzer = open_analyzer_or_exit(settings, service_processes(settings))
    run_server(create_app(settings, lambda _: analyzer), settings.host, settings.port, KEEP_ALIVE_S)


def _exit_if_taken(host: str, port: int) -> None:
    """Exit if ``host`` and ``port`` cannot be bound, before anything is loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except (OSError, UnicodeError) as error:
        exit_with_error(describe_bind_error(error, host, port, "EYELINE_PORT"), EXIT_USAGE)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Check this installation and report problems with their fixes; exit code 1 if any."""
    from app.cli.doctor import diagnose

    settings = load_settings_or_exit()
    with silence_native_stderr():
        diagnoses = diagnose(settings)
    if as_json:
        echo(
            json.dumps(
                {"ok": all(f.ok for f in diagnoses), "checks": [f.as_dict() for f in diagnoses]}
            )
        )
    else:
        for diagnosis in diagnoses:
            echo(f"{'ok  ' if diagnosis.ok else 'FAIL'}  {diagnosis.name}: {diagnosis.detail}")
            if not diagnosis.ok:
                echo(f"      fix: {diagnosis.remedy}")
    raise typer.Exit(0 if all(diagnosis.ok for diagnosis in diagnoses) else EXIT_FAILED)
