"""Keys as an operator writes them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api_keys import OWNER_DIGEST_DIGITS, SCOPES, Scope, parse_api_key

KEY = "correct horse battery staple"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


def test_a_plain_key_opens_everything_without_limits() -> None:
    key = parse_api_key(KEY)
    assert key.digest.hex() == DIGEST
    assert all(key.has_scope(scope) for scope in SCOPES)
    assert (key.rate_per_minute, key.quota_per_day) == (None, None)
    assert key.owner == DIGEST[:OWNER_DIGEST_DIGITS]


def test_options_follow_in_any_order() -> None:
    key = parse_api_key(f"sha256:{DIGEST}:quota=5000:name=intake.eu:rate=120:scopes=read+admin")
    assert (key.owner, key.rate_per_minute, key.quota_per_day) == ("intake.eu", 120, 5000)
    assert key.scopes == {"read", "admin"}
    assert key.digest == parse_api_key(KEY).digest


def test_a_key_that_is_named_later_keeps_its_batches_and_may_read_others() -> None:
    key = parse_api_key(f"{KEY}:name=team:reads=intake+{DIGEST[:OWNER_DIGEST_DIGITS]}+eu.1")
    assert key.own_owners == ("team", DIGEST[:OWNER_DIGEST_DIGITS])
    assert key.readable_owners == (*key.own_owners, "intake", "eu.1")
    assert parse_api_key(KEY).readable_owners == (DIGEST[:OWNER_DIGEST_DIGITS],)


@pytest.mark.parametrize(
    ("written", "opens"),
    [
        ("read", {"read"}),
        ("analyse", {"read", "analyse"}),
        ("admin", {"admin"}),
        ("admin+analyse", set(SCOPES)),
    ],
)
def test_who_may_send_may_read_and_an_admin_may_neither(written: str, opens: set[Scope]) -> None:
    key = parse_api_key(f"{KEY}:scopes={written}")
    assert {scope for scope in SCOPES if key.has_scope(scope)} == opens


@pytest.mark.parametrize("secret", ["a:b=:c:d:e:f:g:h:i", "https://user:pass@host", "=" * 16])
def test_colons_and_equals_signs_may_be_part_of_a_key(secret: str) -> None:
    digest = hashlib.sha256(secret.encode()).digest()
    assert parse_api_key(secret).digest == parse_api_key(f"{secret}:name=x").digest == digest


@pytest.mark.parametrize(
    "entry",
    [
        "short",
        "short:name=longer-than-sixteen",
        "sha256:123",
        f"sha256:{DIGEST.upper()}",
        f"{KEY}:rat=60",
        f"{KEY}:scope=read",
        f"{KEY}:scopes=",
        f"{KEY}:scopes=read+write",
        f"{KEY}:scopes=read,admin",
        f"{KEY}:rate=0",
        f"{KEY}:reads=",
        f"{KEY}:reads=*",
        f"{KEY}:reads=a,b",
        f"{KEY}:rate=-1",
        f"{KEY}:rate=1e3",
        f"{KEY}:rate=٣",
        f"{KEY}:quota=",
        f"{KEY}:name=",
        f"{KEY}:name=a b",
        f"{KEY}:name={'a' * 33}",
        f"{KEY}:name={DIGEST[:OWNER_DIGEST_DIGITS]}",
        f"{KEY}:name=a:name=b",
    ],
)
def test_a_mistake_is_named_and_the_key_is_not(entry: str) -> None:
    with pytest.raises(ValueError, match=r"key") as caught:
        parse_api_key(entry)
    assert KEY not in str(caught.value)
    assert DIGEST not in str(caught.value)


@given(st.text(max_size=60))
def test_any_entry_is_a_key_or_a_mistake(entry: str) -> None:
    try:
        key = parse_api_key(entry)
    except ValueError:
        return
    assert len(key.digest) == 32
    assert key.scopes
