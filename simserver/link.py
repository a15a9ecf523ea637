"""Asks the faults what to do, counts how often each fires, and journals it.

A caller that is about to write a frame, answer a call, accept a handshake or persist an event describes it as `Facts`
and gets verdicts back. The caller acts on them. Only what is done to the connection itself happens here: delays,
stalls, resets, lost bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import trio

from gapless.simserver.cause import Cause
from gapless.simserver.choices import Choices
from gapless.simserver.errors import ConfigError
from gapless.simserver.faults.base import BaseFault, ServerFault, TriggeredFault
from gapless.simserver.faults.event_delay import EventDelay
from gapless.simserver.faults.event_duplicate import EventDuplicate
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import (
    Close,
    Delay,
    Duplicate,
    FaultVerdict,
    HalfOpen,
    Reset,
    Slow,
    Stall,
    Throttle,
    Unsubscribe,
)
from gapless.simserver.journal import Journal
from gapless.simserver.nearest import NearMiss, distance_of, missed, near_miss, nothing_near
from gapless.simserver.network.socket_name import owned_by
from gapless.simserver.network.streams import Conditions, MemoryConnection
from gapless.simserver.progress import Progress


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How often one fault fired. nearest: what came nearest, when it never fired, and why it did not match."""

    name: str
    kind: str
    fired: int
    nearest: str | None = None


class ArmedFault:
    """A fault in a running world.

    seen: how many facts matched, before ``nth``, ``first`` and ``probability`` were applied; fired: how often it acted;
    nearest: what came nearest as long as it has not acted; removed: it no longer acts.
    """

    __slots__ = ("_distance", "_has_causes", "fault", "fired", "name", "nearest", "removed", "seen", "stream")

    def __init__(self, fault: BaseFault, name: str) -> None:
        self.fault = fault
        self.name = name
        self.stream = f"fault/{name}"
        self.seen = 0
        self.fired = 0
        self.removed = False
        self.nearest: NearMiss | None = None
        self._distance = 100
        self._has_causes = bool(fault.match.causes)

    def __repr__(self) -> str:
        return f"ArmedFault({self.name}, seen={self.seen}, fired={self.fired})"

    @property
    def at(self) -> Cause | None:
        return self.fault.at if isinstance(self.fault, TriggeredFault | ServerFault) else None

    @property
    def at_s(self) -> float | None:
        return self.fault.at_s if isinstance(self.fault, TriggeredFault | ServerFault) else None

    @property
    def is_timed(self) -> bool:
        """Whether it acts at a moment, and not on what matches."""
        return self.at is not None or self.at_s is not None

    @property
    def until(self) -> Cause | None:
        """The cause that ends what it does to a frame."""
        return self.fault.until if isinstance(self.fault, EventDelay | EventDuplicate) else None

    def is_its_time(self, facts: Facts, progress: Progress, now_s: float) -> bool:
        """Whether the rule's window is open and its causes have come."""
        match = self.fault.match
        return match.open_at(now_s) and (not self._has_causes or match.is_caused(facts, progress, now_s))

    def missed(self, facts: Facts, progress: Progress, now_s: float, failed: list[str] | None = None) -> None:
        """Remember facts on which it did not act, if none were nearer. ``failed``: the conditions, when known."""
        if self.fired:
            return
        match = self.fault.match
        failed = missed(match, facts, progress, now_s) if failed is None else failed
        distance = distance_of(failed)
        if distance <= self._distance:
            self._distance = distance
            self.nearest = near_miss(match, facts, progress, now_s, self.seen, failed)


def armed(faults: Sequence[BaseFault]) -> tuple[ArmedFault, ...]:
    """Name each fault: its own name, or its kind and ordinal.

    Raises ConfigError when two have the same name, or when one waits for a fault that is not among them.
    """
    ordinals: dict[str, int] = {}
    result: list[ArmedFault] = []
    for fault in faults:
        ordinals[fault.kind] = ordinals.get(fault.kind, 0) + 1
        result.append(ArmedFault(fault, fault.name or f"{fault.kind}-{ordinals[fault.kind]}"))
    names = [one.name for one in result]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"faults: two are called {name!r}; each needs a name of its own")
    for one in result:
        _check_causes(one, names)
    return tuple(result)


