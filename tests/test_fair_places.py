"""Owners in line for places; events decide the order here, not clocks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fair_places import FairPlaces

Work = Callable[[str], Awaitable[None]]


async def settle() -> None:
    """Let everybody go as far as he can."""
    for _ in range(5):
        await asyncio.sleep(0)


def serve_all(places: FairPlaces, lines: dict[str, int]) -> list[str]:
    """The order in which owners with so much work each are served, all of it in line at once."""
    served: list[str] = []

    async def work(owner: str) -> None:
        async with places.place(owner):
            served.append(owner)
            await asyncio.sleep(0)

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for owner, count in lines.items():
                for _ in range(count):
                    group.create_task(work(owner))

    asyncio.run(run())
    return served


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_owner_has_an_equal_part_while_it_has_work(count: int) -> None:
    served = serve_all(FairPlaces(count), {"hog": 200, "other": 20, "third": 20})
    assert Counter(served) == {"hog": 200, "other": 20, "third": 20}
    until_others_end = Counter(served[: max(n for n, who in enumerate(served) if who != "hog") + 1])
    assert until_others_end["hog"] <= 20 + count


def test_whoever_comes_later_is_next_although_many_wait() -> None:
    served: list[str] = []

    async def run() -> None:
        places = FairPlaces(1)

        async def work(owner: str) -> None:
            async with places.place(owner):
                served.append(owner)
                await asyncio.sleep(0)

        hog = [asyncio.create_task(work("hog")) for _ in range(20)]
        await settle()
        before = len(served)
        await asyncio.gather(*(asyncio.create_task(work("other")) for _ in range(3)), *hog)
        assert [n for n, owner in enumerate(served) if owner == "other"][-1] <= before + 6

    asyncio.run(run())


def test_one_owner_leaves_the_spare_places() -> None:
    async def run() -> None:
        places = FairPlaces(6, most=4)
        hog = [asyncio.create_task(places.acquire("hog")) for _ in range(9)]
        await settle()
        assert sum(each.done() for each in hog) == 4
        for _ in range(2):
            await asyncio.wait_for(places.acquire("other"), 1)
        third = asyncio.create_task(places.acquire("third"))
        await settle()
        assert not third.done()
        places.release("hog")
        await settle()
        assert third.done()  # with 3 the hog still holds most
        assert sum(each.done() for each in hog) == 4
        for each in hog:
            each.cancel()

    asyncio.run(run())


def test_whoever_leaves_leaves_no_place_taken() -> None:
    async def run() -> None:
        places = FairPlaces(1)
        await places.acquire("first")
        in_line = [asyncio.create_task(places.acquire("leaver")) for _ in range(3)]
        await settle()
        in_line[1].cancel()
        places.release("first")  # the first of them is served, and leaves at the same moment
        in_line[0].cancel()
        await settle()
        assert [each.cancelled() for each in in_line] == [True, True, False]
        places.release("leaver")
        await asyncio.wait_for(places.acquire("last"), 1)

    asyncio.run(run())


def test_whoever_comes_back_has_first_what_was_his_part_and_then_an_equal_one() -> None:
    served: list[str] = []

    async def work(places: FairPlaces, owner: str) -> None:
        async with places.place(owner):
            served.append(owner)
            await asyncio.sleep(0)

    async def run() -> None:
        places = FairPlaces(2, ahead=8)
        hog = [asyncio.create_task(work(places, "hog")) for _ in range(200)]
        for _ in range(10):
            await settle()
        assert 20 < len(served) < 100
        for expected_ahead in (8, 3):
            before = len(served)
            others = [asyncio.create_task(work(places, "other")) for _ in range(20)]
            await asyncio.gather(*others)
            order = served[before:]
            until_last = order[: max(n for n, each in enumerate(order) if each == "other") + 1]
            hogs = until_last.count("hog")
            assert 20 - expected_ahead - 4 <= hogs <= 20 - expected_ahead + 4
            await settle()
        await asyncio.gather(*hog)

    asyncio.run(run())


def test_many_with_little_work_each_do_not_shut_out_one_with_much() -> None:
    """Ten that come back at once after each picture, so that somebody of them is always in line."""
    served: Counter[str] = Counter()

    async def run() -> None:
        places = FairPlaces(1, ahead=32)

        async def work(owner: str) -> None:
            while served.total() < 1_100:
                async with places.place(owner):
                    served[owner] += 1
                    await asyncio.sleep(0)
                if owner != "hog":
                    await asyncio.sleep(0)

        hogs = ["hog"] * 20
        await asyncio.gather(
            *(work(owner) for owner in [*hogs, *(f"owner {n}" for n in range(10))])
        )
        assert served["hog"] >= 60

    asyncio.run(run())


def test_who_paused_is_remembered_no_longer_than_it_matters() -> None:
    async def run() -> None:
        places = FairPlaces(1, ahead=4)
        for n in range(100):
            async with places.place(f"owner {n}"):
                pass
        assert len(places._paused) <= 5

    asyncio.run(run())


def test_one_who_has_just_left_is_passed_over() -> None:
    """Its task learns of it only later, and may not be served in between."""

    async def run() -> None:
        places = FairPlaces(1)
        await places.acquire("first")
        leaver = asyncio.create_task(places.acquire("leaver"))
        other = asyncio.create_task(places.acquire("other"))
        await settle()
        leaver.cancel()
        places.release("first")
        await asyncio.wait_for(other, 1)
        await asyncio.gather(leaver, return_exceptions=True)
        places.release("other")
        await asyncio.wait_for(places.acquire("last"), 1)

    asyncio.run(run())


OWNERS = st.sampled_from("abc")
STEPS = st.lists(st.tuples(st.sampled_from(["come", "come", "end", "leave"]), OWNERS), max_size=60)


@given(STEPS, st.integers(1, 4), st.integers(1, 4))
def test_no_place_is_idle_or_given_to_one_who_holds_more(
    steps: list[tuple[str, str]], count: int, most: int
) -> None:
    async def run() -> None:
        places = FairPlaces(count, min(most, count))
        holding: Counter[str] = Counter()
        waiting: dict[str, list[asyncio.Task[None]]] = {owner: [] for owner in "abc"}
        for step, owner in steps:
            before = holding.copy()
            if step == "come":
                waiting[owner].append(asyncio.create_task(places.acquire(owner)))
            elif step == "end" and holding[owner]:
                holding[owner] -= 1
                places.release(owner)
            elif step == "leave" and waiting[owner]:
                waiting[owner].pop().cancel()
            await settle()
            for each, tasks in waiting.items():
                served = [task for task in tasks if task.done()]
                holding[each] += len(served)
                waiting[each] = [task for task in tasks if not task.done()]
                if served and step == "end":
                    others = [o for o in "abc" if waiting[o] and holding[o] < min(most, count)]
                    assert all(holding[each] <= holding[o] + 1 for o in others), before
            in_line = [o for o, tasks in waiting.items() if tasks]
            assert holding.total() <= count
            assert max(holding.values(), default=0) <= min(most, count)
            assert holding.total() == count or all(holding[o] == min(most, count) for o in in_line)
        for tasks in waiting.values():
            for task in tasks:
                task.cancel()

    asyncio.run(run())
