"""The verdict on a finished schedule: the oracles of every run, on evidence derived from a `WorldState`."""

from __future__ import annotations

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.definition.scenario import Allowance, Budget, Expectation
from gapless.scenarios.judging.evidence import Evidence, GapSpan, PersistedEvent, RunCall, ServerRun, StepCall
from gapless.scenarios.judging.oracles import ORACLES
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.prove.moves import (
    FAULTS,
    FaultName,
    Interleavings,
    ReturnedRun,
    RunEnd,
    WorldState,
    carried,
)
from gapless.scenarios.prove.small_server import Point, Record, Script

RUN_BOUND_S = 120.0
CALLS_MAX = 60
# When each call was asked and answered is not part of a state, and this oracle looks at nothing else.
_UNSEEN = frozenset({"says-what-it-did"})
_CERTAIN_ENDS = frozenset({"finished"})

# How many calls above the optimum a client may make for each fault that struck, and why. Without faults: none.
_ALLOWED: dict[FaultName, tuple[int, str]] = {
    "losses": (
        2,
        "a lost status or snapshot leaves open whose end of a run it was: REST is asked, and the log decides",
    ),
    "disconnects": (2, "an outage leaves open what was missed, and whose end of a run is told after it"),
    "delays": (2, "what is only late looks like what is lost, and is asked for"),
    "overtakings": (1, "what is only late looks like what is lost, and is asked for"),
    "copies": (1, "an old snapshot that comes again looks like a current status report, and the log decides"),
    "failures": (1, "a call that was refused is made again"),
    "late": (2, "a log behind the socket does not show yet what it is read for"),
    "forgotten": (1, "a cursor that is not known has to be replaced by another"),
    "restarts": (3, "an outage leaves open what was missed, and a run that died leaves no end of its own"),
    "truncations": (5, "an outage, a run that died, and two pages to begin anew with a log that lost its end"),
    "stale": (2, "a page that is behind does not show what it is read for, and is asked for again"),
    "unpersisted": (2, "what no log has looks like what the log does not show yet"),
    "corrupt": (2, "what cannot be read looks like what the log does not show yet"),
    "foreign": (2, "the end of another's run looks like ours, and the log decides"),
}

_GREW = Allowance(
    calls=1,
    because="the log grew while the client attached: what came before its subscription no socket tells (R01)",
)


def judge(world: Interleavings, state: WorldState, certainty: str) -> Violation | None:
    """The first violation at the return of a run, in the order of `ORACLES`: safety first, cost last. None if none."""
    script = world.script
    point = script[state.point]
    assert state.runs, "only a run that has returned is judged"
    last = state.runs[-1]
    if last.returned.error is None and last.end is None and _is_guess(world, state, point):
        message = "run() returned before the final snapshot, and a stop hook may still say no"
        return Violation("returns-in-time", message)
    case = Case(
        _evidence(script, state, point),
        script.settings.generation,
        Expectation(
            certainty="log" if certainty == "log" else "branch",
            run_bound_s=RUN_BOUND_S,
            calls_max=CALLS_MAX,
        ),
        _budget(script, state),
    )
    for name, oracle in ORACLES:
        if name in _UNSEEN:
            continue
        for violation in oracle(case).violations:
            return violation
    return None


def overdue(state: WorldState) -> Violation | None:
    """A violation if an unfinished schedule has taken too long, or has made too many calls."""
    if state.end is not None and state.now_s > state.end.at_s + RUN_BOUND_S:
        message = f"run() had not returned {RUN_BOUND_S:g} s after the server's end"
        return Violation("returns-in-time", message, breaks=Verdict.STUCK)
    if state.counted > CALLS_MAX:
        message = f"{state.counted} calls were made; more than {CALLS_MAX} is a busy loop"
        return Violation("no-hang", message, breaks=Verdict.STUCK)
    return None


STUCK = Violation("no-hang", "run() never returns: nothing is on its way, and no timer is set", breaks=Verdict.STUCK)
CIRCLE = Violation("no-hang", "run() need never return: the schedule comes back to where it was", breaks=Verdict.STUCK)


def _is_guess(world: Interleavings, state: WorldState, point: Point) -> bool:
    """Whether the run could still go on, because a veto is possible and within the bounds."""
    return "veto" in point.ways and world.may(state, FAULTS.index("vetoes"))


