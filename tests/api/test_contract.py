"""The description against a running service: every check of schemathesis, whatever is sent.

What fits the description and what does not, single requests and chains of them, with a key and
without. One of its checks is off: that whatever fits is accepted. Any bytes fit a picture's body,
any words a URL, and most of them are rightly refused.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.api.stand_in import StandIn, serving

KEY = "correct horse battery staple"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OPTIONS = (
    "--checks=all",
    "--exclude-checks=positive_data_acceptance",
    "--max-examples=3",
    "--seed=1",
    "--generation-database=none",
    "--no-shrink",
    "--no-color",
    "--warnings=off",
)


@pytest.fixture(scope="module")
def keyed() -> Iterator[httpx.Client]:
    """Fetches from nowhere: what is generated may name any host."""
    settings = Settings(workers=1, api_keys=KEY, fetch_only="nowhere.invalid")
    with serving(settings, StandIn()) as client:
        yield client


def test_no_request_breaks_the_contract(keyed: httpx.Client, tmp_path: Path) -> None:
    description = f"{keyed.base_url}/openapi.json"
    run = subprocess.run(
        [SCHEMATHESIS, "run", description, "-H", f"Authorization: Bearer {KEY}", *OPTIONS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert "No issues found" in run.stdout
    assert 'status="500"' not in keyed.get("/metrics", headers=bearer()).text


def bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}


def test_a_method_that_is_not_there_is_told_which_are(keyed: httpx.Client) -> None:
    for path, methods in keyed.get("/openapi.json").json()["paths"].items():
        refused = keyed.request("PATCH", path.replace("{batch_id}", "batch_0"), headers=bearer())
        assert refused.status_code == 405
        assert refused.json()["code"] == "method_not_allowed"
        assert set(refused.headers["allow"].split(", ")) == {name.upper() for name in methods}
