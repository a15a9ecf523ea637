"""Parity: whether a run has the same result at the model level and at the wire level.

Two runs of one request and tape, one at each level, *agree* when they have the same verdict, make the same claims at
each return of ``run()``, and have delivered the same events, identified by their places in the log.

The order of things that happen at the same time depends on a seed: of trio's scheduler at the wire, of the order of
ready tasks at the model. Each level is run under its first schedule. If these disagree, more schedules are run, up to
`SCHEDULES_MAX`. Parity holds when one run of one level agrees with one run of the other.

Four kinds of scenario are not compared:

- Faults that act on chunks of bytes (`BYTEWISE`). A message is one chunk at the model and many at the wire, so these
  faults draw different numbers from the tape and take different times.
- Those in which the client is suspended, or killed and opened again: the model level has neither.
- Those in which the client reads the history: a machine has none.
- Restarts. They reset what is in progress. An exchange that takes no time is many steps at the wire and few at the
  model, so at the wire a reset can strike between steps that the model does not have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gapless.scenarios.definition.scenario import Restart, Scenario, Suspend
from gapless.scenarios.running.runner import RunRequest, RunResult, perform

BYTEWISE = frozenset({"link-latency", "link-bandwidth", "queue-overflow"})
RESTARTS = frozenset({"server-restart", "runtime-asleep"})
SCHEDULES_MAX = 12


def _freezes_or_kills(scenario: Scenario) -> bool:
    """Whether the client is suspended, or killed and opened again. The model level has neither."""
    frozen = any(isinstance(step, Suspend) or step == "reopen" for step in scenario.script)
    return frozen or any(one.suspend_s is not None for one in scenario.workload.background)


_SAID = ("complete", "covers", "proof", "status")

Claimed = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CameTo:
    """The result of a run: the verdict, the claims at each return, and the delivered events by place in the log."""

    verdict: str
    claims: tuple[Claimed, ...]
    delivered: tuple[str, ...]

    @classmethod
    def of(cls, result: RunResult) -> CameTo:
        """Extract it from a result."""
        entries = [json.loads(line) for line in result.lines]
        mine = [entry for entry in entries if entry["place"] == "client"]
        appended = [entry for entry in entries if (entry["place"], entry["what"]) == ("log", "append")]
        # Ids are not compared: they also count snapshots, and the number of greetings depends on the client's jitter.
        names = {entry["id"]: f"{entry['kind']} no. {number}" for number, entry in enumerate(appended)}
        delivered = [entry["id"] for entry in mine if entry["what"] == "delivered"]
        claims = [entry for entry in mine if entry["what"] == "run-returned"]
        return cls(
            verdict=str(result.record.verdict),
            claims=tuple(tuple(entry.get(name) for name in _SAID) for entry in claims),
            delivered=tuple(sorted(names.get(one, one) for one in delivered)),
        )


@dataclass(frozen=True, slots=True)
class Parity:
    """Whether the levels agree. schedules: how many were run at each level; model, wire: the first result of each."""

    agrees: bool
    schedules: int
    model: CameTo
    wire: CameTo


def is_comparable(request: RunRequest) -> bool:
    """Whether the levels have to agree on a run."""
    scenario = request.scenario
    if "history" in scenario.script:
        return False
    if any(isinstance(step, Restart) for step in scenario.script) or _freezes_or_kills(scenario):
        return False
    return not any(fault.kind in BYTEWISE or fault.kind in RESTARTS for fault in scenario.faults)


def compare(request: RunRequest, *, schedules_max: int = SCHEDULES_MAX) -> Parity:
    """Perform a run at both levels, under more schedules until they agree."""
    wire = [CameTo.of(perform(request))]
    model = [CameTo.of(perform(request, level="model"))]
    while not set(wire) & set(model) and len(wire) < schedules_max:
        schedule = request.seed + len(wire)
        wire.append(CameTo.of(perform(request, schedule=schedule)))
        model.append(CameTo.of(perform(request, level="model", schedule=schedule)))
    return Parity(bool(set(wire) & set(model)), len(wire), model[0], wire[0])
