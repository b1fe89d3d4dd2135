"""``eyeline atproto``: accounts of Bluesky in, labels of an Ozone labeler out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.startup import EXIT_FAILED, EXIT_USAGE, exit_with_error, load_settings_or_exit
from app.cli.terminal import echo

if TYPE_CHECKING:
    from app.integrations.atproto.labeler import OzoneLabeler
    from app.settings import Settings

atproto = typer.Typer(no_args_is_help=True, help="Accounts of the AT protocol, and their labels.")
_EXTRA = "pip install 'eyeline[atproto]'"
AppView = Annotated[str, typer.Option(help="The AppView that is asked; it needs no account.")]


@atproto.command()
def followers(
    actor: Annotated[str, typer.Argument(help="A handle or a DID.")],
    appview: AppView = "https://public.api.bsky.app",
) -> None:
    """Print the followers of ACTOR, one JSON object a line: pipe them into `eyeline batch -`."""
    try:
        from app.integrations.atproto.accounts import iter_followers, open_appview
    except ModuleNotFoundError as error:
        exit_with_error(f"{error.name} is missing: {_EXTRA}", EXIT_FAILED)
    _print_rows(iter_followers(open_appview(appview), actor))


@atproto.command(name="list")
def list_members(
    name: Annotated[str, typer.Argument(help="An at:// URI, or the list's page on bsky.app.")],
    appview: AppView = "https://public.api.bsky.app",
) -> None:
    """Print the members of a list, one JSON object a line."""
    try:
        from app.integrations.atproto.accounts import iter_list_members, open_appview
    except ModuleNotFoundError as error:
        exit_with_error(f"{error.name} is missing: {_EXTRA}", EXIT_FAILED)
    _print_rows(iter_list_members(open_appview(appview), name))


@atproto.command()
def definitions() -> None:
    """Print the `policies` of the labeler's service record: the label and what it means."""
    from app.integrations.atproto.labels import label_policies

    echo(json.dumps(label_policies(), indent=2))


@atproto.command()
def label(
    results: Annotated[Path, typer.Argument(help="Results of a list in NDJSON.")],
    min_llr: Annotated[
        float | None, typer.Option(help="Label from this llr; default: every likely_stylegan.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the events, send nothing.")
    ] = False,
) -> None:
    """Label the flagged accounts of RESULTS; negate the label where a person decided `real`.

    Needs EYELINE_ATPROTO_HANDLE, EYELINE_ATPROTO_PASSWORD (an app password) and
    EYELINE_ATPROTO_LABELER. Running it again emits nothing twice.
    """
    settings = load_settings_or_exit()
    from app.errors import RequestError
    from app.integrations.atproto.labels import build_event
    from app.integrations.results import iter_lines, read_batch_id

    try:
        batch_id = read_batch_id(results)
        base = settings.public_url
        evidence = f"{base}/v1/batches/{batch_id}/report.html" if base and batch_id else None
        labeler = None if dry_run else _log_in(settings)
        created_by = labeler.did if labeler else "did:example:moderator"
        events = (
            build_event(line, created_by, min_llr=min_llr, evidence_url=evidence)
            for line in iter_lines(results)
        )
        _emit_all((event for event in events if event is not None), labeler)
    except RequestError as error:
        exit_with_error(error.detail, EXIT_FAILED)
    except OSError as error:
        exit_with_error(f"{error.filename}: {error.strerror}", EXIT_FAILED)


def _emit_all(events: Iterable[dict[str, Any]], labeler: OzoneLabeler | None) -> None:
    counts = {"label": 0, "clear": 0, "known": 0}
    for event in events:
        if labeler is None:
            echo(json.dumps(event))
        elif labeler.emit(event):
            counts["clear" if event["event"]["negateLabelVals"] else "label"] += 1
        else:
            counts["known"] += 1
    if labeler is not None:
        echo(
            f"{counts['label']} labelled, {counts['clear']} cleared, "
            f"{counts['known']} known before",
            err=True,
        )


def _log_in(settings: Settings) -> OzoneLabeler:
    handle, password, did = (
        settings.atproto_handle, settings.atproto_password, settings.atproto_labeler,
    )  # fmt: skip
    if handle is None or password is None or did is None:
        exit_with_error(
            "set EYELINE_ATPROTO_HANDLE, EYELINE_ATPROTO_PASSWORD and EYELINE_ATPROTO_LABELER; "
            "--dry-run needs none",
            EXIT_USAGE,
        )
    try:
        from app.integrations.atproto.labeler import OzoneLabeler
    except ModuleNotFoundError as error:
        exit_with_error(f"{error.name} is missing: {_EXTRA}", EXIT_FAILED)
    return OzoneLabeler.log_in(settings.atproto_url, handle, password.get_secret_value(), did)


def _print_rows(rows: Iterable[dict[str, str]]) -> None:
    from app.errors import RequestError

    try:
        for row in rows:
            echo(json.dumps(row))
    except RequestError as error:
        exit_with_error(error.detail, EXIT_FAILED)
