"""Which of the events held have their payload in memory, and which give it up first. Pure.

The window is counted in bytes of JSON text: the length of a frame, or an event's share of the page that it came on.
What Python makes of it is of the same order where texts are long, and some times more where they are short.
"""

from __future__ import annotations

from collections.abc import Sequence

from gapless.syncclient.log.stub import Stub
from gapless.syncclient.report import Unloaded
from gapless.syncclient.stores.saved import HEAD_EVENTS
from gapless.syncclient.wire import LogEvent

_SPARED = 0.75
"""What trimming leaves of the window, so that it is done once in a while and not with every event."""


class Payloads:
    """The payloads in memory; `events` is the ledger's table, in which stubs take the place of whole events."""

    def __init__(self, events: dict[str, LogEvent]) -> None:
        self._events = events
        self._sizes_bytes: dict[str, int] = {}
        self.size_bytes = 0
        """Size of all payloads in memory."""

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._sizes_bytes

    def __repr__(self) -> str:
        return f"<Payloads {len(self._sizes_bytes)} of {len(self._events)}, {self.size_bytes} bytes>"

    def hold(self, event: LogEvent, size_bytes: int) -> None:
        """Have an event whole."""
        event_id = event["id"]
        self._events[event_id] = event
        self.size_bytes += size_bytes - self._sizes_bytes.get(event_id, 0)
        self._sizes_bytes[event_id] = size_bytes

    def drop(self, event_id: str) -> None:
        """Count an event no more; it is not held any longer."""
        self.size_bytes -= self._sizes_bytes.pop(event_id, 0)

    def get(self, event_id: str) -> LogEvent | None:
        """The event, if it is whole."""
        return self._events[event_id] if event_id in self._sizes_bytes else None

    def trim(self, ids: Sequence[str], size_bytes_max: int, *, head_known: bool) -> None:
        """Drop payloads, the oldest of `ids` first, but the head's last of all, until three quarters of the maximum
        are left."""
        head = HEAD_EVENTS if head_known else 0
        for event_id in (*ids[head:], *ids[:head][::-1]):
            if self.size_bytes <= size_bytes_max * _SPARED:
                break
            if event_id in self._sizes_bytes:
                self._events[event_id] = Stub.of(self._events[event_id])
                self.size_bytes -= self._sizes_bytes.pop(event_id)

    def unloaded(self, ids: Sequence[str]) -> tuple[Unloaded, ...]:
        """Runs of `ids` without payload."""
        if len(self._sizes_bytes) == len(self._events):
            return ()
        runs: list[Unloaded] = []
        first_id, last_id, count = "", "", 0
        for event_id in (*ids, None):
            if event_id is not None and event_id not in self._sizes_bytes:
                first_id, last_id, count = first_id or event_id, event_id, count + 1
            elif count:
                runs.append(Unloaded(first_id, last_id, count))
                first_id, last_id, count = "", "", 0
        return tuple(runs)
