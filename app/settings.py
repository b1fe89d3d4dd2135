"""The operator's settings, read once from the environment (prefix ``EYELINE_``) and frozen."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import MODELS_DIR
from app.api_keys import Key as ApiKey
from app.api_keys import parse_api_key as parse_key
from app.fetch.addresses import parse_networks

ENVIRONMENT_PREFIX: Final = "EYELINE_"
_MAX_DEFAULT_WORKERS: Final = 8
_HOST_PATTERN: Final = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


class SettingsError(ValueError):
    """A setting cannot be used. ``str()`` is one line for the operator."""


class InvalidSettings(SettingsError):
    """``reasons``: why each setting, by its field's name, has an invalid value."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(self.describe(reasons, {}))
        self.reasons = reasons

    @staticmethod
    def describe(reasons: Mapping[str, str], names: Mapping[str, str]) -> str:
        """One line. ``names``: what a field is called; its environment variable by default."""
        lines = (
            f"{names.get(field, variable_name(field))}: {reason}"
            for field, reason in reasons.items()
        )
        return "; ".join(dict.fromkeys(lines))


def _split_commas(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part for entry in value.split(",") if (part := entry.strip()))


def _parse_host(entry: str) -> str:
    host = entry.lower().rstrip(".")
    if not _HOST_PATTERN.fullmatch(host):
        raise ValueError(f"{entry!r} is not a host name; separate several with commas")
    return host


def _parse_host_or_network(entry: str) -> str:
    return entry if parse_networks([entry]) else _parse_host(entry)


def _validate_api_key(entry: SecretStr) -> SecretStr:
    parse_key(entry.get_secret_value())
    return entry


def _parse_webhook_keys(text: str) -> tuple[bytes, ...]:
    """Parse the webhook signing keys. Raises ``ValueError``, whose message shows no secret."""
    keys = []
    for secret in text.replace(",", " ").split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise ValueError("each secret is 'whsec_' and base64 of 24 to 64 bytes")
        keys.append(key)
    if not keys:
        raise ValueError("a secret is 'whsec_' and base64 of 24 to 64 bytes")
    return tuple(keys)


def _validate_webhook_secret(entry: SecretStr) -> SecretStr:
    _parse_webhook_keys(entry.get_secret_value())
    return entry


def _validate_service_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("write it as https://host.example")
    return text.rstrip("/")


def _default_batch_workers() -> int:
    """Limited by default, because each process holds the models in memory."""
    return min(_available_cpus(), _MAX_DEFAULT_WORKERS)


