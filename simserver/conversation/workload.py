"""What the agent and other parties will do, as data: the history, the runs, and actions in the background.

Times are virtual seconds. A workload is either made up (`pairs`) or recorded from a real server (`recorded`).

Recorded events have their real ids, timestamps and bodies. Where the agent would make up an event, it takes the next
recorded one of the same kind and key. So a client that sends its own text into a recorded workload gets the recorded
message instead. The purpose of a recording is to replay the bytes of a real conversation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from typing import Final, Literal, get_args

from gapless.simserver.cause import Cause
from gapless.simserver.conversation import event_bodies
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody
from gapless.simserver.errors import ConfigError

EndStatus = Literal["finished", "paused", "waiting_for_confirmation", "error", "stuck", "none"]

EPOCH: Final = datetime(2026, 1, 1, 12, 0, 0)  # noqa: DTZ001 - the real server's timestamps are naive
HISTORY_EVENTS_MAX: Final = 1_000_000
RECORDINGS: Final = ("agent-server-1.57.0", "session-socket-1.57.0")


def _not_negative(owner: str, **values: float) -> None:
    for name, value in values.items():
        if not value >= 0:
            raise ConfigError(f"{owner}: {name} is {value}, but cannot be negative")


@dataclass(frozen=True, slots=True)
class AgentStep:
    """One event of a run.

    duration_s: virtual seconds of work before the event; event: a template, or a whole event with id and timestamp.
    """

    duration_s: float
    event: EventBody

    def __post_init__(self) -> None:
        if not self.duration_s >= 0:
            _not_negative("step", duration_s=self.duration_s)
        if "kind" not in self.event or "source" not in self.event:
            raise ConfigError("step: the event needs at least `kind` and `source`")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run.

    init_s: virtual seconds in which the agent initializes and the status is still the old one (R15); steps: its events;
    end_status: how it ends, where ``error`` also persists a ConversationErrorEvent, and ``none`` is no end at all: the
    run stops without a status or a snapshot, and REST says running until a restart (R70); settle_s: virtual seconds
    from the end status to the final snapshot.
    """

    init_s: float = 0.01
    steps: tuple[AgentStep, ...] = ()
    end_status: EndStatus = "finished"
    settle_s: float = 0.004

    def __post_init__(self) -> None:
        _not_negative("run", init_s=self.init_s, settle_s=self.settle_s)
        if self.end_status not in get_args(EndStatus):
            allowed = ", ".join(get_args(EndStatus))
            raise ConfigError(f"run: end_status is {self.end_status!r}, not one of {allowed}")


@dataclass(frozen=True, slots=True)
class Pause:
    """Pauses the run in progress, as ``POST pause`` does."""


@dataclass(frozen=True, slots=True)
class BackgroundAction:
    """Another party's action.

    at: when it acts: its cause, or virtual seconds since the world began; what: a
    run to start (refused when one is in progress), a pause, or the text of a message to send.
    """

    at: Cause | float
    what: RunPlan | Pause | str

    def __post_init__(self) -> None:
        if not isinstance(self.at, Cause):
            _not_negative("background", at=self.at)


@dataclass(frozen=True, slots=True)
class AgentWorkload:
    """What happens in a conversation.

    history_events: length of the log before the world begins; history_before_tree: whether it was written before
    servers had a tree (R68): its events have no parents, and the leaf is unknown until something is appended; runs:
    what each ``POST run`` plays, in order (later runs have no steps); background: actions of other parties;
    payload_bytes: filler in each action and observation of the history; recording: recorded events, in log order, used
    before any event is made up; epoch: the server's local time at t = 0; conversation_id: None for a default.
    """

    history_events: int = 0
    runs: tuple[RunPlan, ...] = ()
    background: tuple[BackgroundAction, ...] = ()
    payload_bytes: int = 0
    recording: tuple[EventBody, ...] = field(default=(), repr=False)
    epoch: datetime = EPOCH
    conversation_id: str | None = None
    history_before_tree: bool = False

    def __post_init__(self) -> None:
        _not_negative("workload", history_events=self.history_events, payload_bytes=self.payload_bytes)
        if self.history_events > HISTORY_EVENTS_MAX:
            raise ConfigError(f"workload: history_events is {self.history_events}, more than {HISTORY_EVENTS_MAX}")
        if self.recording and self.history_events:
            raise ConfigError("workload: a recording cannot be combined with history_events")


