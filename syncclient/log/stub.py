"""What is left of an event whose payload is not kept in memory, and how large a payload is. Pure.

A stub answers what the ledger asks of an event: id, kind, parent, source, timestamp, and the status that it announces.
Nobody outside this package gets to see one: `conversation.events` passes over them, `history()` reads them whole again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapless.syncclient.wire import LogEvent, execution_status

_NODE_BYTES = 8
_FIELDS = ("id", "kind", "parent_id", "source", "timestamp", "key", "value")


class Stub(Mapping[str, Any]):
    """The few fields of an event that its place in the log depends on; some 250 bytes, whatever the event's size."""

    __slots__ = ("_parent_id", "_status", "event_id", "kind", "source", "timestamp")

    def __init__(
        self,
        event_id: str,
        kind: str,
        *,
        parent_id: str | None = None,
        source: str | None = None,
        timestamp: str = "",
        status: str | None = None,
    ) -> None:
        self.event_id = event_id
        self.kind = sys.intern(kind)
        self.source = sys.intern(source) if source is not None else None
        self.timestamp = timestamp
        self._parent_id = parent_id
        self._status = sys.intern(status) if status is not None else None

    @classmethod
    def of(cls, event: LogEvent) -> Stub:
        """The stub of a whole event."""
        parent_id, source = event.get("parent_id"), event.get("source")
        return cls(
            event["id"],
            event["kind"],
            parent_id=parent_id if isinstance(parent_id, str) else None,
            source=source if isinstance(source, str) else None,
            timestamp=str(event.get("timestamp", "")),
            status=execution_status(event),
        )

    @property
    def parent_id(self) -> str | None:
        """The leaf when the event was appended (tree generation)."""
        return self._parent_id

    @property
    def status(self) -> str | None:
        """The execution status that the event announces."""
        return self._status

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or `default`; without the detour by an error that `Mapping.get` takes."""
        value = self._value(name)
        return default if value is None else value

    def __getitem__(self, name: str) -> Any:
        value = self._value(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in _FIELDS if self._value(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Stub {self.kind} {self.event_id}>"

    def _value(self, name: str) -> Any:
        match name:
            case "id":
                return self.event_id
            case "key":
                return "execution_status" if self._status is not None else None
            case "value":
                return self._status
            case "kind" | "parent_id" | "source" | "timestamp":
                return getattr(self, name)
            case _:
                return None


def shares(size_bytes: int, items: Sequence[LogEvent]) -> list[int]:
    """How much of a page body of `size_bytes` each of its items takes, by the length of its texts.

    Weighed, not split evenly: among small events one large one would pass for small.
    """
    weights = [_weight(item) for item in items]
    whole = sum(weights) or 1
    return [size_bytes * weight // whole for weight in weights]


def _weight(value: Any) -> int:
    total, stack = 0, [value]
    while stack:
        node = stack.pop()
        kind = type(node)  # of JSON, whose texts and objects are no subclasses: to ask isinstance takes twice as long
        total += _NODE_BYTES
        if kind is str:
            total += len(node)
        elif kind is dict or isinstance(node, Mapping):
            for name, inner in node.items():
                total += _NODE_BYTES + len(name)
                if type(inner) is str:
                    total += _NODE_BYTES + len(inner)
                else:
                    stack.append(inner)
        elif kind is list:
            stack.extend(node)
    return total
