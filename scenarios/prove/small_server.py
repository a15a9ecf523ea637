"""The server of a search: every sequence of actions that it can take in one small conversation.

A *point* is a sequence of actions and the state that results from it: the log, the status, the leaf, and what was
published last. Points form a tree, and are made on demand. `gapless.simserver.conversation.agent` makes the events, so
their content and order are the same as at the wire level. Timestamps depend only on the actions, not on the clock of a
schedule. So two schedules with the same actions of the server have the same events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gapless.simserver.conversation import event_bodies
from gapless.simserver.conversation.agent import Agent, ConversationState, Publication
from gapless.simserver.conversation.archive import LogView
from gapless.simserver.conversation.workload import AgentWorkload
from gapless.simserver.protocol import pages, wire
from gapless.simserver.protocol.pages import Filters, SearchPage
from gapless.simserver.settings import ServerSettings

ServerAction = Literal["message", "accept", "start", "action", "observation", "answer", "end", "veto", "over", "other"]
"""An action of the server.

- ``message``, ``accept``: it receives the client's message, or its POST run.
- ``start``: the run begins.
- ``action``, ``observation``, ``answer``: the run adds an event. An answer is a message of the agent.
- ``end``: the status becomes ``finished``.
- ``veto``: a stop hook vetoes the end.
- ``over``: the final snapshot is published.
- ``other``: a message from another client arrives.
"""

_TICK_S = 0.01
_RUN_ACTIONS = frozenset({"action", "observation", "answer"})
_NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A point of the server: a sequence of actions and its result.

    ``number``: its index in the script's table
    ``actions``: the actions so far
    ``agent``: the agent after these actions
    ``told``: what the last action published, in order of publication
    ``ids``: the ids of the events in the log, in order
    ``branch``: for each of them, whether it is on the branch
    ``ways``: what the server can do next without a call or another client; the most ordinary first
    ``next``: the numbers of the points that follow and were made already
    """

    number: int
    actions: tuple[ServerAction, ...]
    agent: Agent
    told: tuple[Publication, ...]
    ids: tuple[str, ...]
    branch: tuple[bool, ...]
    ways: tuple[ServerAction, ...]
    next: dict[ServerAction, int] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """The execution status."""
        return self.agent.status

    @property
    def is_running(self) -> bool:
        """Whether a run was accepted and its final snapshot is not yet published."""
        return "accept" in self.actions and "over" not in self.actions

    @property
    def is_over(self) -> bool:
        """Whether the final snapshot of the client's run is published."""
        return "over" in self.actions


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

    def after(self, point: Point, action: ServerAction) -> Point:
        """The point that follows an action."""
        known = point.next.get(action)
        if known is None:
            known = point.next[action] = self._make((*point.actions, action)).number
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
        view = LogView(point.agent.log, persisted)
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

    def _make(self, actions: tuple[ServerAction, ...]) -> Point:
        agent = Agent(self.settings, AgentWorkload(history_events=self.history_events))
        told: Sequence[Publication] = ()
        for number, action in enumerate(actions):
            told = self._do(agent, action, actions[:number], (number + 1) * _TICK_S)
        log = agent.log
        point = Point(
            number=len(self._points),
            actions=actions,
            agent=agent,
            told=tuple(told),
            ids=tuple(log.ids()),
            branch=tuple(event_bodies.is_branch_event(event) for event in log),
            ways=self._ways(actions),
        )
        self._points.append(point)
        return point

    def _do(
        self, agent: Agent, action: ServerAction, before: tuple[ServerAction, ...], now_s: float
    ) -> Sequence[Publication]:
        match action:
            case "message":
                return agent.message(now_s, "Do the task")
            case "other":
                return agent.message(now_s, "By the way")
            case "accept":
                return ()
            case "start":
                return agent.start_run(now_s)
            case "action":
                return agent.step(now_s, event_bodies.action(f"call-{before.count('action')}", "step"))
            case "observation":
                return agent.step(now_s, event_bodies.observation(f"call-{before.count('action') - 1}", "result"))
            case "answer":
                return agent.step(now_s, event_bodies.user_message("Done", source="agent"))
            case "end":
                return agent.end_run(now_s, "finished")
            case "veto":
                return agent.veto(now_s)
            case "over":
                return (agent.snapshot(now_s),)

    def _ways(self, actions: tuple[ServerAction, ...]) -> tuple[ServerAction, ...]:
        """What the server can do next by itself. Whether a veto is within the bounds is checked in ``moves.py``."""
        own = [action for action in actions if action not in ("message", "other")]
        if not own or own[-1] == "over":
            return ()
        last = own[-1]
        if last == "accept":
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
