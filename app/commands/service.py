"""``eyeline serve | worker | doctor``: what runs, and what looks whether it could."""

from __future__ import annotations

import json
from typing import Annotated, Final

import typer

from app.commands.start import (
    FAILED,
    USAGE,
    loaded_analyst,
    no_native_chatter,
    opened_tools,
    settings_of,
    stop,
)
from app.settings import Settings, SettingsError

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

    from app.api import connections, logs
    from app.api.app import create_app

    _refuse_start(settings)
    logs.configure()
    analyst = loaded_analyst(settings)
    uvicorn.run(
        create_app(settings, lambda _: analyst),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        **connections.options(),
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
    from app.api import logs
    from app.api.desks import staffed_desk
    from app.api.metrics import Metrics
    from app.jobs.worker import work

    logs.configure()
    with opened_tools(settings) as (_, look):
        work(lambda: staffed_desk(settings, look, Metrics()))


def _refuse_start(settings: Settings) -> None:
    """End if lists could not be kept or judged: better than a service that says so to callers."""
    from app.api.storage import storage_complaint
    from app.cohort import FILE, NumbersError, load
    from app.jobs.opening import InUse

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
    from app.doctor import examine_machine

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
