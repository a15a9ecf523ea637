"""``history()`` yields the log in its order up to its end at that time, or raises a typed error. It never ends early.

Judged where the script has the step ``history``. Due are the readable events that were in the log when it was called,
state updates too. Events appended while it was read may follow. Whether a typed error was allowed is judged by
``no-hang``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import JournaledHistory
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, first_disorder, ids_of, named
from gapless.scenarios.judging.oracles.safety.content import other_content

NAME = "history"


def history(case: Case) -> OracleFinding:
    """Judge each reading of the log."""
    if "history" in case.evidence.cannot:
        return OracleFinding(0, unjudged="has no history(), so it cannot run a scenario that reads it")
    called = sum(1 for step in case.evidence.steps if step.step == "history")
    returned = sum(1 for step in case.evidence.steps if step.step == "history" and step.outcome == "returned")
    if returned > len(case.evidence.histories):
        return OracleFinding(0, unjudged="does not say what history() read")
    found = tuple(found for read in case.evidence.histories for found in _violations(case, read))
    return OracleFinding(called + sum(len(read.ids) for read in case.evidence.histories), found)


def _violations(case: Case, read: JournaledHistory) -> Iterator[Violation]:
    evidence = case.evidence
    ended_at = read.step.ended_at or 0
    due = tuple(
        event
        for event in evidence.log_then(read.step.called_at)
        if event.readable and (event.gone_at is None or event.gone_at > ended_at)
    )
    given = frozenset(read.ids)
    missing = tuple(event for event in due if event.id not in given)
    if missing:
        last = max((event.index for event in due if event.id in given), default=-1)
        how = "ended early, and raised no error" if missing[0].index > last else "left out events"
        yield Violation(NAME, f"history() {how}: {named(missing)} missing", ids_of(missing))
    twice = tuple(one for one, times in Counter(read.ids).items() if times > 1)
    if twice:
        yield Violation(NAME, f"history() yielded events twice: {', '.join(twice[:4])}", twice)
    strangers = tuple(one for one in read.ids if one not in evidence.by_id and one not in evidence.framed_at)
    if strangers:
        yield Violation(NAME, f"history() yielded what no log holds: {', '.join(strangers[:4])}", strangers)
    known = [evidence.by_id[one] for one in dict.fromkeys(read.ids) if one in evidence.by_id]
    disorder = first_disorder([event for event in known if event.gone_at is None and event.at < read.step.called_at])
    if disorder is not None:
        yield Violation(NAME, f"history() yielded another order than the log's: {disorder}")
    wrong = other_content(case, read.ids, read.contents, settled_at=read.step.called_at, at=ended_at)
    if wrong:
        yield Violation(NAME, f"history() yielded other content than the log has: {named(wrong)}", ids_of(wrong))
