"""Consults the faults, counts, and keeps the journal of what they did.

A fault's rule is asked here and nowhere else; the verdict goes back to the one who asked, who is about to
write a frame, answer a call, shake hands or open a connection. What has to be done to a connection itself is
done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from .choices import Choices
from .errors import ConfigError
from .faults.base import BaseFault, TriggeredFault
from .faults.link_latency import LinkLatency
from .faults.match import Facts
from .faults.verdicts import Close, Reset, Slow, Stall, Verdict
from .journal import Journal
from .streams import Connection


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How often a fault fired."""

    name: str
    kind: str
    fired: int


class ArmedFault:
    """A fault in a running world. seen: what matched but for nth and probability; fired: what it acted on."""

    __slots__ = ("fault", "fired", "name", "seen", "stream")

    def __init__(self, fault: BaseFault, name: str) -> None:
        self.fault = fault
        self.name = name
        self.stream = f"fault/{name}"
        self.seen = 0
        self.fired = 0

    def __repr__(self) -> str:
        return f"ArmedFault({self.name}, seen={self.seen}, fired={self.fired})"

    @property
    def at_s(self) -> float | None:
        return self.fault.at_s if isinstance(self.fault, TriggeredFault) else None


def armed(faults: Sequence[BaseFault]) -> tuple[ArmedFault, ...]:
    """Give each fault its name: its own, or its kind and ordinal. Raises ConfigError when two share one."""
    ordinals: dict[str, int] = {}
    result: list[ArmedFault] = []
    for fault in faults:
        ordinals[fault.kind] = ordinals.get(fault.kind, 0) + 1
        result.append(ArmedFault(fault, fault.name or f"{fault.kind}-{ordinals[fault.kind]}"))
    names = [one.name for one in result]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"faults: two are called {name!r}; each needs a name of its own")
    return tuple(result)


class Link:
    """The armed faults of one world."""

    def __init__(
        self, faults: Sequence[BaseFault], choices: Choices, journal: Journal, now: Callable[[], float]
    ) -> None:
        self.faults = armed(faults)
        self.healed = trio.Event()
        self._choices = choices
        self._journal = journal
        self._now = now
        self._places = {place for one in self.faults for place in (one.fault.place, _trigger_place(one))}

    def __repr__(self) -> str:
        return f"Link({list(self.faults)}{', healed' if self.healed.is_set() else ''})"

    def watches(self, place: str) -> bool:
        """Might any fault act there? Saves building facts for nobody."""
        return place in self._places and not self.healed.is_set()

    def consult(self, facts: Facts) -> list[Verdict]:
        """What the faults want done, in the order in which they were given."""
        if not self.watches(facts.place):
            return []
        return [verdict for one in self.faults if (verdict := self._ask(one, facts)) is not None]

    def _ask(self, one: ArmedFault, facts: Facts) -> Verdict | None:
        if not one.fault.match.open_at(self._now()) or not self._selects(one, facts):
            return None
        return self._fire(one, facts)

    def _selects(self, one: ArmedFault, facts: Facts) -> bool:
        """Does the fault pick this, whatever the time?"""
        match = one.fault.match
        if not one.fault.concerns(facts) or not match.fits(facts):
            return False
        one.seen += 1
        if match.nth is not None and one.seen not in match.nth:
            return False
        return self._choices.chance(one.stream, match.probability)

    def _fire(self, one: ArmedFault, facts: Facts) -> Verdict:
        one.fired += 1
        fault = one.fault
        self._journal.record("fault", "fired", name=one.name, kind=fault.kind, n=one.fired, target=facts.target)
        return fault.decide(facts, self._now())

    def timed(self) -> list[ArmedFault]:
        """The faults that go off at a time."""
        return [one for one in self.faults if one.at_s is not None]

    def consult_timed(self, one: ArmedFault, facts: Facts) -> Verdict | None:
        """What a timed fault wants done to one open socket."""
        return None if self.healed.is_set() else self._ask(one, facts)

    def connected(self, connection: Connection, facts: Facts) -> None:
        """A connection was opened: make it slow, if a fault says so.

        Which connections is decided now; whether it is time, with each chunk. It has fired when a chunk was delayed.
        """
        if not self.watches("connection"):
            return
        delays = [
            self._latency(one, facts)
            for one in self.faults
            if isinstance(one.fault, LinkLatency) and self._selects(one, facts)
        ]
        if delays:
            connection.set_latency(lambda: sum(delay_s() for delay_s in delays))

    def _latency(self, one: ArmedFault, facts: Facts) -> Callable[[], float]:
        slow: Verdict | None = None

        def delay_s() -> float:
            nonlocal slow
            if self.healed.is_set() or not one.fault.match.open_at(self._now()):
                return 0.0
            if slow is None:
                slow = self._fire(one, facts)
            assert isinstance(slow, Slow)
            return slow.latency_s + self._choices.number(one.stream, 0.0, slow.jitter_s)

        return delay_s

    def act(self, verdict: Stall | Reset | Close, connection: Connection | None) -> None:
        """Do to a connection what a verdict asks for; a close is the socket's own affair."""
        if connection is None or isinstance(verdict, Close):
            return
        if isinstance(verdict, Stall):
            connection.stall(trio.current_time() + verdict.stall_s)
        else:
            connection.reset()

    def heal(self) -> None:
        """No fault acts any more; what waits on one is let go."""
        self.healed.set()

    def counts(self) -> tuple[FaultCount, ...]:
        return tuple(FaultCount(one.name, one.fault.kind, one.fired) for one in self.faults)


def _trigger_place(one: ArmedFault) -> str:
    return "frame" if one.at_s is None and isinstance(one.fault, TriggeredFault) else one.fault.place
