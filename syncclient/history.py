"""Iteration over the whole log, from its head: events in memory, events in gaps, and events dropped from memory.

A page is read only if the next event is not in memory, not in the store, and not on the page before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import ProtocolViolation
from gapless.syncclient.network.driver import Driver
from gapless.syncclient.wire import LogEvent


class History:
    """One iteration. It holds one page, and the id of each event returned so far. It may be left at any event."""

    def __init__(self, core: SyncCore, driver: Driver) -> None:
        self._core = core
        self._driver = driver
        self._after_id: str | None = None
        self._page: dict[str, LogEvent] = {}
        self._ready: deque[LogEvent] = deque()
        self._version = -1
        self._likely_before: dict[str, list[str]] = {}
        self._given: dict[str, None] = {}
        self._is_at_end = False

    def __aiter__(self) -> AsyncIterator[LogEvent]:
        return self

    async def __anext__(self) -> LogEvent:
        """The next event of the log. One whose place is not proven comes where it is likely to stand, or at the end.

        Raises `ServerUnreachable` if a page cannot be read within `repair_deadline_s`, `ProtocolViolation` if the pages
        do not show the next event, and other `SyncError`s. The events returned before an error are right. A new
        iteration begins at the head and needs no calls for events that are held by then.
        """
        if self._version != self._core.ledger.version and not self._is_at_end:
            self._ready.clear()  # events got a place in between, perhaps just here
        while not self._ready:
            if self._is_at_end:
                raise StopAsyncIteration
            await self._make_ready()
        event = self._ready.popleft()
        self._given[event["id"]] = None
        if self._core.ledger.has_place(event["id"]):
            self._after_id = event["id"]
        return event

    async def _make_ready(self) -> None:
        """Make the next events ready: those that need no call, or else those of one page."""
        ledger = self._core.ledger
        if self._version != ledger.version:
            self._version, self._likely_before = ledger.version, ledger.unplaced_before()
        if self._core.unread.follows(self._after_id):
            await self._driver.read_history(self._after_id)
            return
        ids, is_gap = ledger.following(self._after_id, self._driver.page_size_events)
        ids = self._core.unread.up_to(self._after_id, ids)
        if not ids and not is_gap:
            self._is_at_end = True
            self._extend_ready(ledger.unplaced_ids())
            return
        found = self._find(ids)
        for event_id in ids:
            if event_id not in found:
                break
            if likely := self._likely_before.get(event_id):
                self._extend_ready(likely)
            if event_id in self._given:
                self._after_id = event_id  # it was returned already, before its place was proven
            else:
                self._ready.append(found[event_id])
        if not self._ready and (not ids or ids[-1] != self._after_id):
            await self._read()

    def _extend_ready(self, unplaced_ids: Sequence[str]) -> None:
        """Make those of some events ready whose place is not proven yet, and that were not returned."""
        ids = [one for one in unplaced_ids if one not in self._given and self._core.ledger.is_unplaced(one)]
        found = self._find(ids)
        self._ready.extend(found[event_id] for event_id in ids if event_id in found)

    def _find(self, event_ids: list[str]) -> dict[str, LogEvent]:
        """Those of the events that need no call."""
        found: dict[str, LogEvent] = {}
        for event_id in event_ids:
            event = self._core.ledger.payloads.get(event_id) or self._page.get(event_id)
            if event is not None:
                found[event_id] = event
        missing = [event_id for event_id in event_ids if event_id not in found]
        return found | self._driver.stored(missing) if missing else found

    async def _read(self) -> None:
        """Read the next page. It must show the next event, or place an event in the gap."""
        self._page = {event["id"]: event for event in await self._driver.read_history(self._after_id)}
        ids, _ = self._core.ledger.following(self._after_id, 1)
        if not ids or not self._find(ids):
            where = "at its head" if self._after_id is None else f"behind {self._after_id}"
            raise ProtocolViolation(f"the server's pages do not show what is in the log {where}")