def _available_cpus() -> int:
    """The number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


Host = Annotated[str, BeforeValidator(_parse_host)]
HostOrNetwork = Annotated[str, BeforeValidator(_parse_host_or_network)]
ApiKeySecret = Annotated[SecretStr, AfterValidator(_validate_api_key)]
ServiceUrl = Annotated[str, AfterValidator(_validate_service_url)]
Probability = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every setting with its default; ``EYELINE_`` and the name in capitals sets it."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    workers: int = Field(default_factory=_available_cpus, ge=1, le=256)
    """Analysis threads, each with its own face finder."""
    queue_size: int = Field(default=32, ge=0, le=10_000)
    """Requests that may wait for a worker; further ones are rejected with a retry time."""
    reuse_answers: int = Field(default=0, ge=0, le=1_000_000)
    """Answers about single pictures that are kept in the database, so that equal bytes are not
    computed twice; some 6 kB each, no picture."""
    prior: Probability = 0.5
    base_rate: Probability = 0.0005
    """Share of generated avatars on a large network (``posterior_at_base_rate``)."""
    framed_share: Probability | None = None
    """Share of the operator's real avatars that sit in a generator's frame (data sets, ID-style
    crops, apps that cut faces out); the calibration's value by default."""
    api_keys: Annotated[tuple[ApiKeySecret, ...], NoDecode, BeforeValidator(_split_commas)] = ()
    """Format of each, see ``app.api_keys``: ``<key or
    sha256:hex>[:name=…][:scopes=…][:rate=…]…``."""
    fetch_allow: Annotated[tuple[HostOrNetwork, ...], NoDecode, BeforeValidator(_split_commas)] = ()
    fetch_only: Annotated[tuple[Host, ...], NoDecode, BeforeValidator(_split_commas)] = ()
    max_bytes: int = Field(default=5_000_000, ge=1_000, le=100_000_000)
    max_pixels: int = Field(default=25_000_000, ge=10_000, le=100_000_000)
    isolate: bool = True
    """Decode and analyze pictures in child processes, so that a picture can crash only a child."""
    public_url: ServiceUrl | None = None
    """Where people reach this service (``https://eyeline.example``), for links to evidence."""
    contact: str = Field(default="", max_length=500)
    """The operator's contact, shown at the top of each report."""
    keep_overlays: bool = True
    """Keep the drawings of a list's flagged pictures, at most 500, as long as its results."""
    models_dir: Path = MODELS_DIR
    data_dir: Path = Path("data")
    """Where batches are stored, unless ``database_url`` names a server; created on first use."""
    database_url: SecretStr | None = None
    """``postgresql://…`` to share work between machines; SQLite in ``data_dir`` by default."""
    batch_workers: int = Field(default_factory=_default_batch_workers, ge=0, le=256)
    """Processes that analyze the pictures of batches, or threads if ``isolate`` is false.

    0 leaves batches to ``eyeline worker``.
    """
    worker_port: int | None = Field(default=None, ge=0, le=65_535)
    """Where ``eyeline worker`` answers ``/livez``, ``/readyz`` and ``/metrics``, on ``host``; by
    default nowhere."""
    max_list_bytes: int = Field(default=1_000_000_000, ge=1_000)
    max_list_items: int = Field(default=10_000_000, ge=1)
    max_waiting_items: int = Field(default=20_000_000, ge=1)
    """Items that may wait in all batches; a list that would exceed it is rejected with a retry
    time."""
    max_kept_bytes: int = Field(default=50_000_000_000, ge=1_000)
    """What the rows and results of all lists of one owner may hold together, until they are
    erased."""
    min_free_bytes: int | None = Field(default=None, ge=0)
    """Free space of the disk below which no list is taken in: 512 MB by default, or 2 % if less."""
    retention_s: int = Field(default=30 * 86_400, ge=60)
    """How long after its end a batch and all of its data are erased."""
    webhook_secret: Annotated[SecretStr, AfterValidator(_validate_webhook_secret)] | None = None
    """``whsec_`` and base64 of 24 to 64 bytes (Standard Webhooks); no webhooks without it.

    Several, separated by commas or spaces, all sign, for key rotation.
    """

    mastodon_url: ServiceUrl | None = None
    """The Mastodon server that is told of flagged avatars."""
    mastodon_token: SecretStr | None = None
    """Scopes: ``admin:read:reports write:reports``, for notes ``write:accounts``."""
    mastodon_secret: Annotated[SecretStr, Field(min_length=12)] | None = None
    """The secret that Mastodon shows beside its webhook; without it no webhook is taken."""
    mastodon_action: Literal["report", "note"] = "report"
    mastodon_min_llr: float | None = Field(default=None, ge=0.0, le=6.0)
    """From which llr an avatar is reported; by default every ``likely_stylegan``."""
    atproto_url: ServiceUrl = "https://bsky.social"
    """The server (PDS) of the moderator's account."""
    atproto_handle: str | None = None
    atproto_password: SecretStr | None = None
    """An app password of the moderator's account."""
    atproto_labeler: Annotated[str, Field(pattern="^did:")] | None = None
    """The DID of the Ozone labeler that takes its events."""

    def parsed_api_keys(self) -> tuple[ApiKey, ...]:
        """The parsed keys, which hold digests only."""
        return tuple(parse_key(key.get_secret_value()) for key in self.api_keys)

    def webhook_keys(self) -> tuple[bytes, ...]:
        """The webhook signing keys; empty if no webhooks are sent."""
        secret = self.webhook_secret
        return () if secret is None else _parse_webhook_keys(secret.get_secret_value())

    def require_keys_if_public(self) -> None:
        """Raise ``SettingsError`` if the service is reachable from other machines without a key."""
        if not self.api_keys and not _is_loopback(self.host):
            raise SettingsError(
                f"EYELINE_HOST={self.host} is reachable from other machines: set EYELINE_API_KEYS, "
                "or bind to 127.0.0.1"
            )


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; ``overrides`` that are not ``None`` take precedence.

    Raises ``SettingsError`` with one line that names every variable that is invalid or unknown,
    never its value.
    """
    _reject_unknown_variables()
    values = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise InvalidSettings(
            {str(e["loc"][0]): e["msg"].removeprefix("Value error, ") for e in error.errors()}
        ) from None


def variable_name(field: str) -> str:
    """The environment variable of a setting."""
    return f"{ENVIRONMENT_PREFIX}{field.upper()}"


def _reject_unknown_variables() -> None:
    """Raise ``SettingsError`` for a variable with our prefix that sets nothing: a typing error."""
    known = {variable_name(field) for field in Settings.model_fields}
    given = (name.upper() for name in os.environ)
    unknown = sorted({n for n in given if n.startswith(ENVIRONMENT_PREFIX)} - known)
    if unknown:
        raise SettingsError("; ".join(_describe_unknown(name, known) for name in unknown))


def _describe_unknown(name: str, known: Collection[str]) -> str:
    similar = get_close_matches(name, known, n=1)
    hint = f"did you mean {similar[0]}?" if similar else "unset it, or see docs/operating.md"
    return f"{name} is not a setting: {hint}"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
