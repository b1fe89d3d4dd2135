"""Fetching against real servers on loopback, and nothing beyond it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.errors import (
    AvatarError,
    FetchFailed,
    FetchTimeout,
    TooLarge,
    UrlBlocked,
    UrlInvalid,
)
from app.fetch import MAX_REDIRECTS, Fetcher, FetchPolicy, parse

T = TypeVar("T")
PICTURE = b"\x89PNG pretend"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n" + PICTURE
LOOPBACK = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",))

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers each path with fixed bytes, or by a function; remembers what it was asked."""

    replies: Mapping[str, bytes | Reply]
    requests: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            reply = self.replies[head.split(" ")[1]]
            if isinstance(reply, bytes):
                writer.write(reply)
                await writer.drain()
            else:
                await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(replies: Mapping[str, bytes | Reply]) -> AsyncIterator[Server]:
    server = Server(replies)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


class Names(AbstractResolver):
    """Answers from a table; a name that is not in it does not exist."""

    def __init__(self, table: Mapping[str, list[str]]) -> None:
        self._table = table

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._table:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [
            ResolveResult(hostname=host, host=a, port=port, family=family, proto=0, flags=0)
            for a in self._table[host]
        ]

    async def close(self) -> None:
        pass


def run(test: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(test)


async def fetched(
    replies: Mapping[str, bytes | Reply], path: str = "/", policy: FetchPolicy = LOOPBACK
) -> bytes:
    async with serving(replies) as server, Fetcher(policy) as fetcher:
        return await fetcher.fetch(server.url(path))


def redirect(to: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def test_the_bytes_come_whatever_their_content_type() -> None:
    lying = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\n" + PICTURE
    assert run(fetched({"/": OK})) == run(fetched({"/": lying})) == PICTURE


def test_what_is_sent_gives_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def scenario() -> list[str]:
        cookie = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n", 1)
        async with serving({"/": cookie}) as server, Fetcher(LOOPBACK) as fetcher:
            await fetcher.fetch(server.url())
            await fetcher.fetch(server.url())
            return server.requests

    for request in run(scenario()):
        assert "Accept-Encoding: identity" in request
        assert "Cookie" not in request
        assert "Authorization" not in request


def test_redirects_are_followed_up_to_a_point() -> None:
    chain: dict[str, bytes | Reply] = {f"/{n}": redirect(f"/{n - 1}") for n in range(1, 9)}
    chain["/0"] = OK
    assert run(fetched(chain, f"/{MAX_REDIRECTS}")) == PICTURE
    with pytest.raises(FetchFailed, match="redirects"):
        run(fetched(chain, f"/{MAX_REDIRECTS + 1}"))


def test_a_redirect_loop_ends() -> None:
    with pytest.raises(FetchFailed, match="redirects"):
        run(fetched({"/": redirect("/")}))


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ("http://127.0.0.2/", UrlBlocked),
        ("http://[::1]/", UrlBlocked),
        ("http://169.254.169.254/latest/meta-data/", UrlBlocked),
        ("//127.0.0.3/", UrlBlocked),
        ("file:///etc/passwd", UrlInvalid),
        ("ftp://127.0.0.1/", UrlInvalid),
        ("http://user:secret@127.0.0.1/", UrlInvalid),
        ("http://[/", UrlInvalid),
    ],
)
def test_a_redirect_is_checked_like_a_callers_own_url(
    target: str, refusal: type[AvatarError]
) -> None:
    with pytest.raises(refusal):
        run(fetched({"/": redirect(target)}))


