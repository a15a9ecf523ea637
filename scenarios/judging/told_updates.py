"""Events that were updated under their id (R72), and when the newest version first reached the client.

What never reached it, it cannot hold: nothing tells that the frame of an update was lost, and no page need have shown
the event since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class ToldUpdates:
    """Collects them while the journal is read in order; numbers are journal indices."""

    updated_at: dict[str, int] = field(default_factory=dict)
    """When an event was last updated."""
    _framed_at: dict[str, int] = field(default_factory=dict)
    _opened_at: dict[object, int] = field(default_factory=dict)
    _on_the_way: dict[tuple[object, object], tuple[str, bool]] = field(default_factory=dict)
    _pages: list[tuple[int, int, str, str]] = field(default_factory=list)

    def updated(self, event_id: str, at: int) -> None:
        """The log has a newer version. What is on the way is an older one."""
        self.updated_at[event_id] = at
        self._framed_at.pop(event_id, None)
        self._on_the_way = {frame: (one, False) for frame, (one, _) in self._on_the_way.items()}

    def opened(self, connection: object, at: int) -> None:
        """A socket was opened; what it replays is the log's version."""
        self._opened_at[connection] = at

    def sent(self, frame: tuple[object, object], event_id: str, *, is_update: bool) -> None:
        """A frame was written to a socket; one that is late may have an older version."""
        if event_id in self.updated_at:
            is_newest = is_update or self._opened_at.get(frame[0], -1) > self.updated_at[event_id]
            self._on_the_way[frame] = event_id, is_newest

    def delivered(self, frame: tuple[object, object], at: int) -> None:
        """A frame has arrived. An older version that comes last is taken for the newest: nothing tells them apart."""
        event_id, is_newest = self._on_the_way.pop(frame, ("", False))
        if is_newest:
            self._framed_at.setdefault(event_id, at)
        else:
            self._framed_at.pop(event_id, None)

    def answered(self, *, asked_at: int, at: int, ends: tuple[str, str]) -> None:
        """A page was answered, whose first and last event are its `ends`."""
        if self.updated_at:
            self._pages.append((asked_at, at, *ends))

    def told_at(self, places: Mapping[str, int]) -> dict[str, int]:
        """When each of the newest versions reached the client. Places are those of events in the log."""
        told_at: dict[str, int] = {}
        for event_id, updated_at in self.updated_at.items():
            place = places.get(event_id, -1)
            shown = (
                at
                for asked_at, at, first, last in self._pages
                if asked_at > updated_at and _is_between(place, places.get(first), places.get(last))
            )
            if found := [*shown, *([self._framed_at[event_id]] if event_id in self._framed_at else [])]:
                told_at[event_id] = min(found)
        return told_at


def _is_between(place: int, first: int | None, last: int | None) -> bool:
    return first is not None and last is not None and min(first, last) <= place <= max(first, last)
