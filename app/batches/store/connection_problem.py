"""Why a Postgres cannot be connected to, for the operator who wrote its URL. No password in it."""

from __future__ import annotations

import re
from typing import Final

_REMEDIES: Final = (
    (r"password authentication failed|no password supplied", "it refuses the user or the password"),
    (r'database "[^"]*" does not exist', "it has no database of this name; create it"),
    (r'role "[^"]*" does not exist', "it knows no such user"),
    (r"Connection refused|No such file or directory", "no server listens there"),
    (r"resolve host|translate host name|Name or service", "its host name cannot be resolved"),
    (r"timeout expired|timed out", "no answer comes from there"),
    (r"too many clients|remaining connection slots", "it has no connection to spare"),
    (r"permission denied", "this user may not make tables there"),
    (r"no pg_hba\.conf entry", "it does not admit this user from this machine"),
)
"""What libpq or the server says, and what that means. The first that is found counts."""


def describe_connection_problem(message: str) -> str | None:
    """What the driver's ``message`` means; ``None`` if it is none of those that are known."""
    return next((text for pattern, text in _REMEDIES if re.search(pattern, message)), None)
