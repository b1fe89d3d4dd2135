"""``eyeline serve | worker | doctor``."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Annotated, Final

import typer

from app.cli.startup import (
    EXIT_FAILED,
    EXIT_USAGE,
    exit_with_error,
    load_settings_or_exit,
    open_analysis,
    open_analyzer_or_exit,
    silence_native_stderr,
)
from app.cli.terminal import echo
from app.settings import Settings, SettingsError


def run_until_signal(
    open_service: Callable[[], AbstractContextManager[object]],
    on_started: Callable[[], None] = lambda: None,
) -> None:
    """Run until SIGTERM or SIGINT; then commit what was analyzed and leave the rest to others.

    ``on_started`` is called when the first chunk may be taken up. Main thread only.
    """
    stop = threading.Event()

    def set_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    previous = {
        number: signal.signal(number, set_stop) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        with open_service():
            on_started()
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


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
    _exit_if_no_address(settings)
    from app.analysis.child_pool import service_processes
    from app.api.app import create_app
    from app.api.server.options import run_server
    from app.runtime import observability

    _exit_if_unready(settings)
    observability.configure_logs()
    analyzer = open_analyzer_or_exit(settings, service_processes(settings))
    run_server(create_app(settings, lambda _: analyzer), settings.host, settings.port, KEEP_ALIVE_S)


def worker(
    workers: Annotated[
        int | None, typer.Option(help="Pictures analyzed at once (EYELINE_BATCH_WORKERS).")
    ] = None,
) -> None:
    """Process batches of a shared database, with other workers, until SIGTERM or SIGINT.

    If a worker dies, the others take over its work within seconds.
    """
    settings = load_settings_or_exit(batch_workers=workers)
    if settings.database_url is None:
        exit_with_error(
            "workers share a Postgres: set EYELINE_DATABASE_URL=postgresql://...", EXIT_USAGE
        )
    if settings.batch_workers == 0:
        exit_with_error("--workers must be at least 1", EXIT_USAGE)
    _exit_if_unready(settings)
    from app.runtime import observability
    from app.runtime.batch_service import open_batch_service
    from app.runtime.observability import Metrics

    observability.configure_logs()
    with open_analysis(settings, settings.batch_workers) as analyzer:
        run_until_signal(lambda: open_batch_service(settings, analyzer, Metrics()))


def _exit_if_no_address(settings: Settings) -> None:
    try:
        socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        exit_with_error(f"EYELINE_HOST={settings.host} is no address of this machine", EXIT_USAGE)


def _exit_if_unready(settings: Settings) -> None:
    """Exit if batches could not be stored or summarised, instead of failing on every request."""
    from app.batches.store.database import DatabaseInUse
    from app.cohort.parameters import COHORT_FILE, CohortParametersError, load_parameters
    from app.runtime.storage import check_storage

    try:
        load_parameters(settings.models_dir / COHORT_FILE)
    except CohortParametersError as error:
        exit_with_error(str(error), EXIT_FAILED)
    try:
        problem = check_storage(settings)
    except DatabaseInUse as error:
        problem = str(error)
    if problem is not None:
        exit_with_error(problem, EXIT_USAGE)


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
