"""Waits in virtual time that need no cancel scope: they end when, and in the order in which, trio's own would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

import pytest
import trio

from gapless.simserver import run_deterministic
from gapless.simserver.determinism import VirtualClock
from gapless.simserver.loop import TRIO
from gapless.simserver.network.streams import MemoryConnection

Sleep = Callable[[float], Awaitable[None]]


def order(sleep: Sleep, seed: int) -> list[tuple[float, str]]:
    """When tasks with different pauses wake, some of them canceled, and in which order."""
    woken: list[tuple[float, str]] = []

    async def one(name: str, pause_s: float, limit_s: float) -> None:
        with trio.move_on_after(limit_s):
            for _ in range(5):
                await sleep(pause_s)
                woken.append((trio.current_time(), name))
        woken.append((trio.current_time(), f"{name} ends"))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(12):
                # Many ties: of pauses with one another, and with the limits.
                nursery.start_soon(one, f"task {number}", 0.25 * (number % 4), inf if number % 3 else 0.5)

    run_deterministic(main, seed=seed)
    return woken


@pytest.mark.parametrize("seed", range(5))
def test_a_sleep_wakes_in_the_order_in_which_trio_would_wake(seed: int) -> None:
    assert order(TRIO.sleep, seed) == order(trio.sleep, seed)


def in_virtual_time(function: Callable[[], Awaitable[Any]]) -> Any:
    return run_deterministic(function, seed=0)


def test_a_canceled_sleep_does_not_move_the_clock() -> None:
    async def main() -> float:
        with trio.move_on_after(1):
            await TRIO.sleep(1000)
        await TRIO.sleep(2)
        return trio.current_time()

    assert in_virtual_time(main) == 3


def test_a_wait_that_is_woken_says_so_and_leaves_no_timer() -> None:
    async def main() -> tuple[bool, bool, float]:
        notifier = TRIO.notifier()
        async with trio.open_nursery() as nursery:

            async def wake() -> None:
                await trio.sleep(1)
                notifier.wake()

            nursery.start_soon(wake)
            early = bool(await notifier.wait(50.0))
        late = bool(await notifier.wait(7.0))
        return early, late, trio.current_time()

    assert in_virtual_time(main) == (False, True, 7.0)


def test_waking_a_task_whose_time_has_just_come_wakes_it_once() -> None:
    async def main() -> list[float]:
        notifier, woken = TRIO.notifier(), []

        async def wait() -> None:
            await notifier.wait(1.0)
            woken.append(trio.current_time())

        async def wake() -> None:
            await TRIO.sleep(1)
            notifier.wake()

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wake)
            nursery.start_soon(wait)
        assert not notifier.awaited
        return woken

    for seed in range(10):
        assert run_deterministic(main, seed=seed) == [1.0]


def test_a_scope_and_a_wait_in_it_that_end_at_one_time_end_by_the_scope() -> None:
    async def main() -> tuple[bool, float]:
        with trio.move_on_at(2.0) as scope:
            await TRIO.notifier().wait(2.0)
        return scope.cancelled_caught, trio.current_time()

    assert in_virtual_time(main) == (True, 2.0)


def test_a_read_without_data_ends_at_its_time() -> None:
    async def main() -> tuple[bytes, float]:
        connection = MemoryConnection(1)
        with pytest.raises(trio.TooSlowError):
            await connection.client.receive_some(until_s=3.0)
        connection.down.write(b"x")
        return await connection.client.receive_some(until_s=4.0), trio.current_time()

    assert in_virtual_time(main) == (b"x", 3.0)


def test_outside_virtual_time_the_loop_waits_as_trio_does() -> None:
    async def main() -> bool:
        await TRIO.sleep(0.001)
        return bool(await TRIO.notifier().wait(trio.current_time() + 0.001))

    assert trio.run(main)


def test_turns_are_counted_within_one_instant_and_from_the_watch_on() -> None:
    async def main() -> tuple[int, int]:
        clock, spins = trio.lowlevel.current_clock(), []
        assert isinstance(clock, VirtualClock)
        clock.watch(10, lambda: spins.append(clock.turns))
        for _ in range(3):
            for _ in range(8):
                await trio.lowlevel.checkpoint()
            await trio.sleep(1)
        few = len(spins)
        for _ in range(30):
            await trio.lowlevel.checkpoint()
        clock.unwatch()
        return few, len(spins)

    assert in_virtual_time(main) == (0, 1)
