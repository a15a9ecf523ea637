"""The events of the log that were never sent to the client, neither by a socket nor on a page. Pure.

A client cannot hold an event that it was never sent. So this much is known of a client that reports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gapless.simserver.journal import Entry

_FILTERS = ("kind=", "source=", "body=", "timestamp__")


def unreached(entries: Iterable[Entry], log: Iterable[str]) -> tuple[str, ...]:
    """The ids of the log's events that were in no frame and on no page, in log order."""
    ids = tuple(log)
    index_of = {event_id: index for index, event_id in enumerate(ids)}
    reached = [False] * len(ids)
    unfiltered: dict[object, bool] = {}
    for entry in entries:
        match entry.place, entry.what:
            case "socket", "delivered":
                index = index_of.get(str(entry.fields["id"]))
                if index is not None:
                    reached[index] = True
            case "rest", "request":
                query = str(entry.fields.get("query", ""))
                unfiltered[entry.fields["call"]] = not any(name in query for name in _FILTERS)
            case "rest", "response" if unfiltered.get(entry.fields["call"]):
                for index in _page(entry.fields, index_of):
                    reached[index] = True
    return tuple(event_id for event_id, was_reached in zip(ids, reached, strict=True) if not was_reached)


def _page(fields: Mapping[str, object], index_of: Mapping[str, int]) -> range:
    """The log positions on an unfiltered page: it has consecutive events, so its first and last id say which."""
    ends = [index_of.get(str(fields.get(name))) for name in ("first", "last")]
    low, high = ends
    return range(0) if low is None or high is None else range(min(low, high), max(low, high) + 1)
