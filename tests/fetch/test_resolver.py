"""Looking up names: slow ones, many, wrong ones, ones that change their mind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from app.errors import AvatarError, FetchFailed, FetchTimeout, UrlBlocked
from app.fetch import Fetcher, FetchPolicy
from app.fetch.guard import Guard, Refused, host_opened
from app.fetch.resolver import Infos, LookupSlow, Names
from tests.fetch.servers import Table, run

LOOPBACK: Infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class Lookups:
    """A resolver whose slow names block until they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.threads: set[bool] = set()

    def __call__(self, host: str, port: int, family: socket.AddressFamily) -> Infos:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            self.threads.add(threading.current_thread().daemon)
        try:
            if "slow" in host:
                self.go.wait(10)
            if "none" in host:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return LOOPBACK
        finally:
            with self.lock:
                self.now -= 1


def test_a_slow_name_is_left_after_a_while() -> None:
    lookups = Lookups()

    async def scenario() -> None:
        with pytest.raises(LookupSlow):
            await Names(0.1, lookup=lookups).resolve("slow.example", 80)

    try:
        run(scenario())
        assert lookups.now == 1  # it goes on, and nobody waits for it: not even the process's end
        assert lookups.threads == {True}
    finally:
        lookups.go.set()


def test_slow_names_of_one_domain_starve_nobody_else() -> None:
    lookups = Lookups()

    async def scenario() -> None:
        names = Names(1.5, threads=8, per_domain=4, lookup=lookups)
        slow = [asyncio.create_task(names.resolve(f"{n}.slow.example", 80)) for n in range(100)]
        await asyncio.sleep(0.05)
        assert lookups.now == 4
        answers = [await names.resolve(f"{n}.quick.test", 80) for n in range(20)]
        assert not any(task.done() for task in slow)
        assert {answer[0]["host"] for answer in answers} == {"127.0.0.1"}
        failed = await asyncio.gather(*slow, return_exceptions=True)
        assert {type(error) for error in failed} == {LookupSlow}

    try:
        run(scenario())
        assert lookups.most <= 8
    finally:
        lookups.go.set()


def test_threads_are_counted_until_they_end() -> None:
    lookups = Lookups()

    async def scenario() -> None:
        names = Names(0.3, threads=2, per_domain=2, lookup=lookups)
        for n in range(3):  # the last one finds no thread
            with pytest.raises(LookupSlow):
                await names.resolve(f"slow.{n}.example", 80)
        assert lookups.most == 2
        lookups.go.set()
        await asyncio.sleep(0.3)
        assert await names.resolve("quick.example", 80)
        assert len(names._domains) == 0

    try:
        run(scenario())
    finally:
        lookups.go.set()


def test_a_look_up_that_nobody_waits_for_any_more_harms_nobody() -> None:
    lookups = Lookups()

    async def scenario() -> None:
        names = Names(5.0, lookup=lookups)
        asked = asyncio.create_task(names.resolve("slow.example", 80))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    run(scenario())  # the loop ends first, the thread after it
    lookups.go.set()
    until = time.monotonic() + 5.0
    while lookups.now and time.monotonic() < until:
        time.sleep(0.01)
    assert lookups.now == 0


def fetch_failure(resolver: Names | Table, policy: FetchPolicy) -> AvatarError:
    async def scenario() -> None:
        async with Fetcher(policy, resolver) as fetcher:
            await fetcher.fetch("http://slow.none.example/")

    with pytest.raises(AvatarError) as caught:
        run(scenario())
    return caught.value


def test_a_slow_name_is_a_timeout_and_an_unknown_one_a_failure() -> None:
    lookups = Lookups()
    policy = FetchPolicy(max_bytes=1000)

    async def slow() -> None:
        async with Fetcher(policy, Names(0.1, lookup=lookups)) as fetcher:
            await fetcher.fetch("http://slow.example/")

    async def unknown() -> None:
        async with Fetcher(policy, Names(0.1, lookup=lookups)) as fetcher:
            await fetcher.fetch("http://none.example/")

    try:
        with pytest.raises(FetchTimeout, match="name"):
            run(slow())
        with pytest.raises(FetchFailed, match="no such host"):
            run(unknown())
    finally:
        lookups.go.set()


def test_the_machines_own_resolver_answers() -> None:
    async def scenario() -> set[str]:
        return {answer["host"] for answer in await Names(3.0).resolve("localhost", 80)}

    assert run(scenario()) <= {"127.0.0.1", "::1"}


def test_a_name_that_changes_its_mind_is_judged_each_time() -> None:
    """First an address that passes, then one that does not, at once and after a redirect."""
    table = Table({"rebinding.example": [["127.0.0.2"], ["127.0.0.1"]]})

    async def scenario() -> list[type[Exception]]:
        met: list[type[Exception]] = []
        # Port 80 of an opened network, where nobody listens: admitted is FetchFailed.
        policy = FetchPolicy(max_bytes=1000, allow=("127.0.0.2/32",))
        for _ in range(2):
            async with Fetcher(policy, table) as fetcher:
                with pytest.raises(AvatarError) as caught:
                    await fetcher.fetch("http://rebinding.example/")
                met.append(type(caught.value))
        return met

    assert run(scenario()) == [FetchFailed, UrlBlocked]


def test_the_socket_is_the_choke_point_whatever_was_resolved() -> None:
    """A resolver that changes its mind after the check meets the same wall at the socket."""
    guard = Guard(())
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80))
    with pytest.raises(Refused):
        guard.open_socket(info)

    async def opened() -> None:
        host_opened.set(True)
        guard.open_socket(info).close()

    run(opened())
    with pytest.raises(Refused):  # what one task opened stays its own
        guard.open_socket(info)
