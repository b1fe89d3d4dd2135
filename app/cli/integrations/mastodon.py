"""``eyeline mastodon``: what a Mastodon server's operator does once."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.startup import EXIT_FAILED, EXIT_USAGE, exit_with_error, load_settings_or_exit
from app.cli.terminal import echo

mastodon = typer.Typer(no_args_is_help=True, help="Send a Mastodon server's accounts.")


@mastodon.callback()
def _group() -> None:
    """Send a Mastodon server's accounts."""


@mastodon.command()
def backfill(
    service: Annotated[
        str, typer.Option(help="The running service, which takes this server's webhooks.")
    ] = "http://127.0.0.1:8000",
    remote: Annotated[
        bool, typer.Option("--remote", help="Accounts of other servers instead of local ones.")
    ] = False,
    before_id: Annotated[
        str | None, typer.Option(help="Only accounts older than this id: where a run stopped.")
    ] = None,
) -> None:
    """Send accounts that are older than the webhook to the service, the newest first.

    Needs EYELINE_MASTODON_URL, EYELINE_MASTODON_TOKEN (scope admin:read:accounts) and
    EYELINE_MASTODON_SECRET.
    """
    settings = load_settings_or_exit()
    url, token, secret = (
        settings.mastodon_url, settings.mastodon_token, settings.mastodon_secret,
    )  # fmt: skip
    if url is None or token is None or secret is None:
        exit_with_error(
            "set EYELINE_MASTODON_URL, EYELINE_MASTODON_TOKEN and EYELINE_MASTODON_SECRET",
            EXIT_USAGE,
        )
    try:
        from app.integrations.mastodon.backfill import iter_pages, send_page
        from app.integrations.mastodon.reports import open_client
    except ModuleNotFoundError as error:
        exit_with_error(f"{error.name} is missing: pip install 'eyeline[mastodon]'", EXIT_FAILED)
    from app.errors import RequestError

    sent, last_id = 0, before_id
    client = open_client(url, token.get_secret_value(), waits=True)
    origin = "remote" if remote else "local"
    try:
        for page in iter_pages(client, origin=origin, before_id=before_id):
            receipt = send_page(service.rstrip("/"), secret.get_secret_value(), page)
            sent, last_id = sent + int(receipt["pictures"]), str(page[-1]["id"])
            echo(f"{sent} avatars sent, down to account {last_id}", err=True)
    except (RequestError, KeyboardInterrupt) as error:
        detail = getattr(error, "detail", None) or str(error) or "interrupted"
        go_on = f"; go on with --before-id {last_id}" if last_id else ""
        exit_with_error(f"{detail}{go_on}", EXIT_FAILED)
