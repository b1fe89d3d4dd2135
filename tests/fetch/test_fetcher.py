"""Fetching from servers that behave, and what the operator opens and shuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from app.errors import FetchFailed, RequestError, UrlBlocked, UrlInvalid
from app.fetch.fetcher import Fetcher
from app.fetch.policy import MAX_REDIRECTS, FetchPolicy
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    OK_RESPONSE,
    PICTURE,
    TableResolver,
    fetch_reply,
    redirect_response,
    response_head,
    run_bounded,
    run_server,
)


def test_the_bytes_come_whatever_their_content_type() -> None:
    lying = response_head("200 OK", "Content-Type: text/html", "Content-Length: 12") + PICTURE
    assert run_bounded(fetch_reply(OK_RESPONSE)) == run_bounded(fetch_reply(lying)) == PICTURE


def test_what_is_sent_gives_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # nobody listens there

    async def scenario() -> list[str]:
        cookie = OK_RESPONSE.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)
        async with run_server({"/": cookie}) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            await fetcher.fetch(server.url())
            await fetcher.fetch(server.url())
            return server.requests

    requests = run_bounded(scenario())
    assert len(requests) == 2
    for request in requests:
        assert "Accept-Encoding: identity" in request
        assert "Connection: close" in request
        for secret in ("Cookie", "Authorization", "Referer", "X-Forwarded"):
            assert secret not in request


def test_a_password_kept_for_a_host_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async def scenario() -> list[str]:
        async with run_server({"/": OK_RESPONSE}) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            await fetcher.fetch(server.url())
            return server.requests

    assert "Authorization" not in run_bounded(scenario())[0]


def test_redirects_are_followed_up_to_a_point() -> None:
    chain = {f"/{n}": redirect_response(f"/{n - 1}") for n in range(1, 9)} | {"/0": OK_RESPONSE}
    assert run_bounded(fetch_reply(chain, f"/{MAX_REDIRECTS}")) == PICTURE
    with pytest.raises(FetchFailed, match="redirects") as caught:
        run_bounded(fetch_reply(chain, f"/{MAX_REDIRECTS + 1}"))
    assert not caught.value.retryable


def test_the_request_line_is_the_url_that_was_given() -> None:
    path = "/sig/plain/https%3A%2F%2Fo.example%2Fa%7e%27.jpg%40png?x=%2F%3D&y=(a)"
    replies = {"/start": redirect_response(path), path: OK_RESPONSE}

    async def scenario() -> list[str]:
        async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            assert await fetcher.fetch(server.url(path)) == PICTURE
            assert await fetcher.fetch(server.url("/start")) == PICTURE
            return [request.split(" ")[1] for request in server.requests]

    assert run_bounded(scenario()) == [path, "/start", path]


@pytest.mark.parametrize(
    "loop",
    [{"/": redirect_response("/")}, {"/": redirect_response("/b"), "/b": redirect_response("/")}],
)
def test_a_redirect_loop_ends(loop: dict[str, bytes]) -> None:
    async def scenario() -> int:
        async with run_server(loop) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            with pytest.raises(FetchFailed, match="redirects"):
                await fetcher.fetch(server.url())
            return len(server.requests)

    assert run_bounded(scenario()) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_every_kind_of_redirect_is_followed(status: str) -> None:
    assert (
        run_bounded(fetch_reply({"/": redirect_response("/b", status), "/b": OK_RESPONSE}))
        == PICTURE
    )


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ("http://127.0.0.2/", UrlBlocked),
        ("http://127.0.0.2:8080/", UrlBlocked),
        ("http://[::1]/", UrlBlocked),
        ("http://169.254.169.254/latest/meta-data/", UrlBlocked),
        ("//127.0.0.3/", UrlBlocked),
        ("http://2852039166/", UrlBlocked),
        ("file:///etc/passwd", UrlInvalid),
        ("ftp://127.0.0.1/", UrlInvalid),
        ("gopher://127.0.0.1/_x", UrlInvalid),
        ("data:image/png;base64,AAAA", UrlInvalid),
        ("javascript:alert(1)", UrlInvalid),
        ("http://user:secret@127.0.0.1/", UrlInvalid),
        ("//user@127.0.0.1/", UrlInvalid),
        ("http://127.0.0.1\\@127.0.0.2/", UrlInvalid),
        ("http://[/", UrlInvalid),
        ("http://127.0.0.1/" + "a" * 5000, UrlInvalid),
    ],
)
def test_a_redirect_is_checked_like_a_callers_own_url(
    target: str, refusal: type[RequestError]
) -> None:
    with pytest.raises((refusal, UrlInvalid)):
        run_bounded(fetch_reply(redirect_response(target)))


@pytest.mark.parametrize("header", [(), ("Location:",)])
def test_a_redirect_needs_a_target(header: tuple[str, ...]) -> None:
    with pytest.raises(FetchFailed) as caught:
        run_bounded(fetch_reply(response_head("302 Found", "Content-Length: 0", *header)))
    assert caught.value.upstream_status == 302


def test_nobody_listening_is_a_failed_fetch() -> None:
    async def scenario() -> bytes:
        async with run_server({}) as server:
            url = server.url()
        async with Fetcher(LOOPBACK_POLICY) as fetcher:
            return await fetcher.fetch(url)

    with pytest.raises(FetchFailed) as caught:
        run_bounded(scenario())
    assert caught.value.upstream_status is None
    assert caught.value.retryable


def fetch_by_table(
    host: str,
    table: Mapping[str, Sequence[str]],
    allow: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> tuple[int, RequestError | None]:
    """Fetch from a name that resolves by ``table``: requests that reached us, and the refusal."""

    async def scenario() -> tuple[int, RequestError | None]:
        policy = FetchPolicy(max_bytes=1000, allow=allow, only=only)
        async with (
            run_server({"/": OK_RESPONSE}) as server,
            Fetcher(policy, TableResolver(table)) as fetcher,
        ):
            try:
                await fetcher.fetch(f"http://{host}:{server.port}/")
            except RequestError as error:
                return len(server.requests), error
            return len(server.requests), None

    return run_bounded(scenario())


@pytest.mark.parametrize(
    ("host", "allow"),
    [
        ("media.internal", ("media.internal",)),
        ("MEDIA.internal", ("media.internal",)),
        ("media.internal.", (".internal",)),
        ("a.b.media.internal", (".media.internal",)),
        ("bücher.internal", ("xn--bcher-kva.internal",)),
        ("127.0.0.1", ("127.0.0.0/8",)),
        ("127.0.0.1", ("127.0.0.1",)),
    ],
)
def test_what_the_operator_opened_may_be_private(host: str, allow: tuple[str, ...]) -> None:
    names = (
        "media.internal",
        "media.internal.",
        "a.b.media.internal",
        "xn--bcher-kva.internal",
    )
    table = {name: ["127.0.0.1"] for name in names}
    assert fetch_by_table(host, table, allow) == (1, None)


@pytest.mark.parametrize(
    ("host", "allow"),
    [
        ("other.internal", ("media.internal",)),
        ("evilmedia.internal", ("media.internal", ".media.internal")),
        ("media.internal", (".media.internal",)),  # below it, not itself
        ("media.internal.evil.example", ("media.internal",)),
        ("media.internal", ("127.0.0.1",)),  # its network is open, but not any port there
        ("127.0.0.1", ("127.0.0.2", "10.0.0.0/8", "::1")),
        ("127.0.0.1", ("localhost",)),
    ],
)
def test_and_nothing_else(host: str, allow: tuple[str, ...]) -> None:
    reached, refusal = fetch_by_table(host, {host: ["127.0.0.1"]}, allow)
    assert (reached, type(refusal)) == (0, UrlBlocked)


def test_only_the_usual_ports() -> None:
    reached, refusal = fetch_by_table("a.example", {"a.example": ["127.0.0.1"]})
    assert reached == 0
    assert isinstance(refusal, UrlBlocked)
    assert "ports" in refusal.detail


def test_an_allow_list_shuts_everything_else_out() -> None:
    both = ("cdn.example", "evil.example", "127.0.0.1")
    table = {"cdn.example": ["127.0.0.1"], "evil.example": ["127.0.0.1"]}
    assert fetch_by_table("cdn.example", table, allow=both, only=("cdn.example",)) == (1, None)
    for host, only in (
        ("evil.example", "cdn.example"),
        ("127.0.0.1", "cdn.example"),
        ("evilcdn.example", ".cdn.example"),
        ("cdn.example.evil.example", "cdn.example"),
    ):
        reached, refusal = fetch_by_table(host, table, allow=both, only=(only,))
        assert (reached, type(refusal)) == (0, UrlBlocked)
        assert "EYELINE_FETCH_ONLY" in str(refusal)


def test_an_allow_list_opens_nothing_by_itself() -> None:
    policy = FetchPolicy(max_bytes=1000, only=("cdn.example",))

    async def scenario() -> None:
        async with Fetcher(policy, TableResolver({"cdn.example": ["127.0.0.1"]})) as fetcher:
            await fetcher.fetch("http://cdn.example/")

    with pytest.raises(UrlBlocked, match="public internet"):
        run_bounded(scenario())


def test_a_redirect_out_of_the_allow_list_is_refused() -> None:
    async def scenario() -> int:
        both = ("cdn.example", "evil.example")
        policy = FetchPolicy(max_bytes=1000, allow=both, only=("cdn.example",))
        names = TableResolver({name: ["127.0.0.1"] for name in both})
        replies: dict[str, bytes] = {"/": b"", "/picture": OK_RESPONSE}
        async with run_server(replies) as server, Fetcher(policy, names) as fetcher:
            replies["/"] = redirect_response(f"http://evil.example:{server.port}/picture")
            with pytest.raises(UrlBlocked, match="EYELINE_FETCH_ONLY"):
                await fetcher.fetch(f"http://cdn.example:{server.port}/")
            return len(server.requests)

    assert run_bounded(scenario()) == 1


def test_a_name_is_refused_if_any_of_its_addresses_is() -> None:
    table = {"two.example": ["127.0.0.2", "127.0.0.1"], "one.example": ["127.0.0.2"]}

    # Port 80, where names on an opened network may be asked; nothing listens there on 127.0.0.2.
    def refusal(host: str) -> type[RequestError]:
        async def scenario() -> None:
            policy = FetchPolicy(max_bytes=1000, allow=("127.0.0.2/32",))
            async with Fetcher(policy, TableResolver(table)) as fetcher:
                await fetcher.fetch(f"http://{host}/")

        with pytest.raises(RequestError) as caught:
            run_bounded(scenario())
        return type(caught.value)

    assert refusal("two.example") is UrlBlocked
    assert refusal("one.example") is FetchFailed  # admitted, and nobody answered


@pytest.mark.parametrize("host", ["nowhere.example", "a" * 64 + ".example", "a..example"])
def test_a_name_that_does_not_exist_is_a_failed_fetch(host: str) -> None:
    async def scenario() -> None:
        async with Fetcher(FetchPolicy(max_bytes=1000), TableResolver({})) as fetcher:
            await fetcher.fetch(f"http://{host}/")

    with pytest.raises((FetchFailed, UrlInvalid)):
        run_bounded(scenario())


@pytest.mark.parametrize("answers", [[], ["127.0.0.1"] * 500])
def test_any_number_of_answers_is_taken(answers: list[str]) -> None:
    reached, refusal = fetch_by_table("a.example", {"a.example": answers}, allow=("a.example",))
    assert (reached, type(refusal)) == ((1, type(None)) if answers else (0, FetchFailed))
