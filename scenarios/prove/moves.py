"""The moves of a small world: everything that can happen next in a state, and the state that follows.

This module performs no I/O and changes no state in place.

A *state* is the whole world at one moment: the client, the point that the server has reached, the messages in transit,
and the faults used so far. A *move* is one thing that can happen. A *schedule* is a sequence of moves from the first
state until ``run()`` has returned.

**Time.** Server and network take no time: between two timers of the client, their moves happen in any order at the same
moment. A timer normally fires when no other move is left. It can fire earlier, while messages are still in transit, if
it is due within `DELAY_S_MAX` seconds; that uses one of the *delays* in the bound. So a bound of k delays covers every
schedule in which up to k timers fire before the server or the network acts, if these are never later than that.

**Faults** are named in `FaultName`, and each kind has its own bound. A frame is lost or copied at the moment at which
it would arrive; an earlier moment makes no difference, because a frame in transit has no effect. A connection breaks
for both sides at the same time, so everything that the server publishes before the client notices is lost too.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from gapless.scenarios.machines import machine as model
from gapless.scenarios.prove.interned_clients import Clients, Reaction, Returned
from gapless.scenarios.prove.small_server import RESTARTS, Fate, Point, Script, ServerAction
from gapless.simserver.protocol import wire

FaultName = Literal[
    "losses",
    "disconnects",
    "delays",
    "overtakings",
    "copies",
    "failures",
    "late",
    "forgotten",
    "vetoes",
    "others",
    "restarts",
    "truncations",
    "stale",
    "unpersisted",
    "corrupt",
    "foreign",
]
"""The kinds of fault.

- losses: a frame is never delivered, and the socket stays open (R30).
- disconnects: a socket breaks, or is refused (R34, R41).
- delays: a timer of the client fires while messages are still in transit.
- overtakings: the next frame arrives first, and the overtaken frame arrives at any later time (R31).
- copies: a frame arrives, and arrives again at any later time (R32).
- failures: a call is refused with 503, or the answer to a POST run is lost (R56).
- late: events are published before they are persisted (R52).
- forgotten: the server does not know a page cursor (R51).
- vetoes: a stop hook makes the run go on (R13).
- others: the server receives a message from another client (R19).
- restarts: the server's process dies and comes back; every socket breaks (R33).
- truncations: the same, and the log has lost its last event, or its last two (R60).
- stale: a page shows the log without its last event, or is blank (R52).
- unpersisted: a branch event is published and never persisted (R53).
- corrupt: the record of a branch event cannot be read by any call (R59).
- foreign: another client sends a message and starts a run (R18).
"""
FAULTS: tuple[FaultName, ...] = get_args(FaultName)
DELAY_S_MAX = 12.0

_REFUSED = '{"detail":"Service unavailable (simulated)"}'
_COUNTED = frozenset({"search", "count", "conversation"})
(
    _LOSS,
    _BREAK,
    _DELAY,
    _OVERTAKING,
    _COPY,
    _FAILURE,
    _LATE,
    _FORGOTTEN,
    _VETO,
    _OTHER,
    _RESTART,
    _TRUNCATION,
    _STALE,
    _UNPERSISTED,
    _CORRUPT,
    _FOREIGN,
) = range(len(FAULTS))
_FATES: tuple[tuple[int, Fate, str], ...] = (
    (_UNPERSISTED, "unpersisted", "which is never persisted"),
    (_CORRUPT, "corrupt", "whose record cannot be read"),
)
_BRANCH_ACTIONS = frozenset({"action", "observation", "answer"})
_GONE = 1012


class SearchSocket(NamedTuple):
    """A socket.

    ``is_open``: whether the server has accepted it
    ``waiting``: frames in transit, in order; an empty text stands for the end of the handshake
    ``aside``: frames that arrive at any time: those that were overtaken, and copies
    """

    number: int
    is_session: bool
    after_seq: int | None
    is_open: bool
    waiting: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()


class CallUnderWay(NamedTuple):
    """A call in progress. ``answer`` is None until the server has handled it."""

    call: model.RestCall
    answer: model.CallAnswered | model.NoAnswer | None = None


class RunEnd(NamedTuple):
    """The end of a run of the client on the server.

    ``at_s``: when. ``log_length``: the length of the persisted log. ``appended``: how many events were ever in the log.
    """

    at_s: float
    log_length: int
    appended: int


class ReturnedRun(NamedTuple):
    """A ``run()`` that has returned, the end of its run on the server, and how many events were in the log by then."""

    returned: Returned
    end: RunEnd | None
    appended: int


class WorldState(NamedTuple):
    """The world at one moment.

    ``client``: the number of the client's state in `Clients`
    ``wake_at_s``: when its next timer is due, in seconds
    ``now_s``: the time, in seconds
    ``point``: the number of the server's point in `Script`
    ``behind``: how many events at the end of the log are not persisted yet
    ``sockets``, ``calls``: the sockets and calls in progress
    ``spent``: how many faults of each kind were used, in the order of `FAULTS`
    ``brought``: the log positions of all events that frames have delivered, as bits
    ``counted``: how many calls were made that count against the budget
    ``attached``: how many events were ever persisted, and ``counted``, when the attach returned
    ``end``: the end on the server of the client's latest run
    ``runs``: the runs that have returned
    ``is_new``: whether the last of them returned in the move that led here
    ``is_over``: whether the script has ended
    """

    client: int
    wake_at_s: float
    now_s: float
    point: int
    behind: int
    sockets: tuple[SearchSocket, ...]
    calls: tuple[CallUnderWay, ...]
    spent: tuple[int, ...]
    brought: int
    counted: int
    attached: tuple[int, int] | None = None
    end: RunEnd | None = None
    runs: tuple[ReturnedRun, ...] = ()
    is_new: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that can happen: ``who`` does ``what``. ``fault``: the index of the fault that it uses, or -1."""

    who: Literal["server", "network", "client"]
    what: str
    fault: int = -1


