"""The whole log in order from its head, each event whole: what is held, what is in a gap, what was dropped from memory.

Reads a page only when the next event is in none of memory, store and the page before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.errors import ProtocolViolation
from gapless.syncclient.network.driver import Driver
from gapless.syncclient.wire import LogEvent


class History:
    """One iteration. Keeps a page, and an id for each event given; ends with itself, so it may be left at any point."""

    def __init__(self, core: SyncCore, driver: Driver) -> None:
        self._core = core
        self._driver = driver
        self._after_id: str | None = None
        self._page: dict[str, LogEvent] = {}
        self._ready: deque[LogEvent] = deque()
        self._version = -1
        self._given: dict[str, None] = {}
        self._is_at_end = False

    def __aiter__(self) -> AsyncIterator[LogEvent]:
        return self

    async def __anext__(self) -> LogEvent:
        """The next event of the log; at its end, those whose place is not proven.

        Raises `ServerUnreachable` when a page cannot be had before `repair_deadline_s`, `ProtocolViolation` when the
        pages do not show what they must, and other `SyncError`s. What was given until then is right; another iteration
        begins at the head, and costs nothing for what is held since.
        """
        if self._version != self._core.ledger.version and not self._is_at_end:
            self._ready.clear()  # events got a place in between, perhaps just here
        while not self._ready:
            if self._is_at_end:
                raise StopAsyncIteration
            await self._look_on()
        event = self._ready.popleft()
        self._given[event["id"]] = None
        if not self._is_at_end:
            self._after_id = event["id"]
        return event

    async def _look_on(self) -> None:
        """Get the next events ready: without a call as many as can be had, or else from one page."""
        ledger = self._core.ledger
        self._version = ledger.version
        ids, is_gap = ledger.following(self._after_id, self._driver.page_size_events)
        if not ids and not is_gap:
            self._is_at_end = True
            ids = ledger.unplaced_ids()
        found = self._find(ids)
        if self._is_at_end:
            self._ready.extend(found[event_id] for event_id in ids if event_id in found and event_id not in self._given)
            return
        for event_id in ids:
            if event_id not in found:
                break
            if event_id in self._given:
                self._after_id = event_id  # it was given in another place, before its own was proven
            else:
                self._ready.append(found[event_id])
        if not self._ready and (not ids or ids[-1] != self._after_id):
            await self._read()

    def _find(self, event_ids: list[str]) -> dict[str, LogEvent]:
        """The events that can be had without a call."""
        found: dict[str, LogEvent] = {}
        for event_id in event_ids:
            event = self._core.ledger.payloads.get(event_id) or self._page.get(event_id)
            if event is not None:
                found[event_id] = event
        missing = [event_id for event_id in event_ids if event_id not in found]
        return found | self._driver.stored(missing) if missing else found

    async def _read(self) -> None:
        """Read the page that follows; it must show the next event, or put one into the gap."""
        self._page = {event["id"]: event for event in await self._driver.read_history(self._after_id)}
        ids, _ = self._core.ledger.following(self._after_id, 1)
        if not ids or not self._find(ids):
            where = "at its head" if self._after_id is None else f"behind {self._after_id}"
            raise ProtocolViolation(f"the server's pages do not show what is in the log {where}")
