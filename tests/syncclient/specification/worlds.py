"""Every log up to a bound, and every short sequence of evidence about it: the worlds of the specification.

A world is a sequence of happenings between the attach and the end of one run. Each happening changes the log, and says
what the client is told of it. The evidence of a world is all that the client is told; two worlds with the same evidence
cannot be told apart by any client.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from gapless.scenarios.clients.contract import Claim
from gapless.scenarios.machines import machine as model
from gapless.scenarios.machines.registry import bounded

Happening = Literal[
    "heard", "lost", "broken", "truncated", "regrown", "regrown unseen", "regrown unheard", "never persisted"
]
"""What can happen to a log.

- heard: an event is appended, and its frame arrives.
- lost: an event is appended, and its frame is lost.
- broken: the socket breaks, an event is appended, and the socket is renewed.
- truncated: the process dies, the log loses its last event, and the socket is renewed.
- regrown: the same, and two other events are appended before the socket is renewed.
- regrown unseen: the same, and the first frame of the replay is lost.
- regrown unheard: the same, and all of the replay is lost.
- never persisted: a frame arrives of an event that no log has.
"""
HAPPENINGS: tuple[Happening, ...] = (
    "heard",
    "lost",
    "broken",
    "truncated",
    "regrown",
    "regrown unseen",
    "regrown unheard",
    "never persisted",
)
_LIMIT_S = 200.0
_ALL = 1_000
_TASK = "Do the task"
_INITIALIZES_S = 3.0
"""How long the server takes to begin a run that it has taken, after a run of somebody else."""


@dataclass(frozen=True, slots=True)
class SpecWorld:
    """One world.

    ``generation``: of the server
    ``history``: the length of the log before the attach
    ``happenings``: what happens in the run
    ``is_overtaken``: whether a run of somebody else begins and ends while ``POST run`` is under way
    """

    generation: str
    history: int
    happenings: tuple[Happening, ...]
    is_overtaken: bool = False


def worlds(generation: str, *, history_max: int, happenings_max: int) -> Iterator[SpecWorld]:
    """Every world within the bounds."""
    for history in range(history_max + 1):
        for length in range(happenings_max + 1):
            for happenings in itertools.product(HAPPENINGS, repeat=length):
                yield SpecWorld(generation, history, happenings)
                if length < happenings_max:
                    yield SpecWorld(generation, history, happenings, is_overtaken=True)


@dataclass(frozen=True, slots=True)
class Played:
    """What a client made of a world.

    ``evidence``: all that it was told
    ``claim``: what ``run()`` returned; None if it did not return
    ``held``: the ids that it held then
    ``log``: the ids in the log at that time, with whether each is on the branch
    ``updates``: the ids of all state updates that ever were
    ``is_early``: whether ``run()`` returned before its run was over
    """

    evidence: tuple[str, ...]
    claim: Claim | None
    held: tuple[str, ...]
    log: tuple[tuple[str, bool], ...]
    updates: frozenset[str]
    is_early: bool


def untrue(
    claim: Claim, held: tuple[str, ...], log: tuple[tuple[str, bool], ...], updates: frozenset[str]
) -> str | None:
    """Why a claim is untrue of a log; None if it is true.

    A claim of the log covers state updates, and a claim of the branch says nothing of them.
    """
    if not claim.complete:
        return None
    covered = [event_id for event_id, is_branch in log if is_branch or claim.covers == "log"]
    held = tuple(event_id for event_id in held if claim.covers == "log" or event_id not in updates)
    missing = [event_id for event_id in covered if event_id not in held]
    if missing:
        return f"complete by {claim.proof} without {missing}"
    strange = [event_id for event_id in held if event_id not in dict(log)]
    if strange:
        return f"complete by {claim.proof} with {strange}, which the log does not have"
    if list(held) != covered:
        return f"complete by {claim.proof} in another order than the log's"
    return None


def play(world: SpecWorld) -> Played:
    """Let our client attach, send and run in a world."""
    return _Play(world).run()


@dataclass(slots=True)
class _Play:
    world: SpecWorld
    log: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    status: str = "idle"
    sockets: dict[int, bool] = field(default_factory=dict)
    is_run_accepted: bool = False
    steps_done: int = 0
    claim: Claim | None = None
    is_returned: bool = False
    is_over: bool = False
    is_early: bool = False
    loses_replay: int = 0
    updates: dict[str, None] = field(default_factory=dict)
    made: int = 0
    now_s: float = 0.0
    machine: model.Machine = field(init=False)

    def run(self) -> Played:
        self.machine = bounded("gapless", self.world.generation, "branch")
        for _ in range(self.world.history):
            self._append()
        self._tell(model.AttachStep())
        self._wait(lambda: self.steps_done == 1)
        self._tell(model.SendStep(_TASK))
        self._wait(lambda: self.steps_done == 2)
        self._publish(self._append(source="user", llm_message={"content": [{"text": _TASK}]}))
        self._tell(model.RunStep())
        self._wait(lambda: self.is_run_accepted)
        if self.world.is_overtaken:
            self._pass_time(_INITIALIZES_S)
        self._publish(self._set_status("running"))
        for happening in self.world.happenings:
            self._happen(happening)
        self._end_run()
        self._wait(lambda: self.is_returned)
        log = tuple((str(event["id"]), "key" not in event) for event in self.log)
        return Played(
            tuple(self.evidence), self.claim, tuple(self.machine.held()), log, frozenset(self.updates), self.is_early
        )

    def _end_run(self) -> None:
        self.is_over = True
        self._publish(self._set_status("finished"))
        self._frames(self._snapshot(), None)

    # -- the log ------------------------------------------------------------------------------------------------------

    def _append(self, **fields: Any) -> dict[str, Any]:
        event = self._event(**fields)
        self.log.append(event)
        return event

    def _event(self, **fields: Any) -> dict[str, Any]:
        self.made += 1
        event = {"id": f"e{self.made}", "kind": "MessageEvent", "timestamp": f"{self.made:04}", "source": "agent"}
        if self.world.generation != "legacy":
            event["parent_id"] = self._leaf()
        if "key" in fields:
            self.updates[str(event["id"])] = None
        return event | fields

    def _set_status(self, status: str) -> dict[str, Any]:
        self.status = status
        return self._append(kind="ConversationStateUpdateEvent", key="execution_status", value=status)

    def _leaf(self) -> Any:
        return next((event["id"] for event in reversed(self.log) if "key" not in event), None)

    def _snapshot(self) -> dict[str, Any]:
        value = {"execution_status": self.status, "leaf_event_id": self._leaf()}
        self.made += 1
        kind = "ConversationStateUpdateEvent"
        return {
            "id": f"s{self.made}",
            "kind": kind,
            "key": "full_state",
            "value": value,
            "timestamp": f"{self.made:04}",
        }

    # -- what happens -------------------------------------------------------------------------------------------------

    def _happen(self, happening: Happening) -> None:
        match happening:
            case "heard":
                self._publish(self._append())
            case "lost":
                self._append()
            case "never persisted":
                self._frames(self._event(), None)
            case "broken":
                self._break(lambda: self._append())
            case "truncated":
                self._break(lambda: self._truncate(0))
            case "regrown":
                self._break(lambda: self._truncate(2))
            case "regrown unseen":
                self._break(lambda: self._truncate(2), loses_replay=1)
            case "regrown unheard":
                self._break(lambda: self._truncate(2), loses_replay=_ALL)

    def _truncate(self, regrown: int) -> None:
        del self.log[-1:]
        for _ in range(regrown):
            self._append()

    def _break(self, meanwhile: Any, *, loses_replay: int = 0) -> None:
        self.loses_replay = loses_replay
        sockets, self.sockets = self.sockets, {}
        meanwhile()
        for number in sockets:
            self._tell(model.SocketGone(number, 1012, "closed with code 1012"))
        self._wait(lambda: any(self.sockets.values()))
        self.loses_replay = 0

    def _publish(self, event: dict[str, Any]) -> None:
        self._frames(event, len(self.log) - 1)

    def _frames(self, event: dict[str, Any], seq: int | None) -> None:
        for number, is_open in list(self.sockets.items()):
            if is_open:
                self._frame(number, event, seq)

    def _frame(self, number: int, event: dict[str, Any], seq: int | None) -> None:
        if self.world.generation == "session":
            frame = {"type": "transient"} if seq is None else {"type": "durable", "seq": seq}
            event = {**frame, "event": event}
        self._tell(model.FrameArrived(number, json.dumps(event)))

    # -- the client ---------------------------------------------------------------------------------------------------

    def _tell(self, told: model.Input) -> None:
        if not isinstance(told, model.Timer):
            self.evidence.append(repr(told))
        pending = self.machine.handle(told, self.now_s)
        for effect in pending:
            match effect:
                case model.StepDone(claim):
                    self.steps_done += 1
                    if self.steps_done == 3:
                        self.claim, self.is_returned = claim, True
                        self.is_early = not self.is_over
                case model.StepError():
                    self.steps_done += 1
                    self.is_returned = self.is_run_accepted = True
                case model.DialSocket(number):
                    self.sockets[number] = False
                case model.DropSocket(number):
                    self.sockets.pop(number, None)
        for effect in pending:
            if isinstance(effect, model.DialSocket) and effect.socket in self.sockets:
                self._open(effect)
            elif isinstance(effect, model.RestCall):
                self._answer(effect)

    def _open(self, dialed: model.DialSocket) -> None:
        number = dialed.socket
        self.sockets[number] = True
        self._tell(model.HandshakeDone(number))
        if self.world.generation == "session":
            through = {"through_seq": len(self.log) - 1} if self.log else {}
            self._tell(model.FrameArrived(number, json.dumps({"type": "sync"} | through)))
            if dialed.after_seq is not None:
                for seq in range(dialed.after_seq + 1, len(self.log)):
                    if self.loses_replay:
                        self.loses_replay -= 1
                    elif number in self.sockets:
                        self._frame(number, self.log[seq], seq)
        if number in self.sockets:
            self._frame(number, self._snapshot(), None)

    def _answer(self, call: model.RestCall) -> None:
        body: Any = {"success": True}
        match call.name:
            case "message":
                self._publish(self._append(source="user"))
            case "run":
                if self.world.is_overtaken and not self.is_run_accepted:
                    self._publish(self._append(source="user"))
                    self._publish(self._set_status("running"))
                    self._publish(self._append())
                    self._end_run()
                    self.is_over = False
                self._tell(model.CallAnswered(call.call, 200, json.dumps(body)))
                self.is_run_accepted = True
                return
            case "count":
                body = len(self.log)
            case "conversation":
                body = {"execution_status": self.status, "leaf_event_id": self._leaf()}
            case "search":
                body = self._page(call)
        self._tell(model.CallAnswered(call.call, 200, json.dumps(body)))

    def _page(self, call: model.RestCall) -> dict[str, Any]:
        items = self.log[::-1] if call.descending else self.log
        ids = [event["id"] for event in items]
        start = ids.index(call.page_id) if call.page_id in ids else 0
        shown, rest = items[start : start + call.limit], ids[start + call.limit :]
        return {"items": shown, "next_page_id": rest[0] if rest else None}

    def _pass_time(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while self.machine.wake_at_s <= until_s:
            self.now_s = max(self.now_s, self.machine.wake_at_s)
            self._tell(model.Timer())
        self.now_s = until_s

    def _wait(self, is_done: Any) -> None:
        until_s = self.now_s + _LIMIT_S
        while not is_done() and self.machine.wake_at_s <= until_s:
            self.now_s = max(self.now_s, self.machine.wake_at_s)
            self._tell(model.Timer())