def pairs(
    count: int,
    *,
    step_s: float = 0.01,
    init_s: float = 0.01,
    settle_s: float = 0.004,
    end_status: EndStatus = "finished",
    payload_bytes: int = 0,
    label: str = "step",
    tool_s: float | None = None,
) -> RunPlan:
    """A run of ``count`` action/observation pairs.

    step_s: virtual seconds before each event; tool_s: before each observation, ``step_s`` when None; payload_bytes:
    filler in each event; label: begins the ids of the tool calls; the rest as in `RunPlan`.
    """
    _not_negative("run", pairs=count, payload_bytes=payload_bytes)
    filler = " " + "x" * payload_bytes if payload_bytes else ""
    steps: list[AgentStep] = []
    for number in range(1, count + 1):
        call_id = f"{label}-{number}"
        steps.append(AgentStep(step_s, event_bodies.action(call_id, f"{label} {number}{filler}")))
        steps.append(
            AgentStep(
                step_s if tool_s is None else tool_s, event_bodies.observation(call_id, f"result {number}{filler}")
            )
        )
    return RunPlan(init_s, tuple(steps), end_status, settle_s)


def recorded(name: str) -> AgentWorkload:
    """The workload of a recorded conversation.

    name: ``agent-server-1.57.0`` or ``session-socket-1.57.0``. Raises ConfigError on another name.
    """
    if name not in RECORDINGS:
        raise ConfigError(f"no recording called {name!r}; there are {', '.join(RECORDINGS)}")
    rows = recorded_rows(name)
    durable: dict[str, EventBody] = {}
    for row in rows:
        if row["channel"] != "ws-frame" or row["by"] not in {"observer", "session-live"}:
            continue
        event = row["body"].get("event") if "type" in row["body"] else row["body"]
        if event is not None and event.get("key") != "full_state":
            durable[event["id"]] = event
    # Live frames are not in log order, so they are sorted by timestamp. These recordings have no ties or clock steps.
    log = sorted(durable.values(), key=lambda event: str(event["timestamp"]))
    return AgentWorkload(
        runs=_runs_of(log),
        recording=tuple(event for event in log if not _is_step(event)),
        epoch=datetime.fromisoformat(log[0]["timestamp"]),
        conversation_id=_conversation_id(rows),
    )


def recorded_rows(name: str) -> list[EventBody]:
    """The rows of a recording, as they were written."""
    text = resources.files("gapless.simserver").joinpath("recordings", f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _conversation_id(rows: list[EventBody]) -> str:
    snapshots = (row["body"].get("event", row["body"]) for row in rows if row["channel"] == "ws-frame")
    return next(str(event["value"]["id"]) for event in snapshots if event and event.get("key") == "full_state")


def _is_step(event: EventBody) -> bool:
    return event["kind"] not in {"SystemPromptEvent", "MessageEvent", STATE_UPDATE}


def _runs_of(log: list[EventBody]) -> tuple[RunPlan, ...]:
    """Cut a log into runs, each from ``running`` to the status that ends it, with the recorded durations."""
    runs: list[RunPlan] = []
    steps: list[AgentStep] = []
    before: datetime | None = None
    for event in log:
        at = datetime.fromisoformat(event["timestamp"])
        if event.get("key") == "execution_status" and event["value"] == "running":
            steps, before = [], at
        elif _is_step(event) and before is not None:
            steps.append(AgentStep((at - before).total_seconds(), event))
            before = at
        elif event.get("key") == "execution_status" and before is not None:
            runs.append(RunPlan(0.01, tuple(steps), event["value"]))
            before = None
    return tuple(runs)
