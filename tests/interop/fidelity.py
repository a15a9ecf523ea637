"""The fidelity check, live: one script is played to the published server and to the simulated one, and what they
answered is compared field by field. Each difference is mended here, or has a reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from gapless.simserver import (
    AgentStep,
    AgentWorkload,
    BaseFault,
    Choices,
    EventBody,
    RunPlan,
    SeededSource,
    ServerSettings,
    World,
    parse_fault,
    serve_tcp,
)
from gapless.simserver.conversation import event_bodies
from tests.interop import model_endpoint, real_server
from tests.interop.playing import RIGHT_KEY, Playing
from tests.interop.script import script
from tests.simserver.fidelity import differences

STEP_S = 0.1
FULL_AND_FINAL = frozenset({"finished", "error", "stuck", "paused"})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some differences stay. where: a pattern of places; step: of the steps, any by default; why: in a sentence."""

    where: str
    why: str
    step: str = ""

    def explains(self, what: str, steps: Sequence[str]) -> bool:
        """Whether it is about that difference, wherever it was seen."""
        return bool(re.search(self.where, what)) and all(re.search(self.step, step) for step in steps)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not the same, in the steps where it was seen; reason: None where there is none, which is a failure."""

    what: str
    steps: tuple[str, ...]
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Fidelity:
    """The outcome. fields: how many values were compared, in how many steps; unused: reasons that explain nothing."""

    release: str
    steps: int
    fields: int
    differences: tuple[Difference, ...]
    unused: tuple[Reason, ...]

    @property
    def wrong(self) -> list[str]:
        """What nobody has given a reason for, and reasons that have outlived their difference."""
        unexplained = [f"{one.what} (in {', '.join(one.steps)})" for one in self.differences if one.reason is None]
        return unexplained + [f"this reason explains nothing any more: {one.why}" for one in self.unused]


REASONS: tuple[Reason, ...] = (
    Reason(
        r"^(\w|\[\]|\.)*\bagent\b",
        "the settings of an agent and its model: the simulated server has neither, and names what the SDK will take",
    ),
    Reason(r"^body: ", "what a process says of itself: of all that, clients read the version", step="^server info$"),
    Reason(r"\btools\b", "the tools as a language model is told of them: the simulated agent has no model"),
    Reason(
        r"(^|\.)(action|action\.kind|observation\.kind): ",
        "the agent of this script thinks and finishes, the simulated one uses a terminal: each tool has its own fields",
    ),
    Reason(r"usage_to_metrics: ", "statistics of a language model's use: the simulated agent has no model"),
)


async def measure(release: str, directory: Path) -> Fidelity:
    """Play the script to both, the published server first: what its agent did is what the simulated one will do."""
    real = await _play_real(release, directory)
    ours = await _play_ours(real.log)
    return compare(release, real.normalised(), ours.normalised())


async def _play_real(release: str, directory: Path) -> Playing:
    async with trio.open_nursery() as nursery:
        model: str = await nursery.start(model_endpoint.serve)
        async with real_server.running(release, directory, model, api_key=RIGHT_KEY) as server:
            playing = Playing(server.url)
            await playing.through(script(server.creation()))
        nursery.cancel_scope.cancel()
    return playing


async def _play_ours(log: Sequence[EventBody]) -> Playing:
    runs, tails = _doings(log)
    settings = ServerSettings("session", api_key=RIGHT_KEY)
    world = World(settings, AgentWorkload(runs=tuple(runs)), tails, Choices(SeededSource(0)))
    async with world.running(), trio.open_nursery() as nursery:
        port: int = await nursery.start(serve_tcp, world, 0)
        playing = Playing(f"http://127.0.0.1:{port}")
        await playing.through(script({}))
        nursery.cancel_scope.cancel()
    return playing


def _doings(log: Sequence[EventBody]) -> tuple[list[RunPlan], list[BaseFault]]:
    """What the agent did between each ``running`` and the word that ended it, told in our own events; and the state
    updates that its threads persisted after that word (R20), as the fault that they are in the simulator.
    """
    runs: list[RunPlan] = []
    late: dict[int, int] = {}
    steps: list[AgentStep] | None = None
    for event in log:
        key, value = event.get("key"), event.get("value")
        if key == "execution_status" and value == "running":
            steps = []
        elif key == "execution_status" and value in FULL_AND_FINAL and steps is not None:
            runs.append(RunPlan(0.0, tuple(steps), value))
            steps = None
        elif steps is not None:
            steps.append(AgentStep(STEP_S, _ours(event)))
        elif key == "stats":
            late[len(runs)] = late.get(len(runs), 0) + 1
    tails = [
        parse_fault({"kind": "late-tail", "name": f"run-{run}", "after_s": 0, "events": events, "match": {"nth": run}})
        for run, events in late.items()
    ]
    return runs, tails


def _ours(event: EventBody) -> EventBody:
    match event["kind"]:
        case "ActionEvent":
            return event_bodies.action(event["tool_call_id"], "think", tool=event["tool_name"])
        case "ObservationEvent":
            return event_bodies.observation(event["tool_call_id"], "thought", tool=event["tool_name"])
        case "ConversationStateUpdateEvent":
            return event_bodies.state_update(event["key"], {"usage_to_metrics": {}})
        case kind:
            raise ValueError(f"the scripted agent was not expected to make a {kind}")


def compare(release: str, real: Mapping[str, Any], ours: Mapping[str, Any]) -> Fidelity:
    """All differences, those alike together, in the order in which they were met."""
    met: dict[str, list[str]] = {}
    for step in real:
        for difference in differences(real[step], ours[step], "", redacted=False):
            met.setdefault(_general(difference), []).append(step)
    found = [Difference(what, steps := tuple(dict.fromkeys(seen)), _reason(what, steps)) for what, seen in met.items()]
    used = {one.reason for one in found}
    unused = tuple(reason for reason in REASONS if reason not in used)
    return Fidelity(release, len(real), sum(_leaves(value) for value in real.values()), tuple(found), unused)


def _general(difference: str) -> str:
    """A difference without the ordinals of where it was: the same in a list's every item is one."""
    where, colon, what = difference.partition(": ")
    where = re.sub(r"\.event \d+\b", ".event", re.sub(r"\[\d+\]", "[]", where))
    return f"{where.lstrip('.')}{colon}{what}"


def _reason(what: str, steps: Sequence[str]) -> Reason | None:
    return next((reason for reason in REASONS if reason.explains(what, steps)), None)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(_leaves(part) for part in value.values())
    if isinstance(value, list):
        return sum(_leaves(part) for part in value)
    return 1