def _check_causes(one: ArmedFault, names: Sequence[str]) -> None:
    for name in one.fault.causing_faults():
        if name == one.name:
            raise ConfigError(f"faults: {name!r} waits for itself, so that it never acts; name another fault")
        if name not in names:
            known = ", ".join(map(repr, names))
            raise ConfigError(
                f"faults: {one.name!r} waits for the fault {name!r}, and there is none; there are {known}"
            )


class Link:
    """The armed faults of one world."""

    def __init__(
        self,
        faults: Sequence[BaseFault],
        choices: Choices,
        journal: Journal,
        now: Callable[[], float],
        progress: Progress | None = None,
    ) -> None:
        self.faults = armed(faults)
        self.progress = progress or Progress(now)
        self.healed = trio.Event()
        self._choices = choices
        self._journal = journal
        self._now = now
        self._places = _places(self.faults)

    def __repr__(self) -> str:
        return f"Link({list(self.faults)}{', healed' if self.healed.is_set() else ''})"

    def add(self, fault: BaseFault, open_connections: Iterable[MemoryConnection]) -> ArmedFault:
        """Add a fault to a running world. Raises ConfigError when its name is taken or the world has healed."""
        if self.healed.is_set():
            raise ConfigError("faults: the world has healed, and none can act any more")
        taken = {one.name for one in self.faults}
        ordinal = sum(one.fault.kind == fault.kind for one in self.faults) + 1
        while fault.name is None and f"{fault.kind}-{ordinal}" in taken:
            ordinal += 1
        one = ArmedFault(fault, fault.name or f"{fault.kind}-{ordinal}")
        if one.name in taken:
            raise ConfigError(f"faults: one is called {one.name!r} already; each needs a name of its own")
        _check_causes(one, [*taken, one.name])
        self.faults = (*self.faults, one)
        self._places = _places(self.faults)
        if fault.place == "connection":
            for connection in open_connections:
                if connection.facts is not None and self._selects(one, connection.facts):
                    connection.add_conditions(self._condition(one, connection.facts))
        return one

    def remove(self, name: str) -> bool:
        """Remove a fault. Returns False when there is none of that name."""
        gone = [one for one in self.faults if one.name == name]
        for one in gone:
            one.removed = True
        self.faults = tuple(one for one in self.faults if not one.removed)
        self._places = _places(self.faults)
        return bool(gone)

    def watches(self, place: str) -> bool:
        """Whether any fault may act at this place. If none does, the caller need not build the facts."""
        return place in self._places and not self.healed.is_set()

    def consult(self, facts: Facts) -> list[FaultVerdict]:
        """The verdicts of the faults that act on this, in the order in which the faults were given."""
        if not self.watches(facts.place):
            return []
        fired = [one for one in self.faults if self._acts(one, facts)]
        return [self._fire(one, facts) for one in fired]

    def _acts(self, one: ArmedFault, facts: Facts) -> bool:
        now_s = self._now()
        if not one.is_its_time(facts, self.progress, now_s):
            if one.fault.concerns(facts):
                one.missed(facts, self.progress, now_s)
            return False
        return self._selects(one, facts)

    def _selects(self, one: ArmedFault, facts: Facts) -> bool:
        """Whether the fault acts on this, apart from its time. Counts what it has seen, and may draw."""
        match = one.fault.match
        if not one.fault.concerns(facts):
            return False
        failed: list[str] | None = None
        if match.fits(facts):
            one.seen += 1
            if not match.counts(one.seen):
                failed = ["nth" if match.nth is not None else "first"]
            elif self._choices.chance(one.stream, match.probability):
                return True
            else:
                failed = ["probability"]
        one.missed(facts, self.progress, self._now(), failed)
        return False

    def _fire(self, one: ArmedFault, facts: Facts) -> FaultVerdict:
        one.fired += 1
        one.nearest = None
        fault = one.fault
        target = {"target": facts.target, **owned_by(facts.client)}
        self._journal.record("fault", "fired", name=one.name, kind=fault.kind, n=one.fired, **target)
        self.progress.struck(one.name)
        verdict = fault.decide(facts, self._now())
        if one.until is not None and isinstance(verdict, Delay | Duplicate) and not self.progress.is_past(one.until):
            return replace(verdict, until=one.name)
        return verdict

    def timed(self) -> list[ArmedFault]:
        """The faults that fire at a moment."""
        return [one for one in self.faults if one.is_timed]

    def consult_timed(self, one: ArmedFault, facts: Facts) -> FaultVerdict | None:
        """The verdict of a timed fault on one open socket or on the server; None when it does not act."""
        if self.healed.is_set() or one.removed or not self._acts(one, facts):
            return None
        return self._fire(one, facts)

    def connected(self, connection: MemoryConnection, facts: Facts) -> None:
        """Add latency and bandwidth limits to a new connection, as the faults say.

        Whether a fault applies to this connection is decided now. Its window and its causes are checked for each chunk.
        The fault counts as fired when it first delays a chunk.
        """
        connection.facts = facts
        if not self.watches("connection"):
            return
        for one in self.faults:
            if one.fault.place == "connection" and self._selects(one, facts):
                connection.add_conditions(self._condition(one, facts))

    def _condition(self, one: ArmedFault, facts: Facts) -> Conditions:
        verdict: FaultVerdict | None = None

        def condition(size_bytes: int) -> tuple[float, float]:
            nonlocal verdict
            if self.healed.is_set() or one.removed:
                return 0.0, 0.0
            if not one.is_its_time(facts, self.progress, self._now()):
                one.missed(facts, self.progress, self._now())
                return 0.0, 0.0
            if verdict is None:
                verdict = self._fire(one, facts)
            match verdict:
                case Slow():
                    return verdict.latency_s + self._choices.number(one.stream, 0.0, verdict.jitter_s), 0.0
                case Throttle():
                    return 0.0, size_bytes / verdict.bytes_per_s
                case _:
                    raise AssertionError(f"{verdict} is not about a connection")

        return condition

    def act(self, verdict: Stall | Reset | Close | HalfOpen | Unsubscribe, connection: MemoryConnection | None) -> None:
        """Apply a verdict to a connection. The socket itself handles `Close` and `Unsubscribe`."""
        if connection is None:
            return
        match verdict:
            case Stall():
                connection.stall(trio.current_time() + verdict.stall_s)
            case Reset():
                connection.reset()
            case HalfOpen():
                connection.half_open()
            case Close() | Unsubscribe():
                pass

    def heal(self) -> None:
        """Stop every fault, and wake the tasks that sleep on account of one."""
        self.healed.set()

    async def sleep_unless_healed(self, seconds: float) -> None:
        """Sleep on account of a fault, but no longer than until the world heals."""
        with trio.move_on_after(seconds):
            await self.healed.wait()

    def counts(self) -> tuple[FaultCount, ...]:
        """How often each fault has fired, in the order in which they were given."""
        return tuple(FaultCount(one.name, one.fault.kind, one.fired, self._nearest(one)) for one in self.faults)

    def _nearest(self, one: ArmedFault) -> str | None:
        if one.fired:
            return None
        if one.at is not None and not self.progress.has_reached(one.at.moment):
            return f"its cause never came: {one.at}"
        if one.nearest is not None:
            return str(one.nearest)
        if one.at is not None:
            return f"{one.at} came, but no socket was open then, or the world had healed or ended"
        if one.at_s is not None:
            return f"no socket was open at {one.at_s:g} s, or the world had healed or ended by then"
        return nothing_near(one.fault.place)


def _places(faults: Iterable[ArmedFault]) -> set[str]:
    return {one.fault.place for one in faults}
