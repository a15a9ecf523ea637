"""What an oracle is given and what it returns, with the questions that several oracles ask."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from gapless.reports.records.record import Violation
from gapless.scenarios.definition.scenario import Budget, Expectation
from gapless.scenarios.judging.evidence import Evidence, GapSpan, PersistedEvent, RunCall, StepCall
from gapless.scenarios.judging.own_budget import OwnBudget

IDS_SHOWN_MAX = 4
_index = attrgetter("index")


@dataclass(frozen=True, slots=True)
class Case:
    """One run to judge: what happened, in which generation, and what had to hold.

    ``own_budget``: the budget that the user wrote for this client here; it takes the place of ``budget``.
    ``texts``: the messages that the script and other parties send; None where the client was not told what to send.
    ``client``: which of two clients is judged. ``other``: what happened to the second one, for the first: what both
    spend is judged as one sum, with the first.
    """

    evidence: Evidence
    generation: str
    expect: Expectation
    budget: Budget
    own_budget: OwnBudget | None = None
    texts: tuple[str, ...] | None = None
    client: int = 1
    other: Evidence | None = None

    def returned_runs(self) -> tuple[RunCall, ...]:
        """The calls of ``run()`` that returned. What a client holds is judged at these returns."""
        return tuple(run for run in self.evidence.runs if run.step.outcome == "returned")

    def scope(self, run: RunCall) -> str:
        """``log`` or ``branch``: what the scenario demands or what the client claims, whichever covers more."""
        claims_log = run.complete is True and run.covers == "log"
        return "log" if claims_log else self.expect.certainty

    def missing(self, run: RunCall, scope: str) -> tuple[PersistedEvent, ...]:
        """Events up to the end of the run that are neither held nor in a gap that the client may declare.

        A declared gap excuses only events from before the last attach, because the client was connected for the others,
        wherever in the log they are. Where the log was cut, a client begins anew, as with an attach (R60): then it
        excuses what the application had been given before, too. An unreadable event is never missing: no call returns
        it, and perhaps no socket brought it (R59). One that can be read again is, where something tells of it (R85).
        """
        held = frozenset(run.held)
        excused = self._excused(run)
        due = (event for event in self.evidence.log_as_of(run) if event.readable and (event.branch or scope == "log"))
        missing = (event for event in due if event.id not in held and event.id not in excused)
        return tuple(event for event in missing if not self._was_passed_unseen(event))

    def _was_passed_unseen(self, event: PersistedEvent) -> bool:
        """Whether pages passed over an event while it could not be read, and nothing told of it: no frame, no index, no
        child that names it."""
        evidence = self.evidence
        is_named = self.generation == "session" or (self.generation == "tree" and event.branch)
        again_at = evidence.readable_again_at.get(event.id)
        return again_at is not None and not is_named and evidence.framed_at.get(event.id, again_at) >= again_at

    def judged(self, run: RunCall, scope: str) -> int:
        """How many events of the log ``missing`` looked at."""
        log = self.evidence.log_as_of(run)
        return sum(1 for event in log if event.readable and (event.branch or scope == "log"))

    def is_excused_incomplete(self, run: RunCall) -> bool:
        """Whether the client reported "incomplete" where the scenario accepts that."""
        return run.complete is False and self.expect.incomplete_allowed and self.evidence.in_chaos(run.step)

    def is_beyond_reach(self, run: RunCall) -> bool:
        """Whether no client could hold every event: a record is corrupt, and no socket brought that event (R59)."""
        unreadable = [event.id for event in self.evidence.log_as_of(run) if not event.readable]
        if not unreadable:
            return False
        brought = frozenset(event_id for event_id, _ in self.evidence.frames)
        return any(event_id not in brought for event_id in unreadable)

    def was_struck(self, journal_index: int, kinds: Container[str] | None = None) -> bool:
        """Whether a fault had acted before a journal index: one of some kinds, or any."""
        return any(at < journal_index and (kinds is None or kind in kinds) for at, kind in self.evidence.faults_at)

    def may_fail(self, step: StepCall) -> bool:
        """Whether a typed error is accepted from the step."""
        return self.expect.may_fail(step.step) and self.evidence.in_chaos(step)

    def in_gaps(self, gaps: Sequence[GapSpan], events: Sequence[PersistedEvent]) -> frozenset[str]:
        """The ids of those of the events, which are in the order of the log, that lie in declared gaps."""
        by_id = self.evidence.by_id
        found: list[str] = []
        for gap in gaps:
            after, before = by_id.get(gap.after_id or ""), by_id.get(gap.before_id or "")
            first = 0 if after is None else bisect_right(events, after.index, key=_index)
            end = len(events) if before is None else bisect_left(events, before.index, key=_index)
            found.extend(event.id for event in events[first:end])
        return frozenset(found)

    def _excused(self, run: RunCall) -> frozenset[str]:
        if not run.gaps:
            return frozenset()
        attaches = [step for step in self.evidence.steps if step.step == "attach"]
        attached_at = max((one.called_at for one in attaches if one.called_at < run.step.called_at), default=0)
        cut_at = [one.gone_at for one in self.evidence.gone if one.gone_at is not None]
        given = {one.id for one in self.evidence.delivered if one.at < max(cut_at, default=0)}
        events = [one for one in self.evidence.log_as_of(run) if one.at < attached_at or one.id in given]
        return self.in_gaps(run.gaps, events)


@dataclass(frozen=True, slots=True)
class OracleFinding:
    """How many things an oracle judged, and the violations that it found.

    ``unjudged``: why the client is not judged by it, or by a part of it: what the client cannot say, in words that go
    on after its name. Empty when it is judged by all of it.
    """

    judged: int
    violations: tuple[Violation, ...] = ()
    unjudged: str = ""


def ids_of(events: Sequence[PersistedEvent]) -> tuple[str, ...]:
    """The ids of events, in the order given."""
    return tuple(event.id for event in events)


def named(events: Sequence[PersistedEvent]) -> str:
    """Events for a message: how many, then kind and id of the first few."""
    shown = ", ".join(f"{event.kind} {event.id}" for event in events[:IDS_SHOWN_MAX])
    more = len(events) - IDS_SHOWN_MAX
    return f"{count(len(events), 'event')} ({shown}{f' and {more} more' if more > 0 else ''})"


def count(number: int, noun: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def first_disorder(events: Sequence[PersistedEvent]) -> str | None:
    """The first two neighbors that stand in another order than in the log, in words; None when all are in its order."""
    for before, after in pairwise(events):
        if before.index > after.index:
            return (
                f"{before.kind} {before.id} (no. {before.index}) stood before "
                f"{after.kind} {after.id} (no. {after.index})"
            )
    return None


def ordinal_of(case: Case, run: RunCall) -> str:
    """``run()`` for a message; numbered when the script has several."""
    if len(case.evidence.runs) == 1:
        return "run()"
    # By identity: to compare two runs is to compare all that was held.
    return f"run() no. {next(number for number, one in enumerate(case.evidence.runs, 1) if one is run)}"
