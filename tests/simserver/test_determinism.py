"""The same seed gives the same journal: in one process, in another, and under another hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed

from gapless.simserver import (
    AgentWorkload,
    Choices,
    ConfigError,
    SeededSource,
    ServerSettings,
    TapeError,
    TapeSource,
    World,
    pairs,
    parse_fault,
    run_deterministic,
)
from gapless.simserver.determinism import VirtualClock
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.waiting import Notifier, sleep
from tests.simserver.visiting import Visit, is_snapshot, visit

Sleep = Callable[[float], Awaitable[None]]


def busy_world(seed: int, choices: Choices | None = None) -> World:
    """Two sockets, REST at the same instants, faults that draw: everything that could differ between runs."""

    async def script(v: Visit) -> None:
        first, second = await v.socket(), await v.socket("?after_seq=3")
        await v.send(run=True)

        async def page() -> None:
            for _ in range(5):
                await v.search(limit=7)
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(page)
            nursery.start_soon(first.until, is_snapshot("finished"))
            nursery.start_soon(second.until, is_snapshot("finished"))

    faults = [
        parse_fault({"kind": "link-latency", "latency_s": 0.001, "jitter_s": 0.01}),
        parse_fault({"kind": "event-delay", "delay_s": 0.02, "match": {"durable": True, "probability": 0.3}}),
        parse_fault({"kind": "event-duplicate", "match": {"durable": True, "probability": 0.3}}),
    ]
    workload = AgentWorkload(history_events=10, runs=(pairs(5, step_s=0.01),))
    world = World(ServerSettings(), workload, faults, choices or Choices(SeededSource(seed)))
    return visit(world, script, seed=seed)


STORM = (
    {"kind": "publish-before-persist", "lag_s": 0.03, "match": {"probability": 0.2}},
    {"kind": "publish-never-persist", "match": {"kind": "ObservationEvent", "probability": 0.2}},
    {"kind": "corrupt-record", "match": {"kind": "ActionEvent", "probability": 0.3}},
    {"kind": "delta-flood", "frames": 20, "match": {"probability": 0.3}},
    {"kind": "stop-hook-veto", "after_s": 0.05, "match": {"nth": 1}},
    {"kind": "late-tail", "events": 2},
    {"kind": "snapshot-stale", "stale_s": 0.02, "match": {"probability": 0.5}},
    {"kind": "link-bandwidth", "bytes_per_s": 50_000},
    {"kind": "link-latency", "latency_s": 0.001, "jitter_s": 0.01},
    {"kind": "link-cut", "match": {"connection": 1, "kind": "ActionEvent", "nth": 2}},
    {"kind": "subscription-lost", "match": {"connection": 2, "kind": "ActionEvent", "nth": 3}},
    {"kind": "link-half-open", "at_s": 1.4},
    {"kind": "link-handshake-hang", "hang_s": 0.05, "match": {"probability": 0.5}},
    {"kind": "queue-overflow", "frames_max": 5, "then": "drop", "match": {"probability": 0.1}},
    {"kind": "rest-reset", "when": "after", "match": {"call": "search", "probability": 0.1}},
    {"kind": "rest-stale", "lag_s": 0.05, "match": {"probability": 0.3}},
    {"kind": "rest-page-cap", "items_max": 4, "match": {"probability": 0.3}},
    {"kind": "rest-cursor-loop", "match": {"probability": 0.1}},
    {"kind": "rest-empty-page", "match": {"probability": 0.2}},
    {"kind": "clock-step", "at_s": 0.1, "step_s": -3600},
    {"kind": "clock-ties", "at_s": 0.2, "resolution_s": 0.1},
    {"kind": "server-restart", "at_s": 1.5, "down_s": 0.1},
    {"kind": "log-truncate", "at_s": 1.55, "events": 5},
)


def stormy_world(seed: int) -> World:
    """The kinds of fault that came after the first set, all at once."""

    async def page(v: Visit) -> None:
        for number in range(30):
            with suppress(httpx.TransportError):
                await v.search(limit=7, page_id=v.world.agent.log.id_at(number % 10))
                await v.get("/events/count")
            await trio.sleep(0.05)

    async def listen(v: Visit) -> None:
        with suppress(ConnectionClosed):
            await (await v.socket("?after_seq=3")).for_seconds(2)

    async def script(v: Visit) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(listen, v)
            nursery.start_soon(page, v)
            await v.send(run=True)
        v.world.heal()
        await trio.sleep(1)

    faults = [parse_fault(one) for one in STORM]
    workload = AgentWorkload(history_events=10, runs=(pairs(8, step_s=0.03),))
    return visit(World(ServerSettings(), workload, faults, Choices(SeededSource(seed))), script, seed=seed)


def test_a_storm_of_all_later_faults_is_the_same_storm_again() -> None:
    worlds = [stormy_world(seed) for seed in (1, 2, 3)]
    assert [stormy_world(seed).journal.digest() for seed in (1, 2, 3)] == [one.journal.digest() for one in worlds]
    fired = {count.kind for world in worlds for count in world.fired() if count.fired}
    assert fired == {one["kind"] for one in STORM}


def test_the_same_seed_gives_the_same_journal() -> None:
    once, again = busy_world(7), busy_world(7)
    assert list(once.journal.lines()) == list(again.journal.lines())
    assert once.journal.digest() == again.journal.digest()


def test_another_seed_gives_another_journal() -> None:
    assert busy_world(7).journal.digest() != busy_world(8).journal.digest()


def test_a_tape_replays_the_run() -> None:
    world = busy_world(7)
    replayed = busy_world(7, Choices(TapeSource(world.choices.tape)))
    assert replayed.journal.digest() == world.journal.digest()
    assert replayed.choices.tape == world.choices.tape


def test_another_process_with_another_hash_seed_gives_the_same_journal() -> None:
    program = "from tests.simserver.test_determinism import busy_world as busy, stormy_world as stormy\n"
    program += "print(busy(7).journal.digest(), stormy(7).journal.digest())"

    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert result.stdout.strip() == f"{busy_world(7).journal.digest()} {stormy_world(7).journal.digest()}"


def test_the_schedule_follows_the_seed() -> None:
    def order(seed: int) -> str:
        ran: list[str] = []

        async def one(name: str) -> None:
            await trio.lowlevel.checkpoint()
            ran.append(name)

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                for name in "abcdefgh":
                    nursery.start_soon(one, name)

        run_deterministic(main, seed=seed)
        return "".join(ran)

    assert order(1) == order(1)
    assert len({order(seed) for seed in range(10)}) > 5


def test_the_scheduler_is_put_back_as_it_was() -> None:
    core = trio._core._run
    before = core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()

    async def fail() -> None:
        await trio.sleep(1e9)
        raise KeyError

    with pytest.raises(KeyError):
        run_deterministic(fail, seed=1)
    assert (core._ALLOW_DETERMINISTIC_SCHEDULING, core._r.getstate()) == before


def test_a_day_takes_no_time() -> None:
    async def main() -> float:
        with trio.move_on_after(86_400):
            await trio.sleep_forever()
        return trio.current_time()

    assert run_deterministic(main, seed=1) == 86_400


def test_a_dead_connection_does_not_wait_for_the_wall_clock() -> None:
    async def main() -> None:
        world = World()
        async with world.running(), httpx.AsyncClient(transport=world.connections.http_transport()) as http:
            for _ in range(3):
                assert (await http.get("http://agent.test/health")).json() == {"status": "ok"}
                await trio.sleep(86_400)  # neither side's keep-alive runs out
            assert len(world.connections) == 1

    run_deterministic(main, seed=1)


# --- waits in virtual time, which need no cancel scope -----------------------------------------------------------


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
    assert order(sleep, seed) == order(trio.sleep, seed)


def in_virtual_time(function: Callable[[], Awaitable[Any]]) -> Any:
    return run_deterministic(function, seed=0)


def test_a_canceled_sleep_does_not_move_the_clock() -> None:
    async def main() -> float:
        with trio.move_on_after(1):
            await sleep(1000)
        await sleep(2)
        return trio.current_time()

    assert in_virtual_time(main) == 3


def test_a_wait_that_is_woken_says_so_and_leaves_no_timer() -> None:
    async def main() -> tuple[bool, bool, float]:
        notifier = Notifier()
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
        notifier, woken = Notifier(), []

        async def wait() -> None:
            await notifier.wait(1.0)
            woken.append(trio.current_time())

        async def wake() -> None:
            await sleep(1)
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
            await Notifier().wait(2.0)
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
        await sleep(0.001)
        return bool(await Notifier().wait(trio.current_time() + 0.001))

    assert trio.run(main)


def test_turns_are_counted_within_one_instant_and_from_the_watch_on() -> None:
    async def main() -> tuple[int, int]:
        clock, spins = trio.lowlevel.current_clock(), []
        assert isinstance(clock, VirtualClock)

        def on_spin() -> None:
            spins.append(clock.turns)

        clock.watch(10, on_spin)
        for _ in range(3):
            for _ in range(8):
                await trio.lowlevel.checkpoint()
            await trio.sleep(1)
        few = len(spins)
        for _ in range(30):
            await trio.lowlevel.checkpoint()
        clock.unwatch(on_spin)
        return few, len(spins)

    assert in_virtual_time(main) == (0, 1)


# --- choices ------------------------------------------------------------------------------------------------


def test_a_stream_does_not_shift_another() -> None:
    alone, together = Choices(SeededSource(1)), Choices(SeededSource(1))
    together.integer("other", 0, 9)
    assert [alone.number("mine", 0, 1) for _ in range(5)] == [together.number("mine", 0, 1) for _ in range(5)]


def test_what_has_one_outcome_draws_nothing() -> None:
    choices = Choices(SeededSource(1))
    assert (choices.integer("s", 3, 3), choices.number("s", 2.0, 2.0), choices.pick("s", "x")) == (3, 2.0, "x")
    assert (choices.chance("s", 0), choices.chance("s", 1)) == (False, True)
    assert choices.tape == {}


def test_an_exhausted_tape_says_which_stream_and_draw() -> None:
    choices = Choices(TapeSource({"s": [1]}))
    assert choices.integer("s", 0, 9) == 1
    with pytest.raises(TapeError, match=r"choice 2 of stream 's': the tape ends after 1 value"):
        choices.integer("s", 0, 9)


def test_a_value_out_of_range_is_refused() -> None:
    with pytest.raises(TapeError, match="5 is not between 0 and 3"):
        Choices(TapeSource({"s": [5]})).integer("s", 0, 3)
    with pytest.raises(TapeError, match=r"1.5 is not an integer"):
        Choices(TapeSource({"s": [1.5]})).integer("s", 0, 3)


def test_a_choice_from_another_range_is_refused_though_its_value_would_do() -> None:
    drawn = Choices(SeededSource(1))
    for high in (9, 9, 4):
        drawn.integer("s", 0, high)
    assert drawn.ranges == {"s": [(0, 9, 2), (0, 4, 1)]}
    again = Choices(TapeSource({"s": [1, 2, 3]}, drawn.ranges))
    again.integer("s", 0, 9)
    with pytest.raises(
        TapeError, match=r"choice 2 of stream 's': it was drawn from 0\.\.9, and is now asked from 0\.\.4"
    ):
        again.integer("s", 0, 4)


def test_values_left_on_the_tape_are_a_misfit() -> None:
    source = TapeSource({"s": [1, 2, 3], "t": [1]})
    choices = Choices(source)
    choices.integer("t", 0, 9)
    choices.integer("s", 0, 9)
    with pytest.raises(
        TapeError, match="choice 2 of stream 's': it was never asked for, and the tape has 2 values left"
    ):
        source.check_used_up()
    choices.integer("s", 0, 9), choices.integer("s", 0, 9)
    source.check_used_up()


def test_an_empty_range_is_the_callers_mistake() -> None:
    with pytest.raises(ConfigError):
        Choices(SeededSource(1)).integer("s", 2, 1)
    with pytest.raises(ConfigError):
        Choices(SeededSource(1)).pick("s", [])
