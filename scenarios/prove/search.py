"""The exhaustive search: covers every schedule within the bounds, or finds the smallest counterexample.

The states of a small world and the moves between them form an acyclic graph. The search is depth first and visits each
state once. When all moves of a state are done, the number of schedules from it to an end is known: one for an end, and
the sum over its successors for any other state. So the number of schedules is exact, although most schedules are not
walked through one by one. Two schedules that reach the same state have the same continuations, because a state
describes the world completely. `gapless.scenarios.prove.state_identity` defines when two clients are equal.

A cycle, a state without a move, and a schedule that takes too long are violations, like a lost event.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gapless.reports.records.record import GRAVITY, Verdict, Violation
from gapless.scenarios.machines.registry import bounded
from gapless.scenarios.prove.interned_clients import Clients
from gapless.scenarios.prove.moves import FAULTS, FaultName, Interleavings, Move, WorldState
from gapless.scenarios.prove.small_server import Script
from gapless.scenarios.prove.verdict import CIRCLE, STUCK, judge, overdue
from gapless.simserver.settings import ServerSettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a search.

    ``events``: how many events the run may have (actions, observations, answers)
    ``together``: how many faults a schedule may have in total; None for the sum of the others
    The other fields bound the faults of one kind each. They are described at `FaultName`.
    """

    events: int = 2
    losses: int = 0
    disconnects: int = 0
    delays: int = 0
    overtakings: int = 0
    copies: int = 0
    failures: int = 0
    late: int = 0
    forgotten: int = 0
    vetoes: int = 0
    others: int = 0
    restarts: int = 0
    truncations: int = 0
    stale: int = 0
    unpersisted: int = 0
    corrupt: int = 0
    foreign: int = 0
    together: int | None = None

    def faults(self) -> tuple[int, ...]:
        """The bounds on faults, in the order of `FAULTS`."""
        return tuple(getattr(self, name) for name in FAULTS)

    @property
    def faults_max(self) -> int:
        """How many faults one schedule may have in total."""
        most = sum(self.faults())
        return most if self.together is None else min(self.together, most)

    def __str__(self) -> str:
        return ", ".join([f"≤ {_count(self.events, 'event')}", *self._faults_said()])

    def _faults_said(self) -> Iterator[str]:
        bounds = {name: bound for name, bound in zip(FAULTS, self.faults(), strict=True) if bound}
        if self.faults_max < sum(bounds.values()):
            kinds = " or ".join(_PLURAL[name] for name in bounds)
            every = f"{len(bounds)} kinds" if len(bounds) > 4 else kinds
            yield f"≤ {_count(self.faults_max, 'fault')} of {every}"
            if all(bound >= self.faults_max for bound in bounds.values()):
                return
        for name, bound in bounds.items():
            yield f"≤ {bound} {_SINGULAR[name] if bound == 1 else _PLURAL[name]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


