"""The state of an exploration: how many worlds were tried, which failures have which cause, and what never happened.

This module performs no I/O.

A *signature* is a symptom plus the effects of all faults that fired in the failing world. A *cause* is the signature of
the shrunk world: only the faults that the failure needs are left. Several kinds of fault have the same effect. For
example, a frame is late because the link is slow or because the publisher is slow; a client cannot tell which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from gapless.reports.records.never import Never
from gapless.reports.records.record import GRAVITY, Verdict
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.explore.symptom import Symptom
from gapless.scenarios.explore.trial import BlockResult, TrialCounts, WorldFailure
from gapless.scenarios.explore.worlds import KINDS
from gapless.scenarios.judging.coverage import ORACLE_NAMES, Mark, declared
from gapless.scenarios.judging.oracles.delivered_once import NAME as DELIVERED_ONCE
from gapless.scenarios.running.runner import Level

# The effect on a client of each kind of fault, and of the script's own restarts and disconnects. The order matters:
# an effect that comes first is the plainer explanation, and is preferred.
EFFECTS: Mapping[str, str] = {
    "event-delay": "late",
    "event-reorder": "late",
    "link-latency": "late",
    "link-bandwidth": "late",
    "link-stall": "late",
    "delta-flood": "late",
    "event-drop": "lost",
    "queue-overflow": "lost",
    "subscription-lost": "silent",
    "link-half-open": "silent",
    "event-duplicate": "twice",
    "link-reset": "cut",
    "link-close": "cut",
    "link-cut": "cut",
    "script-disconnect": "cut",
    "link-refuse": "refused",
    "link-handshake-hang": "refused",
    "server-restart": "restart",
    "script-restart": "restart",
    "stop-hook-veto": "veto",
    "late-tail": "afterthought",
    "snapshot-stale": "stale-snapshot",
    "rest-status": "failed-call",
    "rest-timeout": "failed-call",
    "rest-reset": "failed-call",
    "rest-malformed": "failed-call",
    "rest-unknown-cursor": "unknown-cursor",
    "rest-stale": "stale-page",
    "rest-page-cap": "short-page",
    "rest-empty-page": "empty-page",
    "rest-cursor-loop": "cursor-loop",
    "publish-before-persist": "persisted-late",
    "publish-never-persist": "never-persisted",
    "corrupt-record": "corrupt",
    "log-truncate": "truncated",
    "clock-step": "clock",
    "clock-ties": "clock",
    "thread-switch": "thread-switch",
}
_ORDER = tuple(dict.fromkeys(EFFECTS.values()))
_Plainness = tuple[int, list[int], int, tuple[int, ...]]
# Thresholds of `Campaign.never`. A kind of fault that was planned in PLANNED_MIN worlds of a generation must have fired
# there. After WORLDS_MIN worlds, every kind must have fired in every generation, and every oracle must have judged.
# Paths of our client are only listed. Some of them, such as giving up at attach, need a world that no client survives.
PLANNED_MIN = 30
WORLDS_MIN = 1_000


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """Why worlds fail: a symptom, and the effects that produce it. ``effects`` is empty when no fault is needed."""

    symptom: Symptom
    effects: tuple[str, ...]


@dataclass(slots=True)
class Group:
    """All failures with one cause.

    ``name``: the base name of its files
    ``smallest``: the failure in the shrunk world
    ``runs``: how many runs the shrink took
    ``events``: how many events the log of the shrunk world holds
    ``faults``: how many faults the shrunk world has
    ``seed``: the seed of the shrunk run
    ``at_the_wire``: whether the shrunk world also fails at the wire level
    ``worlds``: how many worlds failed with this cause
    ``found_s``: when it was found, in seconds since the exploration began
    """

    cause: Cause
    name: str
    smallest: WorldFailure
    runs: int = 0
    events: int = 0
    faults: int = 0
    seed: int = 0
    at_the_wire: bool = True
    worlds: int = 0
    found_s: float = 0.0


@dataclass(slots=True)
class Campaign:
    """The state of one client's exploration.

    ``blocks``: how many blocks were submitted; the next block has this number as its seed
    ``worlds``: how many worlds were tried
    ``failed``: how many of them failed
    ``groups``: the causes that were found
    ``waiting``: failures without a known cause, the plainest one of each signature
    ``counts``: how many worlds failed with each waiting signature
    ``explained``: for each signature that was shrunk, the name of its group
    ``command``: of a client that is one
    ``server``: a published server in place of the simulated one; empty without one
    """

    client: str
    level: Level = "wire"
    blocks: int = 0
    worlds: int = 0
    tally: TrialCounts = field(default_factory=Counter)
    failed: int = 0
    groups: list[Group] = field(default_factory=list)
    waiting: dict[Cause, WorldFailure] = field(default_factory=dict)
    explained: dict[Cause, str] = field(default_factory=dict)
    counts: Counter[Cause] = field(default_factory=Counter)
    command: tuple[str, ...] = ()
    server: str = ""

    def add(self, tried: BlockResult) -> None:
        """Record the result of a block."""
        self.worlds += tried.worlds
        self.tally.update(tried.tally)
        self.failed += len({failure.drawn for failure in tried.failures})
        for failure in tried.failures:
            self.fail(failure)

    def fail(self, failure: WorldFailure) -> None:
        """Add a failure to the group of its cause, or to the failures that wait to be shrunk."""
        signature = signature_of(failure)
        group = self._group_of(signature)
        if group is not None:
            group.worlds += 1
            return
        self.counts[signature] += 1
        before = self.waiting.get(signature)
        if before is None or _plainness(failure) < _plainness(before):
            self.waiting[signature] = failure

    def next_to_shrink(self, under_way: Iterable[Symptom] = ()) -> WorldFailure | None:
        """The waiting failure to shrink next. Symptoms in ``under_way`` are left out.

        Failures without an effect come first, then failures with exactly one effect, in the order of `EFFECTS`. Among
        the others, the symptom with the most waiting worlds comes first. Its number of worlds is divided by one plus
        the number of causes already known for it.
        """
        busy = set(under_way)
        candidates = [one for one in self.waiting.values() if one.symptom not in busy]

        waiting = Counter[Symptom]()
        for signature, worlds in self.counts.items():
            waiting[signature.symptom] += worlds

        def urgency(one: WorldFailure) -> tuple[list[int], float, int, _Plainness]:
            known = sum(1 for group in self.groups if group.cause.symptom == one.symptom)
            plainness = _plainness(one)
            alone = plainness[1] if plainness[0] < 2 else [len(_ORDER)]
            return alone, -waiting[one.symptom] / (1 + known), GRAVITY.index(one.breaks), plainness

        return min(candidates, key=urgency, default=None)

    def found(self, failure: WorldFailure, smallest: WorldFailure, *, runs: int, at_s: float) -> Group | None:
        """Record that a failure was shrunk. Returns the new group, or None when the cause was known.

        Waiting failures that fit the group are counted there and no longer wait.
        """
        cause = signature_of(smallest)
        group = next((one for one in self.groups if one.cause == cause), None)
        new = None
        if group is None:
            group = new = Group(cause, self._name(cause), smallest, runs, found_s=at_s)
            self.groups.append(group)
        self.explained[signature_of(failure)] = group.name
        for signature in list(self.waiting):
            fitting = self._group_of(signature)
            if fitting is not None:
                del self.waiting[signature]
                fitting.worlds += self.counts.pop(signature)
        return new

    def forget(self, group: Group) -> None:
        """Remove a group, because its world no longer fails."""
        self.groups.remove(group)
        self.explained = {signature: name for signature, name in self.explained.items() if name != group.name}

    def leave(self, failure: WorldFailure, drawn: tuple[int, ...]) -> None:
        """Record how far the shrink of a failure came before it was stopped."""
        signature = signature_of(failure)
        if signature in self.waiting:
            self.waiting[signature] = replace(failure, drawn=drawn)

    def knows(self, symptom: Symptom) -> bool:
        """Whether a cause with that symptom was found."""
        return any(group.cause.symptom == symptom for group in self.groups)

    def give_up(self, failure: WorldFailure) -> None:
        """Remove a waiting failure that could not be shrunk."""
        self.waiting.pop(signature_of(failure), None)

    def verdicts(self) -> Iterator[Verdict]:
        """The verdicts of the failures: one for each group, and one for each waiting failure."""
        yield from (group.smallest.breaks for group in self.groups)
        yield from (failure.breaks for failure in self.waiting.values())

    def fired(self, kind: str, generation: str) -> int:
        """In how many worlds of a generation a kind of fault fired."""
        return self.tally["fired", kind, generation]

    def never(self, marks: tuple[Mark, ...] | None = None) -> tuple[Never, ...]:
        """What never happened, although the campaign was large enough for it."""
        is_large = self.worlds >= WORLDS_MIN
        nevers = [
            Never("fault", f"{kind} in generation {generation}")
            for kind in KINDS
            for generation in GENERATIONS
            if not self.fired(kind, generation) and (self.tally["planned", kind, generation] >= PLANNED_MIN or is_large)
        ]
        if is_large:
            nevers += [Never("oracle", name) for name in ORACLE_NAMES if not self._has_judged(name)]
        return tuple(nevers)

    def _has_judged(self, oracle: str) -> bool:
        # A command need not say what reaches its application: then `delivered-once` never judges it.
        return bool(self.tally["oracle", oracle] or (self.command and oracle == DELIVERED_ONCE))

    def paths_not_taken(self) -> tuple[Never, ...]:
        """The paths of our client, marked with ``sometimes``, that no world took. Empty for any other client."""
        if self.client != DEFAULT:
            return ()
        return tuple(Never("path", one.name, one.place) for one in declared() if not self.tally["path", one.name])

    def _group_of(self, signature: Cause) -> Group | None:
        """The group of a signature.

        It is the group that an earlier shrink found for the same signature. Otherwise it is the group with the same
        symptom and the most effects, all of which occur in the signature.
        """
        name = self.explained.get(signature)
        if name is not None:
            return next(group for group in self.groups if group.name == name)
        effects = set(signature.effects)
        fitting = [
            group
            for group in self.groups
            if group.cause.symptom == signature.symptom and group.cause.effects and effects >= set(group.cause.effects)
        ]
        return max(fitting, key=lambda group: len(group.cause.effects), default=None)

    def _name(self, cause: Cause) -> str:
        base = f"{cause.symptom.oracle}-{'-'.join(cause.effects) or 'without-faults'}"[:36].rstrip("-")
        taken = {group.name for group in self.groups}
        if base not in taken:
            return base
        return next(f"{base}-{number}" for number in range(2, len(taken) + 3) if f"{base}-{number}" not in taken)


def signature_of(failure: WorldFailure) -> Cause:
    """The symptom of a failure, and the effects of all faults that fired in its world."""
    return Cause(failure.symptom, tuple(sorted({EFFECTS[kind] for kind in failure.kinds})))


def _plainness(failure: WorldFailure) -> _Plainness:
    """Sort key: fewest effects first, then the effects that come first in `EFFECTS`, then the fewest numbers drawn."""
    effects = sorted({_ORDER.index(EFFECTS[kind]) for kind in failure.kinds})
    return len(effects), effects, len(failure.drawn), failure.drawn
