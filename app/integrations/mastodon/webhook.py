"""Mastodon's admin webhooks: signature, accounts, and the batch that their avatars become.

Mastodon signs the body with the webhook's secret (``X-Hub-Signature: sha256=<HMAC, hex>``). An
event holds an account as its admin API shows it; the list reader takes the avatar's still form
(``avatar_static``, up to 400 × 400 px) from it, and drops e-mail and IP addresses.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from app.batches.store.models import BatchRequest
from app.errors import Forbidden, InvalidRequest, Unauthorized
from app.lists.reader import open_list
from app.records import Item
from app.settings import Settings

SIGNATURE_HEADER: Final = "X-Hub-Signature"
MAX_BODY_BYTES: Final = 1_048_576
"""A report with its statuses takes some 100 kB."""
MAX_ACCOUNTS: Final = 200
"""In one event: those of a back-fill hold a page of accounts."""
BACKFILL_EVENT: Final = "eyeline.backfill"
"""Sent by ``eyeline mastodon backfill``: its object is an array of accounts."""
REPORT_TARGET: Final = "mastodon:moderators"
"""In place of a batch's webhook URL: its flagged accounts go to Mastodon's moderators."""
_ACCOUNT_EVENTS: Final = frozenset({"account.created", "account.updated", "account.approved"})
_MAX_PICTURE_BYTES: Final = 0  # an event holds none


def sign_body(secret: str, body: bytes) -> str:
    """The signature of ``body``, as Mastodon sends it."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def check_signature(secret: str, body: bytes, signature: str | None) -> None:
    """Raise ``Unauthorized`` without a signature, ``Forbidden`` with a wrong one.

    The comparison takes the same time wherever the two differ.
    """
    if signature is None:
        raise Unauthorized(
            f"Send Mastodon's signature in {SIGNATURE_HEADER}; a webhook of Mastodon's has one."
        )
    if not hmac.compare_digest(sign_body(secret, body).encode(), signature.encode()):
        raise Forbidden(
            "The signature is not that of this body: EYELINE_MASTODON_SECRET must be the secret "
            "that Mastodon shows beside the webhook."
        )


def read_accounts(body: bytes) -> list[dict[str, Any]]:
    """The accounts of an event, as the admin API shows them; none of an event without accounts.

    Raises ``InvalidRequest``.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(name := event.get("event"), str):
        raise InvalidRequest(
            "Send an event as Mastodon does: a JSON object with `event` and `object`."
        )
    subject = event.get("object")
    if name == "report.created" and isinstance(subject, dict):
        subject = subject.get("target_account")
    elif name == BACKFILL_EVENT:
        return _check_accounts(subject if isinstance(subject, list) else [None])
    elif name not in _ACCOUNT_EVENTS:
        return []
    return _check_accounts([subject])


def read_items(accounts: Sequence[dict[str, Any]]) -> list[Item]:
    """Accounts with a picture of their own, as items of a list; ``custom_id`` is the account's id.

    Raises ``InvalidRequest`` where accounts have no id or no avatar at all.
    """
    if not accounts:
        return []
    body = json.dumps(accounts).encode()
    followers = open_list(
        io.BytesIO(body),
        max_items=MAX_ACCOUNTS,
        max_bytes=len(body),
        max_picture_bytes=_MAX_PICTURE_BYTES,
    )
    items = list(followers)
    if any(item.custom_id is None for item in items):
        raise InvalidRequest("An account of this event has no id.")
    return [replace(item, cells=()) for item in items if item.failure is None]


def webhook_owner(settings: Settings) -> str:
    """Whose the batches of webhooks are: those of the key named ``mastodon``, if there are keys."""
    return "mastodon" if settings.api_keys else ""


def build_request(items: Sequence[Item], settings: Settings) -> BatchRequest:
    """The batch for ``items``. The same avatars of the same accounts are the same batch again."""
    avatars = sorted((item.custom_id or "", item.source) for item in items)
    digest = hashlib.sha256(json.dumps(avatars).encode()).hexdigest()
    names = [item.account.get("username", item.custom_id or "") for item in items]
    title = f"Mastodon: {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
    return BatchRequest(
        prior=settings.prior,
        base_rate=settings.base_rate,
        owner=webhook_owner(settings),
        webhook_url=REPORT_TARGET if settings.mastodon_token else None,
        idempotency_key=f"mastodon {digest}",
        body_sha256=digest,
        list_format="mastodon",
        title=title,
    )


def _check_accounts(accounts: list[Any]) -> list[dict[str, Any]]:
    if len(accounts) > MAX_ACCOUNTS:
        raise InvalidRequest(f"An event may hold {MAX_ACCOUNTS} accounts; send several events.")
    if not all(isinstance(each, dict) and isinstance(each.get("id"), str) for each in accounts):
        raise InvalidRequest("The object of this event is no account as Mastodon's admin API has.")
    return accounts
