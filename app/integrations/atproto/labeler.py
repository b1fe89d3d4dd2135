"""Sends a moderator's events to an Ozone labeler, through the account's own server (PDS)."""

from __future__ import annotations

from typing import Any, Final

from atproto import Client
from atproto.exceptions import AtProtocolError

from app.errors import FetchFailed
from app.integrations.atproto.accounts import failure_from

_ALREADY_THERE: Final = "DuplicateExternalId"


class OzoneLabeler:
    """A session of a moderator's account. ``did``: of the account."""

    def __init__(self, client: Client, did: str) -> None:
        self._client = client
        self.did = did

    @classmethod
    def log_in(cls, pds_url: str, handle: str, password: str, labeler_did: str) -> OzoneLabeler:
        """``password``: an app password. Raises ``FetchFailed``."""
        client = Client(base_url=f"{pds_url}/xrpc")
        try:
            client.login(handle, password, fetch_bsky_profile=False)
            session = client.com.atproto.server.get_session()
            proxied = client.with_proxy(Client.AtprotoServiceType.ATPROTO_LABELER, labeler_did)
        except AtProtocolError as error:
            raise failure_from(error) from error
        return cls(proxied, session.did)

    def emit(self, event: dict[str, Any]) -> bool:
        """Whether it is new: Ozone takes each ``externalId`` once. Raises ``FetchFailed``."""
        try:
            self._client.tools.ozone.moderation.emit_event(event)
        except AtProtocolError as error:
            failure: FetchFailed = failure_from(error)
            if _error_name(error) == _ALREADY_THERE:
                return False
            raise failure from error
        return True


def _error_name(error: AtProtocolError) -> str | None:
    content = getattr(getattr(error, "response", None), "content", None)
    name: str | None = getattr(content, "error", None)
    return name
