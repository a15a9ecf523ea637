"""A made-up history of any length. Each event is computed when it is read.

The history is a SystemPromptEvent and then finished runs of nine events each: idle, message, last_user_message_id,
running, two action/observation pairs, finished. The first run has no ``idle``, and fewer events if the length asked for
requires it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from gapless.simserver.conversation import event_bodies
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.conversation.ids import Ids

_RUN: Final = ("idle", "message", "last-user", "running", "action", "observation", "action", "observation", "finished")
# The roles in the first run, by how many events it has.
_FIRST: Final = (
    (),
    ("message",),
    ("message", "last-user"),
    ("message", "last-user", "running"),
    ("message", "last-user", "running", "finished"),
    ("message", "last-user", "running", "action", "finished"),
    ("message", "last-user", "running", "action", "observation", "finished"),
    ("message", "last-user", "running", "action", "observation", "action", "finished"),
    _RUN[1:],
)
_BRANCH: Final = frozenset({"system", "message", "action", "observation"})
_KINDS: Final = {
    "system": "SystemPromptEvent",
    "message": "MessageEvent",
    "action": "ActionEvent",
    "observation": "ObservationEvent",
}
_SPACING_US: Final = 1_000_000
_KEPT_LENGTH_MAX: Final = 2_000
_KEPT_BYTES_MAX: Final = 4_000_000


@lru_cache(maxsize=8)
def _kept(*history: object) -> tuple[dict[int, EventBody], dict[int, str]]:
    """Events and texts of a history, for all worlds of this process that have the same one."""
    return {}, {}


class PastEvents:
    """The first ``length`` events of a log. Their ids belong to the counters 0 to ``length`` - 1.

    ``events``, ``texts``: those that were computed already, by index. They are shared: do not change an event.
    """

    def __init__(self, length: int, ids: Ids, *, epoch: datetime, has_tree: bool, payload_bytes: int) -> None:
        self.length = length
        self._ids = ids
        self._epoch = epoch
        self._has_tree = has_tree
        self._text = "x" * payload_bytes
        self._first = (length - 1) % len(_RUN) if length else 0
        is_kept = length <= _KEPT_LENGTH_MAX and length * payload_bytes <= _KEPT_BYTES_MAX
        self.events, self.texts = _kept(length, ids.make(0), epoch, has_tree, payload_bytes) if is_kept else ({}, {})

    def __repr__(self) -> str:
        return f"PastEvents({self.length} events)"

    def _role(self, index: int) -> str:
        if index == 0:
            return "system"
        if index <= self._first:
            return _FIRST[self._first][index - 1]
        return _RUN[(index - 1 - self._first) % len(_RUN)]

    def _last(self, roles: frozenset[str], before: int) -> str | None:
        """The id of the last event with one of these roles before an index. It is at most nine events away."""
        for index in range(before - 1, -1, -1):
            if self._role(index) in roles:
                return self._ids.make(index)
        return None

    @property
    def leaf(self) -> str | None:
        """The id of the last branch event."""
        return self._last(_BRANCH, self.length)

    @property
    def last_user_message_id(self) -> str | None:
        return self._last(frozenset({"message"}), self.length)

    @property
    def ends_finished(self) -> bool:
        """Whether the history ends with a finished run. If not, it has no finished run."""
        return self.length > 0 and self._role(self.length - 1) == "finished"

    def outlined(self, index: int) -> Mapping[str, Any]:
        """The event at a log index. Its fields but id and kind are computed when they are read."""
        return _Outlined(self, index, self._ids.make(index), _KINDS.get(self._role(index), event_bodies.STATE_UPDATE))

    def event(self, index: int) -> EventBody:
        """The event at a log index."""
        template = self._template(index) if self._has_tree else event_bodies.legacy(self._template(index))
        at = event_bodies.timestamp(self._epoch, (index - self.length) * _SPACING_US)
        parent = self._last(_BRANCH, index) if self._has_tree else None
        return event_bodies.stamp(template, self._ids.make(index), at, parent)

    def _template(self, index: int) -> EventBody:
        role = self._role(index)
        match role:
            case "system":
                return event_bodies.system_prompt()
            case "message":
                return event_bodies.user_message(f"earlier message {index}")
            case "last-user":
                return event_bodies.state_update("last_user_message_id", self._ids.make(index - 1))
            case "action":
                return event_bodies.action(f"call-{index}", f"step {index} {self._text}".rstrip())
            case "observation":
                template = event_bodies.observation(f"call-{index - 1}", f"result {index} {self._text}".rstrip())
                template["action_id"] = self._ids.make(index - 1)
                return template
            case status:
                return event_bodies.state_update("execution_status", status)


class _Outlined(Mapping[str, Any]):
    """An event of the history, which is computed when more than its id and its kind is read."""

    __slots__ = ("_history", "_id", "_index", "_kind")

    def __init__(self, history: PastEvents, index: int, event_id: str, kind: str) -> None:
        self._history = history
        self._index = index
        self._id = event_id
        self._kind = kind

    def _whole(self) -> EventBody:
        return self._history.event(self._index)

    def __getitem__(self, name: str) -> Any:
        if name == "id":
            return self._id
        return self._kind if name == "kind" else self._whole()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def items(self) -> Any:
        return self._whole().items()
