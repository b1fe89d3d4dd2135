from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from tests.integrations.atproto.fake_pds import LABELER, FakePds, run_fake_pds
from tests.integrations.make_results import make_line

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def pds() -> Iterator[FakePds]:
    with run_fake_pds() as fake:
        yield fake


@pytest.fixture
def results(tmp_path: Path) -> Path:
    lines = [
        make_line(3.0, custom_id="did:plc:a"),
        make_line(0.0, custom_id="did:plc:b"),
        make_line(3.0, custom_id="did:plc:c", decision="real", decision_at="2024-02-01T00:00:00Z"),
        {"summary": {"id": "batch_1"}},
    ]
    path = tmp_path / "results.ndjson"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_followers_and_members_are_printed_one_a_line(pds: FakePds) -> None:
    followers = RUNNER.invoke(cli, ["atproto", "followers", "owner.example", "--appview", pds.url])
    members = RUNNER.invoke(cli, ["atproto", "list", "at://did:plc:x/y/z", "--appview", pds.url])
    assert followers.exit_code == members.exit_code == 0
    assert followers.stdout == members.stdout
    rows = [json.loads(line) for line in followers.stdout.splitlines()]
    assert len(rows) == 5
    refused = RUNNER.invoke(cli, ["atproto", "followers", "nobody", "--appview", pds.url])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Profile not found" in refused.stderr


def test_flagged_accounts_are_labelled_and_cleared_once(
    pds: FakePds, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["atproto", "label", str(results)]
    assert RUNNER.invoke(cli, command).exit_code == 2
    for name, value in {
        "URL": pds.url, "HANDLE": "mod.example", "PASSWORD": "app-password", "LABELER": LABELER,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"EYELINE_ATPROTO_{name}", value)
    monkeypatch.setenv("EYELINE_PUBLIC_URL", "https://eyeline.example")
    shown = RUNNER.invoke(cli, [*command, "--dry-run"])
    assert len(shown.stdout.splitlines()) == 2
    assert pds.events == []
    for said in ("1 labelled, 1 cleared, 0 known before", "0 labelled, 0 cleared, 2 known before"):
        sent = RUNNER.invoke(cli, command)
        assert sent.exit_code == 0, sent.output
        assert said in sent.stderr
    assert {event["subject"]["did"] for event in pds.events} == {"did:plc:a", "did:plc:c"}
    link = "https://eyeline.example/v1/batches/batch_1/report.html"
    assert all(event["event"]["comment"].endswith(link) for event in pds.events)


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    missing = RUNNER.invoke(cli, ["atproto", "label", str(tmp_path / "none"), "--dry-run"])
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
    definitions = RUNNER.invoke(cli, ["atproto", "definitions"])
    assert json.loads(definitions.stdout)["labelValues"] == ["generated-avatar"]
