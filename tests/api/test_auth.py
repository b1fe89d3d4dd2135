"""Keys at the door of a running service: scopes, rates, quotas, and whose batches are whose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx
import pytest

from app.settings import Settings
from tests.api.stub_analyzer import SharedServer, StartServer, StubAnalyzer, picture_bytes

SECRETS = {
    name: f"{name} {'x' * 16}"
    for name in ("all", "reader", "sender", "auditor", "admin", "slow", "few")
}
KEYS = ",".join(
    (
        SECRETS["all"],
        f"{SECRETS['reader']}:name=team:scopes=read",
        f"sha256:{hashlib.sha256(SECRETS['sender'].encode()).hexdigest()}:name=team:scopes=analyse",
        f"{SECRETS['auditor']}:name=audit:scopes=analyse:reads=team",
        f"{SECRETS['admin']}:scopes=admin",
        f"{SECRETS['slow']}:rate=2",
        f"{SECRETS['few']}:quota=2",
    )
)
CSV = b"url\nhttp://127.0.0.1:1/a.png\n"
PNG = picture_bytes()


@pytest.fixture(scope="module")
def with_keys() -> Iterator[SharedServer]:
    server = SharedServer(
        Settings(workers=1, api_keys=KEYS, fetch_allow="127.0.0.1"), StubAnalyzer()
    )
    yield server
    server.stop()


@pytest.fixture
def keyed(with_keys: SharedServer) -> httpx.Client:
    return with_keys.client()


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[name]}"}


def analyse(client: httpx.Client, name: str) -> httpx.Response:
    headers = {**bearer(name), "Content-Type": "image/png"}
    return client.post("/v1/analyses", content=PNG, headers=headers)


def submit(client: httpx.Client, name: str) -> httpx.Response:
    headers = {**bearer(name), "Content-Type": "text/csv"}
    return client.post("/v1/batches", content=CSV, headers=headers)


@pytest.mark.parametrize(
    ("name", "reads", "sends", "administers"),
    [
        ("all", 200, 200, 200),
        ("reader", 200, 403, 403),
        ("sender", 200, 200, 403),
        ("admin", 403, 403, 200),
    ],
)
def test_a_scope_opens_its_doors_and_no_others(
    keyed: httpx.Client, name: str, reads: int, sends: int, administers: int
) -> None:
    for path in ("/v1/model", "/v1/checks", "/v1/limits", "/v1/batches"):
        assert keyed.get(path, headers=bearer(name)).status_code == reads
    assert analyse(keyed, name).status_code == sends
    assert submit(keyed, name).status_code == {200: 202}.get(sends, sends)
    assert keyed.get("/metrics", headers=bearer(name)).status_code == administers


def test_a_refusal_names_the_scope_that_is_missing(keyed: httpx.Client) -> None:
    refused = analyse(keyed, "reader")
    assert refused.json()["code"] == "forbidden"
    assert "`analyse`" in refused.json()["detail"]
    assert refused.json()["retryable"] is False


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer wrong", f"Basic {SECRETS['all']}", f"Bearer {SECRETS['all']} "[:-2]],
)
def test_nothing_else_is_a_key(keyed: httpx.Client, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    refused = keyed.get("/v1/model", headers=headers)
    assert refused.status_code == 401
    assert refused.json()["code"] == "unauthorized"
    assert refused.headers["www-authenticate"] == "Bearer"


def test_the_digest_of_a_key_is_no_key(keyed: httpx.Client) -> None:
    digest = hashlib.sha256(SECRETS["sender"].encode()).hexdigest()
    for guess in (digest, f"sha256:{digest}"):
        refused = keyed.get("/v1/model", headers={"Authorization": f"Bearer {guess}"})
        assert refused.status_code == 401


def test_keys_of_one_name_share_their_batches_and_others_see_none(keyed: httpx.Client) -> None:
    batch = submit(keyed, "sender").json()["id"]
    path = f"/v1/batches/{batch}"
    assert keyed.get(path, headers=bearer("reader")).status_code == 200
    assert keyed.get(path, headers=bearer("all")).status_code == 404
    assert keyed.delete(path, headers=bearer("reader")).status_code == 403
    assert keyed.delete(path, headers=bearer("all")).status_code == 404


def test_a_key_may_be_given_others_batches_to_read_and_an_admin_sees_all(
    keyed: httpx.Client,
) -> None:
    batch = submit(keyed, "sender").json()
    path = f"/v1/batches/{batch['id']}"
    assert keyed.get(path, headers=bearer("auditor")).json()["owner"] == "team"
    assert keyed.get(f"{path}/results", headers=bearer("auditor")).status_code == 200
    assert keyed.post(f"{path}/cancel", headers=bearer("auditor")).status_code == 404
    assert keyed.delete(path, headers=bearer("auditor")).status_code == 404

    def listed(name: str, owner: str | None) -> list[str]:
        query = {} if owner is None else {"owner": owner}
        answer = keyed.get("/v1/batches", headers=bearer(name), params=query)
        assert answer.status_code == 200
        return [each["id"] for each in answer.json()["data"]]

    assert batch["id"] in listed("auditor", "team")
    assert batch["id"] not in listed("auditor", None)
    assert batch["id"] in listed("all", "*")
    for name, owner in (("auditor", "*"), ("auditor", "others"), ("reader", "*")):
        refused = keyed.get("/v1/batches", headers=bearer(name), params={"owner": owner})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_rate_is_counted_by_key_and_said_in_headers(keyed: httpx.Client) -> None:
    first = keyed.get("/v1/model", headers=bearer("slow"))
    assert first.headers["ratelimit-policy"] == '"rate";q=2;w=60'
    assert first.headers["ratelimit"] == '"rate";r=1;t=30'
    assert analyse(keyed, "slow").status_code == 200
    refused = analyse(keyed, "slow")
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert refused.json()["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["ratelimit"].startswith('"rate";r=0;')
    others = keyed.get("/v1/model", headers=bearer("all"))
    assert others.status_code == 200
    assert "ratelimit" not in others.headers


def test_a_quota_counts_pictures_not_requests(keyed: httpx.Client) -> None:
    for _ in range(5):
        assert keyed.get("/v1/model", headers=bearer("few")).status_code == 200
    assert analyse(keyed, "few").status_code == 200
    assert submit(keyed, "few").status_code == 202
    for send in (analyse, submit):
        refused = send(keyed, "few")
        assert refused.status_code == 429
        assert refused.json()["code"] == "quota_exceeded"
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert keyed.get("/v1/batches", headers=bearer("few")).status_code == 200


def test_a_list_beyond_the_quota_is_refused_whole_and_costs_nothing(start: StartServer) -> None:
    client = start(api_keys=f"{SECRETS['few']}:quota=3", workers=1)
    headers = {**bearer("few"), "Content-Type": "text/csv"}
    refused = client.post("/v1/batches", content=CSV + CSV[4:] * 3, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert client.get("/v1/batches", headers=bearer("few")).json()["data"] == []
    again = {**headers, "Idempotency-Key": "one"}
    for _ in range(3):  # a replay costs nothing
        accepted = client.post("/v1/batches", content=CSV + CSV[4:], headers=again)
        assert accepted.status_code == 202
    assert analyse(client, "few").status_code == 200
    assert analyse(client, "few").status_code == 429


def test_refused_requests_cost_no_quota(start: StartServer) -> None:
    client = start(api_keys=f"{SECRETS['few']}:quota=1", workers=1)
    headers = {**bearer("few"), "Content-Type": "text/html"}
    assert client.post("/v1/analyses", content=b"<p>", headers=headers).status_code == 415
    assert analyse(client, "few").status_code == 200
    assert analyse(client, "few").status_code == 429


def test_nothing_is_counted_where_no_key_is_set(client: httpx.Client) -> None:
    assert "ratelimit" not in client.get("/v1/model", headers=bearer("slow")).headers
