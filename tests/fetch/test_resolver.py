"""Looking up names: slow ones, many, wrong ones, ones that change their mind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

from app.errors import FetchFailed, FetchTimeout, RequestError, UrlBlocked
from app.fetch.fetcher import Fetcher
from app.fetch.guard import AddressGuard, AddressRefused, host_allowed_var
from app.fetch.policy import FetchPolicy
from app.fetch.resolver import (
    MAX_UNKNOWN,
    DnsResolver,
    LookupTimeout,
    UnknownNames,
    resolve_numeric,
)
from app.fetch.urls import parse_url
from tests.fetch.scripted_server import TableResolver, run_bounded


class BlockingResolver(AbstractResolver):
    """Another resolver, whose slow names are answered when they are let go."""

    def __init__(self) -> None:
        self.unblock = asyncio.Event()
        self.active = 0
        self.max_active = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.active += 1
        self.max_active = max(self.max_active, self.active)
        try:
            if "slow" in host:
                await self.unblock.wait()
            if "none" in host:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return resolve_numeric("127.0.0.1", port, family)
        finally:
            self.active -= 1

    async def close(self) -> None:
        """Nothing is open."""


class NameServer(asyncio.DatagramProtocol):
    """Never answers for slow names, says that others do not exist, and counts the queries."""

    def __init__(self) -> None:
        self.queries: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.queries.append(data)
        if b"slow" not in data.lower():
            question_end = data.index(b"\x00", 12) + 5
            head = data[:2] + b"\x81\x83" + b"\x00\x01" + bytes(6)
            self._transport.sendto(head + data[12:question_end], address)


@contextlib.asynccontextmanager
async def running_name_server() -> AsyncIterator[tuple[NameServer, str]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server, "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


def test_a_slow_name_is_left_after_a_while() -> None:
    async def scenario() -> None:
        lookups = BlockingResolver()
        with pytest.raises(LookupTimeout):
            await DnsResolver(0.1, resolver=lookups).resolve("slow.example", 80)
        assert (lookups.active, lookups.max_active) == (0, 1)

    run_bounded(scenario())


def test_slow_names_of_one_domain_starve_nobody_else() -> None:
    async def scenario() -> None:
        lookups = BlockingResolver()
        names = DnsResolver(1.5, max_per_domain=4, resolver=lookups)
        slow = [asyncio.create_task(names.resolve(f"{n}.slow.example", 80)) for n in range(100)]
        await asyncio.sleep(0.05)
        assert lookups.active == 4
        answers = [await names.resolve(f"{n}.quick.test", 80) for n in range(20)]
        assert not any(task.done() for task in slow)
        assert {answer[0]["host"] for answer in answers} == {"127.0.0.1"}
        failed = await asyncio.gather(*slow, return_exceptions=True)
        assert {type(error) for error in failed} == {LookupTimeout}
        assert lookups.max_active <= 8

    run_bounded(scenario())


def test_a_place_is_free_again_when_nobody_waits_any_more() -> None:
    async def scenario() -> None:
        lookups = BlockingResolver()
        names = DnsResolver(0.3, max_per_domain=2, resolver=lookups)
        asked = [names.resolve(f"{n}.slow.example", 80) for n in range(3)]
        failed = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(error) for error in failed} == {LookupTimeout}
        assert lookups.max_active == 2
        cancelled = asyncio.create_task(names.resolve("3.slow.example", 80))
        await asyncio.sleep(0.05)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert lookups.active == 0
        lookups.unblock.set()
        assert await names.resolve("4.slow.example", 80)
        assert len(names._domain_places) == 0

    run_bounded(scenario())


def test_a_name_server_that_never_answers_is_a_timeout_by_either_clock() -> None:
    """Ours, and that of c-ares, whose time runs out first where ours is long."""

    async def scenario() -> None:
        async with running_name_server() as (server, address):
            inner = AsyncResolver(nameservers=[address], timeout=0.1, tries=2)
            for timeout_s in (0.1, 30.0):
                started = time.monotonic()
                with pytest.raises(LookupTimeout):
                    await DnsResolver(timeout_s, resolver=inner).resolve("slow.example.", 80)
                assert time.monotonic() - started < 10.0
            with pytest.raises(OSError, match="not found") as caught:
                await DnsResolver(5.0, resolver=inner).resolve("none.example.", 80)
            assert not isinstance(caught.value, LookupTimeout)
            assert any(b"slow" in query.lower() for query in server.queries)
            await inner.close()

    run_bounded(scenario())


def test_a_look_up_that_nobody_waits_for_any_more_harms_nobody() -> None:
    """Neither a loop that ends before the answer, nor the end of the process, waits for it."""
    program = """if True:
        import asyncio, socket
        from aiohttp.resolver import AsyncResolver
        from app.fetch.resolver import DnsResolver

        async def main():
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % server.getsockname()[1]
            inner = AsyncResolver(nameservers=[address], timeout=60.0, tries=2)
            names = DnsResolver(60.0, resolver=inner)
            asked = asyncio.create_task(names.resolve("slow.example.", 80))
            server.settimeout(10)
            await asyncio.to_thread(server.recv, 512)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            await names.close()

        asyncio.run(main())
    """
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
    ],
)
def test_a_number_is_no_name_in_any_spelling(spelling: str, address: str) -> None:
    table = TableResolver({})

    async def scenario() -> list[ResolveResult]:
        return await DnsResolver(1.0, resolver=table).resolve(spelling, 80)

    assert {answer["host"] for answer in run_bounded(scenario())} == {address}
    assert table.queries == []


def test_a_slow_name_is_a_timeout_and_an_unknown_one_a_failure() -> None:
    policy = FetchPolicy(max_bytes=1000)

    async def fetch(host: str) -> None:
        names = DnsResolver(0.1, resolver=BlockingResolver())
        async with Fetcher(policy, names) as fetcher:
            await fetcher.fetch(f"http://{host}/")

    with pytest.raises(FetchTimeout, match="name"):
        run_bounded(fetch("slow.example"))
    with pytest.raises(FetchFailed, match="no such host"):
        run_bounded(fetch("none.example"))


def test_the_machines_own_names_are_resolved() -> None:
    async def scenario() -> set[str]:
        names = DnsResolver(3.0)
        answers = await names.resolve("localhost", 80)
        await names.close()
        return {answer["host"] for answer in answers}

    assert run_bounded(scenario()) <= {"127.0.0.1", "::1"}


def test_a_name_that_did_not_resolve_is_not_looked_up_again_for_a_while() -> None:
    now = [0.0]

    async def scenario() -> tuple[int, list[bool]]:
        async with running_name_server() as (server, address):
            resolver = DnsResolver(
                2.0,
                resolver=AsyncResolver(nameservers=[address], timeout=1.0),
                clock=lambda: now[0],
            )
            known = []
            for now[0] in (0.0, 1.0, 29.0, 31.0):
                with pytest.raises(OSError, match=r"DNS|domain|name|moment"):
                    await resolver.resolve("none.example", 80, socket.AF_INET)
                known.append(resolver.is_unknown("none.example"))
            await resolver.close()
            return len(server.queries), known

    queries, known = run_bounded(scenario())
    assert queries == 2
    assert known == [True] * 4


def test_unknown_names_are_neither_paced_nor_kept_without_end() -> None:
    names = UnknownNames(lambda: 0.0)
    for n in range(MAX_UNKNOWN + 10):
        names.add(f"{n}.example")
    assert len(names) == MAX_UNKNOWN

    async def scenario() -> float:
        blocking = BlockingResolver()
        policy = FetchPolicy(max_bytes=1000, per_host=1, per_host_per_s=0.1, max_wait_s=60.0)
        async with Fetcher(policy, DnsResolver(1.0, resolver=blocking)) as fetcher:
            began = time.monotonic()
            for _ in range(20):  # at a turn every ten seconds
                with pytest.raises(FetchFailed, match="no such host"):
                    await fetcher.fetch("http://none.example/")
            return time.monotonic() - began

    assert run_bounded(scenario()) < 5.0


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://0x7f.1/", "http://[::1]/"])
def test_an_address_in_place_of_a_name_is_refused_before_anything_is_asked(url: str) -> None:
    async def scenario() -> None:
        async with Fetcher(FetchPolicy(max_bytes=1000)) as fetcher:
            with pytest.raises(UrlBlocked, match="not on the public internet"):
                fetcher.check_url(parse_url(url))
            fetcher.check_url(parse_url("http://8.8.8.8/"))

    run_bounded(scenario())


def test_a_name_that_changes_its_mind_is_judged_each_time() -> None:
    """First an address that passes, then one that does not, at once and after a redirect."""
    table = TableResolver({"rebinding.example": [["127.0.0.2"], ["127.0.0.1"]]})

    async def scenario() -> list[type[Exception]]:
        met: list[type[Exception]] = []
        # Port 80 of an opened network, where nobody listens: admitted is FetchFailed.
        policy = FetchPolicy(max_bytes=1000, allow=("127.0.0.2/32",))
        for _ in range(2):
            async with Fetcher(policy, table) as fetcher:
                with pytest.raises(RequestError) as caught:
                    await fetcher.fetch("http://rebinding.example/")
                met.append(type(caught.value))
        return met

    assert run_bounded(scenario()) == [FetchFailed, UrlBlocked]


def test_the_socket_is_the_choke_point_whatever_was_resolved() -> None:
    """A resolver that changes its mind after the check meets the same wall at the socket."""
    guard = AddressGuard(())
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    with pytest.raises(AddressRefused):
        guard.open_socket(info)

    async def opened() -> None:
        host_allowed_var.set(True)
        guard.open_socket(info).close()

    run_bounded(opened())
    with pytest.raises(AddressRefused):  # what one task opened stays its own
        guard.open_socket(info)
