"""What is held equals the log: same ids, same order, no duplicate, nothing that no log holds.

A hole is a missing event with a held event after it. Events missing at the very end are judged by ``no-tail-loss``.
Holes and order are judged at the scenario's certainty, or at the client's claim where that covers more. Duplicates and
strangers (held events that no log holds) are judged at any certainty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import RunCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count, ids_of, named, ordinal_of

NAME = "no-holes"


def no_holes(case: Case) -> OracleFinding:
    """Judge what was held at each return of ``run()``, and what was held at the end."""
    violations: list[Violation] = []
    judged = 0
    for run in case.returned_runs():
        when = f"when {ordinal_of(case, run)} returned"
        judged += len(run.held)
        violations += _holes(case, run, when)
        is_unsure = case.is_excused_incomplete(run)
        known_at = run.step.called_at
        violations += _disorder(case, run.held, case.scope(run), when, known_at=known_at, is_unsure=is_unsure)
    judged += len(case.evidence.held_at_end)
    if not violations:
        is_unsure = any(case.is_excused_incomplete(run) for run in case.returned_runs()[-1:])
        held = _settled_at_end(case)
        told_until = case.evidence.told_until
        violations += _disorder(
            case, held, case.expect.certainty, "at the end", known_at=told_until, is_unsure=is_unsure
        )
    return OracleFinding(judged, tuple(violations))


def _settled_at_end(case: Case) -> Sequence[str]:
    """What was held at the end, in its order, without what came after the last return of ``run()``.

    The client claims nothing about those later events: neither their order, nor that any log holds them (R53). An idle
    client makes no calls to find out, and timestamps may tie (R61). No page shows what cannot be read, however old.
    """
    returned = case.returned_runs()
    if not returned:
        return case.evidence.held_at_end
    length = case.evidence.log_length_at(returned[-1].step.ended_at)
    by_id, at_return = case.evidence.by_id, frozenset(returned[-1].held)

    def is_settled(event_id: str) -> bool:
        event = by_id.get(event_id)
        was_there = event is not None and event.index < length and event.readable
        return was_there or event_id in at_return

    return [one for one in case.evidence.held_at_end if is_settled(one)]


def _holes(case: Case, run: RunCall, when: str) -> Iterator[Violation]:
    if case.is_excused_incomplete(run):
        return
    by_id = case.evidence.by_id
    last = max((by_id[one].index for one in run.held if one in by_id), default=-1)
    holes = tuple(event for event in case.missing(run, case.scope(run)) if event.index < last)
    if holes:
        message = f"{when} there was a hole in what was held: {named(holes)} missing before later events"
        yield Violation(NAME, message, ids_of(holes))


def _strangers(case: Case, held: Sequence[str], scope: str, known_at: int | None) -> Iterator[str]:
    """Held events that no log holds. Within the branch, a state update that a truncation lost is not one of them."""
    by_id = case.evidence.by_id
    for one in held:
        if case.evidence.is_in_no_log(one, known_at) and (scope == "log" or one not in by_id or by_id[one].branch):
            yield one


def _disorder(
    case: Case, held: Sequence[str], scope: str, when: str, *, known_at: int | None = None, is_unsure: bool
) -> Iterator[Violation]:
    """Duplicates, strangers and wrong order among what was held.

    ``known_at``: events that a truncation lost after this journal index may still be held: the client had not been told
    by then; None: no lost event may be held (R60). ``is_unsure``: the client reported "incomplete" where that is
    accepted, so it may hold events from the socket that the log does not show yet (R53).
    """
    by_id = case.evidence.by_id
    twice = tuple(one for one, times in Counter(held).items() if times > 1)
    if twice:
        yield Violation(NAME, f"{when} {count(len(twice), 'event')} held twice: {', '.join(twice[:4])}", twice)
    strangers = () if is_unsure else tuple(_strangers(case, held, scope, known_at))
    if strangers:
        # Counting a snapshot as an event is a common first mistake, so the message says "snapshot".
        shown = ", ".join(f"snapshot {one}" if one in case.evidence.snapshots else one for one in strangers[:4])
        message = f"{when} {count(len(strangers), 'event')} held that no log holds: {shown}"
        yield Violation(NAME, message, strangers)
    known = [by_id[one] for one in dict.fromkeys(held) if one in by_id and (by_id[one].branch or scope == "log")]
    known = [event for event in known if event.gone_at is None] if case.evidence.gone else known
    for before, after in pairwise(known):
        if before.index > after.index:
            message = (
                f"{when} the order was not the log's: {before.kind} {before.id} (no. {before.index}) "
                f"stood before {after.kind} {after.id} (no. {after.index})"
            )
            yield Violation(NAME, message, (before.id, after.id))
            return