def _budget(script: Script, state: WorldState) -> Budget:
    struck = [(name, times) for name, times in zip(FAULTS, state.spent, strict=True) if times and name in _ALLOWED]
    allowances = [Allowance(calls=_ALLOWED[name][0] * times, because=_ALLOWED[name][1]) for name, times in struck]
    if state.attached is not None and state.attached[0] > script.history_events:
        allowances.append(_GREW)
    return Budget(allowances=tuple(allowances))


def _evidence(script: Script, state: WorldState, point: Point) -> Evidence:
    """The evidence when a run has returned.

    There is no journal, so journal indexes are derived: the event that was appended as number n, counted over all that
    were ever in the log, is at index 2n. The odd indexes are free for what happens between two appends.
    """
    log = tuple(_persisted(one) for one in point.records if one.gone is None)
    gone = tuple(_persisted(one) for one in point.records if one.gone is not None)
    by_id = {event.id: event for event in (*gone, *log)}
    last = state.runs[-1].returned
    attach = StepCall("attach", 0.0, 2 * script.history_events - 1)
    steps = [attach]
    runs: list[RunCall] = []
    if state.attached is not None:
        steps = [StepCall("attach", 0.0, attach.called_at, "returned", 0.0, 2 * state.attached[0] - 1)]
        for number, one in enumerate(state.runs):
            steps.append(_step(steps[-1], state, one))
            runs.append(_run(number, state, point, one, steps[-1]))
    else:
        steps = [StepCall("attach", 0.0, attach.called_at, "failed", state.now_s, 0, last.error or "")]
    return Evidence(
        log=log,
        gone=gone,
        steps=tuple(steps),
        runs=tuple(runs),
        deliveries=last.deliveries,
        held_at_end=last.held,
        frames=tuple((event.id, state.now_s) for event in log if _brought(state, by_id) >> event.index & 1),
        calls=state.counted,
        requests=state.counted,
        attach_calls=state.attached[1] if state.attached is not None else state.counted,
        by_id=by_id,
        snapshots_at_s=((-2, 0.0, None), (2 * point.appended + 2, 0.0, None)),
    )


def _persisted(one: Record) -> PersistedEvent:
    gone_at = None if one.gone is None else 2 * one.gone - 1
    return PersistedEvent(one.event_id, one.kind, one.index, one.branch, 2 * one.ordinal, gone_at, one.readable)


def _step(before: StepCall, state: WorldState, one: ReturnedRun) -> StepCall:
    """The step of a run. It was called when the step before it had ended."""
    ended = (state.now_s, 2 * one.appended + 1)
    called_at = before.ended_at if before.ended_at is not None else before.called_at
    if one.returned.error is not None:
        return StepCall("run", 0.0, called_at, "failed", *ended, one.returned.error)
    return StepCall("run", 0.0, called_at, "returned", *ended)


def _run(number: int, state: WorldState, point: Point, one: ReturnedRun, step: StepCall) -> RunCall:
    returned, claim, end = one.returned, one.returned.claim, one.end
    is_last = number + 1 == len(state.runs)
    status, is_ours = point.status, point.owner == "client"
    if end is None and is_last and is_ours and "over" in point.ways and status in _CERTAIN_ENDS:
        # Only the final snapshot is still missing.
        end = RunEnd(state.now_s, len(point.ids) - state.behind, point.appended)
    ended_s, length, ended_at = (None, None, None) if end is None else (end.at_s, end.log_length, 2 * end.appended)
    server_run = ServerRun(number, 0, True, ended_at, ended_s, status, length)
    return RunCall(
        step=step,
        server_run=server_run,
        held=returned.held,
        gaps=tuple(GapSpan(*gap) for gap in returned.gaps),
        complete=claim.complete if claim is not None else None,
        covers=claim.covers if claim is not None else None,
        proof=claim.proof if claim is not None else None,
    )


def _brought(state: WorldState, by_id: dict[str, PersistedEvent]) -> int:
    """The log positions of events that frames have delivered or that are still in transit, as bits."""
    brought = state.brought
    for socket in state.sockets:
        for text in (*socket.waiting, *socket.aside):
            event = by_id.get(carried(text)[0])
            if event is not None:
                brought |= 1 << event.index
    return brought
