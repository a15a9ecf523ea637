"""When ``attach()`` returns, what is held is the log's as of then, in its order, with every gap declared.

Due are the readable events within the certainty that were in the log when ``attach()`` was called. A client that
declares gaps may leave out what lies in them. A client that cannot declare gaps must hold all of the log, or all of it
from some event on to its end: nobody could tell another hole from a loss. A client that cannot declare gaps and holds
nothing says nothing about the past, and is not judged. A client that has heard nothing from the server cannot say what
the log is, so attach must not return then, even where the log is empty.

What a fault kept from everybody is not due: behind a stale view, or a page that wrongly came out empty, the log ends
early for any client.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import HeldThen, PersistedEvent, StepCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, first_disorder, ids_of, named

NAME = "held-at-attach"
HIDING_FAULTS: Final = frozenset({"rest-stale", "rest-empty-page", "rest-unknown-cursor", "snapshot-stale"})
"""Faults that show a log that is shorter than it is, and look like the truth."""


def held_at_attach(case: Case) -> OracleFinding:
    """Judge what was held when attach returned."""
    attach = case.evidence.attach
    if attach is None or attach.outcome != "returned" or attach.ended_at is None:
        return OracleFinding(0)
    then = next((one for one in case.evidence.held_then if one.step == "attach"), None)
    if then is None:
        return OracleFinding(0, unjudged="does not say what it holds when attach() returns")
    due = due_at_attach(case, attach)
    if then.gaps is None and not then.ids:
        return OracleFinding(0, unjudged="holds nothing when attach() returns, and cannot declare gaps")
    return OracleFinding(1 + len(due), tuple(_violations(case, then, due)))


def due_at_attach(case: Case, attach: StepCall) -> tuple[PersistedEvent, ...]:
    """The readable events within the certainty that were in the log from the call of attach to its return."""
    assert attach.ended_at is not None
    return tuple(
        event
        for event in case.evidence.log_then(attach.called_at)
        if event.readable
        and (event.branch or case.expect.certainty == "log")
        and (event.gone_at is None or event.gone_at > attach.ended_at)
    )


def was_hidden(case: Case, journal_index: int) -> bool:
    """Whether a fault had shown a shorter log by then."""
    return case.was_struck(journal_index, HIDING_FAULTS)


def _violations(case: Case, then: HeldThen, due: tuple[PersistedEvent, ...]) -> Iterator[Violation]:
    evidence = case.evidence
    held = frozenset(then.ids)
    if not _heard_anything(case, then.at):
        yield Violation(NAME, "attach() returned, and nothing from the server had reached the client")
        return
    missing = tuple(event for event in due if event.id not in held)
    if then.gaps is None:
        first = next((event.index for event in due if event.id in held), None)
        missing = tuple(event for event in missing if first is None or event.index > first)
        how = "which cannot declare gaps, held neither all of the log nor all of it up to its end"
    else:
        declared = case.in_gaps(then.gaps, due)
        missing = tuple(event for event in missing if event.id not in declared)
        how = "held less of the log, and declared no gap there"
    if missing and not was_hidden(case, then.at):
        yield Violation(NAME, f"when attach() returned, the client {how}: {named(missing)} missing", ids_of(missing))
    twice = tuple(one for one, times in Counter(then.ids).items() if times > 1)
    if twice:
        yield Violation(NAME, f"when attach() returned, these were held twice: {', '.join(twice[:4])}", twice)
    strangers = tuple(one for one in then.ids if one not in evidence.by_id and _is_made_up(case, one))
    if strangers:
        message = f"when attach() returned, events were held that no log holds: {', '.join(strangers[:4])}"
        yield Violation(NAME, message, strangers)
    known = [evidence.by_id[one] for one in dict.fromkeys(then.ids) if one in evidence.by_id]
    within = [one for one in known if one.gone_at is None and (one.branch or case.expect.certainty == "log")]
    disorder = first_disorder(within)
    if disorder is not None:
        yield Violation(NAME, f"when attach() returned, the order was not the log's: {disorder}")


def _heard_anything(case: Case, journal_index: int) -> bool:
    evidence = case.evidence
    answers = (one.answered_at for one in evidence.exchanges if one.status is not None and one.status < 400)
    frames = (at for at, _ in evidence.frames_at_s)
    return any(at is not None and at < journal_index for at in (*answers, *frames))


def _is_made_up(case: Case, event_id: str) -> bool:
    """Whether a client could know that no log holds the event: it is a snapshot, or no socket ever brought it (R53)."""
    return event_id in case.evidence.snapshots or event_id not in case.evidence.framed_at
