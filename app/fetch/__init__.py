"""URL → bytes. The only part that opens an outgoing connection.

A URL here comes from a stranger, and this process sits inside a network worth attacking. The choke
point is the socket: it is made only for an address that passes, whatever name, redirect, resolver
answer or spelling led there. Everything above it (scheme, port, lists, sizes, times) is courtesy.
"""

from app.fetch.fetcher import Fetcher
from app.fetch.policy import CONNECT_S, MAX_REDIRECTS, TOTAL_S, FetchPolicy
from app.fetch.rate_limit import Holds
from app.fetch.urls import MAX_URL_LENGTH, parse

__all__ = [
    "CONNECT_S",
    "MAX_REDIRECTS",
    "MAX_URL_LENGTH",
    "TOTAL_S",
    "FetchPolicy",
    "Fetcher",
    "Holds",
    "parse",
]
