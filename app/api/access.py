"""Who may come in: ``Authorization: Bearer`` with a known key, or everybody where no key is set."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.house import house
from app.api.problems import Unauthorized

_bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key; not needed where none is set."
)


def require_key(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Raises ``Unauthorized`` unless the service has no keys or the caller gives one of them."""
    known = house(request).key_digests
    if not known:
        return
    if given is None:
        raise Unauthorized("Send `Authorization: Bearer <key>`; the operator hands out keys.")
    digest = hashlib.sha256(given.credentials.encode()).digest()
    # Every key is compared, each in constant time: how long it takes says nothing.
    if sum(hmac.compare_digest(digest, each) for each in known) == 0:
        raise Unauthorized("This API key is not known here.")