class Interleavings:
    """The world of one client and one script.

    ``bounds``: how many faults of each kind a schedule may have, in the order of `FAULTS`
    ``faults_max``: how many faults it may have in total; None for the sum of the bounds
    """

    def __init__(
        self, script: Script, clients: Clients, bounds: tuple[int, ...], faults_max: int | None = None
    ) -> None:
        self.script = script
        self.clients = clients
        self.bounds = bounds
        self._faults_max = sum(bounds) if faults_max is None else faults_max
        self._positions: dict[int, dict[str, int]] = {}

    def begin(self) -> WorldState:
        """The first state: the client has begun to attach."""
        empty = WorldState(0, math.inf, 0.0, self.script.start.number, 0, (), (), (0,) * len(FAULTS), 0, 0)
        return self._apply(empty, self.clients.begin(0.0))

    def moves(self, state: WorldState) -> Iterator[tuple[Move, WorldState]]:
        """Every move that is possible in a state, and the state that follows. Empty when the script has ended."""
        if state.is_over:
            return
        is_pending = False
        for move, after in self._network(state):
            is_pending = True
            yield move, after
        for move, after in self._server(state):
            is_pending = is_pending or move.fault < 0
            yield move, after
        if state.wake_at_s == math.inf:
            return
        if not is_pending:
            yield self._timer(state, -1)
        elif self.may(state, _DELAY) and state.wake_at_s - state.now_s <= DELAY_S_MAX:
            yield self._timer(state, _DELAY)

    def may(self, state: WorldState, fault: int) -> bool:
        """Whether the bounds allow one more fault of this kind."""
        return state.spent[fault] < self.bounds[fault] and sum(state.spent) < self._faults_max

    # -- the client ---------------------------------------------------------------------------------------------------

    def _timer(self, state: WorldState, fault: int) -> tuple[Move, WorldState]:
        now_s = max(state.now_s, state.wake_at_s)
        said = "before all that is on its way" if fault >= 0 else "for nothing is on its way"
        move = Move("client", f"its timer goes off at {now_s:g} s, {said}", fault)
        state = self._spend(state, fault)._replace(now_s=now_s)
        return move, self._tell(state, model.Timer())

    def _tell(self, state: WorldState, told: model.Input) -> WorldState:
        return self._apply(state, self.clients.step(state.client, told, state.now_s))

    def _apply(self, state: WorldState, reaction: Reaction) -> WorldState:
        """Apply the result of a client's step to the world."""
        sockets, calls, counted = state.sockets, state.calls, state.counted
        for effect in reaction.effects:
            match effect:
                case model.DialSocket(number, is_session, after_seq):
                    sockets = (*sockets, SearchSocket(number, is_session, after_seq, False))
                case model.DropSocket(number):
                    sockets = tuple(socket for socket in sockets if socket.number != number)
                case model.RestCall():
                    calls = (*calls, CallUnderWay(effect))
                    counted += effect.name in _COUNTED
        attached, point = state.attached, self.script[state.point]
        if reaction.is_attached:
            spent = counted - sum(1 for effect in reaction.effects if _is_counted(effect))
            attached = (point.appended - state.behind, spent)
        runs, end = state.runs, state.end
        if reaction.returned is not None:
            runs = (*runs, ReturnedRun(reaction.returned, end, point.appended))
            end = end if reaction.is_over else None
        return state._replace(
            client=reaction.client,
            wake_at_s=reaction.wake_at_s,
            sockets=sockets,
            calls=calls,
            counted=counted,
            attached=attached,
            end=end,
            runs=runs,
            is_new=reaction.returned is not None,
            is_over=reaction.is_over,
        )

    # -- the network --------------------------------------------------------------------------------------------------

    def _network(self, state: WorldState) -> Iterator[tuple[Move, WorldState]]:
        for index, socket in enumerate(state.sockets):
            if not socket.is_open:
                yield self._accept(state, index, socket)
            elif socket.waiting:
                yield from self._arrive(state, index, socket)
            for place, text in enumerate(socket.aside):
                rest = socket._replace(aside=socket.aside[:place] + socket.aside[place + 1 :])
                what = f"{carried(text)[1]} comes late on socket {socket.number}"
                yield Move("network", what), self._deliver(_with(state, index, rest), rest.number, text)
            if self.may(state, _BREAK):
                yield self._break(state, index, socket)
        for index, asked in enumerate(state.calls):
            if asked.answer is None:
                yield from self._serve(state, index, asked)
            else:
                rest_calls = state.calls[:index] + state.calls[index + 1 :]
                move = Move("network", f"the answer to call {asked.call.call} ({asked.call.name}) arrives")
                yield move, self._tell(state._replace(calls=rest_calls), asked.answer)

    def _arrive(self, state: WorldState, index: int, socket: SearchSocket) -> Iterator[tuple[Move, WorldState]]:
        text, behind = socket.waiting[0], socket.waiting[1:]
        rest = socket._replace(waiting=behind)
        (_, name), number = carried(text), socket.number
        if text == "":
            move = Move("network", f"the client learns that socket {number} is open")
            yield move, self._tell(_with(state, index, rest), model.HandshakeDone(number))
            return
        yield (
            Move("network", f"{name} arrives on socket {number}"),
            self._deliver(_with(state, index, rest), number, text),
        )
        if text.startswith('{"type":"sync"'):
            return  # it carries no event, so the faults of the publisher do not apply
        if self.may(state, _LOSS):
            lost = self._spend(_with(state, index, rest), _LOSS)
            yield Move("network", f"{name} is lost on socket {number}", _LOSS), lost
        if self.may(state, _COPY):
            copied = rest._replace(aside=(*rest.aside, text))
            after = self._deliver(self._spend(_with(state, index, copied), _COPY), number, text)
            yield Move("network", f"{name} arrives on socket {number}, and is to come again", _COPY), after
        if behind and self.may(state, _OVERTAKING):
            first = behind[0]
            passed = socket._replace(waiting=behind[1:], aside=(*socket.aside, text))
            after = self._deliver(self._spend(_with(state, index, passed), _OVERTAKING), number, first)
            what = f"{carried(first)[1]} overtakes {name} on socket {number}"
            yield Move("network", what, _OVERTAKING), after

    def _deliver(self, state: WorldState, number: int, text: str) -> WorldState:
        position = self._position(state, text)
        if position is not None:
            state = state._replace(brought=state.brought | 1 << position)
        return self._tell(state, model.FrameArrived(number, text))

    def _break(self, state: WorldState, index: int, socket: SearchSocket) -> tuple[Move, WorldState]:
        sockets = state.sockets[:index] + state.sockets[index + 1 :]
        what, reason = f"socket {socket.number} breaks", "the connection broke off"
        if not socket.is_open:
            what, reason = f"socket {socket.number} is refused", "handshake failed"
        elif socket.waiting or socket.aside:
            what += f", with {len(socket.waiting) + len(socket.aside)} on their way"
        after = self._spend(state._replace(sockets=sockets), _BREAK)
        return Move("network", what, _BREAK), self._tell(after, model.SocketGone(socket.number, None, reason))

    # -- the server ---------------------------------------------------------------------------------------------------

    def _server(self, state: WorldState) -> Iterator[tuple[Move, WorldState]]:
        point = self.script[state.point]
        for action in point.ways:
            if action == "veto" and not self.may(state, _VETO):
                continue
            fault = _VETO if action == "veto" else -1
            yield (
                Move("server", _ACTIONS[action], fault),
                self._do(self._spend(state, fault), point, action, is_late=False),
            )
            if action not in ("accept", "over") and self.may(state, _LATE):
                after = self._do(self._spend(state, _LATE), point, action, is_late=True)
                yield Move("server", f"{_ACTIONS[action]}, which is persisted late", _LATE), after
            if action in _BRANCH_ACTIONS:
                yield from self._do_badly(state, point, action)
        if self.may(state, _OTHER):
            after = self._do(self._spend(state, _OTHER), point, "other", is_late=False)
            yield Move("server", _ACTIONS["other"], _OTHER), after
        if self.may(state, _FOREIGN) and not point.is_running:
            after = self._do(self._spend(state, _FOREIGN), point, "foreign", is_late=False)
            yield Move("server", _ACTIONS["foreign"], _FOREIGN), after
        for restart, lost in RESTARTS.items():
            fault = _TRUNCATION if lost else _RESTART
            if self.may(state, fault) and lost <= len(point.ids):
                yield Move("server", _ACTIONS[restart], fault), self._restart(self._spend(state, fault), point, restart)
        if state.behind:
            yield Move("network", "what was late is persisted"), state._replace(behind=0)

    def _do_badly(self, state: WorldState, point: Point, action: ServerAction) -> Iterator[tuple[Move, WorldState]]:
        for fault, fate, said in _FATES:
            if self.may(state, fault):
                after = self._do(self._spend(state, fault), point, action, is_late=False, fate=fate)
                yield Move("server", f"{_ACTIONS[action]}, {said}", fault), after

    def _restart(self, state: WorldState, point: Point, action: ServerAction) -> WorldState:
        """Every socket breaks. What was not persisted yet is persisted first, so it counts among the last."""
        after = self._do(state._replace(behind=0, sockets=()), point, action, is_late=False)
        for socket in state.sockets:
            reason = "closed with code 1012" if socket.is_open else "handshake failed"
            after = self._tell(after, model.SocketGone(socket.number, _GONE if socket.is_open else None, reason))
        return after

    def _do(
        self, state: WorldState, point: Point, action: ServerAction, *, is_late: bool, fate: Fate = "durable"
    ) -> WorldState:
        """The server takes an action, and publishes its frames to every open socket."""
        after = self.script.after(point, action, fate)
        behind = state.behind
        if is_late or behind:
            behind += len(after.ids) - len(point.ids)
        end = state.end
        if after.over > point.over:
            end = RunEnd(state.now_s, len(after.ids) - behind, after.appended)
        sockets = state.sockets
        if after.told and sockets:
            sockets = tuple(
                socket._replace(waiting=socket.waiting + self._texts(after, behind, socket.is_session))
                if socket.is_open
                else socket
                for socket in sockets
            )
        return state._replace(point=after.number, behind=behind, sockets=sockets, end=end)

    def _texts(self, point: Point, behind: int, is_session: bool) -> tuple[str, ...]:
        persisted = len(point.ids) - behind
        return tuple(
            _frame(one.text, one.index if one.index is not None and one.index < persisted else None, is_session)
            for one in point.told
        )

    def _accept(self, state: WorldState, index: int, socket: SearchSocket) -> tuple[Move, WorldState]:
        """The server accepts a socket and sends the greeting, after the replay on a session socket."""
        point = self.script[state.point]
        persisted = len(point.ids) - state.behind
        texts = [""]
        greeting = _frame(self.script.greeting(point, socket.number), None, socket.is_session)
        if socket.is_session:
            texts.append(wire.sync_frame(socket.after_seq, persisted - 1 if persisted else None))
            if socket.after_seq is not None:
                log = point.agent.log
                seqs = [seq for seq in range(max(0, socket.after_seq + 1), persisted) if seq not in point.unreadable]
                texts += [wire.durable_frame(seq, log.text_at(seq)) for seq in seqs]
        texts.append(greeting)
        opened = socket._replace(is_open=True, waiting=tuple(texts))
        return Move("server", f"takes socket {socket.number}"), _with(state, index, opened)

    def _serve(self, state: WorldState, index: int, asked: CallUnderWay) -> Iterator[tuple[Move, WorldState]]:
        call = asked.call
        what = f"answers call {call.call} ({call.name})"
        after, answer = self._answered(state, call, is_forgotten=False)
        yield Move("server", what), _answer(after, index, answer)
        if call.page_id is not None and self.may(state, _FORGOTTEN):
            spent, answer = self._answered(self._spend(state, _FORGOTTEN), call, is_forgotten=True)
            yield Move("server", f"{what}, and does not know the cursor", _FORGOTTEN), _answer(spent, index, answer)
        persisted = len(self.script[state.point].ids) - state.behind
        if call.name == "search" and persisted and self.may(state, _STALE):
            for lag, said in ((1, "without the last event"), (persisted, "by a blank page"))[: min(2, persisted)]:
                spent, answer = self._answered(self._spend(state, _STALE), call, is_forgotten=False, lag=lag)
                yield Move("server", f"{what} {said}", _STALE), _answer(spent, index, answer)
        if call.name == "message" and self.may(state, _UNPERSISTED):
            spent, answer = self._answered(
                self._spend(state, _UNPERSISTED), call, is_forgotten=False, fate="unpersisted"
            )
            yield Move("server", f"{what}, and never persists it", _UNPERSISTED), _answer(spent, index, answer)
        if self.may(state, _FAILURE):
            spent = self._spend(state, _FAILURE)
            refused = model.CallAnswered(call.call, 503, _REFUSED)
            yield Move("server", f"refuses call {call.call} ({call.name})", _FAILURE), _answer(spent, index, refused)
            if call.name == "run":  # not for a message: there a lost answer has to end in an error (SendUnconfirmed)
                spent = self._spend(after, _FAILURE)
                lost = model.NoAnswer(call.call, True, "the connection broke off")
                what = f"performs call {call.call} ({call.name}), and its answer is lost"
                yield Move("network", what, _FAILURE), _answer(spent, index, lost)

    def _answered(
        self,
        state: WorldState,
        call: model.RestCall,
        *,
        is_forgotten: bool,
        lag: int = 0,
        fate: Fate = "durable",
    ) -> tuple[WorldState, model.CallAnswered]:
        """The answer to a call. ``lag``: how many events a page does not show yet."""
        point = self.script[state.point]
        persisted = len(point.ids) - state.behind
        match call.name:
            case "message":
                return self._do(state, point, "message", is_late=False, fate=fate), model.CallAnswered(
                    call.call, 200, wire.SUCCESS
                )
            case "run" if point.is_running:
                return state, model.CallAnswered(call.call, 409, wire.detail("Conversation already running."))
            case "run":
                return self._do(state, point, "accept", is_late=False), model.CallAnswered(call.call, 200, wire.SUCCESS)
            case "count":
                return state, model.CallAnswered(call.call, 200, str(persisted))
            case "conversation":
                return state, model.CallAnswered(call.call, 200, self.script.info_text(point))
            case "server_info":
                return state, model.CallAnswered(call.call, 200, f'{{"version":"{self.script.settings.version}"}}')
            case "search":
                page_id = "?" if is_forgotten else call.page_id
                page = self.script.page(
                    point, persisted - lag, page_id=page_id, limit=call.limit, descending=call.descending
                )
                if page is None:
                    return state, model.CallAnswered(call.call, 404, wire.detail("Unknown page_id"))
                return state, model.CallAnswered(call.call, 200, self.script.page_text(point, page))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _spend(self, state: WorldState, fault: int) -> WorldState:
        if fault < 0:
            return state
        spent = state.spent
        return state._replace(spent=(*spent[:fault], spent[fault] + 1, *spent[fault + 1 :]))

    def _position(self, state: WorldState, text: str) -> int | None:
        """The log position of the event in a frame. None when the event is not in the log."""
        event_id = carried(text)[0]
        table = self._positions.get(state.point)
        if table is None:
            ids = self.script[state.point].ids
            table = self._positions[state.point] = {one: place for place, one in enumerate(ids)}
        return table.get(event_id)


