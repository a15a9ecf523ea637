"""The optimum: the fewest counted REST calls with which any client could have known, and repaired, what a run needed.

It is a *lower bound*, computed from the journal with hindsight. No client with the same subscriptions could have spent
less, not even one that knew the journal in advance; a real client may have to spend more. Where a cheaper way is
conceivable, the cheaper way counts. ``tests/scenarios/judging/brute_force.py`` tries every cheaper way on small logs.

Calls that are forced, by generation of the server (a page has at most 100 events):

Attach to a log of N events:

- legacy: one page holds both ends when N ≤ 100. Otherwise head and tail take two pages.
- tree: the subscribe snapshot names the leaf, and an event without a parent is the root. So for the branch one page
  suffices when the first and last branch event are on it, and no page is needed when the snapshot names no leaf. State
  updates cost what they cost in legacy.
- session: none, because the socket can replay everything (``after_seq=-1``).

Each end of a run of r events, of which the socket did not bring m:

- legacy: the socket carries no certificate, so one page or count must show that nothing is missing. When m > 0 there
  are two ways. One is to read all r events again, in ⌈r/100⌉ pages, which are the proof. The other is to read the m
  events, in w pages, and to prove the rest with a count, because a page proves only what is on it. At the head of the
  log the first way needs one event less on its pages: a page from each end may name the same event in the middle as
  the next cursor, and so prove it.
- tree: leaf and parent ids prove the branch without a call, so only the w pages remain. They do not cover state
  updates, which cost what they cost in legacy.
- session: none, because ``seq`` proves and ``after_seq`` repairs.

w is the least number of windows of 100 consecutive log positions that cover the missing events: holes that are far
apart take a page each. Filters are not considered, because a filter makes the server read the whole log.

An event counts as brought when its frame was delivered by ``run_bound_s`` after the end of the run, because a client
may wait that long. Events that were in the log when attach returned belong to the attach and not to the run. A
``run()`` that ended in an error claimed nothing, so it had to ask nothing (R33, R56).

Not forced, and so left to the allowances of a scenario: calls that a fault answers with an error, anchors, and status
polls while a socket is silent. A client is assumed to subscribe to live events: a replay of everything
(``resend_mode=all``) would bring over the socket what pages bring otherwise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gapless.scenarios.judging.evidence import Evidence, PersistedEvent, RunCall

PAGE_EVENTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Optimum:
    """The fewest calls for the attach, and for each ``run()``."""

    attach: int
    runs: tuple[int, ...]

    @property
    def calls(self) -> int:
        """The fewest calls for the whole run."""
        return self.attach + sum(self.runs)


def optimum(evidence: Evidence, *, generation: str, certainty: str, run_bound_s: float) -> Optimum:
    """The optimum of a run at a certainty, ``branch`` or ``log``."""
    attach = _attach(evidence, generation, certainty)
    return Optimum(attach, tuple(_runs(evidence, generation, certainty, run_bound_s)))


def least_for_attach(
    branch: Sequence[bool], *, generation: str, certainty: str, page_events_max: int = PAGE_EVENTS_MAX
) -> int:
    """The fewest calls to hold both ends of a log. ``branch`` says of each event whether it is on the branch."""
    if generation == "session":
        return 0
    if generation == "tree" and certainty == "branch":
        if not any(branch):
            return 0
        first, last = branch.index(True), len(branch) - 1 - branch[::-1].index(True)
        return 1 if last - first < page_events_max else 2
    return 1 if len(branch) <= page_events_max else 2


def least_for_run(
    wanted: int,
    missed: Sequence[int],
    *,
    generation: str,
    certainty: str,
    from_head: bool,
    page_events_max: int = PAGE_EVENTS_MAX,
) -> int:
    """The fewest calls to hold the events of a run, and to prove that.

    ``wanted``: how many events. ``missed``: the log positions of those that the socket did not bring, ascending.
    ``from_head``: the log was empty before them.
    """
    if generation == "session":
        return 0
    pages_of_missed = least_pages(missed, page_events_max)
    if generation == "tree" and certainty == "branch":
        return pages_of_missed
    pages_of_wanted = max(1, -(-wanted // page_events_max))
    if from_head and pages_of_wanted > 1:
        pages_of_wanted = max(2, -(-(wanted - 1) // page_events_max))
    return min(pages_of_wanted, pages_of_missed + 1)


def least_pages(positions: Sequence[int], page_events_max: int) -> int:
    """The fewest pages that cover these log positions, which are ascending.

    An unfiltered page is a window of consecutive positions. So the windows are as few as possible when each begins at
    the first position that is not covered yet.
    """
    pages, covered_below = 0, -1
    for position in positions:
        if position >= covered_below:
            pages, covered_below = pages + 1, position + page_events_max
    return pages


def _attach(evidence: Evidence, generation: str, certainty: str) -> int:
    if evidence.attach is None:
        return 0
    branch = [event.branch for event in evidence.log_of_attach() if event.readable]
    return least_for_attach(branch, generation=generation, certainty=certainty)


def _runs(evidence: Evidence, generation: str, certainty: str, run_bound_s: float) -> Iterator[int]:
    settled = evidence.log_length_at(evidence.attach.ended_at) if evidence.attach else 0
    for run in evidence.runs:
        if run.step.outcome == "failed" or run.server_run is None or run.server_run.log_length is None:
            continue
        wanted = _wanted(evidence, run, settled, certainty)
        missed = _missed(evidence, run, wanted, run_bound_s)
        yield least_for_run(len(wanted), missed, generation=generation, certainty=certainty, from_head=settled == 0)
        settled = max(settled, run.server_run.log_length)


def _wanted(evidence: Evidence, run: RunCall, settled: int, certainty: str) -> tuple[PersistedEvent, ...]:
    """The readable events within the certainty, from position ``settled`` to the end of the run."""
    return tuple(
        event for event in evidence.log_as_of(run)[settled:] if event.readable and (event.branch or certainty == "log")
    )


def _missed(evidence: Evidence, run: RunCall, wanted: Sequence[PersistedEvent], run_bound_s: float) -> list[int]:
    """The log positions of the wanted events that the socket did not bring in time."""
    assert run.server_run is not None
    assert run.server_run.ended_s is not None
    deadline_s = run.server_run.ended_s + run_bound_s
    brought = frozenset(event_id for event_id, t_s in evidence.frames if t_s <= deadline_s)
    # A page skips unreadable events and so reaches further. Positions are therefore counted among the readable events.
    skipped = [event.index for event in evidence.log_as_of(run) if not event.readable]
    return [event.index - bisect_left(skipped, event.index) for event in wanted if event.id not in brought]
