"""Telling: a session as plain data, for the page and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenarios.capsule import scenario_data
from scenarios.scenario import Scenario
from scenarios.serving.session import Session
from simserver.journal import Entry
from simserver.world import World


class Tally:
    """Counts of a journal, kept up entry by entry."""

    def __init__(self) -> None:
        self._seen = 0
        self._counted: set[object] = set()
        self.requests = self.calls = self.bytes = self.events_read = self.sockets = self.frames = 0

    def update(self, entries: Sequence[Entry]) -> None:
        """Take in what is new."""
        for entry in entries[self._seen :]:
            match entry.place, entry.what:
                case "rest", "request":
                    self.requests += 1
                    if entry.fields["counted"]:
                        self.calls += 1
                        self._counted.add(entry.fields["call"])
                case "rest", "response" if entry.fields["call"] in self._counted:
                    self._counted.discard(entry.fields["call"])
                    self.bytes += entry.fields["bytes"]
                    self.events_read += entry.fields["events_read"]
                case "socket", "opened":
                    self.sockets += 1
                case "socket", "delivered":
                    self.frames += 1
        self._seen = len(entries)


def session_data(session: Session, tally: Tally, url: str) -> dict[str, Any]:
    """The state of a session."""
    world, request = session.world, session.request
    tally.update(world.journal.entries)
    return {
        "scenario": {"name": request.scenario.name, "title": request.scenario.title, "races": request.scenario.races},
        "generation": request.generation,
        "cursor": request.cursor,
        "seed": request.seed,
        "state": session.state,
        "why": session.why or None,
        "failure": session.failure,
        "t_s": round(session.now_s(), 3),
        "url": url,
        "conversation_id": world.conversation_id,
        "api_key": world.api_key,
        "entries": len(world.journal),
        "healed": world.link.healed.is_set(),
        "agent": {
            "status": world.agent.status,
            "log_length": world.archive.length,
            "stepwise": session.stepper.stepwise,
            "waiting": session.stepper.waiting,
        },
        "sockets": {"open": len(world.publisher.subscriptions), "opened": tally.sockets, "frames": tally.frames},
        "rest": {
            "requests": tally.requests,
            "counted": tally.calls,
            "bytes": tally.bytes,
            "events_read": tally.events_read,
        },
        "faults": faults_data(world),
    }


def faults_data(world: World) -> list[dict[str, Any]]:
    """The faults that can act, and how often each has."""
    return [
        {
            "name": one.name,
            "kind": one.fault.kind,
            "fired": one.fired,
            "fault": one.fault.model_dump(mode="json", exclude_unset=True, exclude={"name"}) | {"kind": one.fault.kind},
        }
        for one in world.link.faults
    ]


def scenario_line(scenario: Scenario) -> dict[str, Any]:
    """A scenario in a list."""
    return {
        "name": scenario.name,
        "title": scenario.title,
        "races": scenario.races,
        "variants": [{"generation": generation, "cursor": cursor} for generation, cursor in scenario.variants()],
    }


def scenario_whole(scenario: Scenario) -> dict[str, Any]:
    """All of a scenario."""
    return {
        **scenario_line(scenario),
        "origin": scenario.origin,
        "story": scenario.story,
        "data": scenario_data(scenario),
    }
