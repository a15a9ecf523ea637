"""The verdict on a finished schedule: the oracles of the wire level, on evidence derived from a `WorldState`."""

from __future__ import annotations

from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.definition.scenario import Allowance, Budget, Expectation
from gapless.scenarios.judging.evidence import Evidence, GapSpan, PersistedEvent, RunCall, ServerRun, StepCall
from gapless.scenarios.judging.oracles import ORACLES
from gapless.scenarios.judging.oracles.case import Case
from gapless.scenarios.prove.moves import FAULTS, FaultName, Interleavings, WorldState, carried
from gapless.scenarios.prove.small_server import Point, Script

RUN_BOUND_S = 120.0
CALLS_MAX = 60
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
}

_GREW = Allowance(
    calls=1,
    because="the log grew while the client attached: what came before its subscription no socket tells (R01)",
)


def judge(world: Interleavings, state: WorldState, certainty: str) -> Violation | None:
    """The first violation of a finished schedule, in the order of `ORACLES`: safety first, cost last. None if none."""
    script = world.script
    point = script[state.point]
    assert state.returned is not None, "only what has ended is judged"
    if state.returned.error is None and not point.is_over and _is_guess(world, state, point):
        message = "run() returned before the final snapshot, and a stop hook may still say no"
        return Violation("returns-in-time", message)
    case = Case(
        _evidence(script, state, point),
        script.settings.generation,
        Expectation(certainty="log" if certainty == "log" else "branch", run_bound_s=RUN_BOUND_S, calls_max=CALLS_MAX),
        _budget(script, state),
    )
    for _, oracle in ORACLES:
        for violation in oracle(case).violations:
            return violation
    return None


def overdue(state: WorldState) -> Violation | None:
    """A violation if an unfinished schedule has taken too long, or has made too many calls."""
    if state.over is not None and state.now_s > state.over[0] + RUN_BOUND_S:
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
    """The evidence of a finished schedule.

    There is no journal, so journal indexes are derived: event n is appended at index 2n. The odd indexes are free for
    the attach, which can return between two events.
    """
    returned = state.returned
    assert returned is not None
    log = tuple(
        PersistedEvent(event_id, str(event["kind"]), index, branch, 2 * index)
        for index, (event_id, branch, event) in enumerate(zip(point.ids, point.branch, point.agent.log, strict=True))
    )
    by_id = {event.id: event for event in log}
    attach = StepCall("attach", 0.0, 2 * script.history_events - 1)
    steps = [attach]
    runs: tuple[RunCall, ...] = ()
    if state.attached is not None:
        steps = [StepCall("attach", 0.0, attach.called_at, "returned", 0.0, 2 * state.attached[0] - 1)]
        ended = (state.now_s, 2 * len(log) + 1)
        if returned.error is not None:
            steps.append(StepCall("run", 0.0, steps[0].called_at, "failed", *ended, returned.error))
        else:
            steps.append(StepCall("run", 0.0, steps[0].called_at, "returned", *ended))
        runs = (_run(state, point, steps[-1]),)
    else:
        steps = [StepCall("attach", 0.0, attach.called_at, "failed", state.now_s, 0, returned.error or "")]
    return Evidence(
        log=log,
        steps=tuple(steps),
        runs=runs,
        deliveries=returned.deliveries,
        held_at_end=returned.held,
        frames=tuple((event.id, state.now_s) for event in log if _brought(state, by_id) >> event.index & 1),
        calls=state.counted,
        requests=state.counted,
        attach_calls=state.attached[1] if state.attached is not None else state.counted,
        by_id=by_id,
    )


def _run(state: WorldState, point: Point, step: StepCall) -> RunCall:
    returned, claim = state.returned, None
    if returned is not None:
        claim = returned.claim
    end = state.over
    if end is None and "over" in point.ways and point.status in _CERTAIN_ENDS:
        end = (state.now_s, len(point.ids) - state.behind)  # only the final snapshot is still missing
    ended_s, length = end if end is not None else (None, None)
    server_run = ServerRun(0, 0, True, None, ended_s, point.status, length)
    return RunCall(
        step=step,
        server_run=server_run,
        held=returned.held if returned is not None else (),
        gaps=tuple(GapSpan(*gap) for gap in returned.gaps) if returned is not None else (),
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
