"""The server of a search: every sequence of actions that it can take in one small conversation.

A *point* is a sequence of actions and the state that results from it: the log, the status, the leaf, and what was
published last. Points form a tree, and are made on demand. `gapless.simserver.conversation.agent` makes the events, so
their content and order are those of the simulated server. Timestamps depend only on the actions, not on the clock of a
schedule. So two schedules with the same actions of the server have the same events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gapless.simserver.conversation import event_bodies
from gapless.simserver.conversation.agent import Agent, ConversationState, Publication
from gapless.simserver.conversation.archive import EventTreatment, LogView
from gapless.simserver.conversation.workload import AgentWorkload
from gapless.simserver.protocol import pages, wire
from gapless.simserver.protocol.pages import Filters, SearchPage
from gapless.simserver.settings import ServerSettings

ServerAction = Literal[
    "message",
    "accept",
    "start",
    "action",
    "observation",
    "answer",
    "end",
    "veto",
    "over",
    "other",
    "foreign",
    "restart",
    "truncate-1",
    "truncate-2",
]
"""An action of the server.

- ``message``, ``accept``: it receives the client's message, or its POST run.
- ``start``: the run begins.
- ``action``, ``observation``, ``answer``: the run adds an event. An answer is a message of the agent.
- ``end``: the status becomes ``finished``.
- ``veto``: a stop hook vetoes the end.
- ``over``: the final snapshot is published.
- ``other``: a message from another client arrives.
- ``foreign``: another client sends a message and starts a run.
- ``restart``: the process dies and comes back. A run in progress ends in ``error``; one that has not begun is
  forgotten.
- ``truncate-1``, ``truncate-2``: the same, and the log has lost its last events.
"""

Fate = Literal["durable", "unpersisted", "corrupt"]
"""What becomes of the record of an event: it is persisted, it never is, or it is and no call can read it."""

Taken = tuple[ServerAction, Fate]
"""An action and the fate of the branch events that it adds."""

_TICK_S = 0.01
_RUN_ACTIONS = frozenset({"action", "observation", "answer"})
RESTARTS: dict[ServerAction, int] = {"restart": 0, "truncate-1": 1, "truncate-2": 2}
"""How many events the log loses in a restart."""
_DURABLE = EventTreatment()
_TREATMENTS: dict[Fate, EventTreatment] = {
    "durable": _DURABLE,
    "unpersisted": EventTreatment(persisted=False),
    "corrupt": EventTreatment(readable=False),
}
_NO_FILTERS = Filters()


Owner = Literal["client", "another", "nobody"]


@dataclass(frozen=True, slots=True)
class Record:
    """An event that was in the log. ``ordinal``: how many were appended before it; ``gone``: before it was lost."""

    event_id: str
    kind: str
    index: int
    branch: bool
    ordinal: int
    readable: bool = True
    gone: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A point of the server: a sequence of actions and its result.

    ``number``: its index in the script's table
    ``actions``: the actions so far
    ``agent``: the agent after these actions
    ``told``: what the last action published, in order of publication
    ``ids``: the ids of the events in the log, in order
    ``records``: every event that was ever in the log
    ``appended``: how many events were ever appended
    ``unreadable``: the positions of corrupt records
    ``owner``: whose run is in progress
    ``accepted``: how many runs of the client were accepted
    ``over``: how many of them are over: the final snapshot was published, or the process has died
    ``ways``: what the server can do next without a call or another client; the most ordinary first
    ``next``: the numbers of the points that follow and were made already
    """

    number: int
    actions: tuple[Taken, ...]
    agent: Agent
    told: tuple[Publication, ...]
    ids: tuple[str, ...]
    records: tuple[Record, ...]
    appended: int
    unreadable: frozenset[int]
    owner: Owner
    accepted: int
    over: int
    ways: tuple[ServerAction, ...]
    next: dict[Taken, int] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The execution status."""
        return self.agent.status

    @property
    def is_running(self) -> bool:
        """Whether a run was accepted and its final snapshot is not yet published."""
        return self.owner != "nobody"

    @property
    def is_over(self) -> bool:
        """Whether the client's run is over."""
        return self.accepted == self.over > 0


