"""Looking up names: slow ones, many, wrong ones, ones that change their mind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from app.errors import FetchFailed, FetchTimeout, RequestError, UrlBlocked
from app.fetch.fetcher import Fetcher
from app.fetch.guard import AddressGuard, AddressRefused, host_allowed_var
from app.fetch.policy import FetchPolicy
from app.fetch.resolver import AddressInfos, LookupTimeout, ThreadedResolver
from tests.fetch.scripted_server import TableResolver, run_bounded

LOOPBACK_INFOS: AddressInfos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class BlockingLookup:
    """A resolver whose slow names block until they are let go."""

    def __init__(self) -> None:
        self.unblock = threading.Event()
        self.lock = threading.Lock()
        self.active = 0
        self.max_active = 0
        self.threads: set[bool] = set()

    def __call__(self, host: str, port: int, family: socket.AddressFamily) -> AddressInfos:
        with self.lock:
            self.active += 1
            self.max_active = max(self.max_active, self.active)
            self.threads.add(threading.current_thread().daemon)
        try:
            if "slow" in host:
                self.unblock.wait(10)
            if "none" in host:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return LOOPBACK_INFOS
        finally:
            with self.lock:
                self.active -= 1


def test_a_slow_name_is_left_after_a_while() -> None:
    lookups = BlockingLookup()

    async def scenario() -> None:
        with pytest.raises(LookupTimeout):
            await ThreadedResolver(0.1, lookup=lookups).resolve("slow.example", 80)

    try:
        run_bounded(scenario())
        assert (
            lookups.active == 1
        )  # it goes on, and nobody waits for it: not even the process's end
        assert lookups.threads == {True}
    finally:
        lookups.unblock.set()


def test_slow_names_of_one_domain_starve_nobody_else() -> None:
    lookups = BlockingLookup()

    async def scenario() -> None:
        names = ThreadedResolver(1.5, max_threads=8, max_per_domain=4, lookup=lookups)
        slow = [asyncio.create_task(names.resolve(f"{n}.slow.example", 80)) for n in range(100)]
        await asyncio.sleep(0.05)
        assert lookups.active == 4
        answers = [await names.resolve(f"{n}.quick.test", 80) for n in range(20)]
        assert not any(task.done() for task in slow)
        assert {answer[0]["host"] for answer in answers} == {"127.0.0.1"}
        failed = await asyncio.gather(*slow, return_exceptions=True)
        assert {type(error) for error in failed} == {LookupTimeout}

    try:
        run_bounded(scenario())
        assert lookups.max_active <= 8
    finally:
        lookups.unblock.set()


def test_threads_are_counted_until_they_end() -> None:
    lookups = BlockingLookup()

    async def scenario() -> None:
        names = ThreadedResolver(0.3, max_threads=2, max_per_domain=2, lookup=lookups)
        for n in range(3):  # the last one finds no thread
            with pytest.raises(LookupTimeout):
                await names.resolve(f"slow.{n}.example", 80)
        assert lookups.max_active == 2
        lookups.unblock.set()
        await asyncio.sleep(0.3)
        assert await names.resolve("quick.example", 80)
        assert len(names._domain_slots) == 0

    try:
        run_bounded(scenario())
    finally:
        lookups.unblock.set()


def test_a_look_up_that_nobody_waits_for_any_more_harms_nobody() -> None:
    lookups = BlockingLookup()

    async def scenario() -> None:
        names = ThreadedResolver(5.0, lookup=lookups)
        asked = asyncio.create_task(names.resolve("slow.example", 80))
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    run_bounded(scenario())  # the loop ends first, the thread after it
    lookups.unblock.set()
    until = time.monotonic() + 5.0
    while lookups.active and time.monotonic() < until:
        time.sleep(0.01)
    assert lookups.active == 0


def fetch_failure(resolver: ThreadedResolver | TableResolver, policy: FetchPolicy) -> RequestError:
    async def scenario() -> None:
        async with Fetcher(policy, resolver) as fetcher:
            await fetcher.fetch("http://slow.none.example/")

    with pytest.raises(RequestError) as caught:
        run_bounded(scenario())
    return caught.value


def test_a_slow_name_is_a_timeout_and_an_unknown_one_a_failure() -> None:
    lookups = BlockingLookup()
    policy = FetchPolicy(max_bytes=1000)

    async def slow() -> None:
        async with Fetcher(policy, ThreadedResolver(0.1, lookup=lookups)) as fetcher:
            await fetcher.fetch("http://slow.example/")

    async def unknown() -> None:
        async with Fetcher(policy, ThreadedResolver(0.1, lookup=lookups)) as fetcher:
            await fetcher.fetch("http://none.example/")

    try:
        with pytest.raises(FetchTimeout, match="name"):
            run_bounded(slow())
        with pytest.raises(FetchFailed, match="no such host"):
            run_bounded(unknown())
    finally:
        lookups.unblock.set()


def test_the_machines_own_resolver_answers() -> None:
    async def scenario() -> set[str]:
        return {answer["host"] for answer in await ThreadedResolver(3.0).resolve("localhost", 80)}

    assert run_bounded(scenario()) <= {"127.0.0.1", "::1"}


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
