"""Which URLs may be fetched, and the limits on time and request rate."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from yarl import URL

from app.errors import UrlBlocked
from app.fetch.addresses import IpNetwork, is_refused
from app.fetch.resolver import resolve_numeric

BLOCKED_MESSAGE: Final = (
    "The address behind this URL is not on the public internet, so it is not fetched. "
    "If it is yours, add its host or network to EYELINE_FETCH_ALLOW."
)
TOTAL_S: Final = 8.0
CONNECT_S: Final = 3.0
MAX_REDIRECTS: Final = 3
ALLOWED_PORTS: Final = frozenset({80, 443})
DEFAULT_PER_HOST: Final = 8
DEFAULT_PER_HOST_PER_S: Final = 50.0


@dataclass(frozen=True)
class FetchPolicy:
    """Which URLs may be fetched, and the limits on time and request rate.

    ``allow``: host names (``media.example``, or ``.example`` with all its subdomains), addresses
    and networks that may be reached although they are private; such a host on any port.
    ``only``: if not empty, the only host names that may be reached. ``max_bytes``: of a body,
    counted while it arrives. ``total_s``: network time for one picture, including redirects.
    ``max_wait_s``: how long a picture may also wait for a busy host or for ``Retry-After``; 0 where
    a caller waits for the answer. ``per_host``: concurrent requests to one host;
    ``per_host_per_s``: requests started per second at a host that is not the operator's own.
    """

    max_bytes: int
    allow: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    total_s: float = TOTAL_S
    connect_s: float = CONNECT_S
    max_wait_s: float = 0.0
    per_host: int = DEFAULT_PER_HOST
    per_host_per_s: float = DEFAULT_PER_HOST_PER_S


@dataclass(frozen=True)
class AllowedTarget:
    """A URL that may be fetched. ``host``: without a trailing dot; the key of the rate limits.

    ``is_host_allowed``: the operator allows the host by name, so its addresses may be private.
    ``is_operator_host``: the operator allows the host by name or by address.
    """

    host: str
    is_host_allowed: bool
    is_operator_host: bool


def check_url(
    url: URL, policy: FetchPolicy, allowed_networks: Sequence[IpNetwork]
) -> AllowedTarget:
    """The target of ``url``; raises ``UrlBlocked`` if its host or port is not allowed.

    ``allowed_networks``: the networks in ``policy.allow``. An address in place of a name, in any
    spelling, is checked here; resolved ones later, at the socket.
    """
    host = host_of(url)
    if policy.only and not _matches_host(host, policy.only):
        raise UrlBlocked("This host is not among those in EYELINE_FETCH_ONLY.")
    is_host_allowed = _matches_host(host, policy.allow)
    is_operator_host = is_host_allowed or (
        is_refused(host) and not is_refused(host, allowed_networks)
    )
    if url.port not in ALLOWED_PORTS and not is_operator_host:
        raise UrlBlocked(
            "Only ports 80 and 443 are fetched from, unless EYELINE_FETCH_ALLOW names the host."
        )
    if not is_host_allowed and any(
        is_refused(each, allowed_networks) for each in _literal_addresses(host)
    ):
        raise UrlBlocked(BLOCKED_MESSAGE)
    return AllowedTarget(host, is_host_allowed, is_operator_host)


def _literal_addresses(host: str) -> list[str]:
    """The address that ``host`` spells; empty for a name, or for what can be none."""
    try:
        return [str(each["host"]) for each in resolve_numeric(host, 0, socket.AF_UNSPEC)]
    except UnicodeError:  # a label that is empty or too long
        return []


def host_of(url: URL) -> str:
    """The host of ``url`` in ASCII, without a trailing dot: as lists and rate limits use it."""
    return (url.raw_host or "").rstrip(".")


def _matches_host(host: str, entries: Sequence[str]) -> bool:
    """Whether ``host`` is one of ``entries``, or a subdomain of one that begins with a dot."""
    return any(
        host == entry or (entry.startswith(".") and host.endswith(entry)) for entry in entries
    )
