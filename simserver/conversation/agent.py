"""The fake agent: a pure model of one conversation, which owns the true log.

The model has no I/O, no clock and no randomness. The time is an argument. Each method returns what is to be published,
in the order in which the real server publishes it. This is not always the order of the log: the state update that
follows a user message is published before the message (R31, measured in every recorded run of 1.57.0).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gapless.simserver.conversation import event_bodies
from gapless.simserver.conversation.archive import DURABLE, EventTreatment
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody
from gapless.simserver.conversation.event_log import EventLog
from gapless.simserver.conversation.ids import Ids, conversation_id_for
from gapless.simserver.conversation.past_events import PastEvents
from gapless.simserver.conversation.workload import AgentWorkload, EndStatus
from gapless.simserver.errors import IllegalTransition
from gapless.simserver.faults.verdicts import TailKind
from gapless.simserver.settings import ServerSettings

# A run may start in these statuses.
RESTING: Final = frozenset({"idle", "paused", "waiting_for_confirmation", "finished", "error", "stuck"})
# The parent of an event that is appended after HEAD was moved before the first event.
ROOT: Final = "__root__"
# In these statuses a message first sets the status to idle; not so in error, on servers 1.57.0 and 1.58.2.
WOKEN_BY_MESSAGE: Final = frozenset({"finished", "stuck"})


@dataclass(slots=True)
class Publication:
    """One event to send to the subscribers.

    seq: the log index that subscribers get, None when the event is not persisted or not yet; text: its JSON; index: its
    log index, None when it is never persisted; treatment: how the faults treat it.
    """

    # Not frozen, because each event makes one, and a frozen dataclass takes three times as long to make.

    event: EventBody
    seq: int | None
    text: str
    index: int | None = None
    treatment: EventTreatment = DURABLE

    @property
    def durable(self) -> bool:
        """Whether the event is in the log when it is sent."""
        return self.seq is not None


@dataclass(frozen=True, slots=True)
class ConversationState:
    """The state that a snapshot reports. ``stats_updates``: how often the statistics have been updated."""

    status: str
    leaf: str | None
    last_user_message_id: str | None
    stats_updates: int = 0


def _always_durable(_: EventBody) -> EventTreatment:
    return DURABLE


class Agent:
    """One conversation: its log, leaf and status. ``fate`` says how the faults treat an event."""

    def __init__(
        self,
        settings: ServerSettings,
        workload: AgentWorkload,
        treatment: Callable[[EventBody], EventTreatment] = _always_durable,
    ) -> None:
        self.settings = settings
        self.conversation_id = workload.conversation_id or conversation_id_for("conversation")
        self.epoch = workload.epoch
        self._ids = Ids(self.conversation_id)
        history = PastEvents(
            workload.history_events,
            self._ids,
            epoch=workload.epoch,
            has_tree=settings.has_tree and not workload.history_before_tree,
            payload_bytes=workload.payload_bytes,
        )
        self.log = EventLog(history, self._ids)
        # A log from before the tree names no leaf, and neither does the server until something is appended (R68).
        self.leaf: str | None = history.leaf if not workload.history_before_tree else None
        self.head_is_empty = False
        self.seq_base = 0
        self.last_user_message_id: str | None = history.last_user_message_id
        self.status: str = "finished" if history.ends_finished else "idle"
        self.title: str | None = None
        self._recording = list(workload.recording)
        self._counter = workload.history_events
        self._last_us = -1
        self._made_up_at = ""  # when the last event happened that is not of the recording
        self._clock_ahead_us = 0
        self._tick_us: int | None = None
        self._actions: dict[str, str] = {}
        self._failures = 0
        self._stats_updates = 0
        self._treatment_of = treatment
        self._past: list[tuple[float, str, str | None, str | None, int]] = []
        self._remember(-1.0)

    def __repr__(self) -> str:
        return f"Agent({self.status}, {len(self.log)} events, leaf={self.leaf})"

    # --- operations --------------------------------------------------------------------------------------------

    def message(self, now_s: float, text: str) -> tuple[Publication, ...]:
        """A user message arrives. In an empty log the system prompt comes before it."""
        published: list[Publication] = []
        if not len(self.log):
            published.append(self._append(now_s, event_bodies.system_prompt()))
        if self.status in WOKEN_BY_MESSAGE:
            published.append(self._set_status(now_s, "idle"))
        message = self._append(now_s, event_bodies.user_message(text))
        self.last_user_message_id = str(message.event["id"])
        self._remember(now_s)
        self.title = self.title or text[:50]
        update = self._append(now_s, event_bodies.state_update("last_user_message_id", self.last_user_message_id))
        # Until 1.57 the update goes out before the message, although the log has it after.
        return (*published, message, update) if self.settings.is_newest else (*published, update, message)

    def start_run(self, now_s: float) -> tuple[Publication, ...]:
        """A run starts. Raises IllegalTransition while one is running or the conversation is being deleted."""
        if self.status not in RESTING:
            raise IllegalTransition("start a run", self.status)
        return (self._set_status(now_s, "running"),)

    def step(self, now_s: float, event: EventBody) -> tuple[Publication, ...]:
        """The run produces an event. Raises IllegalTransition when none is running."""
        if self.status != "running":
            raise IllegalTransition("take a step", self.status)
        return (self._append(now_s, event),)

    def end_run(self, now_s: float, status: EndStatus) -> tuple[Publication, ...]:
        """The run ends. The status ``error`` comes before the event that says why, on servers 1.57.0 and 1.58.2.

        Raises IllegalTransition when no run is running.
        """
        if self.status != "running":
            raise IllegalTransition("end a run", self.status)
        published = [self._set_status(now_s, status)]
        if status == "error":
            # Each failure has a text of its own, so that one run's error cannot pass for another's (R84).
            self._failures += 1
            detail = f"The simulated agent failed as planned (failure {self._failures})."
            error = event_bodies.conversation_error("SimulatedError", detail)
            published.append(self._append(now_s, error))
        return tuple(published)

    def pause(self, now_s: float) -> tuple[Publication, ...]:
        """Set the status to paused. Does nothing unless the conversation is idle or running."""
        if self.status not in {"idle", "running"}:
            return ()
        return (self._set_status(now_s, "paused"),)

    def veto(self, now_s: float) -> tuple[Publication, ...]:
        """A stop hook vetoes the end of the run, which goes on (R13).

        Raises IllegalTransition while a run is running or the conversation is being deleted.
        """
        if self.status not in RESTING:
            raise IllegalTransition("go on", self.status)
        feedback = self._append(now_s, event_bodies.user_message("[Stop hook feedback] Not yet.", source="environment"))
        return (feedback, self._set_status(now_s, "running"))

    def navigate(self, now_s: float, back: int | None) -> str | None:
        """Move HEAD ``back`` branch events towards the root, or before the first event when None. Nothing is published.

        Returns the new leaf. Servers without a tree have no HEAD, and nothing happens.
        """
        if not self.settings.has_tree:
            return self.leaf
        leaf = self.leaf if back is not None else None
        for _ in range(back or 0):
            index = None if leaf is None else self.log.index_of(leaf)
            parent = None if index is None else self.log[index].get("parent_id")
            leaf = None if parent in (None, ROOT) else str(parent)
        self.move_head(now_s, leaf)
        return leaf

    def move_head(self, now_s: float, leaf: str | None) -> None:
        """Let ``leaf`` be HEAD; None for before the first event. Does nothing without a tree."""
        if self.settings.has_tree:
            self.leaf, self.head_is_empty = leaf, leaf is None
            self._remember(now_s)

    def reject(self, now_s: float, reason: str) -> tuple[Publication, ...]:
        """The user rejects the action that waits for confirmation. Raises IllegalTransition when none waits."""
        if self.status != "waiting_for_confirmation":
            raise IllegalTransition("reject an action", self.status)
        return (self._append(now_s, event_bodies.rejection(reason)), self._set_status(now_s, "idle"))

    def answer(self, now_s: float, text: str) -> tuple[Publication, ...]:
        """A client's tool answers the last action: an observation is appended."""
        acting = next((event for event in self._backwards() if event["kind"] == "ActionEvent"), None)
        call_id = str(acting["tool_call_id"]) if acting is not None else "client-tool"
        return (self._append(now_s, event_bodies.observation(call_id, text)),)

    def update(self, index: int, event_id: str) -> Publication | None:
        """Let the log have newer content of an event. None when the event is not there any more."""
        if index >= len(self.log) or self.log.id_at(index) != event_id:
            return None
        event = {**self.log[index], "revision": int(self.log[index].get("revision", 1)) + 1}
        event["kind"] = event.pop("kind")  # the kind stays last, as the real server writes it
        self.log.replace(index, event)
        return Publication(event, self.seq_of(index), self.log.text_at(index), index)

    def insert(self, now_s: float, index: int) -> EventBody:
        """Insert an event at ``index``. It is on the branch of the event before it. Nothing is published."""
        before = self.log[index - 1] if index else None
        parent_id = None
        if before is not None and self.settings.has_tree:
            parent_id = str(before["id"]) if before["kind"] != STATE_UPDATE else before.get("parent_id")
        template = event_bodies.user_message("back-filled", source="environment")
        event = event_bodies.stamp(template, self._next_id(), self._timestamp(now_s), parent_id)
        self.log.insert(index, event)
        return event

    def seq_of(self, index: int) -> int:
        """The sequence number of a log index; it begins anew with each epoch (R75)."""
        return index - self.seq_base

    def append_late_event(self, now_s: float, what: TailKind) -> tuple[Publication, ...]:
        """An event is persisted after a run's end: statistics, or a log of the model's calls (R20)."""
        if what != "stats":
            return (self._append(now_s, event_bodies.completion_log()),)
        self._stats_updates += 1
        self._remember(now_s)
        return (self._append(now_s, event_bodies.state_update("stats", event_bodies.statistics(self._stats_updates))),)

    def delta(self, now_s: float, text: str) -> Publication:
        """A token delta. It is never persisted, so its id is never a valid cursor."""
        event = event_bodies.stamp(event_bodies.delta(text), self._next_id(), self._timestamp(now_s), None)
        return Publication(event, None, event_bodies.encode(event))

    def recover(self, now_s: float, *, leaf_lags: bool = False) -> tuple[Publication, ...]:
        """The process is back after it died in a run. The run ends in ``error``.

        If the last event is an action without its observation, an error event is added in its place. ``leaf_lags``: the
        process died before it had saved the leaf after the last action, so the leaf is that action's parent.
        """
        if self.status != "running":
            return ()
        last = next((event for event in self._backwards() if event["kind"] != STATE_UPDATE), None)
        acting = next((event for event in self._backwards() if event["kind"] == "ActionEvent"), None)
        if leaf_lags and acting is not None and self.settings.has_tree:
            self.leaf = acting.get("parent_id")
        published = [self._set_status(now_s, "error")]
        if acting is not None and last is acting:
            error = event_bodies.agent_error(str(acting["tool_name"]), str(acting["tool_call_id"]))
            # The parent of the error is always the action, also when the leaf lags.
            self.leaf = str(acting["id"])
            published.append(self._append(now_s, error))
        return tuple(published)

    def _backwards(self) -> Iterator[EventBody]:
        return (self.log[index] for index in range(len(self.log) - 1, -1, -1))

    def step_clock(self, now_s: float, step_s: float) -> None:
        """Set the server's clock forward by ``step_s``, or back when it is negative."""
        self._clock_ahead_us += round(step_s * 1_000_000)
        self._last_us = self._clock_us(now_s) - 1

    def coarsen_clock(self, resolution_s: float) -> None:
        """Round timestamps down to multiples of ``resolution_s`` from now on, so that events can have equal ones."""
        self._tick_us = max(1, round(resolution_s * 1_000_000))

    def truncate(self, now_s: float, length: int) -> None:
        """Keep the first ``length`` events of the log. The leaf becomes the last branch event among them."""
        self.log.truncate(length)
        self.leaf = self._last_id(lambda event: bool(event["kind"] != STATE_UPDATE))
        self.last_user_message_id = self._last_id(lambda event: event["kind"] == "MessageEvent")
        self._remember(now_s)

    def _last_id(self, wanted: Callable[[EventBody], bool]) -> str | None:
        indices = range(len(self.log) - 1, -1, -1)
        return next((self.log.id_at(index) for index in indices if wanted(self.log[index])), None)

    def delete(self) -> None:
        """Delete the conversation. Nothing is published (R35)."""
        self.status = "deleting"

    def snapshot(self, now_s: float, *, stale_s: float = 0.0) -> Publication:
        """A ``full_state`` event with the state of ``stale_s`` ago.

        It is never persisted, so its id is never a valid cursor.
        """
        template = event_bodies.state_update("full_state", self.state(self._standing_at(now_s - stale_s)))
        event = event_bodies.stamp(template, self._next_id(), self._timestamp(now_s), None)
        return Publication(event, None, event_bodies.encode(event))

    def _remember(self, now_s: float) -> None:
        self._past.append((now_s, self.status, self.leaf, self.last_user_message_id, self._stats_updates))

    def _standing_at(self, at_s: float) -> ConversationState:
        past = self._past[max(0, bisect_right(self._past, at_s, key=lambda one: one[0]) - 1)]
        return ConversationState(*past[1:])

    def state(self, standing: ConversationState) -> dict[str, Any]:
        """The value of a snapshot, in the shape of the recordings."""
        state: dict[str, Any] = {
            "id": self.conversation_id,
            "agent": {"kind": "Agent", "llm": {"model": "simulated"}},
            "workspace": {"working_dir": "/workspace", "kind": "LocalWorkspace"},
            "persistence_dir": "/persistence",
            "max_iterations": 500,
            "stuck_detection": True,
            "execution_status": standing.status,
            "confirmation_policy": {"kind": "NeverConfirm"},
            "activated_knowledge_skills": [],
            "activated_path_rules": [],
            "invoked_skills": [],
            "blocked_actions": {},
            "blocked_messages": {},
        }
        if standing.last_user_message_id is not None:
            state["last_user_message_id"] = standing.last_user_message_id
        if self.settings.has_tree and standing.leaf is not None:
            state["leaf_event_id"] = standing.leaf
        state |= {"head_is_empty": self.head_is_empty}
        state |= {"stats": event_bodies.statistics(standing.stats_updates)}
        state |= {"secret_registry": {"secret_sources": {}}, "tags": {}, "agent_state": {}}
        return state

    # --- appending ---------------------------------------------------------------------------------------------

    def _set_status(self, now_s: float, status: str) -> Publication:
        publication = self._append(now_s, event_bodies.state_update("execution_status", status))
        self.status = status
        self._remember(now_s)
        return publication

    def _append(self, now_s: float, template: EventBody) -> Publication:
        event = self._event(now_s, template)
        treatment = self._treatment_of(event)
        if treatment.kind is not None:
            event = {**event, "kind": treatment.kind}
        if not treatment.persisted:
            return Publication(event, None, event_bodies.encode(event), None, treatment)
        index = self.log.append(event)
        if event["kind"] != STATE_UPDATE:
            self.leaf, self.head_is_empty = str(event["id"]), False
            self._remember(now_s)
        if event["kind"] == "ActionEvent" and "tool_call_id" in event:
            self._actions[str(event["tool_call_id"])] = str(event["id"])
        text = self.log.text_at(index)
        if treatment.unstamped:
            text = event_bodies.encode({name: value for name, value in event.items() if name != "parent_id"})
        return Publication(event, None if treatment.lag_s else self.seq_of(index), text, index, treatment)

    def _event(self, now_s: float, template: EventBody) -> EventBody:
        parent_id = self.leaf if self.settings.has_tree else None
        if parent_id is None and self.head_is_empty:
            parent_id = ROOT
        body = template if "id" in template else self._take_recorded(template)
        if body is not None:
            # The parent is computed, not taken from the recording. The fidelity test shows that the two are equal.
            # What comes after an event that is not of the recording is stamped like it, so the log's clock goes on.
            recorded_at = str(body["timestamp"])
            if recorded_at <= self._made_up_at:
                recorded_at = self._made_up_at = self._timestamp(now_s)
            return event_bodies.stamp(body, str(body["id"]), recorded_at, parent_id)
        made_up = template if self.settings.has_tree else event_bodies.legacy(template)
        self._made_up_at = self._timestamp(now_s)
        event = event_bodies.stamp(made_up, self._next_id(), self._made_up_at, parent_id)
        if "action_id" in event and event["action_id"] is None:
            event["action_id"] = self._actions.get(str(event["tool_call_id"]))
        return event

    def _take_recorded(self, template: EventBody) -> EventBody | None:
        """Take the next recorded event that says the same. None when the recording has no more of them."""
        if not self._recording:
            return None
        wanted = event_bodies.meaning(template)
        for position, event in enumerate(self._recording):
            if event_bodies.meaning(event) == wanted:
                return self._recording.pop(position)
        return None

    def _next_id(self) -> str:
        event_id = self._ids.make(self._counter)
        self._counter += 1
        return event_id

    def _timestamp(self, now_s: float) -> str:
        if self._tick_us is not None:
            return event_bodies.timestamp(self.epoch, self._clock_us(now_s) // self._tick_us * self._tick_us)
        # Timestamps strictly increase: two events of one instant are a microsecond apart.
        self._last_us = max(self._last_us + 1, self._clock_us(now_s))
        return event_bodies.timestamp(self.epoch, self._last_us)

    def _clock_us(self, now_s: float) -> int:
        return round(now_s * 1_000_000) + self._clock_ahead_us
