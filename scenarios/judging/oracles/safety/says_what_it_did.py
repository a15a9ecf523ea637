"""What the client says of its own doing is what the journal has: its proof, its calls, the origin of its deliveries.

- A proof is possible where its certificate exists: ``seq`` on a session socket, ``chain`` where events name their
  parents and for the branch alone, ``count`` and ``echo`` after an answer that brought a count or a page.
- Beside a claim that is incomplete, a proof is of what ``covers`` names, which is less than was asked for: the branch,
  where the whole log was. All of that is held.
- The calls are those that the server counted by the return of ``run()``. Where the server was down, calls that never
  reached it may be counted too.
- An event that is called live was brought by a socket before. One that is called repaired may have been: a page was
  answered, or a socket was opened, since it was in the log, or it was in the range that a server said it replays: one
  that greets late replays what came meanwhile. Only events from after the latest attach are judged: the past is read
  from pages by everybody.

Each is judged only where the client says it, and a proof only by a name of this list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from gapless.reports.records.record import Violation
from gapless.scenarios.judging.evidence import Delivery, RunCall
from gapless.scenarios.judging.oracles.case import Case, OracleFinding, count, ids_of, named, ordinal_of

NAME = "says-what-it-did"
_PATH_OF_PROOF = {"count": "count", "echo": "search"}
_KNOWN_PROOFS = frozenset({"seq", "chain", "count", "echo"})


def says_what_it_did(case: Case) -> OracleFinding:
    """Judge the claims at each return of ``run()``, and every delivery."""
    runs = case.returned_runs()
    unsaid: list[str] = []
    if any(run.calls is None for run in runs):
        unsaid.append("how many calls it spent")
    if any(run.proof is None for run in runs):
        unsaid.append("by which proof it is complete")
    origins = [one for one in case.evidence.delivered if one.repaired is not None]
    if not origins and runs:
        unsaid.append("whether an event came live or by a repair")
    violations = [found for run in runs for found in _about_run(case, run)]
    violations += _about_origins(case)
    judged = sum(run.proof in _KNOWN_PROOFS for run in runs) + sum(run.calls is not None for run in runs) + len(origins)
    return OracleFinding(judged, tuple(violations), f"does not say {', or '.join(unsaid)}" if unsaid else "")


def _about_run(case: Case, run: RunCall) -> Iterator[Violation]:
    which = ordinal_of(case, run)
    if run.complete is not None and run.proof in _KNOWN_PROOFS:
        problem = _problem_of_proof(case, run)
        if problem is None and not run.complete:
            problem = _problem_beside_incomplete(case, run)
        if problem is not None:
            yield Violation(NAME, f"{which} named the proof {run.proof!r} for the {run.covers}, but {problem}")
    if run.calls is not None:
        yield from _about_calls(case, run, which)


def _problem_of_proof(case: Case, run: RunCall) -> str | None:
    """Why the proof cannot be what it is called; None when it can."""
    returned_at = run.step.ended_at or 0
    match run.proof:
        case "seq" if case.generation != "session":
            return f"frames of a {case.generation} server have no seq"
        case "chain" if case.generation == "legacy":
            return "events of a legacy server name no parent"
        case "chain" if run.covers == "log":
            return "a chain of parents does not cover state updates"
        case "count" | "echo" as proof:
            path = _PATH_OF_PROOF[proof]
            answered = any(
                one.name == path and one.status == 200 and one.answered_at is not None and one.answered_at < returned_at
                for one in case.evidence.exchanges
            )
            if not answered:
                return f"no {path} call was answered by then"
    return None


def _problem_beside_incomplete(case: Case, run: RunCall) -> str | None:
    """Why a proof cannot stand beside "incomplete"; None when it can, or where it is not said what it covers."""
    if run.covers is None:
        return None
    if run.covers == "log" or case.expect.certainty == "branch":
        return "it said that it is incomplete, and that is all that was asked for"
    missing = case.missing(run, run.covers)
    return f"it did not hold {named(missing)}" if missing else None


def _about_calls(case: Case, run: RunCall, which: str) -> Iterator[Violation]:
    returned_at, said = run.step.ended_at or 0, run.calls or 0
    # A client that was killed and opened again counts from its new beginning.
    since = max((at for at in case.evidence.killed_at if at < returned_at), default=-1)
    own = [one for one in case.evidence.exchanges if one.asked_at > since]
    ended = sum(one.counted and (one.answered_at or returned_at) < returned_at for one in own)
    if said < ended:
        message = f"{which} reported {count(said, 'REST call')}, and the server had answered {ended} that count"
        yield Violation(NAME, message)
    asked = sum(one.counted for one in own)
    if said > asked and not case.evidence.was_down:
        yield Violation(NAME, f"{which} reported {count(said, 'REST call')}, and {asked} that count reached the server")


def _about_origins(case: Case) -> Iterator[Violation]:
    evidence = case.evidence
    wrong = tuple(
        evidence.by_id[one.id]
        for one in evidence.delivered
        if one.repaired is False
        and one.id in evidence.by_id
        and evidence.by_id[one.id].at > _attached_at(case, one.at)
        and evidence.framed_at.get(one.id, one.at) >= one.at
    )
    if wrong:
        message = f"delivered as live, though no socket had brought it: {named(wrong)}"
        yield Violation(NAME, message, ids_of(wrong))
    live = tuple(evidence.by_id[one.id] for one in evidence.delivered if one.repaired and _came_live(case, one))
    if live:
        message = f"delivered as repaired, though only a live socket can have brought it: {named(live)}"
        yield Violation(NAME, message, ids_of(live))


def _came_live(case: Case, one: Delivery) -> bool:
    """Whether neither a page nor a replay can have brought an event that a socket had brought."""
    evidence = case.evidence
    event, framed_at = evidence.by_id.get(one.id), evidence.framed_at.get(one.id)
    if event is None or framed_at is None or not _attached_at(case, one.at) < event.at < framed_at < one.at:
        return False
    if one.id in evidence.replayed:
        return False
    pages = (call.answered_at for call in evidence.exchanges if call.name == "search" and call.answered_at is not None)
    return not any(event.at < at < one.at for at in (*pages, *evidence.sockets_opened_at))


def _attached_at(case: Case, at: int) -> float:
    """When the latest attach before a journal index was done; later than anything if it was not."""
    attaches = [step for step in case.evidence.steps if step.step == "attach" and step.called_at < at]
    ended_at = attaches[-1].ended_at if attaches else None
    return math.inf if ended_at is None else ended_at
