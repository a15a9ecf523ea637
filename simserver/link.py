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
        fault, match, now_s = one.fault, one.fault.match, self._now()
        if not fault.concerns(facts) or not match.holds(facts, now_s):
            return None
        one.seen += 1
        if match.nth is not None and one.seen not in match.nth:
            return None
        if not self._choices.chance(one.stream, match.probability):
            return None
        verdict = fault.decide(facts, now_s)
        one.fired += 1
        self._journal.record("fault", "fired", name=one.name, kind=fault.kind, n=one.fired, target=facts.target)
        return verdict

    def timed(self) -> list[ArmedFault]:
        """The faults that go off at a time."""
        return [one for one in self.faults if one.at_s is not None]

    def consult_timed(self, one: ArmedFault, facts: Facts) -> Verdict | None:
        """What a timed fault wants done to one open socket."""
        return None if self.healed.is_set() else self._ask(one, facts)

    def connected(self, connection: Connection, facts: Facts) -> None:
        """A connection was opened: make it slow, if a fault says so."""
        if not self.watches("connection"):
            return
        for one in self.faults:
            if one.at_s is None and isinstance(verdict := self._ask_windowless(one, facts), Slow):
                connection.set_latency(self._latency(one, verdict))

    def _ask_windowless(self, one: ArmedFault, facts: Facts) -> Verdict | None:
        # A window of latency may open long after the connection did; the chunks look at the clock, not the dialling.
        match = one.fault.match
        if one.fault.place != "connection" or match.after_s <= self._now():
            return self._ask(one, facts)
        windowless = one.fault.model_copy(update={"match": match.model_copy(update={"after_s": 0.0})})
        shadow = ArmedFault(windowless, one.name)
        shadow.seen, shadow.fired = one.seen, one.fired
        verdict = self._ask(shadow, facts)
        one.seen, one.fired = shadow.seen, shadow.fired
        return verdict

    def _latency(self, one: ArmedFault, slow: Slow) -> Callable[[], float]:
        after_s = one.fault.match.after_s
        until_s = slow.until_s

        def latency_s() -> float:
            if self.healed.is_set() or self._now() < after_s or (until_s is not None and self._now() >= until_s):
                return 0.0
            return slow.latency_s + self._choices.number(one.stream, 0.0, slow.jitter_s)

        return latency_s

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
