"""The optimum: the fewest counted REST calls by which any client could have known, and repaired, what this
run needed.

It is a *lower bound*, computed with hindsight from the journal: a clairvoyant client that had the same
subscriptions could not have spent less, and a real one may have to spend more. It is never guessed upward:
where a cheaper way is conceivable, the cheaper way counts. ``bruteforce.py`` tries every cheaper way on small logs.

What is forced, by server generation (limit 100 events a page):

- attach to N events. legacy: one page holds both ends when N ≤ 100, else head and tail are two. tree: the subscribe
  snapshot names the leaf, and an event without a parent is the root; so for the branch one page suffices when first and
  last branch event are on it, and none when no leaf is named. For state updates it is as in legacy. session: nothing,
  the socket can replay everything (``after_seq=-1``).
- each end of a run. legacy has no certificate on the socket: one page or count must say that nothing is missing. When
  m of the run's r events did not come over the socket, either all r are read again (⌈r/100⌉ pages, which prove as they
  go; one event less where the run begins at the log's head, for then a page from each end may leave the one in the
  middle to the cursor that both name), or the m are read (in w pages) and a count proves the rest: a page proves only
  what is on it. tree: leaf and parent ids prove the branch for nothing, so only the w pages remain; for state updates,
  which they do not cover, it is as in legacy. session: nothing, ``seq`` proves and ``after_seq`` repairs.

w is the least number of windows of 100 consecutive log positions that cover the missing ones: holes far apart take a
page each. Filters are out of the question, for the server then reads the whole log.

An event counts as brought when its frame was delivered by ``run_bound_s`` after the run's end, for a client
may wait that long. Events that were in the log when attach returned are attach's business, not the run's. Where
``run()`` ended in an error, nothing was claimed, so nothing had to be asked (R33, R56).

Not forced, and therefore allowances of a scenario instead: calls that a fault answers with an error,
anchors, and status polls while a socket is silent. Assumed: a client subscribes live; a replay of
everything (``resend_mode=all``) would trade pages for the same events on the socket.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gapless.scenarios.judging.evidence import Evidence, PersistedEvent, RunCall

PAGE_EVENTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Optimum:
    """Least calls of the attach, and of each ``run()``."""

    attach: int
    runs: tuple[int, ...]

    @property
    def calls(self) -> int:
        """Least calls of the whole run."""
        return self.attach + sum(self.runs)


def optimum(evidence: Evidence, *, generation: str, certainty: str, run_bound_s: float) -> Optimum:
    """The optimum of a run, held to ``certainty`` (``branch`` or ``log``)."""
    attach = _attach(evidence, generation, certainty)
    return Optimum(attach, tuple(_runs(evidence, generation, certainty, run_bound_s)))


def least_for_attach(
    branch: Sequence[bool], *, generation: str, certainty: str, page_events_max: int = PAGE_EVENTS_MAX
) -> int:
    """Least calls to hold both ends of a log, of which ``branch`` says, event by event, whether it is on the branch."""
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
    """Least calls to hold, and to know, the ``wanted`` events of a run; ``missed``: the log positions of those of
    them that did not come, ascending. ``from_head``: nothing was in the log before them.
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
    """Least pages that cover these ascending log positions: an unfiltered page is a window of consecutive ones, so
    windows that begin at the first position not yet covered are as few as can be."""
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
    """The events between what was settled before and the run's end, within the certainty, as far as they can be
    read."""
    return tuple(
        event for event in evidence.log_as_of(run)[settled:] if event.readable and (event.branch or certainty == "log")
    )


def _missed(evidence: Evidence, run: RunCall, wanted: Sequence[PersistedEvent], run_bound_s: float) -> list[int]:
    """The log positions of those of them that the socket did not bring in time."""
    assert run.server_run is not None
    assert run.server_run.ended_s is not None
    deadline_s = run.server_run.ended_s + run_bound_s
    brought = frozenset(event_id for event_id, t_s in evidence.frames if t_s <= deadline_s)
    # A page skips what cannot be read, so it reaches further: positions are those among the readable.
    skipped = [event.index for event in evidence.log_as_of(run) if not event.readable]
    return [event.index - bisect_left(skipped, event.index) for event in wanted if event.id not in brought]
