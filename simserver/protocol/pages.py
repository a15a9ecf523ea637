"""Searches of the log: pages, cursors, filters, and how many events the server reads for them. Pure.

Pages are in log order, never sorted by timestamp. An unfiltered page reads ``limit`` + 1 events. Any filter reads the
whole log, in a search and in a count (measured on the real server).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gapless.simserver.conversation.archive import LogView
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.settings import CursorMode


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a search or a count. A field that is None does not filter.

    kind, source: of the event; body: text that its JSON contains; since, before: the earliest timestamp (included) and
    the latest (excluded), written as the log writes timestamps.
    """

    kind: str | None = None
    source: str | None = None
    body: str | None = None
    since: str | None = None
    before: str | None = None

    @property
    def any(self) -> bool:
        return any(part is not None for part in (self.kind, self.source, self.body, self.since, self.before))

    def passes(self, event: EventBody, text: Callable[[], str]) -> bool:
        """Whether an event passes. ``text`` returns its JSON, and is called only when ``body`` filters."""
        return (
            (self.kind is None or event["kind"] == self.kind)
            and (self.source is None or event["source"] == self.source)
            and (self.since is None or event["timestamp"] >= self.since)
            and (self.before is None or event["timestamp"] < self.before)
            and (self.body is None or self.body in text())
        )


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search.

    indices: log indices, in page order; next_page_id: None on the last page; events_read: how many events the server
    read for it.
    """

    indices: Sequence[int]
    next_page_id: str | None
    events_read: int


def matching(log: LogView, filters: Filters) -> Sequence[int]:
    """The log indices of the readable events that pass, in log order."""
    readable = log.readable()
    if not filters.any:
        return readable
    return [index for index in readable if filters.passes(log[index], lambda index=index: log.text_at(index))]  # type: ignore[misc]


def search(
    log: LogView,
    *,
    start: int | None,
    limit: int,
    descending: bool,
    cursor: CursorMode,
    filters: Filters,
    bytes_max: int | None = None,
) -> SearchPage:
    """One page of a search.

    start: the log index of the cursor's event; None begins at the natural beginning, which is the head of the log, or
    the tail when descending. bytes_max: of the events on the page, which has one event at least.
    """
    found = matching(log, filters)
    if descending:
        found = found[::-1]
    if start is not None:
        if cursor == "exclusive":
            start += -1 if descending else 1
        found = found[_first_at(found, start, descending) :]
    if bytes_max is not None:
        limit = _within(log, found[:limit], bytes_max)
    shown, more = found[:limit], len(found) > limit
    next_page_id = None
    if more:
        next_page_id = log.id_at(found[limit] if cursor == "inclusive" else shown[-1])
    return SearchPage(shown, next_page_id, len(log) if filters.any else len(shown) + more)


def _within(log: LogView, found: Sequence[int], bytes_max: int) -> int:
    """How many of the first events fit into ``bytes_max``, but at least one."""
    size_bytes = 0
    for number, index in enumerate(found):
        size_bytes += len(log.text_at(index).encode())
        if size_bytes > bytes_max:
            return max(1, number)
    return max(1, len(found))


def _first_at(found: Sequence[int], start: int, descending: bool) -> int:
    """The position of the first index at or after ``start``, in page order."""
    if isinstance(found, range):
        offset = found.start - start if descending else start - found.start
        return max(0, min(offset, len(found)))
    for position, index in enumerate(found):
        if (index <= start) if descending else (index >= start):
            return position
    return len(found)