def _is_counted(effect: object) -> bool:
    return isinstance(effect, model.RestCall) and effect.name in _COUNTED


def _with(state: WorldState, index: int, socket: SearchSocket) -> WorldState:
    return state._replace(sockets=(*state.sockets[:index], socket, *state.sockets[index + 1 :]))


def _answer(state: WorldState, index: int, answer: model.CallAnswered | model.NoAnswer) -> WorldState:
    asked = CallUnderWay(state.calls[index].call, answer)
    return state._replace(calls=(*state.calls[:index], asked, *state.calls[index + 1 :]))


@functools.lru_cache(maxsize=65536)
def _frame(text: str, seq: int | None, is_session: bool) -> str:
    if not is_session:
        return text
    return wire.transient_frame(text) if seq is None else wire.durable_frame(seq, text)


@functools.lru_cache(maxsize=65536)
def carried(text: str) -> tuple[str, str]:
    """The id of the event in a frame, and a readable name for it. The id is empty for a frame without an event."""
    if not text:
        return "", "nothing"
    frame = json.loads(text)
    event = frame.get("event", frame)
    if "kind" not in event:
        return "", str(event["type"])
    name = str(event["kind"]).removesuffix("Event")
    if event.get("key") == "full_state":
        name = f"snapshot ({event['value']['execution_status']})"
    elif event.get("key") == "execution_status":
        name = f"status {event['value']}"
    elif "key" in event:
        name = str(event["key"])
    elif event["kind"] == "MessageEvent":
        name = f"{event['source']} message"
    return str(event["id"]), name


_ACTIONS: dict[ServerAction, str] = {
    "message": "takes the message",
    "accept": "takes the run",
    "start": "begins the run",
    "action": "acts",
    "observation": "observes",
    "answer": "answers in words",
    "end": "says that the run is finished",
    "veto": "has a stop hook that says no",
    "over": "publishes the final snapshot",
    "other": "takes a message of somebody else",
    "foreign": "takes a message and a run of somebody else",
    "restart": "dies and comes back",
    "truncate-1": "dies and comes back, and its log has lost the last event",
    "truncate-2": "dies and comes back, and its log has lost the last two events",
}
