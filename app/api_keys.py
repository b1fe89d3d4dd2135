"""Parses API keys from the settings: the key, then its options.

    correct-horse-battery-staple                     everything, without limits
    sha256:9f86d0…:name=dashboard:scopes=read        the settings do not contain the key
    <key>:name=intake:scopes=analyse:rate=120:quota=50000

``name``: owner of the batches; keys with the same name share them, so that one replaces another. A
key that is given a name later keeps the batches that it sent without one. ``reads``: other owners,
joined by ``+``, whose batches it may read. ``scopes``: some of ``SCOPES``
joined by ``+``. ``rate``: requests a minute. ``quota``: pictures a day.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

Scope = Literal["read", "analyse", "admin"]
"""``read``: read the owner's batches and the service's description. ``analyse``: also send pictures
and lists. ``admin``: service-wide routes (``/metrics``)."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
MIN_KEY_LENGTH: Final = 16
OWNER_DIGEST_DIGITS: Final = 16
"""Digits of the digest that name the owner of a key without a name."""

_OPTIONS: Final = ("name", "scopes", "reads", "rate", "quota")
_OPTIONS_PATTERN: Final = re.compile(r"(?::[a-z_]+=[^:]*)*\Z")
_HASHED_PATTERN: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_DIGEST_OWNER_PATTERN: Final = re.compile(rf"[0-9a-f]{{{OWNER_DIGEST_DIGITS}}}")


@dataclass(frozen=True)
class Key:
    """A parsed key, without its secret.

    ``digest``: SHA-256 of the key. ``owner``: its name, or a part of the digest. ``reads``: other
    owners whose batches it may read.
    ``rate_per_minute`` and ``quota_per_day`` are ``None`` where there is no limit.
    """

    digest: bytes
    owner: str
    scopes: frozenset[Scope]
    rate_per_minute: int | None = None
    quota_per_day: int | None = None
    reads: tuple[str, ...] = ()

    @property
    def own_owners(self) -> tuple[str, ...]:
        """Whose batches are its own: its owner's, and those that it sent before it had a name."""
        return tuple(dict.fromkeys((self.owner, self.digest.hex()[:OWNER_DIGEST_DIGITS])))

    @property
    def readable_owners(self) -> tuple[str, ...]:
        """Whose batches it may read."""
        return tuple(dict.fromkeys((*self.own_owners, *self.reads)))

    def has_scope(self, scope: Scope) -> bool:
        """Whether the key grants ``scope``."""
        return scope in self.scopes or (scope == "read" and "analyse" in self.scopes)


def parse_api_key(entry: str) -> Key:
    """Parse ``entry``. Raises ``ValueError``, whose message never shows the key."""
    match = _OPTIONS_PATTERN.search(entry)
    assert match is not None  # it matches nothing at the end
    secret, options = entry[: match.start()], _parse_options(match[0])
    digest = _parse_digest(secret)
    return Key(
        digest=digest,
        owner=_parse_name(options.pop("name", None)) or digest.hex()[:OWNER_DIGEST_DIGITS],
        scopes=_parse_scopes(options.pop("scopes", None)),
        rate_per_minute=_parse_count("rate", options.pop("rate", None)),
        quota_per_day=_parse_count("quota", options.pop("quota", None)),
        reads=_parse_owners(options.pop("reads", None)),
    )


def _parse_options(text: str) -> dict[str, str]:
    pairs = [part.partition("=")[::2] for part in text.split(":")[1:]]
    options = dict(pairs)
    if len(options) < len(pairs):
        raise ValueError("a key option is given twice")
    if unknown := options.keys() - set(_OPTIONS):
        raise ValueError(f"unknown key option {min(unknown)!r}; use {', '.join(_OPTIONS)}")
    return options


def _parse_digest(secret: str) -> bytes:
    if secret.startswith("sha256:"):
        if not _HASHED_PATTERN.fullmatch(secret):
            raise ValueError("a hashed key is 'sha256:' and 64 lower-case hex digits")
        return bytes.fromhex(secret.removeprefix("sha256:"))
    if len(secret) < MIN_KEY_LENGTH:
        raise ValueError(f"a key needs at least {MIN_KEY_LENGTH} characters")
    return hashlib.sha256(secret.encode()).digest()


def _parse_name(text: str | None) -> str | None:
    if text is not None and (
        not _NAME_PATTERN.fullmatch(text) or _DIGEST_OWNER_PATTERN.fullmatch(text)
    ):
        raise ValueError("the name of a key is up to 32 letters, digits, dots, dashes, underscores")
    return text


def _parse_owners(text: str | None) -> tuple[str, ...]:
    owners = () if text is None else tuple(text.split("+"))
    if not all(_NAME_PATTERN.fullmatch(owner) for owner in owners):
        raise ValueError(
            "what a key reads are names of keys, or 16 digits of a digest, joined by +"
        )
    return owners


def _parse_scopes(text: str | None) -> frozenset[Scope]:
    if text is None:
        return frozenset(SCOPES)
    scopes = frozenset(text.split("+"))
    if not scopes <= frozenset(SCOPES):
        raise ValueError(f"the scopes of a key are some of {'+'.join(SCOPES)}")
    return cast(frozenset[Scope], scopes)


def _parse_count(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,11}", text):
        raise ValueError(f"the {option} of a key is a whole number above 0")
    return int(text)
