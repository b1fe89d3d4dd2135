"""``eyeline serve | worker | doctor``: what runs, and what looks whether it could."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType
from typing import Annotated, Final

import typer

from app.cli.startup import (
    FAILED,
    USAGE,
    loaded_analyst,
    no_native_chatter,
    opened_tools,
    settings_of,
    stop,
)
from app.settings import Settings, SettingsError


def work(
    open_desk: Callable[[], AbstractContextManager[object]],
    started: Callable[[], None] = lambda: None,
) -> None:
    """Work until SIGTERM or SIGINT; then commit what was looked at and leave the rest to others.

    ``started`` is called when the first chunk may be taken up. On the main thread only.
    """
    told_to_go = threading.Event()

    def go(_: int, __: FrameType | None) -> None:
        told_to_go.set()

    before = {number: signal.signal(number, go) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with open_desk():
            started()
            told_to_go.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


KEEP_ALIVE_S: Final = 65
"""Longer than the minute of common load balancers: who closes first loses a request to the race."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to (EYELINE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to (EYELINE_PORT).")] = None,
) -> None:
    """Answer over HTTP, until told to stop; then finish what was begun."""
    settings = settings_of(host=host, port=port)
    try:
        settings.refuse_open_door()
    except SettingsError as error:
        stop(str(error), USAGE)
    import uvicorn

    from app.api import connection_timeouts
    from app.api.app import create_app
    from app.runtime import observability

    _refuse_start(settings)
    observability.configure_logs()
    analyst = loaded_analyst(settings)
    uvicorn.run(
        create_app(settings, lambda _: analyst),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        **connection_timeouts.options(),
        timeout_keep_alive=KEEP_ALIVE_S,
    )


def worker(
    workers: Annotated[
        int | None, typer.Option(help="Pictures looked at together (EYELINE_BATCH_WORKERS).")
    ] = None,
) -> None:
    """Work on the batches of a shared database, beside others, until told to stop.

    A worker that dies is missed within seconds, and its work taken over by the others.
    """
    settings = settings_of(batch_workers=workers)
    if settings.database_url is None:
        stop("workers share a Postgres: set EYELINE_DATABASE_URL=postgresql://...", USAGE)
    if settings.batch_workers == 0:
        stop("--workers 0 would do nothing", USAGE)
    _refuse_start(settings)
    from app.runtime import observability
    from app.runtime.batch_service import staffed_desk
    from app.runtime.observability import Metrics

    observability.configure_logs()
    with opened_tools(settings) as (_, look):
        work(lambda: staffed_desk(settings, look, Metrics()))


def _refuse_start(settings: Settings) -> None:
    """End if lists could not be kept or judged: better than a service that says so to callers."""
    from app.batches.store.database import InUse
    from app.cohort import FILE, NumbersError, load
    from app.runtime.storage import storage_complaint

    try:
        load(settings.models_dir / FILE)
    except NumbersError as error:
        stop(str(error), FAILED)
    try:
        complaint = storage_complaint(settings)
    except InUse as error:
        complaint = str(error)
    if complaint is not None:
        stop(complaint, USAGE)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Look at this machine and say what is wrong and how to mend it. Exit code 1 if anything is."""
    from app.cli.doctor import examine_machine

    settings = settings_of()
    with no_native_chatter():
        findings = examine_machine(settings)
    if as_json:
        typer.echo(
            json.dumps({"ok": all(f.ok for f in findings), "checks": [f.told() for f in findings]})
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}")
            if not finding.ok:
                typer.echo(f"      mend it: {finding.remedy}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else FAILED)
