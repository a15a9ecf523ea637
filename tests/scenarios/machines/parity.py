"""Parity: does a run come to the same at the model and at the wire?

What is equal, exactly. Two runs of one request and tape, one at each level, *agree* when they have the same verdict,
make the same claims at each return of ``run()``, and have delivered the same events, known by their places in the log.
In which order things happen that happen at one moment is up to a seed: trio's scheduler at the wire, the order of ready
tasks at the model. Each level is tried under its first schedule, and where these disagree, under up to `SCHEDULES_MAX`:
parity holds when one of the one agrees with one of the other.

Two things are not compared. Faults that act on chunks of bytes (`BYTEWISE`): a message is one chunk here, and many at
the wire, so they draw other numbers from the tape, and take other times. And restarts: what is under way at that moment
is reset, and an exchange that takes no time is many steps long at the wire and few here, so there are moments at the
wire in which a reset can strike that the model does not have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from gapless.scenarios.definition.scenario import Restart
from gapless.scenarios.running.runner import RunRequest, RunResult, perform

BYTEWISE = frozenset({"link-latency", "link-bandwidth", "queue-overflow"})
RESTARTS = frozenset({"server-restart"})
SCHEDULES_MAX = 12

_SAID = ("complete", "covers", "proof", "status")

Claimed = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class CameTo:
    """What a run came to: verdict, the claims at each return, the events delivered, by kind and place in the log."""

    verdict: str
    claims: tuple[Claimed, ...]
    delivered: tuple[str, ...]

    @classmethod
    def of(cls, result: RunResult) -> CameTo:
        """What a result says of it."""
        entries = [json.loads(line) for line in result.lines]
        mine = [entry for entry in entries if entry["place"] == "client"]
        appended = [entry for entry in entries if (entry["place"], entry["what"]) == ("log", "append")]
        # An id counts the snapshots before it too, and how many greet a client is up to its jitter.
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
    """Whether the levels agree. schedules: how many of each level it took; model, wire: what the first came to."""

    agrees: bool
    schedules: int
    model: CameTo
    wire: CameTo


def is_comparable(request: RunRequest) -> bool:
    """Whether the levels have to agree on a run."""
    scenario = request.scenario
    if any(isinstance(step, Restart) for step in scenario.script):
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
