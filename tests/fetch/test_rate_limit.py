"""Politeness: few at once, not too fast, and a host that asks for rest has it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace

import pytest

from app.errors import AvatarError, FetchFailed, FetchTimeout
from app.fetch import Fetcher, FetchPolicy, Holds
from app.fetch.rate_limit import Places, Turns
from tests.fetch.servers import LOOPBACK, OK, PICTURE, Table, empty, run, serving

PATIENT = replace(LOOPBACK, patience_s=5.0, total_s=0.8)


async def slowly(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.1)
    writer.write(OK)
    await writer.drain()


def test_few_at_once_to_one_host() -> None:
    async def scenario() -> tuple[int, int]:
        policy = replace(LOOPBACK, per_host=3)
        async with serving({"/": slowly}) as server, Fetcher(policy) as fetcher:
            came = await asyncio.gather(*(fetcher.fetch(server.url()) for _ in range(12)))
            assert came == [PICTURE] * 12
            return server.at_once, len(server.requests)

    assert run(scenario()) == (3, 12)


def test_one_host_does_not_hold_up_another() -> None:
    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        names = ("slow.test", "quick.test")
        policy = FetchPolicy(max_bytes=1000, allow=names, per_host=2, total_s=1.0)
        table = Table({name: ["127.0.0.1"] for name in names})
        async with (
            serving({"/stuck": stuck, "/": OK}) as server,
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

    run(scenario())


def test_a_wait_for_a_turn_is_paid_by_patience_not_by_the_time_on_the_wire() -> None:
    async def scenario(policy: FetchPolicy) -> list[object]:
        async with serving({"/": slowly}) as server, Fetcher(policy) as fetcher:
            asked = (fetcher.fetch(server.url()) for _ in range(12))
            return list(await asyncio.gather(*asked, return_exceptions=True))

    one_by_one = replace(LOOPBACK, per_host=1, total_s=0.6)
    assert run(scenario(replace(one_by_one, patience_s=5.0))) == [PICTURE] * 12
    late = [each for each in run(scenario(one_by_one)) if each != PICTURE]
    assert {type(each) for each in late} == {FetchTimeout}
    assert len(late) >= 4


def test_patience_ends_too() -> None:
    async def stuck(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def scenario() -> float:
        policy = replace(LOOPBACK, per_host=1, total_s=0.2, patience_s=0.3)
        async with serving({"/": stuck}) as server, Fetcher(policy) as fetcher:
            began = time.monotonic()
            came = await asyncio.gather(
                *(fetcher.fetch(server.url()) for _ in range(9)), return_exceptions=True
            )
            assert {type(each) for each in came} == {FetchTimeout}
            return time.monotonic() - began

    assert run(scenario()) > 0.4


@pytest.mark.parametrize("status", ["429 X", "503 X"])
def test_a_host_that_asked_for_rest_is_not_asked_again(status: str) -> None:
    async def scenario() -> None:
        replies = {"/": empty(status, "Retry-After: 60"), "/other": OK}
        async with serving(replies) as server, Fetcher(LOOPBACK) as fetcher:
            with pytest.raises(FetchFailed) as first:
                await fetcher.fetch(server.url())
            assert first.value.upstream_status == int(status[:3])
            assert first.value.retry_after_s == 60.0
            with pytest.raises(FetchFailed, match="left alone") as second:
                await fetcher.fetch(server.url("/other"))
            assert second.value.retryable
            assert second.value.retry_after_s == pytest.approx(60.0, abs=10.0)
            assert len(server.requests) == 1

    run(scenario())


def test_a_503_that_names_no_time_holds_nobody_and_a_429_does_for_a_moment() -> None:
    async def scenario() -> list[int]:
        seen = []
        for status in ("503 X", "429 X"):
            replies = {"/": empty(status), "/other": OK}
            async with serving(replies) as server, Fetcher(LOOPBACK) as fetcher:
                for path in ("/", "/other"):
                    with contextlib.suppress(FetchFailed):
                        await fetcher.fetch(server.url(path))
                seen.append(len(server.requests))
        return seen

    assert run(scenario()) == [2, 1]


def test_the_patient_wait_and_ask_again() -> None:
    async def scenario() -> float:
        replies = {"/": [empty("429 X", "Retry-After: 1"), OK], "/other": [OK]}
        async with serving(replies) as server, Fetcher(PATIENT) as fetcher:
            began = time.monotonic()
            first = asyncio.create_task(fetcher.fetch(server.url()))
            await asyncio.sleep(0.2)
            assert await fetcher.fetch(server.url("/other")) == PICTURE
            assert await first == PICTURE
            assert len(server.requests) == 3
            return time.monotonic() - began

    assert run(scenario()) > 0.95


def test_the_patient_do_not_wait_longer_than_they_are() -> None:
    async def scenario() -> None:
        replies = {"/": empty("503 X", "Retry-After: 60")}
        async with serving(replies) as server, Fetcher(PATIENT) as fetcher:
            for _ in range(2):
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.fetch(server.url())
                assert caught.value.retryable
                assert caught.value.retry_after_s is not None
            assert len(server.requests) == 1

    run(scenario())


def test_a_host_that_always_asks_for_a_little_rest_is_left_after_a_few_times() -> None:
    async def scenario() -> int:
        replies = {"/": empty("429 X", "Retry-After: 0")}
        async with serving(replies) as server, Fetcher(PATIENT) as fetcher:
            with pytest.raises(FetchFailed):
                await fetcher.fetch(server.url())
            return len(server.requests)

    assert run(scenario()) <= 3


def test_all_fetchers_of_a_process_know_who_rests() -> None:
    async def scenario() -> int:
        holds = Holds()
        replies = {"/": empty("429 X", "Retry-After: 60")}
        async with (
            serving(replies) as server,
            Fetcher(LOOPBACK, holds=holds) as one,
            Fetcher(LOOPBACK, holds=holds) as other,
        ):
            for fetcher in (one, other):
                with pytest.raises(FetchFailed):
                    await fetcher.fetch(server.url())
            return len(server.requests)

    assert run(scenario()) == 1


def test_holds_end_are_not_shortened_and_are_bounded() -> None:
    now = [100.0]
    holds = Holds(clock=lambda: now[0], most=3)
    holds.hold("a", 10.0)
    holds.hold("a", 2.0)
    assert holds.left_s("a") == 10.0
    assert holds.left_s("b") == 0.0
    now[0] += 10.0
    assert holds.left_s("a") == 0.0
    assert len(holds) == 0
    for n in range(1000):
        holds.hold(str(n), 5.0)
    assert len(holds) == 3
    assert holds.left_s("999") == 5.0


def test_strangers_are_paced_and_the_operators_own_are_not() -> None:
    async def spent(paced: bool) -> float:
        turns = Turns(each=2, per_s=50.0)
        began = time.monotonic()

        async def one() -> None:
            async with turns.turn("a", paced=paced):
                pass

        await asyncio.gather(*(one() for _ in range(22)))
        return time.monotonic() - began

    slow = run(spent(paced=True))
    assert slow > 0.3  # 22 less a first handful, at 50 a second
    assert run(spent(paced=False)) < slow


def test_nothing_is_kept_of_hosts_without_end() -> None:
    async def scenario() -> int:
        turns = Turns(each=2, per_s=1e6, most=10)
        for n in range(1000):
            async with turns.turn(f"{n}.example", paced=True):
                pass
        return len(turns)

    assert run(scenario()) <= 10


def test_a_place_is_given_back_by_whoever_gave_up_waiting() -> None:
    async def scenario() -> int:
        places = Places(1)
        await places.take("a")
        waiting = asyncio.create_task(places.take("a"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        places.leave("a")
        await asyncio.wait_for(places.take("a"), 5.0)
        places.leave("a")
        return len(places)

    assert run(scenario()) == 0


def test_a_redirect_takes_its_turn_at_the_host_it_leads_to() -> None:
    async def scenario() -> list[str]:
        names = ("a.test", "b.test")
        policy = FetchPolicy(max_bytes=1000, allow=names, per_host=1, total_s=3.0)
        replies: dict[str, bytes] = {"/": b"", "/picture": OK}
        table = Table({name: ["127.0.0.1"] for name in names})
        async with serving(replies) as server, Fetcher(policy, table) as fetcher:
            to = f"http://b.test:{server.port}/picture"
            replies["/"] = empty("302 X", f"Location: {to}")
            came = await asyncio.gather(
                *(fetcher.fetch(f"http://a.test:{server.port}/") for _ in range(5)),
                *(fetcher.fetch(to) for _ in range(5)),
                return_exceptions=True,
            )
            return [type(each).__name__ for each in came]

    assert run(scenario()) == ["bytes"] * 10


def test_errors_are_all_ours() -> None:
    """Whatever happens in a queue is told as what a caller can act on."""

    async def scenario() -> set[type[BaseException]]:
        policy = replace(LOOPBACK, per_host=1, total_s=0.1)
        replies = {"/": [empty("503 X", "Retry-After: 1"), OK]}
        async with serving(replies) as server, Fetcher(policy) as fetcher:
            came = await asyncio.gather(
                *(fetcher.fetch(server.url()) for _ in range(20)), return_exceptions=True
            )
            return {type(each) for each in came if isinstance(each, BaseException)}

    assert all(issubclass(kind, AvatarError) for kind in run(scenario()))
