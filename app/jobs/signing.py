"""Standard Webhooks: what a message carries so that its receiver can tell whose it is.

Reference: https://www.standardwebhooks.com, HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed(message_id: str, at_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers of a message sent at ``at_s`` (seconds since 1970), signed with every key.

    Several keys are there while one is being replaced: a receiver needs to know any of them.
    """
    content = b"%s.%d.%s" % (message_id.encode(), at_s, body)
    signatures = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
    }