class Script:
    """All points of one conversation.

    ``history_events``: how many events the log holds before the client attaches
    ``events_max``: how many events the run may have
    """

    def __init__(self, settings: ServerSettings, *, history_events: int, events_max: int) -> None:
        self.settings = settings
        self.history_events = history_events
        self.events_max = events_max
        self._points: list[Point] = []
        self._greetings: dict[int, str] = {}
        self._bodies: dict[str, str] = {}
        self.start = self._make(())

    def __repr__(self) -> str:
        return f"Script({self.settings.generation}, {len(self._points)} points)"

    def __getitem__(self, number: int) -> Point:
        return self._points[number]

    def after(self, point: Point, action: ServerAction, fate: Fate = "durable") -> Point:
        """The point that follows an action."""
        known = point.next.get((action, fate))
        if known is None:
            known = point.next[action, fate] = self._make((*point.actions, (action, fate))).number
        return self._points[known]

    def greeting(self, point: Point, connection: int) -> str:
        """The snapshot that greets a subscription at this point, as text. Its id differs for each connection."""
        text = self._greetings.get(point.number)
        if text is None:
            agent, at_s = point.agent, (len(point.actions) + 0.5) * _TICK_S
            template = event_bodies.state_update(
                "full_state", agent.state(ConversationState(agent.status, agent.leaf, agent.last_user_message_id))
            )
            stamp = event_bodies.timestamp(agent.epoch, round(at_s * 1_000_000))
            text = event_bodies.encode(event_bodies.stamp(template, f"greeting-{point.number}-#", stamp, None))
            self._greetings[point.number] = text
        return text.replace("-#", f"-{connection}", 1)

    def page(
        self, point: Point, persisted: int, *, page_id: str | None, limit: int, descending: bool
    ) -> SearchPage | None:
        """A page of the first ``persisted`` events. None if the cursor is unknown and the server refuses it."""
        view = LogView(point.agent.log, persisted, point.unreadable)
        start = None
        if page_id is not None:
            start = view.index_of(page_id)
            if start is None and self.settings.unknown_cursor != "natural":
                return None
        cursor = self.settings.cursor
        return pages.search(view, start=start, limit=limit, descending=descending, cursor=cursor, filters=_NO_FILTERS)

    def page_text(self, point: Point, page: SearchPage) -> str:
        """The body of a page. Equal bodies are one string object."""
        log = point.agent.log
        text = wire.page((log.text_at(index) for index in page.indices), page.next_page_id)
        return self._bodies.setdefault(text, text)

    def info_text(self, point: Point) -> str:
        """The body of the conversation's info, with only the fields that a client reads."""
        info = {"id": point.agent.conversation_id, "execution_status": point.status}
        if self.settings.has_tree:
            info["leaf_event_id"] = point.agent.leaf  # type: ignore[assignment]  # None is a value there
        return event_bodies.encode(info)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _make(self, actions: tuple[Taken, ...]) -> Point:
        fates: list[Fate] = ["durable"]
        agent = Agent(
            self.settings,
            AgentWorkload(history_events=self.history_events),
            lambda event: _TREATMENTS[fates[-1]] if event_bodies.is_branch_event(event) else _DURABLE,
        )
        records = [_record(event, index, index) for index, event in enumerate(agent.log)]
        told: Sequence[Publication] = ()
        appended, owner, accepted, over = len(records), "nobody", 0, 0
        for number, (action, fate) in enumerate(actions):
            fates.append(fate)
            told = self._do(agent, action, actions[:number], (number + 1) * _TICK_S)
            records = [
                replace(one, gone=appended) if one.gone is None and one.index >= len(agent.log) - _added(told) else one
                for one in records
            ]
            for index in range(len(agent.log) - _added(told), len(agent.log)):
                event = agent.log[index]
                is_readable = fate != "corrupt" or not event_bodies.is_branch_event(event)
                records.append(_record(event, index, appended, is_readable=is_readable))
                appended += 1
            if action in ("accept", "foreign"):
                owner, accepted = ("client", accepted + 1) if action == "accept" else ("another", accepted)
            elif action == "over" or action in RESTARTS:
                owner, over = "nobody", over + (owner == "client")
        standing = [one for one in records if one.gone is None]
        point = Point(
            number=len(self._points),
            actions=actions,
            agent=agent,
            told=() if actions and actions[-1][0] in RESTARTS else tuple(told),
            ids=tuple(agent.log.ids()),
            records=tuple(records),
            appended=appended,
            unreadable=frozenset(one.index for one in standing if not one.readable),
            owner=owner,  # type: ignore[arg-type]  # one of the three names
            accepted=accepted,
            over=over,
            ways=self._ways(tuple(action for action, _ in actions), owner),
        )
        assert [one.event_id for one in standing] == list(point.ids)
        self._points.append(point)
        return point

    def _do(self, agent: Agent, action: ServerAction, before: tuple[Taken, ...], now_s: float) -> Sequence[Publication]:
        acted = sum(one == "action" for one, _ in before)
        match action:
            case "message":
                return agent.message(now_s, "Do the task")
            case "other" | "foreign":
                return agent.message(now_s, "By the way")
            case "accept":
                return ()
            case "start":
                return agent.start_run(now_s)
            case "action":
                return agent.step(now_s, event_bodies.action(f"call-{acted}", "step"))
            case "observation":
                return agent.step(now_s, event_bodies.observation(f"call-{acted - 1}", "result"))
            case "answer":
                return agent.step(now_s, event_bodies.user_message("Done", source="agent"))
            case "end":
                return agent.end_run(now_s, "finished")
            case "veto":
                return agent.veto(now_s)
            case "over":
                return (agent.snapshot(now_s),)
            case "restart" | "truncate-1" | "truncate-2":
                if RESTARTS[action]:
                    agent.truncate(now_s, max(0, len(agent.log) - RESTARTS[action]))
                return agent.recover(now_s)

    def _ways(self, actions: tuple[ServerAction, ...], owner: str) -> tuple[ServerAction, ...]:
        """What the server can do next by itself. Whether a veto is within the bounds is checked in ``moves.py``."""
        if owner == "nobody":
            return ()
        begun = max(index for index, action in enumerate(actions) if action in ("accept", "foreign"))
        own = [action for action in actions[begun:] if action not in ("message", "other")]
        last = own[-1]
        if last in ("accept", "foreign"):
            return ("start",)
        if last == "end":
            return ("over", "veto")
        if last == "action":
            return ("observation",)
        if last == "answer":
            return ("end",)
        left = self.events_max - sum(1 for action in own if action in _RUN_ACTIONS)
        ways: list[ServerAction] = []
        if left >= 2:
            ways.append("action")
        if left >= 1:
            ways.append("answer")
        return (*ways, "end")


def _record(event: event_bodies.EventBody, index: int, ordinal: int, *, is_readable: bool = True) -> Record:
    return Record(
        str(event["id"]), str(event["kind"]), index, event_bodies.is_branch_event(event), ordinal, is_readable
    )


def _added(told: Sequence[Publication]) -> int:
    return sum(one.index is not None for one in told)