_SINGULAR: dict[FaultName, str] = {
    "losses": "loss",
    "disconnects": "disconnect",
    "delays": "delay",
    "overtakings": "overtaking",
    "copies": "copy",
    "failures": "failed call",
    "late": "late append",
    "forgotten": "forgotten cursor",
    "vetoes": "veto",
    "others": "message of somebody else",
    "restarts": "restart",
    "truncations": "truncation",
    "stale": "stale page",
    "unpersisted": "event never persisted",
    "corrupt": "corrupt record",
    "foreign": "run of somebody else",
}
_PLURAL: dict[FaultName, str] = {name: name for name in FAULTS} | {
    "failures": "failed calls",
    "late": "late appends",
    "forgotten": "forgotten cursors",
    "others": "messages of somebody else",
    "stale": "stale pages",
    "unpersisted": "events never persisted",
    "corrupt": "corrupt records",
    "foreign": "runs of somebody else",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be proven: for which client, server variant, certainty, bounds, length of history, number of runs."""

    client: str
    generation: str
    cursor: str
    bounds: Bounds
    certainty: str = "branch"
    history_events: int = 5
    runs: int = 1


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A schedule with a violation.

    ``bounds``: the bounds within which it was found
    ``moves``: what happened, in order
    ``is_smallest``: whether it has the fewest faults, then the fewest events, then the fewest moves. If not, it is the
    first one that was met, because the search was stopped before the smallest was found.
    """

    bounds: Bounds
    moves: tuple[Move, ...]
    violation: Violation
    is_smallest: bool = True


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    ``schedules``: how many schedules were covered; all of them if ``is_complete``
    ``states``: how many states were visited
    ``clients``: how many distinct states of the client occur in them
    ``steps``: how many steps of the client were computed
    ``wall_s``: how long it took, in seconds
    """

    question: Question
    schedules: int
    states: int
    clients: int
    steps: int
    wall_s: float
    is_complete: bool
    counterexample: Counterexample | None = None


Look = Callable[[int], bool]
"""Called with the number of states visited so far. It returns True to stop the search."""


def world(question: Question, bounds: Bounds | None = None) -> Interleavings:
    """The small world of a question, with its own bounds or with others."""
    bounds = bounds or question.bounds
    settings = ServerSettings(generation=question.generation, cursor=question.cursor)  # type: ignore[arg-type]
    script = Script(settings, history_events=question.history_events, events_max=bounds.events)
    machine = bounded(question.client, question.generation, question.certainty)
    return Interleavings(script, Clients(machine, question.runs), bounds.faults(), bounds.faults_max)


def prove(question: Question, look: Look = lambda states: False) -> SearchResult:
    """Search every schedule within the bounds. If there is a violation, find the smallest schedule that shows one."""
    began_s = time.monotonic()
    search = _Search(question, question.bounds, look)
    search.run()
    counterexample = search.found
    if counterexample is not None:
        counterexample = smallest(question, look, breaks=counterexample.violation.breaks) or counterexample
    return SearchResult(
        question=question,
        schedules=search.schedules,
        states=search.states,
        clients=len(search.world.clients),
        steps=search.world.clients.steps,
        wall_s=time.monotonic() - began_s,
        is_complete=search.is_complete,
        counterexample=counterexample,
    )


class _Search:
    """One depth-first search. It ends at the first violation at least as grave as ``breaks``.

    ``found``: the schedule with the gravest violation so far
    ``is_over``: whether a violation ended the search
    ``is_complete``: whether every schedule was covered
    """

    def __init__(self, question: Question, bounds: Bounds, look: Look, *, breaks: Verdict = Verdict.UNSAFE) -> None:
        self.world = world(question, bounds)
        self.found: Counterexample | None = None
        self.schedules = 0
        self.states = 0
        self.is_complete = False
        self.is_over = False
        self._bounds = bounds
        self._certainty = question.certainty
        self._look = look
        self._breaks = breaks

    def run(self) -> None:
        """Search."""
        begin = self.world.begin()
        counts: dict[WorldState, int] = {}  # schedules from a state to an end; 0 while the state is on the current path
        way: list[_Step] = []
        self._enter(None, begin, counts, way)
        while way and not self.is_over:
            step = way[-1]
            after = next(step.rest, None)
            if after is None:
                way.pop()
                counts[step.state] = step.schedules
                if way:
                    way[-1].schedules += step.schedules
                continue
            known = counts.get(after[1])
            if known is None:
                self._enter(*after, counts, way)
                if self._look(self.states):
                    break
            elif known == 0:
                self._note(CIRCLE, after[0], way)
            else:
                step.schedules += known
        else:
            self.is_complete = not self.is_over
        # If the search was stopped, the states on the current path hold the counts of their finished successors.
        self.schedules = counts[begin] or sum(step.schedules for step in way)

    def _enter(self, move: Move | None, state: WorldState, counts: dict[WorldState, int], way: list[_Step]) -> None:
        self.states += 1
        violation, moves = examine(self.world, state, self._certainty)
        if violation is not None:
            self._note(violation, move, way)
        if moves:
            counts[state] = 0
            way.append(_Step(move, state, iter(moves)))
        else:
            counts[state] = 1
            if way:
                way[-1].schedules += 1

    def _note(self, violation: Violation, move: Move | None, way: list[_Step]) -> None:
        if self.found is None or _is_graver(violation, self.found.violation):
            moves = tuple(one for one in (*(step.move for step in way), move) if one is not None)
            self.found = Counterexample(self._bounds, moves, violation, is_smallest=False)
        self.is_over = self.is_over or _is_as_grave(violation, self._breaks)


@dataclass(slots=True)
class _Step:
    move: Move | None  # the move that led to the state; None for the first state
    state: WorldState
    rest: Iterator[tuple[Move, WorldState]]
    schedules: int = 0


def examine(
    world: Interleavings, state: WorldState, certainty: str
) -> tuple[Violation | None, list[tuple[Move, WorldState]]]:
    """The violation in a state, if any, and the moves from it."""
    if state.is_new:
        violation = judge(world, state, certainty)
        if violation is not None or state.is_over:
            return violation, []
    late = overdue(state)
    if late is not None:
        return late, []
    moves = list(world.moves(state))
    return (None if moves else STUCK), moves


def smallest(
    question: Question, look: Look = lambda states: False, *, breaks: Verdict = Verdict.OVER_BUDGET
) -> Counterexample | None:
    """The smallest schedule with a violation at least as grave as ``breaks``.

    Smallest means the fewest faults, then the fewest events, then the fewest moves. None when there is no such
    schedule, or when ``look`` stopped the search before it was found.
    """
    for bounds in rising(question.bounds):
        search = _Search(question, bounds, look, breaks=breaks)
        search.run()
        if search.is_over:
            return _shortest(question, bounds, look, breaks=breaks) or search.found
        if not search.is_complete:
            return None
    return None


def _is_graver(violation: Violation, than: Violation) -> bool:
    return GRAVITY.index(violation.breaks) < GRAVITY.index(than.breaks)


def _is_as_grave(violation: Violation, breaks: Verdict) -> bool:
    return GRAVITY.index(violation.breaks) <= GRAVITY.index(breaks)


def rising(bounds: Bounds) -> Iterator[Bounds]:
    """All bounds up to the given ones: fewest faults first, then fewest events. The given bounds come last."""
    for together in range(bounds.faults_max + 1):
        for events in range(bounds.events + 1):
            for vector in _vectors(bounds.faults(), together):
                yield Bounds(events, *vector)


def _vectors(most: Sequence[int], together: int) -> Iterator[tuple[int, ...]]:
    """Every way to have so many faults in all, with at most ``most`` of each kind, in the order of the numbers.

    Only these are made: with 16 kinds and two of each, all vectors would be 43 million.
    """
    if sum(most) < together:
        return
    if not most:
        yield ()
        return
    for first in range(min(most[0], together) + 1):
        for rest in _vectors(most[1:], together - first):
            yield (first, *rest)


def _shortest(question: Question, bounds: Bounds, look: Look, *, breaks: Verdict) -> Counterexample | None:
    """A breadth-first search, which finds the fewest moves.

    None when ``look`` stops it, or when the violation is a cycle: a cycle is no violation of any single state.
    """
    small = world(question, bounds)
    begin = small.begin()
    before: dict[WorldState, tuple[WorldState, Move] | None] = {begin: None}
    waiting = deque([begin])
    for states in itertools.count(1):
        if not waiting or look(states):
            return None
        state = waiting.popleft()
        violation, moves = examine(small, state, question.certainty)
        if violation is not None and _is_as_grave(violation, breaks):
            return Counterexample(bounds, tuple(_way(before, state)), violation)
        for move, after in moves:
            if after not in before:
                before[after] = (state, move)
                waiting.append(after)
    return None


def _way(before: dict[WorldState, tuple[WorldState, Move] | None], state: WorldState) -> list[Move]:
    moves: list[Move] = []
    step = before[state]
    while step is not None:
        moves.append(step[1])
        step = before[step[0]]
    return moves[::-1]


def brute_force(world: Interleavings, certainty: str) -> tuple[int, frozenset[str]]:
    """Walk through every schedule one by one, to check the search. Returns how many there are, and all violations."""
    schedules, found = 0, []
    stack = [world.begin()]
    while stack:
        violation, moves = examine(world, stack.pop(), certainty)
        if violation is not None:
            found.append(f"{violation.oracle}: {violation.message}")
        schedules += not moves
        stack.extend(after for _, after in moves)
    return schedules, frozenset(found)


def variants(question: Question, generations: tuple[str, ...], cursors: tuple[str, ...]) -> tuple[Question, ...]:
    """The question for each server variant: generations in the given order, and the cursors within each."""
    return tuple(
        dataclasses.replace(question, generation=generation, cursor=cursor)
        for generation in generations
        for cursor in cursors
    )
