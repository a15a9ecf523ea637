"""The same scenarios on both clocks: in lockstep, and on a real port in real time. The outcomes have to be the same.

The scenarios are in `scenarios/`: races of the catalog, made short enough for real time, and matched by ordinals
rather than by time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from gapless.scenarios.checking.check import check
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.lockstep.client import factory
from gapless.scenarios.running.runner import RunRequest, perform
from tests.interop import environments
from tests.interop.lockstep_table import HOLDS, Cell, cell_of, filled
from tests.interop.subjects import WEBSOCKETS, subjects

SCENARIOS = Path(__file__).with_name("scenarios")
SHORT = ("late-tail", "stop-hook-veto", "idle-while-initialising", "lost-frame", "lost-final-snapshot")
CUT = "disconnect-in-mid-run"

# Where the clocks differ for a reason, by the client and the scenario.
REASONS: dict[tuple[str, str], str] = {}


@dataclass(frozen=True, slots=True)
class Pair:
    """One scenario on both clocks. fired: whether each fault acted in real time; reason: why they may differ."""

    client: str
    scenario: str
    generation: str
    virtual: Cell
    real: Cell
    fired: bool
    reason: str = ""

    @property
    def agrees(self) -> bool:
        """Do both clocks come to the same verdict, the same lost events, and the same return?"""
        return (self.virtual.verdict, self.virtual.outcome) == (self.real.verdict, self.real.outcome)

    @property
    def wrong(self) -> str | None:
        """A difference without a reason, in a sentence; None without one. What did not fire says nothing."""
        if self.agrees or self.reason or not self.fired:
            return None
        virtual, real = (f"{one.verdict} ({one.outcome})" for one in (self.virtual, self.real))
        where = f"{self.client}, {self.scenario}, {self.generation}"
        return f"{where}: {virtual} in virtual time, {real} in real time"


def clients(release: str) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """Name, command and generation: the published SDK, and the example on websockets."""
    sdk = subjects(release)[0]
    return (
        (sdk.name, sdk.command, "tree"),
        (WEBSOCKETS.name, WEBSOCKETS.command, "session"),
    )


async def measure(release: str, progress: Callable[[str], object]) -> list[Pair]:
    """All pairs, one after the other: in real time, what runs beside them is in the way."""
    os.environ.update(environments.QUIET)
    pairs = []
    for name, command, generation in clients(release):
        for scenario in (*SHORT, CUT):
            pair = await _pair(name, command, generation, scenario)
            pairs.append(pair)
            progress(
                f"both clocks, {name}, {scenario}: {'the same' if pair.agrees else pair.wrong or 'not comparable'}"
            )
    return pairs


async def _pair(name: str, command: Sequence[str], generation: str, scenario_name: str) -> Pair:
    scenario = load_file(SCENARIOS / f"{scenario_name}.toml")
    request = RunRequest(scenario, generation, "inclusive", name)
    blank = Cell(name, "", scenario_name, generation)
    checked = await check(request, command, show=lambda *_: None)
    log = ({"id": event_id, "kind": kind} for event_id, kind in checked.log)
    real = filled(blank, checked.record, read(checked.entries, log))
    virtual = await trio.to_thread.run_sync(lambda: cell_of(blank, perform(request, factory=factory(command))))
    fired = all(one.fired for one in checked.record.faults)
    return Pair(name, scenario_name, generation, virtual, real, fired, REASONS.get((name, scenario_name), ""))


__all__ = ["HOLDS", "Pair", "clients", "measure"]
