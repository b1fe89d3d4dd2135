"""Fetching from servers that behave, and what the operator opens and shuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from app.errors import AvatarError, FetchFailed, UrlBlocked, UrlInvalid
from app.fetch import MAX_REDIRECTS, Fetcher, FetchPolicy
from tests.fetch.servers import LOOPBACK, OK, PICTURE, Table, fetched, head, redirect, run, serving


def test_the_bytes_come_whatever_their_content_type() -> None:
    lying = head("200 OK", "Content-Type: text/html", "Content-Length: 12") + PICTURE
    assert run(fetched(OK)) == run(fetched(lying)) == PICTURE


def test_what_is_sent_gives_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # nobody listens there

    async def scenario() -> list[str]:
        cookie = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)
        async with serving({"/": cookie}) as server, Fetcher(LOOPBACK) as fetcher:
            await fetcher.fetch(server.url())
            await fetcher.fetch(server.url())
            return server.requests

    requests = run(scenario())
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
        async with serving({"/": OK}) as server, Fetcher(LOOPBACK) as fetcher:
            await fetcher.fetch(server.url())
            return server.requests

    assert "Authorization" not in run(scenario())[0]


def test_redirects_are_followed_up_to_a_point() -> None:
    chain = {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 9)} | {"/0": OK}
    assert run(fetched(chain, f"/{MAX_REDIRECTS}")) == PICTURE
    with pytest.raises(FetchFailed, match="redirects") as caught:
        run(fetched(chain, f"/{MAX_REDIRECTS + 1}"))
    assert not caught.value.retryable


@pytest.mark.parametrize("loop", [{"/": redirect("/")}, {"/": redirect("/b"), "/b": redirect("/")}])
def test_a_redirect_loop_ends(loop: dict[str, bytes]) -> None:
    async def scenario() -> int:
        async with serving(loop) as server, Fetcher(LOOPBACK) as fetcher:
            with pytest.raises(FetchFailed, match="redirects"):
                await fetcher.fetch(server.url())
            return len(server.requests)

    assert run(scenario()) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", ["301 X", "302 X", "303 X", "307 X", "308 X"])
def test_every_kind_of_redirect_is_followed(status: str) -> None:
    assert run(fetched({"/": redirect("/b", status), "/b": OK})) == PICTURE


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
    target: str, refusal: type[AvatarError]
) -> None:
    with pytest.raises((refusal, UrlInvalid)):
        run(fetched(redirect(target)))


@pytest.mark.parametrize("header", [(), ("Location:",)])
def test_a_redirect_needs_a_target(header: tuple[str, ...]) -> None:
    with pytest.raises(FetchFailed) as caught:
        run(fetched(head("302 Found", "Content-Length: 0", *header)))
    assert caught.value.upstream_status == 302


def test_nobody_listening_is_a_failed_fetch() -> None:
    async def scenario() -> bytes:
        async with serving({}) as server:
            url = server.url()
        async with Fetcher(LOOPBACK) as fetcher:
            return await fetcher.fetch(url)

    with pytest.raises(FetchFailed) as caught:
        run(scenario())
    assert caught.value.upstream_status is None
    assert caught.value.retryable


def ask(
    host: str,
    table: Mapping[str, Sequence[str]],
    allow: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> tuple[int, AvatarError | None]:
    """Fetch from a name that resolves by ``table``: requests that reached us, and the refusal."""

    async def scenario() -> tuple[int, AvatarError | None]:
        policy = FetchPolicy(max_bytes=1000, allow=allow, only=only)
        async with serving({"/": OK}) as server, Fetcher(policy, Table(table)) as fetcher:
            try:
                await fetcher.fetch(f"http://{host}:{server.port}/")
            except AvatarError as error:
                return len(server.requests), error
            return len(server.requests), None

    return run(scenario())


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
    assert ask(host, table, allow) == (1, None)


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
    reached, refusal = ask(host, {host: ["127.0.0.1"]}, allow)
    assert (reached, type(refusal)) == (0, UrlBlocked)


def test_only_the_usual_ports() -> None:
    reached, refusal = ask("a.example", {"a.example": ["127.0.0.1"]})
    assert reached == 0
    assert isinstance(refusal, UrlBlocked)
    assert "ports" in refusal.detail


def test_an_allow_list_shuts_everything_else_out() -> None:
    both = ("cdn.example", "evil.example", "127.0.0.1")
    table = {"cdn.example": ["127.0.0.1"], "evil.example": ["127.0.0.1"]}
    assert ask("cdn.example", table, allow=both, only=("cdn.example",)) == (1, None)
    for host, only in (
        ("evil.example", "cdn.example"),
        ("127.0.0.1", "cdn.example"),
        ("evilcdn.example", ".cdn.example"),
        ("cdn.example.evil.example", "cdn.example"),
    ):
        reached, refusal = ask(host, table, allow=both, only=(only,))
        assert (reached, type(refusal)) == (0, UrlBlocked)
        assert "EYELINE_FETCH_ONLY" in str(refusal)


def test_an_allow_list_opens_nothing_by_itself() -> None:
    policy = FetchPolicy(max_bytes=1000, only=("cdn.example",))

    async def scenario() -> None:
        async with Fetcher(policy, Table({"cdn.example": ["127.0.0.1"]})) as fetcher:
            await fetcher.fetch("http://cdn.example/")

    with pytest.raises(UrlBlocked, match="public internet"):
        run(scenario())


def test_a_redirect_out_of_the_allow_list_is_refused() -> None:
    async def scenario() -> int:
        both = ("cdn.example", "evil.example")
        policy = FetchPolicy(max_bytes=1000, allow=both, only=("cdn.example",))
        names = Table({name: ["127.0.0.1"] for name in both})
        replies: dict[str, bytes] = {"/": b"", "/picture": OK}
        async with serving(replies) as server, Fetcher(policy, names) as fetcher:
            replies["/"] = redirect(f"http://evil.example:{server.port}/picture")
            with pytest.raises(UrlBlocked, match="EYELINE_FETCH_ONLY"):
                await fetcher.fetch(f"http://cdn.example:{server.port}/")
            return len(server.requests)

    assert run(scenario()) == 1


def test_a_name_is_refused_if_any_of_its_addresses_is() -> None:
    table = {"two.example": ["127.0.0.2", "127.0.0.1"], "one.example": ["127.0.0.2"]}

    # Port 80, where names on an opened network may be asked; nothing listens there on 127.0.0.2.
    def refusal(host: str) -> type[AvatarError]:
        async def scenario() -> None:
            policy = FetchPolicy(max_bytes=1000, allow=("127.0.0.2/32",))
            async with Fetcher(policy, Table(table)) as fetcher:
                await fetcher.fetch(f"http://{host}/")

        with pytest.raises(AvatarError) as caught:
            run(scenario())
        return type(caught.value)

    assert refusal("two.example") is UrlBlocked
    assert refusal("one.example") is FetchFailed  # admitted, and nobody answered


@pytest.mark.parametrize("host", ["nowhere.example", "a" * 64 + ".example", "a..example"])
def test_a_name_that_does_not_exist_is_a_failed_fetch(host: str) -> None:
    async def scenario() -> None:
        async with Fetcher(FetchPolicy(max_bytes=1000), Table({})) as fetcher:
            await fetcher.fetch(f"http://{host}/")

    with pytest.raises((FetchFailed, UrlInvalid)):
        run(scenario())


@pytest.mark.parametrize("answers", [[], ["127.0.0.1"] * 500])
def test_any_number_of_answers_is_taken(answers: list[str]) -> None:
    reached, refusal = ask("a.example", {"a.example": answers}, allow=("a.example",))
    assert (reached, type(refusal)) == ((1, type(None)) if answers else (0, FetchFailed))
