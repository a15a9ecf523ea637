"""With a degraded network, the first and the last 10 events are right before the middle.

Judged when attach returns, of a client that declares gaps: while something of the middle is held, both ends are. Where
no fault has acted by then, nothing excuses an end that is missing, so both ends are held at any rate. A fault that
shows a shorter log than there is excuses the tail, which nobody could know. A page cursor that leads back excuses both:
what is behind it can only be reached through the middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import HeldThen, PersistedEvent
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, ids_of, named
from gapless.scenarios.judging.oracles.safety.held_at_attach import due_at_attach, was_hidden

NAME = "ends-first"
END_EVENTS: Final = 10
_LOOPS: Final = frozenset({"rest-cursor-loop"})


def ends_first(case: Case) -> OracleFinding:
    """Judge which part of the log was held when attach returned."""
    attach = case.evidence.attach
    then = next((one for one in case.evidence.held_then if one.step == "attach"), None)
    if attach is None or attach.outcome != "returned" or then is None or then.gaps is None:
        unjudged = "cannot declare gaps" if attach is not None and attach.outcome == "returned" else ""
        return OracleFinding(0, unjudged=unjudged)
    due = due_at_attach(case, attach)
    ends = (*due[:END_EVENTS], *due[END_EVENTS:][-END_EVENTS:])
    return OracleFinding(len(ends), tuple(_violations(case, then, due, ends)))


def _violations(
    case: Case, then: HeldThen, due: tuple[PersistedEvent, ...], ends: tuple[PersistedEvent, ...]
) -> Iterator[Violation]:
    held = frozenset(then.ids)
    missing = tuple(event for event in ends if event.id not in held)
    if not missing or case.was_struck(then.at, _LOOPS) or was_hidden(case, then.at):
        return
    has_middle = any(event.id in held for event in due[END_EVENTS:-END_EVENTS])
    if has_middle or not case.was_struck(then.at):
        what = "though it held events of the middle" if has_middle else "though nothing stood in the way"
        message = f"when attach() returned, the client lacked {named(missing)} of the log's ends, {what}"
        yield Violation(NAME, message, ids_of(missing))
