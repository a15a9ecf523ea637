"""RunRecord: everything a report may say about one run, as frozen values.

A *run* here is one scenario, in one server generation and cursor mode, with one client and one seed. Its
verdict is the gravest of what its violations break; the order of gravity is the order of the exit codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Clock = Literal["virtual", "real"]


class Verdict(StrEnum):
    """What became of a run, gravest last but one: an honest harness fails louder on loss than on cost."""

    HOLDS = "holds"
    UNSAFE = "unsafe"
    STUCK = "stuck"
    OVER_BUDGET = "over-budget"
    VACUOUS = "vacuous"
    UNSTEADY = "not-deterministic"

    @property
    def exit_code(self) -> int:
        """The exit code of a command that met this verdict and nothing graver."""
        return EXIT_CODES[self]


EXIT_CODES = {
    Verdict.HOLDS: 0,
    Verdict.UNSAFE: 1,
    Verdict.STUCK: 3,
    Verdict.OVER_BUDGET: 4,
    Verdict.VACUOUS: 5,
    Verdict.UNSTEADY: 6,
}

GRAVITY = (Verdict.UNSAFE, Verdict.STUCK, Verdict.OVER_BUDGET, Verdict.VACUOUS, Verdict.UNSTEADY)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of ``GRAVITY`` that occurs, or HOLDS when none does."""
    met = tuple(verdicts)
    return next((verdict for verdict in GRAVITY if verdict in met), Verdict.HOLDS)


@dataclass(frozen=True, slots=True)
class Violation:
    """One property that did not hold.

    ``oracle`` is the property's name, ``message`` one sentence, ``event_ids`` the events it speaks of,
    ``breaks`` the verdict that it earns the run.
    """

    oracle: str
    message: str
    event_ids: tuple[str, ...] = ()
    breaks: Verdict = Verdict.UNSAFE


@dataclass(frozen=True, slots=True)
class RestCost:
    """What the run cost the server: counted calls, body bytes, events read; and the least possible.

    ``allowed_calls`` is the optimum plus what the scenario allows above it, ``because`` the reasons it gives.
    ``attach_…`` is the part that was spent until the attach had returned.
    """

    calls: int
    bytes: int
    events_read: int
    optimum_calls: int
    allowed_calls: int
    attach_calls: int = 0
    attach_events_read: int = 0
    because: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """Calls beside the optimum: 1.0 is the least possible, None is calls where none were needed."""
        if self.calls == self.optimum_calls:
            return 1.0
        return self.calls / self.optimum_calls if self.optimum_calls else None


@dataclass(frozen=True, slots=True)
class FaultFired:
    """How often one planned fault acted."""

    name: str
    kind: str
    fired: int


@dataclass(frozen=True, slots=True)
class Judged:
    """How many things one oracle looked at: zero means that its silence says nothing."""

    oracle: str
    count: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Whether a client known to be broken failed this variant by the oracle that the scenario names."""

    client: str
    by: str
    killed: bool


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: what was tried, what held, what it cost, and how to see it again.

    ``virtual_s`` is how long it took, in seconds on ``clock``: simulated ones, or real ones, where a client met the
    server over TCP and the same run cannot be had again. ``digest`` is the journal's; ``capsule`` and ``replay`` are
    there when the run failed and was kept. ``lost_events`` counts events that ``run()`` returned without, ``return_s``
    is the longest time from the server's end of a run to the return of ``run()``, None when none returned, and
    ``never_returned`` how many did not. ``races`` are the ids of the catalogue of races and ``title`` a sentence, as
    the scenario has them; ``history_events`` were in the log before the client came. ``taken`` names the marked paths
    that our client took, by name.
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

    @property
    def variant(self) -> str:
        """Generation and cursor mode, as they are written in messages."""
        return f"{self.generation}/{self.cursor}"
