"""The record of one run: everything that a report may say about it, as frozen values.

A *run* is one scenario, in one server generation and cursor mode, with one client and one seed. Each violation breaks
the run with a verdict; the run's verdict is the gravest of them. A run that proves nothing is graver than one that
costs too much: whether it costs too much is not known either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Clock = Literal["virtual", "real"]


class Verdict(StrEnum):
    """What became of a run."""

    HOLDS = "holds"
    UNSAFE = "unsafe"
    STUCK = "stuck"
    OVER_BUDGET = "over-budget"
    VACUOUS = "vacuous"
    UNSTEADY = "not-deterministic"

    @property
    def exit_code(self) -> int:
        """The exit code of a command whose gravest verdict is this one."""
        return EXIT_CODES[self]

    @property
    def gravity(self) -> int:
        """A sort key: the gravest first, HOLDS last."""
        return GRAVITY.index(self) if self in GRAVITY else len(GRAVITY)


EXIT_CODES = {
    Verdict.HOLDS: 0,
    Verdict.UNSAFE: 1,
    Verdict.STUCK: 3,
    Verdict.OVER_BUDGET: 4,
    Verdict.VACUOUS: 5,
    Verdict.UNSTEADY: 6,
}

# A lost event is graver than a client that hangs. Both are graver than a run that proves nothing, and that is graver
# than a cost: without the faults that the scenario plans, the cost is that of another scenario.
GRAVITY = (Verdict.UNSAFE, Verdict.STUCK, Verdict.VACUOUS, Verdict.OVER_BUDGET, Verdict.UNSTEADY)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of the verdicts; HOLDS if none of them fails."""
    met = tuple(verdicts)
    return next((verdict for verdict in GRAVITY if verdict in met), Verdict.HOLDS)


@dataclass(frozen=True, slots=True)
class Violation:
    """One property that did not hold.

    ``oracle`` is the property's name, ``message`` one sentence, ``event_ids`` the events concerned, ``breaks`` the
    verdict that the run gets for it.
    """

    oracle: str
    message: str
    event_ids: tuple[str, ...] = ()
    breaks: Verdict = Verdict.UNSAFE


@dataclass(frozen=True, slots=True)
class RestCost:
    """What a run cost the server, and the least that it could have cost.

    ``calls`` are the REST calls that count, ``bytes`` the size of their bodies, ``events_read`` the events that the
    server read for them. ``optimum_calls`` is the least possible. ``allowed_calls`` adds what the scenario allows
    above it, for the reasons in ``because``. ``attach_calls`` and ``attach_events_read`` are the part spent before the
    attach returned. ``basis`` says what the optimum rests on: for each step the certificate, and which call for which
    events.
    """

    calls: int
    bytes: int
    events_read: int
    optimum_calls: int
    allowed_calls: int
    attach_calls: int = 0
    attach_events_read: int = 0
    because: tuple[str, ...] = ()
    basis: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Calls divided by the optimum. 1.0 is the least possible; None means that no call was needed."""
        if self.calls == self.optimum_calls:
            return 1.0
        return self.calls / self.optimum_calls if self.optimum_calls else None


@dataclass(frozen=True, slots=True)
class FaultFired:
    """How often one planned fault acted. ``nearest``: if it never did, what came nearest, and why it did not match."""

    name: str
    kind: str
    fired: int
    nearest: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """How many things one oracle judged. If it judged none, the absence of violations proves nothing."""

    oracle: str
    count: int


@dataclass(frozen=True, slots=True)
class Unjudged:
    """What the client was not judged by, because it cannot say it. ``why`` goes on after the client's name."""

    oracle: str
    why: str


@dataclass(frozen=True, slots=True)
class Kill:
    """A client known to be broken, run in the same variant.

    ``by`` is the oracle that must find it, as the scenario says. ``killed`` is true if that oracle did.
    """

    client: str
    by: str
    killed: bool


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """One of two clients in a run: which, its own verdict, how much each oracle judged it, and what it spent and lost.

    The fields are as in the record of the run, and of this client alone. What both may spend is judged as a sum, so the
    verdict of neither is about its cost.
    """

    client: int
    verdict: Verdict
    judged: tuple[Judged, ...]
    calls: int
    optimum_calls: int
    bytes: int
    events_read: int
    lost_events: int = 0
    return_s: float | None = None
    never_returned: int = 0

    def __str__(self) -> str:
        returned = "" if self.return_s is None else f", run() returned {self.return_s:g} s after the end"
        never = f", {self.never_returned} never returned" if self.never_returned else ""
        spent = f"REST {self.calls} calls (optimum {self.optimum_calls})"
        lost = f"{self.lost_events} event{'' if self.lost_events == 1 else 's'} lost"
        return f"client {self.client} {self.verdict}: {spent}, {lost}{returned}{never}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: what was tried, what held, what it cost, and how to see it again.

    ``virtual_s`` is how long the run took, in seconds on ``clock``. The clock is real if the client spoke to the server
    over TCP; such a run cannot be repeated exactly. ``digest`` is the digest of the journal. ``capsule`` (a path) and
    ``replay`` (a command) are set if a failed run was stored. ``lost_events`` counts the events that ``run()`` returned
    without. ``return_s`` is the longest time from the server's end of a run to the return of ``run()``, None if no call
    returned; ``never_returned`` counts the calls that did not return. ``races`` (ids of the race catalog), ``title``
    (one sentence) and ``origin`` (where it comes from) are the scenario's. ``history_events`` is the length of the log
    before the client attached. ``taken`` names the marked paths that our own client took. ``unjudged`` lists what the
    client was not judged by, because it cannot say it. ``chosen`` names the oracles that judged; empty means all.
    ``under_budget`` says where the client spent less than the budget that its user wrote. ``clients`` has one part for
    each client of a scenario with two; the other fields are about both: sums, the longest time, the gravest verdict. It
    is empty where there is one client.
    """

    scenario: str
    origin: str
    client: str
    generation: str
    cursor: str
    seed: int
    verdict: Verdict
    violations: tuple[Violation, ...]
    judged: tuple[Judged, ...]
    rest: RestCost
    faults: tuple[FaultFired, ...]
    virtual_s: float
    digest: str
    clock: Clock = "virtual"
    lost_events: int = 0
    return_s: float | None = None
    never_returned: int = 0
    races: tuple[str, ...] = ()
    title: str = ""
    history_events: int = 0
    taken: tuple[str, ...] = ()
    kills: tuple[Kill, ...] = ()
    capsule: str | None = None
    replay: str | None = None
    unjudged: tuple[Unjudged, ...] = ()
    chosen: tuple[str, ...] = ()
    under_budget: str | None = None
    clients: tuple[ClientRecord, ...] = ()

    @property
    def client_lines(self) -> tuple[str, ...]:
        """A line for each of two clients; none where there is one."""
        return tuple(map(str, self.clients))

    @property
    def variant(self) -> str:
        """Generation and cursor mode, as messages show them."""
        return f"{self.generation}/{self.cursor}"
