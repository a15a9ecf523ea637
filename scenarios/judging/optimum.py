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

These hold where a socket told what it can tell. Where no snapshot came by the return of attach, a tree server is as a
legacy one, because nothing named the leaf. Where no socket stood, no page can be saved in any generation, and an empty
log takes a call too: nobody can know for nothing that it is empty. Where a replay was filtered, the ends of the log
that it left out take their pages.

Each end of a run of r events, of which the socket did not bring m:

- legacy: the socket carries no certificate, so one page or count must show that nothing is missing. When m > 0 there
  are two ways. One is to read all r events again, in ⌈r/100⌉ pages, which are the proof. The other is to read the m
  events, in w pages, and to prove the rest with a count, because a page proves only what is on it. At the head of the
  log the first way needs one event less on its pages: a page from each end may name the same event in the middle as
  the next cursor, and so prove it.
- tree: leaf and parent ids prove the branch without a call, so only the w pages remain. They do not cover state
  updates, which cost what they cost in legacy. Where no snapshot named the leaf by the end, one call at least must.
- session: none, because ``seq`` proves and ``after_seq`` repairs. Where no socket brought anything during the run, its
  events take the pages that they take in legacy. An event that a replay left out takes a page.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from gapless.scenarios.judging.evidence import Evidence, PersistedEvent, RunCall

PAGE_EVENTS_MAX = 100
_IDS_SHOWN_MAX = 3

Told = Literal["nothing", "frames", "certificate"]
"""What the sockets told: nothing, or frames without the snapshot that certifies, or the certificate too."""


@dataclass(frozen=True, slots=True)
class Least:
    """The fewest calls for one step, and what that rests on: the certificate, and which call for which events."""

    calls: int
    why: str


@dataclass(frozen=True, slots=True)
class Optimum:
    """The fewest calls for the attach, and for each ``run()``. ``basis``: what each number rests on, in words."""

    attach: int
    runs: tuple[int, ...]
    basis: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """The fewest calls for the whole run."""
        return self.attach + sum(self.runs)


def optimum(evidence: Evidence, *, generation: str, certainty: str, run_bound_s: float) -> Optimum:
    """The optimum of a run at a certainty, ``branch`` or ``log``."""
    attach = _attach(evidence, generation, certainty)
    runs = tuple(_runs(evidence, generation, certainty, run_bound_s))
    basis = [f"attach {attach.calls}: {attach.why}"]
    for number, run in enumerate(runs, start=1):
        which = "run" if len(runs) == 1 else f"run no. {number}"
        basis.append(f"{which} {run.calls}: {run.why}")
    return Optimum(attach.calls, tuple(run.calls for run in runs), tuple(basis))


def least_for_attach(
    branch: Sequence[bool],
    *,
    generation: str,
    certainty: str,
    page_events_max: int = PAGE_EVENTS_MAX,
    told: Told = "certificate",
) -> int:
    """The fewest calls to hold both ends of a log. ``branch`` says of each event whether it is on the branch.

    ``told``: what the sockets told by then.
    """
    if generation == "session" and told != "nothing":
        return 0
    if generation == "tree" and certainty == "branch" and told == "certificate":
        if not any(branch):
            return 0
        first, last = branch.index(True), len(branch) - 1 - branch[::-1].index(True)
        return 1 if last - first < page_events_max else 2
    if certainty == "branch" and generation != "legacy":
        return _least_for_unnamed_branch(branch, page_events_max)
    return 1 if len(branch) <= page_events_max else 2


def _least_for_unnamed_branch(branch: Sequence[bool], page_events_max: int) -> int:
    """The fewest calls to hold both ends of a branch whose leaf no snapshot names.

    An event without a parent is the root, so one page from the tail suffices if it reaches the root. It must also show
    that no branch event comes later, so it begins at the tail.
    """
    if not any(branch):
        return 1
    return 1 if len(branch) - branch.index(True) <= page_events_max else 2


def least_for_run(
    wanted: int,
    missed: Sequence[int],
    *,
    generation: str,
    certainty: str,
    from_head: bool,
    page_events_max: int = PAGE_EVENTS_MAX,
    told: Told = "certificate",
) -> int:
    """The fewest calls to hold the events of a run, and to prove that.

    ``wanted``: how many events. ``missed``: the log positions of those that the socket did not bring, ascending; in the
    session generation, of those that no replay brings either. ``from_head``: the log was empty before them. ``told``:
    what the sockets told by the end.
    """
    pages_of_missed = least_pages(missed, page_events_max)
    if generation == "session" and told != "nothing":
        return pages_of_missed
    if generation != "legacy" and certainty == "branch":
        return pages_of_missed if told == "certificate" else max(1, pages_of_missed)
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


def _attach(evidence: Evidence, generation: str, certainty: str) -> Least:
    if evidence.attach is None:
        return Least(0, "it was not called")
    log = [event for event in evidence.log_of_attach() if event.readable]
    branch = [event.branch for event in log]
    told = _told_by_attach(evidence)
    least = least_for_attach(branch, generation=generation, certainty=certainty, told=told)
    if generation == "session" and told != "nothing":
        return _ends_left_out(evidence, log, certainty)
    return Least(least, _why_attach(least, len(branch), generation, certainty, told))


def _told_by_attach(evidence: Evidence) -> Told:
    assert evidence.attach is not None
    ended_at = evidence.attach.ended_at
    if ended_at is None:
        return "certificate"
    if any(at < ended_at for at, _, _ in evidence.snapshots_at_s):
        return "certificate"
    return "frames" if any(at < ended_at for at, _ in evidence.frames_at_s) else "nothing"


