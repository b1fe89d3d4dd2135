"""Politeness: few at once, not too fast, and a host that asks for rest has it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.errors import FetchFailed, FetchTimeout, RequestError
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import (
    HostCooldowns,
    HostRateLimiter,
    KeyedPlaces,
    cooldown_key,
    cooldown_owner_var,
    fetch_place_var,
)
from app.fetch.status_errors import parse_retry_after
from tests.fetch.scripted_server import (
    LOOPBACK_POLICY,
    OK_RESPONSE,
    PICTURE,
    TableResolver,
    empty_response,
    run_bounded,
    run_server,
)

WAITING_POLICY = replace(LOOPBACK_POLICY, max_wait_s=5.0, total_s=0.8)


async def reply_slowly(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.1)
    writer.write(OK_RESPONSE)
    await writer.drain()


def test_few_at_once_to_one_host() -> None:
    async def scenario() -> tuple[int, int]:
        policy = replace(LOOPBACK_POLICY, per_host=3)
        async with run_server({"/": reply_slowly}) as server, Fetcher(policy) as fetcher:
            came = await asyncio.gather(*(fetcher.fetch(server.url()) for _ in range(12)))
            assert came == [PICTURE] * 12
            return server.max_concurrent, len(server.requests)

    assert run_bounded(scenario()) == (3, 12)


def test_one_host_does_not_hold_up_another() -> None:
    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        names = ("slow.test", "quick.test")
        policy = FetchPolicy(max_bytes=1000, allow=names, per_host=2, total_s=1.0)
        table = TableResolver({name: ["127.0.0.1"] for name in names})
        async with (
            run_server({"/stuck": stuck, "/": OK_RESPONSE}) as server,
            Fetcher(policy, table) as fetcher,
        ):
            base = f"test:{server.port}/"
            slow = [
                asyncio.create_task(fetcher.fetch(f"http://slow.{base}stuck")) for _ in range(20)
            ]
            await asyncio.sleep(0.05)
            assert await fetcher.fetch(f"http://quick.{base}") == PICTURE
            assert not any(task.done() for task in slow)
            failed = await asyncio.gather(*slow, return_exceptions=True)
            assert {type(error) for error in failed} == {FetchTimeout}

    run_bounded(scenario())


def test_a_wait_for_a_turn_is_paid_by_patience_not_by_the_time_on_the_wire() -> None:
    async def scenario(policy: FetchPolicy) -> list[object]:
        async with run_server({"/": reply_slowly}) as server, Fetcher(policy) as fetcher:
            asked = (fetcher.fetch(server.url()) for _ in range(12))
            return list(await asyncio.gather(*asked, return_exceptions=True))

    one_by_one = replace(LOOPBACK_POLICY, per_host=1, total_s=0.6)
    assert run_bounded(scenario(replace(one_by_one, max_wait_s=5.0))) == [PICTURE] * 12
    late = [each for each in run_bounded(scenario(one_by_one)) if each != PICTURE]
    assert {type(each) for each in late} == {FetchTimeout}
    assert len(late) >= 4


def test_patience_ends_too() -> None:
    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> float:
        policy = replace(LOOPBACK_POLICY, per_host=1, total_s=0.2, max_wait_s=0.3)
        async with run_server({"/": stuck}) as server, Fetcher(policy) as fetcher:
            began = time.monotonic()
            came = await asyncio.gather(
                *(fetcher.fetch(server.url()) for _ in range(9)), return_exceptions=True
            )
            assert {type(each) for each in came} == {FetchTimeout}
            return time.monotonic() - began

    assert run_bounded(scenario()) > 0.4


@pytest.mark.parametrize("status", ["429 X", "503 X"])
def test_a_host_that_asked_for_rest_is_not_asked_again(status: str) -> None:
    async def scenario() -> None:
        replies = {"/": empty_response(status, "Retry-After: 60"), "/other": OK_RESPONSE}
        async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
            with pytest.raises(FetchFailed) as first:
                await fetcher.fetch(server.url())
            assert first.value.upstream_status == int(status[:3])
            assert first.value.retry_after_s == 60.0
            with pytest.raises(FetchFailed, match="asked for a pause") as second:
                await fetcher.fetch(server.url("/other"))
            assert second.value.retryable
            assert second.value.retry_after_s == pytest.approx(60.0, abs=10.0)
            assert len(server.requests) == 1

    run_bounded(scenario())


def test_a_503_that_names_no_time_holds_nobody_and_a_429_does_for_a_moment() -> None:
    async def scenario() -> list[int]:
        seen = []
        for status in ("503 X", "429 X"):
            replies = {"/": empty_response(status), "/other": OK_RESPONSE}
            async with run_server(replies) as server, Fetcher(LOOPBACK_POLICY) as fetcher:
                for path in ("/", "/other"):
                    with contextlib.suppress(FetchFailed):
                        await fetcher.fetch(server.url(path))
                seen.append(len(server.requests))
        return seen

    assert run_bounded(scenario()) == [2, 1]


def test_the_patient_wait_and_ask_again() -> None:
    async def scenario() -> float:
        replies = {
            "/": [empty_response("429 X", "Retry-After: 1"), OK_RESPONSE],
            "/other": [OK_RESPONSE],
        }
        async with run_server(replies) as server, Fetcher(WAITING_POLICY) as fetcher:
            began = time.monotonic()
            first = asyncio.create_task(fetcher.fetch(server.url()))
            await asyncio.sleep(0.2)
            assert await fetcher.fetch(server.url("/other")) == PICTURE
            assert await first == PICTURE
            assert len(server.requests) == 3
            return time.monotonic() - began

    assert run_bounded(scenario()) > 0.95


def test_the_patient_do_not_wait_longer_than_they_are() -> None:
    async def scenario() -> None:
        replies = {"/": empty_response("503 X", "Retry-After: 60")}
        async with run_server(replies) as server, Fetcher(WAITING_POLICY) as fetcher:
            for _ in range(2):
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.fetch(server.url())
                assert caught.value.retryable
                assert caught.value.retry_after_s is not None
            assert len(server.requests) == 1

    run_bounded(scenario())


def test_a_host_that_always_asks_for_a_little_rest_is_left_after_a_few_times() -> None:
    async def scenario() -> int:
        replies = {"/": empty_response("429 X", "Retry-After: 0")}
        async with run_server(replies) as server, Fetcher(WAITING_POLICY) as fetcher:
            with pytest.raises(FetchFailed):
                await fetcher.fetch(server.url())
            return len(server.requests)

    assert run_bounded(scenario()) <= 3


def test_all_fetchers_of_a_process_know_who_rests() -> None:
    async def scenario() -> int:
        holds = HostCooldowns()
        replies = {"/": empty_response("429 X", "Retry-After: 60")}
        async with (
            run_server(replies) as server,
            Fetcher(LOOPBACK_POLICY, cooldowns=holds) as one,
            Fetcher(LOOPBACK_POLICY, cooldowns=holds) as other,
        ):
            for fetcher in (one, other):
                with pytest.raises(FetchFailed):
                    await fetcher.fetch(server.url())
            return len(server.requests)

    assert run_bounded(scenario()) == 1


def test_holds_end_are_not_shortened_and_are_bounded() -> None:
    now = [100.0]
    holds = HostCooldowns(clock=lambda: now[0], max_hosts=3)
    holds.start("a", 10.0)
    holds.start("a", 2.0)
    assert holds.remaining_s("a") == 10.0
    assert holds.remaining_s("b") == 0.0
    now[0] += 10.0
    assert holds.remaining_s("a") == 0.0
    assert len(holds) == 0
    for n in range(1000):
        holds.start(str(n), 5.0)
    assert len(holds) == 3
    assert holds.remaining_s("999") == 5.0


def test_a_pause_is_for_one_port_and_one_owner_and_ends_within_minutes() -> None:
    async def key_of(owner: str, port: int) -> str:
        cooldown_owner_var.set(owner)
        return cooldown_key("a.example", port)

    keys = {asyncio.run(key_of(*each)) for each in (("anna", 443), ("ben", 443), ("anna", 80))}
    assert len(keys) == 3
    assert parse_retry_after("86400", datetime.now(UTC)) == 600.0


def test_strangers_are_paced_and_the_operators_own_are_not() -> None:
    async def spent(paced: bool) -> float:
        turns = HostRateLimiter(max_concurrent=2, max_per_s=50.0)
        began = time.monotonic()

        async def one() -> None:
            async with turns.slot("a", paced=paced):
                pass

        await asyncio.gather(*(one() for _ in range(22)))
        return time.monotonic() - began

    slow = run_bounded(spent(paced=True))
    assert slow > 0.3  # 22 less a first handful, at 50 a second
    assert run_bounded(spent(paced=False)) < slow


def test_nothing_is_kept_of_hosts_without_end() -> None:
    async def scenario() -> int:
        turns = HostRateLimiter(max_concurrent=2, max_per_s=1e6, max_hosts=10)
        for n in range(1000):
            async with turns.slot(f"{n}.example", paced=True):
                pass
        return len(turns)

    assert run_bounded(scenario()) <= 10


def test_a_place_is_given_back_by_whoever_gave_up_waiting() -> None:
    async def scenario() -> int:
        places = KeyedPlaces(1)

        async def hold() -> None:
            async with places.place("a"):
                pass

        async with places.place("a"):
            waiting = asyncio.create_task(hold())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(hold(), 5.0)
        return len(places)

    assert run_bounded(scenario()) == 0


def test_many_pictures_of_one_owner_at_a_host_do_not_hold_up_another() -> None:
    served: list[str] = []

    async def fetch_for(turns: HostRateLimiter, owner: str) -> None:
        cooldown_owner_var.set(owner)
        async with turns.slot("a.example", paced=False):
            served.append(owner)
            await asyncio.sleep(0)

    async def scenario() -> None:
        turns = HostRateLimiter(max_concurrent=2, max_per_s=50.0)
        async with asyncio.TaskGroup() as group:
            for owner in ["hog"] * 100 + ["other"] * 5:
                group.create_task(fetch_for(turns, owner))

    run_bounded(scenario())
    assert len(served) == 105
    assert [n for n, owner in enumerate(served) if owner == "other"][-1] <= 14


def test_a_redirect_takes_its_turn_at_the_host_it_leads_to() -> None:
    async def scenario() -> list[str]:
        names = ("a.test", "b.test")
        policy = FetchPolicy(max_bytes=1000, allow=names, per_host=1, total_s=3.0)
        replies: dict[str, bytes] = {"/": b"", "/picture": OK_RESPONSE}
        table = TableResolver({name: ["127.0.0.1"] for name in names})
        async with run_server(replies) as server, Fetcher(policy, table) as fetcher:
            to = f"http://b.test:{server.port}/picture"
            replies["/"] = empty_response("302 X", f"Location: {to}")
            came = await asyncio.gather(
                *(fetcher.fetch(f"http://a.test:{server.port}/") for _ in range(5)),
                *(fetcher.fetch(to) for _ in range(5)),
                return_exceptions=True,
            )
            return [type(each).__name__ for each in came]

    assert run_bounded(scenario()) == ["bytes"] * 10


def test_errors_are_all_ours() -> None:
    """Whatever happens in a queue is told as what a caller can act on."""

    async def scenario() -> set[type[BaseException]]:
        policy = replace(LOOPBACK_POLICY, per_host=1, total_s=0.1)
        replies = {"/": [empty_response("503 X", "Retry-After: 1"), OK_RESPONSE]}
        async with run_server(replies) as server, Fetcher(policy) as fetcher:
            came = await asyncio.gather(
                *(fetcher.fetch(server.url()) for _ in range(20)), return_exceptions=True
            )
            return {type(each) for each in came if isinstance(each, BaseException)}

    assert all(issubclass(kind, RequestError) for kind in run_bounded(scenario()))


def test_a_place_is_taken_after_the_hosts_turn_and_its_wait_is_held_against_nobody() -> None:
    """Who waits for a slow host holds no place; a busy service makes no host too slow."""

    class SlowPlace:
        def __init__(self) -> None:
            self.taken = 0

        async def take(self) -> None:
            self.taken += 1
            await asyncio.sleep(0.3)

    async def scenario() -> tuple[int, bytes]:
        policy = replace(LOOPBACK_POLICY, per_host=1, max_wait_s=5.0, total_s=0.2)
        place = SlowPlace()
        fetch_place_var.set(place)
        async with run_server({"/": OK_RESPONSE}) as server, Fetcher(policy) as fetcher:
            slot = fetcher._rate_limiter.slot("127.0.0.1", paced=False)
            async with slot:
                waiting = asyncio.create_task(fetcher.fetch(server.url()))
                await asyncio.sleep(0.05)
                before = place.taken
            return before, await waiting

    assert run_bounded(scenario()) == (0, PICTURE)
