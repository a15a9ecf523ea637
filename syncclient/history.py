"""The whole log in order from its head, each event whole: what is held, what is in a gap, what was dropped from memory.

Reads a page only when the next event is in none of memory, store and the page before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from syncclient.core import SyncCore
from syncclient.driver import Driver
from syncclient.errors import ProtocolViolation
from syncclient.wire import LogEvent


@dataclass(slots=True)
class History:
    """One iteration, page by page; memory: a page, and an id for each event given."""

    core: SyncCore
    driver: Driver
    _after_id: str | None = None
    _page: dict[str, LogEvent] = field(default_factory=dict)
    _given: dict[str, None] = field(default_factory=dict)

    async def events(self) -> AsyncIterator[LogEvent]:
        """The log up to what is its end when that is reached; then events whose place is not proven.

        Raises `ServerUnreachable` when a page cannot be had before `repair_deadline_s`, `ProtocolViolation` when the
        pages do not show what they must, and other `SyncError`s. What was given until then is right; another iteration
        begins at the head, and costs nothing for what is held since.
        """
        while True:
            ids, is_gap = self.core.ledger.following(self._after_id, self.driver.page_size_events)
            if not ids and not is_gap:
                break
            if not ids:
                await self._read(None)
                continue
            version = self.core.ledger.version
            found = self._find(ids)
            for event_id in ids:
                if event_id not in found:
                    await self._read(event_id)
                    break
                self._after_id = event_id
                if event_id not in self._given:
                    self._given[event_id] = None
                    yield found[event_id]
                if self.core.ledger.version != version:
                    break  # events got a place in between, perhaps just here
        for event_id in self.core.ledger.loose_ids():
            event = self._find([event_id]).get(event_id)
            if event is not None and event_id not in self._given:
                self._given[event_id] = None
                yield event

    def _find(self, event_ids: list[str]) -> dict[str, LogEvent]:
        """The events that can be had without a call."""
        found: dict[str, LogEvent] = {}
        for event_id in event_ids:
            event = self.core.ledger.payloads.get(event_id) or self._page.get(event_id)
            if event is not None:
                found[event_id] = event
        missing = [event_id for event_id in event_ids if event_id not in found]
        return found | self.driver.stored(missing) if missing else found

    async def _read(self, wanted_id: str | None) -> None:
        """Read the page that follows; it must show the event that is wanted, or put anything into the gap."""
        self._page = {event["id"]: event for event in await self.driver.read_history(self._after_id)}
        ids, _ = self.core.ledger.following(self._after_id, 1)
        if not ids or (wanted_id is not None and ids == [wanted_id] and not self._find(ids)):
            where = "at its head" if self._after_id is None else f"behind {self._after_id}"
            raise ProtocolViolation(f"the server's pages do not show what is in the log {where}")