def _ends_left_out(evidence: Evidence, log: Sequence[PersistedEvent], certainty: str) -> Least:
    """The pages for the ends of the log that a filtered replay left out, in the session generation."""
    within = [(place, event) for place, event in enumerate(log) if event.branch or certainty == "log"]
    ends = dict([*within[:1], *within[-1:]])
    missed = [place for place, event in ends.items() if event.id in _left_out_of_replay(evidence)]
    if not missed:
        return Least(0, "a socket stood, and its replay brings all of the log")
    ids = ", ".join(ends[place].id for place in missed)
    return Least(least_pages(missed, PAGE_EVENTS_MAX), f"pages for the ends that the replay left out ({ids})")


def _why_attach(least: int, length: int, generation: str, certainty: str, told: Told) -> str:
    named = generation == "tree" and certainty == "branch" and told == "certificate"
    if not least:
        return "the snapshot names no leaf, so the branch is empty"
    pages = "one page shows both ends" if least == 1 else "a page for the head and one for the tail"
    because = {"nothing": "no socket told anything", "frames": "no snapshot came", "certificate": ""}[told]
    if generation == "legacy":
        because = "no snapshot names an end of the log"
    elif named:
        because = "the snapshot names the leaf"
    elif not because:
        because = "no snapshot covers state updates"
    return f"{because}; of {length} event{'' if length == 1 else 's'}, {pages}"


def _runs(evidence: Evidence, generation: str, certainty: str, run_bound_s: float) -> Iterator[Least]:
    settled = evidence.log_length_at(evidence.attach.ended_at) if evidence.attach else 0
    brought_s: dict[str, float] = {}
    for event_id, t_s in evidence.frames:
        brought_s.setdefault(event_id, t_s)
    left_out = _left_out_of_replay(evidence)
    for run in evidence.runs:
        if run.step.outcome == "failed" or run.server_run is None or run.server_run.log_length is None:
            continue
        wanted = _wanted(evidence, run, settled, certainty)
        missed = _missed(evidence, run, wanted, brought_s, run_bound_s)
        told = _told_of_run(evidence, run, run_bound_s)
        if generation == "session" and told != "nothing":
            missed = [(place, event) for place, event in missed if event.id in left_out]
        places = [place for place, _ in missed]
        calls = least_for_run(
            len(wanted), places, generation=generation, certainty=certainty, from_head=settled == 0, told=told
        )
        yield Least(calls, _why_run(calls, missed, generation, certainty, told))
        settled = max(settled, run.server_run.log_length)


def _why_run(
    calls: int, missed: Sequence[tuple[int, PersistedEvent]], generation: str, certainty: str, told: Told
) -> str:
    shown = ", ".join(event.id for _, event in missed[:_IDS_SHOWN_MAX])
    more = f" and {len(missed) - _IDS_SHOWN_MAX} more" if len(missed) > _IDS_SHOWN_MAX else ""
    lost = f"no frame brought {shown}{more}" if missed else "the socket brought every event"
    pages = least_pages([place for place, _ in missed], PAGE_EVENTS_MAX)
    reading = f"{lost}, {pages} page{'' if pages == 1 else 's'}" if missed else lost
    if generation == "session" and told != "nothing":
        return f"seq proves the log; {reading}"
    if generation != "legacy" and certainty == "branch":
        if told == "certificate":
            return f"the chain from the leaf proves the branch; {reading}"
        return f"no snapshot named the leaf at the end, so a call must; {reading}"
    nothing = "no socket stood" if told == "nothing" else "no frame certifies this log"
    return f"{nothing}, so a page or a count must prove it; {reading}"


def _told_of_run(evidence: Evidence, run: RunCall, run_bound_s: float) -> Told:
    """What the sockets told about a run by ``run_bound_s`` after its end.

    The certificate is a snapshot from after the end, or one that names the last branch event.
    """
    server_run = run.server_run
    assert server_run is not None
    assert server_run.ended_s is not None
    assert server_run.ended_at is not None
    deadline_s = server_run.ended_s + run_bound_s
    leaf = next((event.id for event in reversed(evidence.log_as_of(run)) if event.branch), None)
    for at, t_s, named in evidence.snapshots_at_s:
        if t_s <= deadline_s and (at > server_run.ended_at or (leaf is not None and named == leaf)):
            return "certificate"
    came = any(server_run.started_at < at and t_s <= deadline_s for at, t_s in evidence.frames_at_s)
    return "frames" if came else "nothing"


def _left_out_of_replay(evidence: Evidence) -> frozenset[str]:
    """Events that a filtered replay left out, and that no frame brought."""
    return frozenset(one for one in evidence.left_out_of_replay if one not in evidence.framed_at)


def _wanted(evidence: Evidence, run: RunCall, settled: int, certainty: str) -> tuple[PersistedEvent, ...]:
    """The readable events within the certainty, from position ``settled`` to the end of the run."""
    return tuple(
        event for event in evidence.log_as_of(run)[settled:] if event.readable and (event.branch or certainty == "log")
    )


def _missed(
    evidence: Evidence,
    run: RunCall,
    wanted: Sequence[PersistedEvent],
    brought_s: Mapping[str, float],
    run_bound_s: float,
) -> list[tuple[int, PersistedEvent]]:
    """The wanted events that the socket did not bring in time, with their log positions.

    ``brought_s``: when a frame first brought an event.
    """
    assert run.server_run is not None
    assert run.server_run.ended_s is not None
    deadline_s = run.server_run.ended_s + run_bound_s
    missed = [event for event in wanted if brought_s.get(event.id, inf) > deadline_s]
    if not missed:
        return []
    # A page skips unreadable events and so reaches further. Positions are therefore counted among the readable events.
    skipped = [event.index for event in evidence.log_as_of(run) if not event.readable]
    return [(event.index - bisect_left(skipped, event.index), event) for event in missed]
