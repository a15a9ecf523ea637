"""The optimum: the fewest counted REST calls by which any client could have known, and repaired, what this
run needed.

It is a *lower bound*, computed with hindsight from the journal: a clairvoyant client that had the same
subscriptions could not have spent less, and a real one may have to spend more. It is never guessed upward:
where a cheaper way is conceivable, the cheaper way counts.

What is forced, by server generation (limit 100 events a page):

- attach to N events. legacy: one page holds both ends when N ≤ 100, else head and tail are two. tree: the
  same, but nothing when the log is empty, for then the subscribe snapshot names no leaf. session: nothing,
  the socket can replay everything (``after_seq=-1``).
- each end of a run. legacy has no certificate on the socket: one page or count must say that nothing is missing. When
  m of the run's r events did not come over the socket, either all r are read again (⌈r/100⌉ pages, which prove as they
  go), or the m are read (⌈m/100⌉) and a count proves the rest: a page proves only what is on it. tree: leaf and parent
  ids prove the branch for nothing, so only the ⌈m/100⌉ pages remain; for state updates, which they do not cover, it is
  as in legacy. session: nothing, ``seq`` proves and ``after_seq`` repairs.

An event counts as brought when its frame was delivered by ``run_bound_s`` after the run's end, for a client
may wait that long. Events that were in the log when attach returned are attach's business, not the run's.

Not forced, and therefore allowances of a scenario instead: calls that a fault answers with an error,
anchors, and status polls while a socket is silent. Assumed: a client subscribes live; a replay of
everything (``resend_mode=all``) would trade pages for the same events on the socket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scenarios.evidence import Evidence, LogEvent, RunCall

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
    attach = _attach(evidence, generation)
    return Optimum(attach, tuple(_runs(evidence, generation, certainty, run_bound_s)))


def _attach(evidence: Evidence, generation: str) -> int:
    if evidence.attach is None or generation == "session":
        return 0
    length = evidence.history_length()
    if length == 0:
        return 0 if generation == "tree" else 1
    return 1 if length <= PAGE_EVENTS_MAX else 2


def _runs(evidence: Evidence, generation: str, certainty: str, run_bound_s: float) -> Iterator[int]:
    settled = evidence.log_length_at(evidence.attach.ended_at) if evidence.attach else 0
    for run in evidence.runs:
        if run.server_run is None or run.server_run.log_length is None:
            continue
        if generation == "session":
            yield 0
        else:
            wanted = _wanted(evidence, run, settled, certainty)
            missed = _missed(evidence, run, wanted, run_bound_s)
            is_proven_by_chain = generation == "tree" and certainty == "branch"
            yield _pages(missed) if is_proven_by_chain else _unproven(len(wanted), missed)
        settled = max(settled, run.server_run.log_length)


def _pages(events: int) -> int:
    return -(-events // PAGE_EVENTS_MAX)


def _unproven(wanted: int, missed: int) -> int:
    """Least calls where the socket proves nothing: read all of it again, or repair and then count."""
    if missed == 0:
        return 1
    return min(_pages(wanted), _pages(missed) + 1)


def _wanted(evidence: Evidence, run: RunCall, settled: int, certainty: str) -> tuple[LogEvent, ...]:
    """The events between what was settled before and the run's end, within the certainty."""
    assert run.server_run is not None
    return tuple(
        event for event in evidence.log[settled : run.server_run.log_length] if event.branch or certainty == "log"
    )


def _missed(evidence: Evidence, run: RunCall, wanted: Sequence[LogEvent], run_bound_s: float) -> int:
    """How many of them the socket did not bring in time."""
    assert run.server_run is not None
    assert run.server_run.ended_s is not None
    deadline_s = run.server_run.ended_s + run_bound_s
    brought = frozenset(event_id for event_id, t_s in evidence.frames if t_s <= deadline_s)
    return sum(1 for event in wanted if event.id not in brought)
