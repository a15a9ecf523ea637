"""Each release of the SDK through each scenario: lost events, calls, calls beside the optimum, seconds to return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.judging.evidence import RunCall, read
from gapless.scenarios.judging.oracles.budget import cost
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.judging.run_outcome import run_outcome
from gapless.scenarios.running.script_player import ScriptPlayer
from gapless.scenarios.running.world_setup import server_settings, workload
from gapless.simserver import Choices, SeededSource, World
from tests.interop.expectations import EXPECTED, IN_TIME_S_MAX, STALL_S, UNDERSTOOD, Expected, Return
from tests.interop.sdk_peer import Coming, SdkProcess, factory, sdk_process

SCENARIOS = Path(__file__).with_name("scenarios")
SCENARIO_S_MAX = 180.0


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one release in one scenario. calls: all counted ones; polls: those of them that ask for the status;
    return_s: of the run that returned latest after its end, or earliest before it; wrong: what was expected otherwise.
    """

    release: str
    generation: str
    scenario: str
    lost: int
    calls: int
    polls: int
    optimum: int
    return_s: float | None
    expected: Expected
    wrong: tuple[str, ...]


async def measure(release: str, log_directory: Path, progress: Callable[[str], object]) -> list[Row]:
    """All rows of one release, in the order of its expectations; a process for each generation, at the same time."""
    rows: dict[tuple[str, Expected], Row] = {}

    async def lane(generation: str, wanted: Sequence[Expected]) -> None:
        log = log_directory / f"sdk-{release}-{generation}.log"
        async with sdk_process(release, log) as sdk:
            if sdk.version != release:
                raise RuntimeError(f"the environment of {release} holds openhands-sdk {sdk.version}")
            for expected in wanted:
                row = await _one(sdk, release, generation, expected)
                rows[generation, expected] = row
                progress(f"sdk {release}, {generation}, {expected.scenario}: {'; '.join(row.wrong) or 'as expected'}")

    lanes = _lanes(release)
    async with trio.open_nursery() as nursery:
        for generation, wanted in lanes:
            nursery.start_soon(lane, generation, wanted)
    return [rows[generation, expected] for generation, wanted in lanes for expected in wanted]


def _lanes(release: str) -> list[tuple[str, list[Expected]]]:
    """What is run in each generation: all that is expected of those it understands, and what names one itself."""
    expected, understood = EXPECTED[release], UNDERSTOOD[release]
    lanes = [(generation, [one for one in expected if one.generation is None]) for generation in understood]
    return lanes + [(one.generation, [one]) for one in expected if one.generation is not None]


async def _one(sdk: SdkProcess, release: str, generation: str, expected: Expected) -> Row:
    scenario = load_file(SCENARIOS / f"{expected.scenario}.toml")
    world = World(
        server_settings(scenario, generation, "inclusive"),
        workload(scenario),
        scenario.faults,
        Choices(SeededSource(0)),
    )
    with trio.fail_after(SCENARIO_S_MAX):
        await ScriptPlayer(world, scenario, seed=0).perform(factory(world, sdk, _coming(expected.scenario)))
    entries = world.journal.entries
    case = Case(read(entries, world.agent.log), generation, scenario.expect, scenario.budget)
    polled = f"/api/conversations/{world.conversation_id}"
    polls = sum(
        (entry.place, entry.what) == ("rest", "request")
        and (entry.fields["method"], entry.fields["path"]) == ("GET", polled)
        for entry in entries
    )
    spent = cost(case)
    row = Row(
        release,
        generation,
        expected.scenario,
        run_outcome(case).lost_events,
        spent.calls,
        polls,
        spent.optimum_calls,
        _return_s(case.evidence.runs),
        expected,
        (),
    )
    unfired = [fault.name for fault in world.fired() if not fault.fired]
    failed = [
        f"{step.step} {step.outcome}: {step.message}" for step in case.evidence.steps if step.outcome != "returned"
    ]
    wrong = (*failed, *(f"the fault {name} never fired" for name in unfired), *differences(row))
    return Row(**{name: getattr(row, name) for name in Row.__slots__} | {"wrong": wrong})


def _coming(scenario: str) -> Coming:
    if scenario == "reattach":
        return "existing, twice"
    return "new" if scenario in {"construct", "several-runs"} else "existing"


def _return_s(runs: Iterable[RunCall]) -> float | None:
    """Seconds from the end of a run to the return of ``run()``, the farthest from nought; negative: before the end."""
    waits = [
        run.step.ended_s - run.server_run.ended_s
        for run in runs
        if run.step.outcome == "returned"
        and run.step.ended_s is not None
        and run.server_run is not None
        and run.server_run.ended_s is not None
    ]
    return max(waits, key=abs, default=None)


def returned(return_s: float | None) -> Return | None:
    """In words; None where it is none of them."""
    if return_s is None:
        return None
    if return_s < 0:
        return "early"
    if return_s <= IN_TIME_S_MAX:
        return "in time"
    return "after 30 s" if STALL_S[0] <= return_s <= STALL_S[1] else None


def differences(row: Row) -> list[str]:
    """What came out otherwise than expected, one sentence each."""
    expected, found = row.expected, []
    if row.lost != expected.lost:
        found.append(f"{row.lost} events lost, {expected.lost} expected")
    if row.calls - row.polls != expected.reads:
        found.append(f"{row.calls - row.polls} reads, {expected.reads} expected")
    if returned(row.return_s) != expected.returns:
        found.append(f"run() returned {row.return_s} s after the run's end, expected {expected.returns}")
    return found
