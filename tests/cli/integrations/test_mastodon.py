from __future__ import annotations

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.integrations.mastodon import backfill
from tests.integrations.mastodon.fake_mastodon import (
    SECRET,
    TOKEN,
    make_account,
    run_fake_mastodon,
)

RUNNER = CliRunner()


def test_a_back_fill_needs_its_settings() -> None:
    refused = RUNNER.invoke(cli, ["mastodon", "backfill"])
    assert refused.exit_code == 2
    assert "EYELINE_MASTODON_SECRET" in refused.stderr


def test_a_back_fill_that_stops_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with run_fake_mastodon() as mastodon:
        mastodon.accounts = [make_account(str(n), f"https://f.example/{n}") for n in range(1, 150)]
        for name, value in {"URL": mastodon.url, "TOKEN": TOKEN, "SECRET": SECRET}.items():
            monkeypatch.setenv(f"EYELINE_MASTODON_{name}", value)
        sizes: list[int] = []

        def take_page(url: str, secret: str, page: list[object]) -> dict[str, int]:
            sizes.append(len(page))
            if len(sizes) == 3:
                mastodon.status = 403
            return {"pictures": len(page)}

        monkeypatch.setattr(backfill, "send_page", take_page)
        done = RUNNER.invoke(cli, ["mastodon", "backfill"])
        assert (done.exit_code, sizes) == (0, [100, 49]), done.output
        assert "149 avatars sent, down to account 1" in done.stderr
        stopped = RUNNER.invoke(cli, ["mastodon", "backfill", "--before-id", "200"])
    assert stopped.exit_code == 1
    assert "go on with --before-id 50" in stopped.stderr
