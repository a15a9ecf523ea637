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
from typing import Any

from gapless.reports.records.never import Never
from gapless.reports.records.record import GRAVITY, Verdict
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.scenario import GENERATIONS
from gapless.scenarios.explore.steering import ROUND_WORLDS, Drawn, Table, keep_world, table_of
from gapless.scenarios.explore.symptom import BROKE, Symptom
from gapless.scenarios.explore.trial import BlockResult, TrialCounts, WorldFailure
from gapless.scenarios.explore.worlds import KINDS
from gapless.scenarios.judging.coverage import ORACLE_NAMES, Mark, declared
from gapless.scenarios.judging.oracles.safety.delivered_once import NAME as DELIVERED_ONCE

# The effect on a client of each kind of fault, and of what else is as hard, such as the script's own restarts. The
# order matters: an effect that comes first is the plainer explanation, and is preferred.
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
    "runtime-asleep": "asleep",
    "event-duplicate": "twice",
    "event-updated": "updated",
    "event-unknown-kind": "unknown-kind",
    "event-stamped-late": "stamped-late",
    "link-reset": "cut",
    "link-close": "cut",
    "link-cut": "cut",
    "link-quiet": "cut",
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
    "rest-idle-close": "failed-call",
    "rest-malformed": "failed-call",
    "rest-proxy-answer": "failed-call",
    "rest-unknown-cursor": "unknown-cursor",
    "rest-stale": "stale-page",
    "rest-page-cap": "short-page",
    "rest-empty-page": "empty-page",
    "rest-cursor-loop": "cursor-loop",
    "rest-undecodable-item": "undecodable",
    "publish-before-persist": "persisted-late",
    "publish-never-persist": "never-persisted",
    "corrupt-record": "corrupt",
    "log-truncate": "truncated",
    "log-insert": "inserted",
    "script-lease": "leased",
    "script-suspend": "suspended",
    "script-reopen": "reopened",
    "script-navigate": "moved-head",
    "history-before-tree": "before-tree",
    "bounded-replay": "bounded-replay",
    "epochs": "epochs",
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
class FailureCause:
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
    ``by_seed``: how many worlds of each seed failed with this cause
    ``found_s``: when it was found, in seconds since the exploration began
    """

    cause: FailureCause
    name: str
    smallest: WorldFailure
    runs: int = 0
    events: int = 0
    faults: int = 0
    seed: int = 0
    by_seed: dict[int, int] = field(default_factory=dict)
    found_s: float = 0.0

    @property
    def worlds(self) -> int:
        """How many worlds failed with this cause."""
        return sum(self.by_seed.values())

    def count(self, seed: int, worlds: int = 1) -> None:
        """Count worlds that failed with this cause."""
        self.by_seed[seed] = self.by_seed.get(seed, 0) + worlds


@dataclass(slots=True)
class Share:
    """The worlds of another seed, from a database that was merged. The fields are as in `Campaign`."""

    seed: int
    worlds: int
    failed: int
    tally: TrialCounts = field(default_factory=Counter)


@dataclass(slots=True)
class Campaign:
    """The state of one client's exploration.

    ``seed``: what the worlds are drawn from
    ``worlds``: how many worlds of this seed were tried: those with the numbers below it
    ``failed``: how many of them failed
    ``tally``: their counts
    ``tables``: the table of the current round and of the next, by the number of the round; see `steering`
    ``kept``: worlds to vary, by what they met
    ``others``: what was merged from other databases, by seed
    ``groups``: the causes that were found
    ``waiting``: failures without a known cause, the plainest one of each signature
    ``counts``: how many worlds failed with each waiting signature
    ``explained``: for each signature that was shrunk, the name of its group
    ``command``: of a client that is one
    ``judge``: names of the oracles that judge now; empty: all. Causes that others found before stay known
    ``server``: a published server in place of the simulated one; empty without one
    """

    client: str
    seed: int = 0
    worlds: int = 0
    tally: TrialCounts = field(default_factory=Counter)
    failed: int = 0
    tables: dict[int, Table] = field(default_factory=dict)
    kept: dict[str, list[Drawn]] = field(default_factory=dict)
    others: dict[int, Share] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    waiting: dict[FailureCause, WorldFailure] = field(default_factory=dict)
    explained: dict[FailureCause, str] = field(default_factory=dict)
    counts: Counter[FailureCause] = field(default_factory=Counter)
    command: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    server: str = ""

    def add(self, tried: BlockResult) -> None:
        """Record the result of a block. Blocks are recorded in the order of their worlds, and end with each round."""
        self.worlds += tried.worlds
        self.tally.update(tried.tally)
        self.failed += len({failure.drawn for failure in tried.failures})
        for failure in tried.failures:
            self.fail(failure)
        for one in tried.met:
            keep_world(self.kept, one.drawn, one.places)
        if self.worlds % ROUND_WORLDS == 0:
            ended = self.worlds // ROUND_WORLDS - 1
            self.tables[ended + 2] = table_of(self.tally, self._paths(), self.kept)
            self.tables = {number: table for number, table in self.tables.items() if number > ended}

    def table(self, number: int) -> Table | None:
        """The table of a round. None for the rounds that have none. Raises KeyError when it is not made yet."""
        return self.tables[number] if number > 1 else None

    def has_table(self, number: int) -> bool:
        """Whether the table of a round is made."""
        return number < 2 or number in self.tables

    def _paths(self) -> tuple[str, ...]:
        return tuple(key[1] for key in self.tally if key[0] == "path")

    @property
    def all_worlds(self) -> int:
        """How many worlds were tried, those of merged databases included."""
        return self.worlds + sum(one.worlds for one in self.others.values())

    @property
    def all_failed(self) -> int:
        """How many worlds failed, those of merged databases included."""
        return self.failed + sum(one.failed for one in self.others.values())

    @property
    def all_tally(self) -> TrialCounts:
        """The counts of all worlds, those of merged databases included."""
        tally = TrialCounts(self.tally)
        for one in self.others.values():
            tally.update(one.tally)
        return tally

    def merge(self, other: Campaign, *, is_same_code: bool) -> list[tuple[Group, Group]]:
        """Take in what another campaign found.

        A seed that both have tried is counted once: as it is in the campaign that tried more of its worlds. Worlds of
        another code are not counted at all, for they are other worlds; their causes are taken in.

        Returns the groups whose files are the other campaign's: as named here, and as named there.
        """
        theirs = {other.seed: Share(other.seed, other.worlds, other.failed, other.tally), **other.others}
        mine = {self.seed: self.worlds, **{seed: one.worlds for seed, one in self.others.items()}}
        taken = {seed for seed, share in theirs.items() if is_same_code and share.worlds > mine.get(seed, -1)}
        if self.seed in taken:
            if other.seed == self.seed:
                self.worlds, self.failed, self.tally = other.worlds, other.failed, other.tally
                self.tables, self.kept = other.tables, other.kept
            else:
                taken.discard(self.seed)  # its tables are not there, so it could not go on from that world
        for seed in sorted(taken - {self.seed}):
            self.others[seed] = theirs[seed]
        moved = []
        for group in other.groups:
            counts = {seed: worlds for seed, worlds in group.by_seed.items() if seed in taken or seed not in mine}
            known = next((one for one in self.groups if one.cause == group.cause), None)
            if known is None:
                known = replace(group, name=self._name(group.cause), by_seed={})
                self.groups.append(known)
                moved.append((known, group))
            elif _plainness(group.smallest) < _plainness(known.smallest):
                known.smallest, known.runs, known.seed = group.smallest, group.runs, group.seed
                known.events, known.faults = group.events, group.faults
                moved.append((known, group))
            known.by_seed |= counts
        return moved

    def fail(self, failure: WorldFailure) -> None:
        """Add a failure to the group of its cause, or to the failures that wait to be shrunk."""
        signature = signature_of(failure)
        group = self._group_of(signature)
        if group is not None:
            group.count(self.seed if failure.seed is None else failure.seed)
            return
        self.counts[signature] += 1
        before = self.waiting.get(signature)
        if before is None or _plainness(failure) < _plainness(before):
            self.waiting[signature] = failure

    def next_to_shrink(self, under_way: Iterable[Symptom] = ()) -> WorldFailure | None:
        """The waiting failure to shrink next. Symptoms in ``under_way`` are left out.

        Symptoms of which no cause is known come first: the gravest, then the one with the most waiting worlds, in its
        plainest world. After them, failures without an effect come first, then failures with exactly one effect, in the
        order of `EFFECTS`. Among the others, the symptom with the most waiting worlds comes first. Its number of worlds
        is divided by one plus the number of causes already known for it.
        """
        busy = set(under_way)
        candidates = [one for one in self.waiting.values() if one.symptom not in busy]

        waiting = Counter[Symptom]()
        for signature, worlds in self.counts.items():
            waiting[signature.symptom] += worlds

        def urgency(one: WorldFailure) -> tuple[Any, ...]:
            known = sum(1 for group in self.groups if group.cause.symptom == one.symptom)
            plainness, gravity = _plainness(one), _gravity(one)
            if not known:
                return False, gravity, -waiting[one.symptom], plainness
            alone = plainness[1] if plainness[0] < 2 else [len(_ORDER)]
            return True, alone, -waiting[one.symptom] / (1 + known), gravity, plainness

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
                fitting.count(self.seed, self.counts.pop(signature))
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
        failures = (*(group.smallest for group in self.groups), *self.waiting.values())
        yield from (one.breaks for one in failures if not self.judge or one.symptom.oracle in self.judge)

    def fired(self, kind: str, generation: str) -> int:
        """In how many worlds of a generation a kind of fault fired."""
        return self.tally["fired", kind, generation] + sum(
            one.tally["fired", kind, generation] for one in self.others.values()
        )

    def broken(self) -> tuple[str, ...]:
        """What was said by the worlds that broke down, each cause once: a bug of ours."""
        groups = [group.smallest for group in self.groups if group.cause.symptom.oracle == BROKE]
        waiting = [one for one in self.waiting.values() if one.symptom.oracle == BROKE]
        return tuple(dict.fromkeys(one.message for one in (*groups, *waiting)))

    def never(self, marks: tuple[Mark, ...] | None = None) -> tuple[Never, ...]:
        """What never happened, although the campaign was large enough for it."""
        is_large, tally = self.all_worlds >= WORLDS_MIN, self.all_tally
        nevers = [
            Never("fault", f"{kind} in generation {generation}")
            for kind in KINDS
            for generation in GENERATIONS
            if not self.fired(kind, generation) and (tally["planned", kind, generation] >= PLANNED_MIN or is_large)
        ]
        if is_large:
            names = self.judge or ORACLE_NAMES
            nevers += [Never("oracle", name) for name in names if not self._has_judged(name)]
        return tuple(nevers)

    def _has_judged(self, oracle: str) -> bool:
        # A command need not say what reaches its application: then `delivered-once` never judges it.
        return bool(self.all_tally["oracle", oracle] or (self.command and oracle == DELIVERED_ONCE))

    def paths_not_taken(self) -> tuple[Never, ...]:
        """The paths of our client, marked with ``sometimes``, that no world took. Empty for any other client."""
        if self.client != DEFAULT:
            return ()
        tally = self.all_tally
        return tuple(Never("path", one.name, one.place) for one in declared() if not tally["path", one.name])

    def _group_of(self, signature: FailureCause) -> Group | None:
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

    def _name(self, cause: FailureCause) -> str:
        base = f"{cause.symptom.oracle}-{'-'.join(cause.effects) or 'without-faults'}"[:36].rstrip("-")
        taken = {group.name for group in self.groups}
        if base not in taken:
            return base
        return next(f"{base}-{number}" for number in range(2, len(taken) + 3) if f"{base}-{number}" not in taken)


def signature_of(failure: WorldFailure) -> FailureCause:
    """The symptom of a failure, and the effects of all faults that fired in its world.

    A world that broke down has its symptom alone: the place in the code where that happened.
    """
    if failure.symptom.oracle == BROKE:
        return FailureCause(failure.symptom, ())
    return FailureCause(failure.symptom, tuple(sorted({EFFECTS[kind] for kind in failure.kinds})))


def _gravity(failure: WorldFailure) -> int:
    """Sort key of a verdict. A world that broke down comes last: it says nothing of the client."""
    return GRAVITY.index(failure.breaks) if failure.breaks in GRAVITY else len(GRAVITY)


def _plainness(failure: WorldFailure) -> _Plainness:
    """Sort key: fewest effects first, then the effects that come first in `EFFECTS`, then the fewest numbers drawn."""
    effects = sorted({_ORDER.index(EFFECTS[kind]) for kind in failure.kinds})
    return len(effects), effects, len(failure.drawn), failure.drawn
