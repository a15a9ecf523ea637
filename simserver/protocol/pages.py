"""Searching the log: pages, cursors, filters, and what they cost the server. Pure.

The order is the order of the log, never a sort by timestamp. An unfiltered page reads limit + 1 events; any
filter reads the whole log, and so does a filtered count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gapless.simserver.conversation.archive import LogView
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.settings import CursorMode


@dataclass(frozen=True, slots=True)
class Filters:
    """None does not filter. since (included) and before (excluded) are in the form of the log's timestamps."""

    kind: str | None = None
    source: str | None = None
    body: str | None = None
    since: str | None = None
    before: str | None = None

    @property
    def any(self) -> bool:
        return any(part is not None for part in (self.kind, self.source, self.body, self.since, self.before))

    def passes(self, event: EventBody, text: Callable[[], str]) -> bool:
        """Does an event pass?"""
        return (
            (self.kind is None or event["kind"] == self.kind)
            and (self.source is None or event["source"] == self.source)
            and (self.since is None or event["timestamp"] >= self.since)
            and (self.before is None or event["timestamp"] < self.before)
            and (self.body is None or self.body in text())
        )


@dataclass(frozen=True, slots=True)
class SearchPage:
    """indices: log indices, in page order; next_page_id: None at the end; events_read: what it cost."""

    indices: Sequence[int]
    next_page_id: str | None
    events_read: int


def matching(log: LogView, filters: Filters) -> Sequence[int]:
    """The log indices that can be read and pass, in log order."""
    readable = log.readable()
    if not filters.any:
        return readable
    return [index for index in readable if filters.passes(log[index], lambda index=index: log.text_at(index))]  # type: ignore[misc]


def search(
    log: LogView, *, start: int | None, limit: int, descending: bool, cursor: CursorMode, filters: Filters
) -> SearchPage:
    """One page. start: the log index behind the page cursor, None for the natural beginning."""
    found = matching(log, filters)
    if descending:
        found = found[::-1]
    if start is not None:
        if cursor == "exclusive":
            start += -1 if descending else 1
        found = found[_first_at(found, start, descending) :]
    shown, more = found[:limit], len(found) > limit
    next_page_id = None
    if more:
        next_page_id = log.id_at(found[limit] if cursor == "inclusive" else shown[-1])
    return SearchPage(shown, next_page_id, len(log) if filters.any else len(shown) + more)


def _first_at(found: Sequence[int], start: int, descending: bool) -> int:
    """The position of the first index at or beyond ``start``, in page order."""
    if isinstance(found, range):
        offset = found.start - start if descending else start - found.start
        return max(0, min(offset, len(found)))
    for position, index in enumerate(found):
        if (index <= start) if descending else (index >= start):
            return position
    return len(found)
