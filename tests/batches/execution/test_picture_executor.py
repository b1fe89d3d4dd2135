"""The gate before the analyses: many together, or one alone."""

from __future__ import annotations

import asyncio

from app.batches.execution.picture_executor import SharedLock


def test_a_writer_excludes_others_and_nobody_starves() -> None:
    async def run() -> list[str]:
        lock, inside, finished = SharedLock(), set[str](), list[str]()

        async def passes(name: str, is_writer: bool) -> None:
            async with lock.write() if is_writer else lock.read():
                inside.add(name)
                assert (
                    inside == {name}
                    if is_writer
                    else not any(n.startswith("alone") for n in inside)
                )
                await asyncio.sleep(0.001)
                finished.append(name)
                inside.discard(name)

        tasks = [passes(f"alone {n}" if n % 5 == 0 else f"many {n}", n % 5 == 0) for n in range(40)]
        await asyncio.wait_for(asyncio.gather(*tasks), 10)
        return finished

    assert len(asyncio.run(run())) == 40


def test_those_who_have_waited_for_one_alone_go_before_the_next_one() -> None:
    """A list whose pictures go one by one, each alone, holds nobody up for longer than one."""

    async def run() -> list[str]:
        lock, order = SharedLock(), list[str]()

        async def alone() -> None:
            for _ in range(20):
                async with lock.write():
                    order.append("alone")
                    await asyncio.sleep(0)

        async def together() -> None:
            for _ in range(5):
                async with lock.read():
                    order.append("together")
                    await asyncio.sleep(0)

        await asyncio.wait_for(asyncio.gather(alone(), alone(), together()), 10)
        return order

    order = asyncio.run(run())
    last = max(n for n, each in enumerate(order) if each == "together")
    assert order[: last + 1].count("alone") <= 7


def test_one_who_leaves_while_waiting_holds_nobody_up() -> None:
    async def run() -> None:
        lock = SharedLock()

        async def hold(started: asyncio.Event, *, alone: bool) -> None:
            async with lock.write() if alone else lock.read():
                started.set()
                await asyncio.sleep(3600)

        first, never = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(first, alone=True))
        await first.wait()
        leaver = asyncio.create_task(hold(never, alone=False))
        await asyncio.sleep(0)
        holder.cancel()
        leaver.cancel()
        async with asyncio.timeout(1), lock.write():
            pass
        async with asyncio.timeout(1), lock.read():
            pass
        assert not never.is_set()

    asyncio.run(run())
