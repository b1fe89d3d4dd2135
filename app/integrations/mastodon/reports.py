"""Flagged avatars → reports for Mastodon's moderators, or notes on the accounts.

Nothing here acts on an account: people decide. A report says which picture it is about, so that one
that was filed before is recognized, however often a delivery is repeated.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable
from typing import Any, Final, Literal, Protocol

from mastodon import Mastodon
from mastodon.errors import (
    MastodonAPIError,
    MastodonError,
    MastodonNotFoundError,
    MastodonRatelimitError,
)

from app.errors import FetchFailed
from app.records import ItemResult, PictureRecord

Action = Literal["report", "note"]

REQUEST_TIMEOUT_S: Final = 10.0
RATE_LIMIT_PAUSE_S: Final = 300.0
"""Mastodon's window: 300 requests in five minutes."""
COMMENT_MAX_CHARS: Final = 1000
_SHOWN_DIGITS: Final = 16
"""Of the picture's SHA-256: how a report is recognized."""

log = logging.getLogger("eyeline.integrations")


class ModerationClient(Protocol):
    """What is asked of ``mastodon.Mastodon``."""

    def admin_reports(self, *, resolved: bool, target_account_id: str) -> Iterable[Any]: ...

    def report(self, account_id: str, *, comment: str, category: str) -> Any: ...

    def account_note_set(self, id: str, comment: str) -> Any: ...


def open_client(url: str, token: str, *, waits: bool = False) -> Mastodon:
    """A client of the server at ``url``. It connects when it is first used.

    ``waits``: for the end of a rate limit, instead of raising.

    The token needs ``admin:read:reports`` and ``write:reports``; for notes ``write:accounts``; for
    a back-fill ``admin:read:accounts``.
    """
    return Mastodon(
        access_token=token,
        api_base_url=url,
        request_timeout=REQUEST_TIMEOUT_S,
        ratelimit_method="wait" if waits else "throw",
        version_check_mode="none",
        user_agent="eyeline",
    )


def file_reports(
    client: ModerationClient,
    results: Iterable[ItemResult],
    *,
    action: Action,
    evidence_url: str | None,
    timeout_s: float,
) -> None:
    """File one report, or note, for each of ``results``, whose ``custom_id`` is an account's id.

    What was filed before is left out; an account that is gone is too. Raises ``FetchFailed`` if
    Mastodon does not answer, or time is over: then a further call goes on.
    """
    deadline = time.monotonic() + timeout_s
    for result in results:
        if time.monotonic() > deadline:
            raise FetchFailed("Not all reports are filed yet.", retry_after_s=1.0)
        if result.record is None or result.custom_id is None:
            continue
        try:
            _file(client, result.custom_id, result.record, action, evidence_url)
        except MastodonError as error:
            raise failure_from(error, f"take a {action}") from error


def failure_from(error: MastodonError, asked: str) -> FetchFailed:
    """What to tell of ``error``: Mastodon did not do what was ``asked``."""
    if isinstance(error, MastodonRatelimitError):
        return FetchFailed(
            "Mastodon asked for a pause (rate limit).",
            upstream_status=429,
            retry_after_s=RATE_LIMIT_PAUSE_S,
        )
    return FetchFailed(
        f"Mastodon did not {asked}: {_describe(error)}; check EYELINE_MASTODON_URL, and "
        "EYELINE_MASTODON_TOKEN with its scopes."
    )


def build_comment(record: PictureRecord, evidence_url: str | None) -> str:
    """What moderators read about one picture, in at most ``COMMENT_MAX_CHARS``."""
    answer = json.loads(record.analysis) if record.analysis else {}
    low, high = answer.get("llr_interval") or (math.nan, math.nan)
    interval = "" if math.isnan(low) else f" (95 %: {low:.1f} to {high:.1f})"
    ratios = (
        f"; {record.llr_ordinary:.1f} against ordinary avatars, {record.llr_framed:.1f} against "
        "photographs cut alike"
        if record.llr_ordinary is not None and record.llr_framed is not None
        else ""
    )
    evidence = f" Evidence: {evidence_url}" if evidence_url else ""
    return (
        f"Eyeline: the avatar looks like a face of a StyleGAN-family generator. log10 likelihood "
        f"ratio {record.llr:.1f}{interval}{ratios}. This speaks of the picture, not of the account;"
        f" please look at it yourself. {picture_mark(record)}.{evidence}"
    )[:COMMENT_MAX_CHARS]


def picture_mark(record: PictureRecord) -> str:
    """Which picture a report is about."""
    return f"Picture: sha256 {record.sha256[:_SHOWN_DIGITS]}"


def _file(
    client: ModerationClient,
    account_id: str,
    record: PictureRecord,
    action: Action,
    evidence_url: str | None,
) -> None:
    comment = build_comment(record, evidence_url)
    if action == "report" and _is_reported(client, account_id, record):
        return
    try:
        if action == "report":
            client.report(account_id, comment=comment, category="other")
        else:
            client.account_note_set(account_id, comment)  # replaces a note, so twice is once
    except MastodonNotFoundError:
        log.info("account %s is gone from Mastodon", account_id)


def _is_reported(client: ModerationClient, account_id: str, record: PictureRecord) -> bool:
    return any(
        picture_mark(record) in (report["comment"] or "")
        for resolved in (False, True)
        for report in client.admin_reports(resolved=resolved, target_account_id=account_id)
    )


def _describe(error: MastodonError) -> str:
    """The server's words, or the kind of the error: a message may hold more than is meant to."""
    if isinstance(error, MastodonAPIError):
        return " ".join(str(part) for part in error.args[1:4]) or type(error).__name__
    return type(error).__name__
