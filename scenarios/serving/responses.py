"""The bodies of the control's responses: a session as data, for the page and for programs.

``openapi.py`` makes its schemas from these classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gapless.scenarios.capsules.capsule import scenario_data
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.serving.session import Session
from gapless.simserver.faults import BaseFault
from gapless.simserver.journal import Entry
from gapless.simserver.world import World


class JournalCounts:
    """Counts of a journal's entries. Each update reads only the new ones."""

    def __init__(self) -> None:
        self._seen = 0
        self._counted: set[object] = set()
        self.requests = self.calls = self.bytes = self.events_read = self.sockets = self.frames = 0

    def update(self, entries: Sequence[Entry]) -> None:
        """Count the new entries."""
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


@dataclass(frozen=True, slots=True)
class FaultResponse:
    """A fault that can act. ``fired``: how often it has acted; ``fault``: a body that adds it again."""

    name: str
    kind: str
    fired: int
    fault: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FaultsResponse:
    """The faults that can act."""

    faults: list[FaultResponse]


@dataclass(frozen=True, slots=True)
class FaultAdded(FaultsResponse):
    """The faults that can act, and the name of the one that was added."""

    name: str


@dataclass(frozen=True, slots=True)
class AgentResponse:
    """The agent. ``stepwise``: it waits before each step until the step is allowed; ``waiting``: it waits now."""

    status: str
    log_length: int
    stepwise: bool
    waiting: bool


@dataclass(frozen=True, slots=True)
class SocketsResponse:
    """How many sockets are open, how many have been opened, and how many frames reached the client."""

    open: int
    opened: int
    frames: int


@dataclass(frozen=True, slots=True)
class RestResponse:
    """``counted``: the requests that count as the client's cost; ``bytes``, ``events_read``: of the counted ones."""

    requests: int
    counted: int
    bytes: int
    events_read: int


@dataclass(frozen=True, slots=True)
class ScenarioName:
    """A scenario's name, title and races."""

    name: str
    title: str
    races: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VariantResponse:
    """A generation and a cursor mode."""

    generation: str
    cursor: str


@dataclass(frozen=True, slots=True)
class ScenarioLine(ScenarioName):
    """A scenario in a list, with the variants in which it can happen."""

    variants: list[VariantResponse]


@dataclass(frozen=True, slots=True)
class ScenarioWhole(ScenarioLine):
    """All of a scenario. ``data``: what can be sent as ``scenario`` to serve it."""

    origin: str
    story: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScenariosResponse:
    """The scenarios that can be served."""

    scenarios: list[ScenarioLine]


@dataclass(frozen=True, slots=True)
class SessionResponse:
    """The state of a session.

    ``why``: why it is over, or null.
    ``failure``: how the simulated world broke down, or null.
    ``t_s``: seconds since the first client came.
    ``entries``: how many entries the journal has.
    ``healed``: whether the chaos is over, so that no fault acts any more.
    """

    scenario: ScenarioName
    generation: str
    cursor: str
    seed: int
    state: str
    why: str | None
    failure: str | None
    t_s: float
    url: str
    conversation_id: str
    api_key: str | None
    entries: int
    healed: bool
    agent: AgentResponse
    sockets: SocketsResponse
    rest: RestResponse
    faults: list[FaultResponse]


@dataclass(frozen=True, slots=True)
class ReportsTaken:
    """``reports``: how many lines of the body were reports."""

    reports: int


def session_response(session: Session, counts: JournalCounts, url: str) -> SessionResponse:
    """The state of a session."""
    world, request, stepper = session.world, session.request, session.stepper
    counts.update(world.journal.entries)
    return SessionResponse(
        scenario=ScenarioName(request.scenario.name, request.scenario.title, request.scenario.races),
        generation=request.generation,
        cursor=request.cursor,
        seed=request.seed,
        state=session.state,
        why=session.why or None,
        failure=session.failure,
        t_s=round(session.now_s(), 3),
        url=url,
        conversation_id=world.conversation_id,
        api_key=world.api_key,
        entries=len(world.journal),
        healed=world.link.healed.is_set(),
        agent=AgentResponse(world.agent.status, world.archive.length, stepper.stepwise, stepper.waiting),
        sockets=SocketsResponse(len(world.publisher.subscriptions), counts.sockets, counts.frames),
        rest=RestResponse(counts.requests, counts.calls, counts.bytes, counts.events_read),
        faults=faults_response(world),
    )


def faults_response(world: World) -> list[FaultResponse]:
    """The faults that can act, and how often each has acted."""
    return [FaultResponse(one.name, one.fault.kind, one.fired, _fault_body(one.fault)) for one in world.link.faults]


def _fault_body(fault: BaseFault) -> dict[str, Any]:
    return fault.model_dump(mode="json", exclude_unset=True, exclude={"name"}) | {"kind": fault.kind}


def scenario_line(scenario: Scenario) -> ScenarioLine:
    """A scenario in a list."""
    variants = [VariantResponse(generation, cursor) for generation, cursor in scenario.variants()]
    return ScenarioLine(scenario.name, scenario.title, scenario.races, variants)


def scenario_whole(scenario: Scenario) -> ScenarioWhole:
    """All of a scenario."""
    line = scenario_line(scenario)
    return ScenarioWhole(
        line.name, line.title, line.races, line.variants, scenario.origin, scenario.story, scenario_data(scenario)
    )
