from __future__ import annotations

import hashlib
import hmac

import pytest

from app.errors import Forbidden, InvalidRequest, Unauthorized
from app.integrations.mastodon.webhook import (
    MAX_ACCOUNTS,
    build_request,
    check_signature,
    read_accounts,
    read_items,
    sign_body,
)
from app.settings import Settings
from tests.integrations.mastodon.fake_mastodon import make_account, make_event

AVATAR = "https://files.example/accounts/avatars/1/original/a.png"


def test_the_signature_is_the_hmac_that_mastodon_sends() -> None:
    """Webhooks::DeliveryWorker: sha256= and OpenSSL::HMAC.hexdigest of the secret and the body."""
    digest = hmac.new(b"secret", b"{}", hashlib.sha256).hexdigest()
    assert sign_body("secret", b"{}") == f"sha256={digest}"
    check_signature("secret", b"{}", f"sha256={digest}")
    for wrong in ("", digest, f"sha1={digest}", f"sha256={digest[:-1]}", f"sha256={digest} "):
        with pytest.raises(Forbidden):
            check_signature("secret", b"{}", wrong)
    with pytest.raises(Unauthorized):
        check_signature("secret", b"{}", None)


def test_accounts_of_each_event() -> None:
    account = make_account("1", AVATAR)
    for name in ("account.created", "account.updated", "account.approved"):
        assert read_accounts(make_event(name, account)) == [account]
    report = {"id": "9", "account": make_account("2", AVATAR), "target_account": account}
    assert read_accounts(make_event("report.created", report)) == [account]
    assert read_accounts(make_event("eyeline.backfill", [account, account])) == [account] * 2
    assert read_accounts(make_event("status.created", {"id": "1"})) == []


@pytest.mark.parametrize(
    "body",
    [
        b"nothing", b"null", b"[]", b"{}", b'{"event": 1}',
        make_event("account.created", None),
        make_event("account.created", {"username": "without an id"}),
        make_event("report.created", {"id": "1"}),
        make_event("eyeline.backfill", {"id": "1"}),
        make_event("eyeline.backfill", [make_account("1", AVATAR)] * (MAX_ACCOUNTS + 1)),
    ],
)  # fmt: skip
def test_what_is_no_event(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_accounts(body)


def test_the_still_form_is_analysed_and_nothing_personal_is_kept() -> None:
    moving = "https://files.example/accounts/avatars/1/original/a.gif"
    still = "https://files.example/accounts/avatars/1/static/a.png"
    (item,) = read_items([make_account("1", moving, still)])
    assert (item.url, item.fallback_url, item.custom_id) == (still, moving, "1")
    assert item.account["username"] == "user1"
    assert "@example.com" not in repr(item)
    assert "192.0.2.1" not in repr(item)


def test_default_avatars_are_left_out() -> None:
    missing = make_account("1", "https://social.example/avatars/original/missing.png")
    other = make_account("2", AVATAR)
    assert read_items([missing]) == []
    assert [item.custom_id for item in read_items([missing, other])] == ["2"]


def test_the_same_avatars_are_the_same_request() -> None:
    settings = Settings.model_validate({"mastodon_token": "t"})
    one, two = make_account("1", AVATAR), make_account("2", AVATAR)
    both = build_request(read_items([one, two]), settings)
    assert both.title == "Mastodon: user1 and 1 more"
    turned = build_request(read_items([two, one]), settings)
    assert (turned.idempotency_key, turned.body_sha256) == (both.idempotency_key, both.body_sha256)
    changed = build_request(read_items([make_account("1", f"{AVATAR}?2"), two]), settings)
    assert changed.idempotency_key != both.idempotency_key


def test_whose_the_batch_is_and_who_is_told() -> None:
    items = read_items([make_account("1", AVATAR)])
    alone = build_request(items, Settings())
    assert (alone.owner, alone.webhook_url) == ("", None)
    settings = {"api_keys": "correct horse battery staple", "mastodon_token": "t"}
    keyed = build_request(items, Settings.model_validate(settings))
    assert (keyed.owner, keyed.webhook_url) == ("mastodon", "mastodon:moderators")
