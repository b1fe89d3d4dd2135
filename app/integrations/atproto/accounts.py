"""Followers of an account, or members of a list, as rows of a list that Eyeline reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from atproto import Client
from atproto.exceptions import AtProtocolError

from app.errors import FetchFailed

PUBLIC_APPVIEW: Final = "https://public.api.bsky.app"
"""Answers without an account."""
PAGE_ACCOUNTS: Final = 100
"""The most that the lexicons allow."""
_LIST_PAGE: Final = re.compile(r"https://bsky\.app/profile/([^/]+)/lists/([^/?#]+)")
_LIST_COLLECTION: Final = "app.bsky.graph.list"


def open_appview(url: str = PUBLIC_APPVIEW) -> Client:
    """A client without an account. ``url``: of the AppView. It connects when it is first used."""
    return Client(base_url=f"{url}/xrpc")


def iter_followers(client: Client, actor: str) -> Iterator[dict[str, str]]:
    """Followers of ``actor`` (handle or DID), the newest first. Raises ``FetchFailed``."""

    def read_page(cursor: str | None) -> tuple[list[Any], str | None]:
        params = {"actor": actor, "limit": PAGE_ACCOUNTS, "cursor": cursor}
        page = client.app.bsky.graph.get_followers(_without_none(params))
        return page.followers, page.cursor

    return _iter_rows(read_page)


def iter_list_members(client: Client, list_name: str) -> Iterator[dict[str, str]]:
    """Members of a list, named by its at:// URI or the address of its page on bsky.app.

    Raises ``FetchFailed``.
    """
    uri = resolve_list_uri(client, list_name)

    def read_page(cursor: str | None) -> tuple[list[Any], str | None]:
        params = {"list": uri, "limit": PAGE_ACCOUNTS, "cursor": cursor}
        page = client.app.bsky.graph.get_list(_without_none(params))
        return [item.subject for item in page.items], page.cursor

    return _iter_rows(read_page)


def resolve_list_uri(client: Client, list_name: str) -> str:
    """The at:// URI of a list; a handle is resolved to its DID. Raises ``FetchFailed``."""
    match = _LIST_PAGE.match(list_name)
    if match is None:
        return list_name
    actor, key = match.groups()
    if not actor.startswith("did:"):
        try:
            actor = client.com.atproto.identity.resolve_handle({"handle": actor}).did
        except AtProtocolError as error:
            raise failure_from(error) from error
    return f"at://{actor}/{_LIST_COLLECTION}/{key}"


def failure_from(error: AtProtocolError) -> FetchFailed:
    """What to tell of ``error``: the server's words, if it had any."""
    response = getattr(error, "response", None)
    content = getattr(response, "content", None)
    said = getattr(content, "message", None) or getattr(content, "error", None)
    return FetchFailed(
        f"The AT protocol server refused, or does not answer: {said or type(error).__name__}.",
        upstream_status=getattr(response, "status_code", None),
    )


def _iter_rows(
    read_page: Callable[[str | None], tuple[list[Any], str | None]],
) -> Iterator[dict[str, str]]:
    cursor: str | None = None
    while True:
        try:
            profiles, next_cursor = read_page(cursor)
        except AtProtocolError as error:
            raise failure_from(error) from error
        for profile in profiles:
            yield _build_row(profile)
        if not next_cursor or next_cursor == cursor:
            return
        cursor = next_cursor


def _build_row(profile: Any) -> dict[str, str]:
    """A profile in the words of the lexicon; what an analysis does not need stays away."""
    fields = {
        "did": profile.did,
        "handle": profile.handle,
        "displayName": profile.display_name,
        "avatar": profile.avatar,
        "createdAt": profile.created_at,
    }
    return {name: value or "" for name, value in fields.items()}


def _without_none(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
