"""Events reach the application in the order in which they became known.

- What one page brings becomes known at once, and is delivered in the order of the log. Judged of events that were
  delivered as repaired, which no socket had brought, and which one page alone can have brought.
- What a socket brings live becomes known with its frame, and is delivered in the order of the frames. Judged of events
  that were delivered as live.

What was brought to a client before it was killed counts for nothing: it may deliver that again.

A client that does not say of an event whether it came live or by a repair is not judged by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import Delivery, PersistedEvent, ShownPage
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, first_disorder

NAME = "delivered-in-order"


def delivered_in_order(case: Case) -> OracleFinding:
    """Judge the order of what was delivered."""
    told = [one for one in case.evidence.delivered if one.repaired is not None and one.id in case.evidence.by_id]
    if not told:
        runs = case.returned_runs()
        return OracleFinding(0, unjudged="does not say whether an event came live or by a repair" if runs else "")
    pages = _by_page(case, told)
    live = _live(case, told)
    violations = [*_page_violations(pages), *_live_violations(case, live)]
    judged = sum(len(deliveries) for deliveries in pages.values()) + len(live)
    return OracleFinding(judged, tuple(violations))


def _by_page(case: Case, told: Sequence[Delivery]) -> dict[ShownPage, list[PersistedEvent]]:
    """The repaired events that one page alone can have brought, by that page, in the order of their delivery."""
    found: dict[ShownPage, list[PersistedEvent]] = {}
    for one in told:
        if one.repaired and case.evidence.framed_at.get(one.id, one.at) >= one.at:
            event = case.evidence.by_id[one.id]
            since = _opened_at(case, one.at)
            pages = [page for page in case.evidence.pages if since < page.at < one.at and _shows(case, page, event)]
            if len(pages) == 1:
                found.setdefault(pages[0], []).append(event)
    return found


def _shows(case: Case, page: ShownPage, event: PersistedEvent) -> bool:
    ends = [case.evidence.by_id.get(page.first_id), case.evidence.by_id.get(page.last_id)]
    places = [end.index for end in ends if end is not None]
    return len(places) == 2 and min(places) <= event.index <= max(places)


def _live(case: Case, told: Sequence[Delivery]) -> list[Delivery]:
    """What was delivered as live, and a frame had brought."""
    framed_at = case.evidence.framed_at
    live = (one for one in told if one.repaired is False)
    return [one for one in live if _opened_at(case, one.at) < framed_at.get(one.id, one.at) < one.at]


def _opened_at(case: Case, at: int) -> int:
    """When the client was last killed before a journal index; -1 when it never was."""
    return max((killed_at for killed_at in case.evidence.killed_at if killed_at < at), default=-1)


def _page_violations(pages: dict[ShownPage, list[PersistedEvent]]) -> Iterator[Violation]:
    for events in pages.values():
        disorder = first_disorder(events)
        if disorder is not None:
            ids = tuple(event.id for event in events)
            yield Violation(NAME, f"events that one page brought were delivered out of order: {disorder}", ids)


def _live_violations(case: Case, live: Sequence[Delivery]) -> Iterator[Violation]:
    framed_at, by_id = case.evidence.framed_at, case.evidence.by_id
    for before, after in pairwise(live):
        if framed_at[before.id] > framed_at[after.id]:
            names = [f"{by_id[one.id].kind} {one.id}" for one in (before, after)]
            message = f"live events were delivered in another order than their frames came: {' before '.join(names)}"
            yield Violation(NAME, message, (before.id, after.id))
            return