def test_a_redirect_needs_a_target() -> None:
    with pytest.raises(FetchFailed) as caught:
        run(fetched({"/": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"}))
    assert caught.value.upstream_status == 302


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
def test_anything_but_200_is_told_with_its_status(status: int) -> None:
    with pytest.raises(FetchFailed) as caught:
        run(fetched({"/": f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()}))
    assert caught.value.upstream_status == status


def test_a_declared_size_is_believed_when_it_is_too_large() -> None:
    with pytest.raises(TooLarge):
        run(fetched({"/": b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"}))


def test_a_body_without_end_is_counted_as_it_arrives() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"40\r\n" + b"x" * 64 + b"\r\n")
            await writer.drain()

    with pytest.raises(TooLarge):
        run(fetched({"/": endless}))


def test_exactly_the_limit_passes() -> None:
    whole = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1000
    assert len(run(fetched({"/": whole}))) == 1000


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
def test_a_server_that_stalls_is_left(begin: bytes) -> None:
    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        await asyncio.Event().wait()

    impatient = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",), total_s=0.2, connect_s=0.1)
    with pytest.raises(FetchTimeout):
        run(fetched({"/": stall}, policy=impatient))


def test_a_server_that_drips_is_left() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    impatient = FetchPolicy(max_bytes=1000, allow=("127.0.0.1",), total_s=0.3, connect_s=0.1)
    with pytest.raises(FetchTimeout):
        run(fetched({"/": drip}, policy=impatient))


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_failed_fetch(reply: bytes) -> None:
    with pytest.raises(FetchFailed):
        run(fetched({"/": reply}))


def test_a_compressed_body_is_not_unpacked() -> None:
    squeezed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
    with pytest.raises(FetchFailed, match="compressed"):
        run(fetched({"/": squeezed}))


def test_nobody_listening_is_a_failed_fetch() -> None:
    async def scenario() -> bytes:
        async with serving({}) as server:
            url = server.url()
        async with Fetcher(LOOPBACK) as fetcher:
            return await fetcher.fetch(url)

    with pytest.raises(FetchFailed) as caught:
        run(scenario())
    assert caught.value.upstream_status is None


def ask(
    host: str,
    table: Mapping[str, list[str]],
    allow: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
) -> tuple[int, AvatarError | None]:
    """Fetch from a name that resolves by ``table``: requests that reached us, and the refusal."""

    async def scenario() -> tuple[int, AvatarError | None]:
        policy = FetchPolicy(max_bytes=1000, allow=allow, only=only)
        async with serving({"/": OK}) as server, Fetcher(policy, Names(table)) as fetcher:
            try:
                await fetcher.fetch(f"http://{host}:{server.port}/")
            except AvatarError as error:
                return len(server.requests), error
            return len(server.requests), None

    return run(scenario())


def test_a_name_that_the_operator_opened_may_be_private() -> None:
    table = {"media.internal": ["127.0.0.1"], "other.internal": ["127.0.0.1"]}
    assert ask("media.internal", table, allow=("media.internal",)) == (1, None)
    assert ask("media.internal.", {"media.internal.": ["127.0.0.1"]}, allow=(".internal",)) == (
        1,
        None,
    )
    reached, refusal = ask("other.internal", table, allow=("media.internal",))
    assert (reached, type(refusal)) == (0, UrlBlocked)


def test_a_name_is_refused_if_any_of_its_addresses_is() -> None:
    table = {"two.example": ["127.0.0.2", "127.0.0.1"], "one.example": ["127.0.0.2"]}

    # Port 80, where names on an opened network may be asked; nothing listens there on 127.0.0.2.
    def refusal(host: str) -> type[AvatarError]:
        async def scenario() -> None:
            policy = FetchPolicy(max_bytes=1000, allow=("127.0.0.2/32",))
            async with Fetcher(policy, Names(table)) as fetcher:
                await fetcher.fetch(f"http://{host}/")

        with pytest.raises(AvatarError) as caught:
            run(scenario())
        return type(caught.value)

    assert refusal("two.example") is UrlBlocked
    assert refusal("one.example") is FetchFailed  # admitted, and nobody answered


def test_the_socket_is_the_choke_point_whatever_was_resolved() -> None:
    """A resolver that changes its mind after the check meets the same wall at the socket."""

    async def scenario() -> None:
        async with Fetcher(FetchPolicy(max_bytes=1000)) as fetcher:
            info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
            with pytest.raises(OSError, match="refused"):
                fetcher._open_socket(info)

    run(scenario())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[::127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "①②⑦.⓪.⓪.①",
        "localhost",
        "[fe80::1%25lo]",
    ],
)
def test_no_spelling_of_this_machine_is_fetched(host: str) -> None:
    async def scenario() -> None:
        async with Fetcher(FetchPolicy(max_bytes=1000)) as fetcher:
            await fetcher.fetch(f"http://{host}/")

    with pytest.raises((UrlBlocked, UrlInvalid)):
        run(scenario())


def test_only_the_usual_ports() -> None:
    reached, refusal = ask("a.example", {"a.example": ["127.0.0.1"]})
    assert reached == 0
    assert isinstance(refusal, UrlBlocked)
    assert "ports" in refusal.detail


def test_an_allow_list_shuts_everything_else_out() -> None:
    table = {"cdn.example": ["127.0.0.1"], "evil.example": ["127.0.0.1"]}
    both = ("cdn.example", "evil.example")
    assert ask("cdn.example", table, allow=both, only=("cdn.example",)) == (1, None)
    reached, refusal = ask("evil.example", table, allow=both, only=("cdn.example",))
    assert (reached, type(refusal)) == (0, UrlBlocked)
    reached, refusal = ask("evilcdn.example", table, only=(".cdn.example",))
    assert (reached, type(refusal)) == (0, UrlBlocked)


@pytest.mark.parametrize("host", ["nowhere.example", "a" * 64 + ".example", "a..example"])
def test_a_name_that_does_not_exist_is_a_failed_fetch(host: str) -> None:
    async def scenario() -> None:
        policy = FetchPolicy(max_bytes=1000)
        async with Fetcher(policy, Names({})) as fetcher:
            await fetcher.fetch(f"http://{host}/")

    with pytest.raises((FetchFailed, UrlInvalid)):
        run(scenario())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.jpg",
        "/a.jpg",
        "//example.com/a.jpg",
        "http://",
        "http:///a.jpg",
        "https:example.com",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "http://example.com\\@evil.example/",
        "http://exa\nmple.com/",
        " http://example.com/",
        "http://example.com/a b",
        "http://example.com:99999/",
        "http://example.com:port/",
        "http://[::1/",
        "http://xn--/",
        "http://example.com/" + "a" * 5000,
    ],
)
def test_what_is_no_http_url_is_invalid(url: str) -> None:
    with pytest.raises(UrlInvalid):
        parse(url)


def test_an_ordinary_url_is_taken_as_it_is() -> None:
    url = parse("https://Example.com/a%20b.jpg?x=1&y=%2F")
    assert (url.scheme, url.host, url.port) == ("https", "example.com", 443)
    assert str(url) == "https://example.com/a%20b.jpg?x=1&y=/"
