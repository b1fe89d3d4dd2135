"""Accounts that were there before the webhook: read from the admin API, sent on like its events.

The running service takes each page as one event, signed with the same secret: what it analyses is
as durable as a webhook's, and reported once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import requests
from mastodon.errors import MastodonError

from app.errors import FetchFailed
from app.integrations.mastodon.reports import failure_from
from app.integrations.mastodon.webhook import BACKFILL_EVENT, SIGNATURE_HEADER, sign_body

PAGE_ACCOUNTS: Final = 100
SEND_TIMEOUT_S: Final = 60.0
MAX_SENDS: Final = 20
"""Of one page, while the service answers that it is busy."""
_ADMIN_FIELDS: Final = ("id", "username", "domain", "created_at")
_ACCOUNT_FIELDS: Final = (
    "id", "username", "acct", "display_name", "created_at", "avatar", "avatar_static",
    "followers_count", "following_count", "statuses_count",
)  # fmt: skip


class AdminClient(Protocol):
    """What is asked of ``mastodon.Mastodon``."""

    def admin_accounts_v2(
        self, *, origin: str, status: str, max_id: str | None, limit: int
    ) -> Sequence[Any]: ...


def iter_pages(
    client: AdminClient, *, origin: str, before_id: str | None = None, limit: int = PAGE_ACCOUNTS
) -> Iterator[list[dict[str, Any]]]:
    """All active accounts of ``origin`` (local or remote), the newest first, in pages.

    ``before_id``: begin with accounts older than this one. Raises ``FetchFailed``.
    """
    while True:
        try:
            page = client.admin_accounts_v2(
                origin=origin, status="active", max_id=before_id, limit=limit
            )
        except MastodonError as error:
            raise failure_from(error, "list its accounts") from error
        if not page:
            return
        yield [_pick_fields(account) for account in page]
        before_id = str(page[-1]["id"])


def send_page(
    service_url: str,
    secret: str,
    accounts: Sequence[dict[str, Any]],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """The service's receipt for one page; a busy service is waited for. Raises ``FetchFailed``."""
    body = json.dumps({"event": BACKFILL_EVENT, "object": accounts}).encode()
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign_body(secret, body)}
    for _ in range(MAX_SENDS):
        try:
            response = requests.post(
                f"{service_url}/v1/integrations/mastodon",
                data=body,
                headers=headers,
                timeout=SEND_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise FetchFailed(f"The service at {service_url} does not answer.") from error
        if response.status_code == 202:
            receipt: dict[str, Any] = response.json()
            return receipt
        if response.status_code not in (429, 503):
            break
        sleep(float(response.headers.get("Retry-After", "5")))
    raise FetchFailed(
        f"The service at {service_url} refused a page ({response.status_code}): "
        f"{response.text[:300]}",
        upstream_status=response.status_code,
    )


def _pick_fields(account: Any) -> dict[str, Any]:
    """What an analysis needs of an admin account: e-mail and IP addresses stay where they are."""
    picked = {name: _to_json(account.get(name)) for name in _ADMIN_FIELDS}
    shown = account.get("account") or {}
    return picked | {"account": {name: _to_json(shown.get(name)) for name in _ACCOUNT_FIELDS}}


def _to_json(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    # Mastodon.py reads dates and ids into objects of its own.
    return value.isoformat() if hasattr(value, "isoformat") else value
