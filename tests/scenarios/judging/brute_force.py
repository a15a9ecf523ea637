"""Brute force: is the optimum really a lower bound? Every way to spend fewer calls is tried, and refuted.

The model. A *world* is a log: a prefix that the client has verified, then the events of one run, each a branch event
(message, action, observation) or a state update. The run has ended; the socket brought some of its events (``brought``)
and the final snapshot. A client spends ``k`` calls, each of any kind, with any cursor and any limit up to the page
size, chosen with hindsight; then it claims to hold everything within its certainty. The claim is *sound* only if it is
true in every world in which that client would have seen the very same things. So one *twin* refutes it: another log,
with the same prefix, that gives the same frames, the same snapshot and the same answers to the same calls, and holds a
wanted event that the client does not. The world itself refutes it as well, when a wanted event was neither brought nor
on a page.

Twins are the worlds with one unseen event more at any place of the run, or with another in the place of an unseen one;
that so few suffice to refute makes the result stronger, not weaker. A sequence of calls that no twin refutes is only
*not refuted*: ``cheapest`` is the least ``k`` for which there is one, so the optimum is a lower bound where it is no
more than ``cheapest``.

Assumed, in the client's favour: it knows every id of the log to use as a cursor, even ids that it never saw; the frames
that were late count as brought; a call costs the same whatever it reads. Assumed against it: the log does not change
while it asks (or, with ``moments``, each call may be made at any moment of the run); no call is filtered, for a filter
makes the server read the whole log, which no budget allows (``filters=True`` shows what a filter by kind could save);
nothing is known of ids but that they differ. Attach is a model of its own: the client wants the first and the last
event of a log of which it knows nothing but the subscribe snapshot.

Generations: ``legacy`` events carry no parent and snapshots no leaf; ``tree`` events carry the leaf at their append as
parent, and the snapshot names the leaf. ``session`` needs a model only where no socket told anything: its events then
carry parents as in ``tree``. Elsewhere its optimum is 0, and nothing is less.

What the sockets *told* (`gapless.scenarios.judging.optimum.Told`): with ``certificate`` a client knows the snapshot's
leaf; with ``frames`` it knows the events that were brought, and no snapshot; with ``nothing`` it knows nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gapless.scenarios.judging.optimum import Told

BRANCH, STATE = "b", "s"
_NEW = "new"


@dataclass(frozen=True, slots=True)
class ModelEvent:
    """One event of a log: ``parent`` is the leaf when it was appended, None in the legacy generation."""

    id: str
    kind: str
    parent: str | None = None


Log = tuple[ModelEvent, ...]
Answer = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One call. ``what``: ``page``, ``count``, ``info`` or ``event``; ``cursor`` is an id; ``moment`` is the id of the
    last event that was in the log when it was made, None at the end."""

    what: str
    cursor: str | None = None
    descending: bool = False
    limit: int = 0
    kind: str | None = None
    moment: str | None = None


@dataclass(frozen=True, slots=True)
class ModelWorld:
    """A run's end: ``log[:settled]`` is verified, ``brought`` came over the socket."""

    log: Log
    settled: int
    brought: frozenset[str]
    generation: str
    cursor: str
    certainty: str
    page_size: int
    told: Told = "certificate"

    @property
    def names_leaf(self) -> bool:
        """Whether a snapshot named the leaf."""
        return self.generation != "legacy" and self.told == "certificate"

    def wanted(self) -> Log:
        """The events of the run that the client is held to."""
        return tuple(event for event in self.log[self.settled :] if event.kind == BRANCH or self.certainty == "log")

    def missed(self) -> frozenset[str]:
        """Those that did not come."""
        return frozenset(event.id for event in self.wanted()) - self.brought


def log_of(kinds: Iterable[tuple[str, str]], generation: str) -> Log:
    """A log of ``(id, kind)``, with the parents that the generation gives."""
    events: list[ModelEvent] = []
    leaf: str | None = None
    for event_id, kind in kinds:
        events.append(ModelEvent(event_id, kind, leaf if generation != "legacy" else None))
        leaf = event_id if kind == BRANCH else leaf
    return tuple(events)


def leaf_of(log: Log) -> str | None:
    """The id of the last branch event."""
    return next((event.id for event in reversed(log) if event.kind == BRANCH), None)


def twins(world: ModelWorld) -> Iterator[Log]:
    """Logs with one unseen event more, or another one, which are the same as far as the socket told: frames and final
    snapshot."""
    pairs = [(event.id, event.kind) for event in world.log]
    frames = {event.id: event for event in world.log if event.id in world.brought}
    told_leaf = leaf_of(world.log)
    for kind in (BRANCH, STATE):
        if kind == STATE and world.certainty == "branch":
            continue  # not wanted, so it refutes nothing
        for changed in _changed(pairs, kind, first=world.settled):
            twin = log_of(changed, world.generation)
            same_frames = frames == {event.id: event for event in twin if event.id in frames}
            same_leaf = not world.names_leaf or leaf_of(twin) == told_leaf
            if same_frames and same_leaf:
                yield twin


def _changed(pairs: Sequence[tuple[str, str]], kind: str, *, first: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """With a new event of that kind at each place from ``first``: between two, or instead of one."""
    for place in range(first, len(pairs) + 1):
        yield (*pairs[:place], (_NEW, kind), *pairs[place:])
        if place < len(pairs):
            yield (*pairs[:place], (_NEW, kind), *pairs[place + 1 :])


def answer(log: Log, call: Call, *, cursor_mode: str, generation: str) -> Answer:
    """What the server answers, as the wire contract has it."""
    if call.moment is not None:
        ids = [event.id for event in log]
        log = log[: ids.index(call.moment if call.moment in ids else _NEW) + 1]  # a twin may have another in its place
    match call.what:
        case "count":
            return (sum(1 for event in log if call.kind in (None, event.kind)),)
        case "info":
            return (leaf_of(log) if generation != "legacy" else None,)
        case "event":
            return tuple(event for event in log if event.id == call.cursor)
    return _page(log, call, cursor_mode)


def _page(log: Log, call: Call, cursor_mode: str) -> Answer:
    ordered = log[::-1] if call.descending else log
    known = next((index for index, event in enumerate(ordered) if event.id == call.cursor), None)
    if known is not None:  # an unknown cursor is answered from the natural beginning
        ordered = ordered[known + (cursor_mode == "exclusive") :]
    found = [event for event in ordered if call.kind in (None, event.kind)]
    items, rest = found[: call.limit], found[call.limit :]
    following = (rest[0] if cursor_mode == "inclusive" else items[-1]).id if rest else None
    return (*items, following)


def calls(world: ModelWorld, *, filters: bool = False, moments: bool = False) -> tuple[Call, ...]:
    """Every call that a client could make. A smaller limit than the largest is only worth it without a filter."""
    times = [None, *(event.id for event in world.log[max(world.settled - 1, 0) : -1])] if moments else [None]
    found: list[Call] = []
    for moment in times:
        found += [Call("count", moment=moment), Call("info", moment=moment)]
        for cursor in (None, *(event.id for event in world.log)):
            if cursor is not None:
                found.append(Call("event", cursor, moment=moment))
            for descending, limit in itertools.product((False, True), range(1, world.page_size + 1)):
                found.append(Call("page", cursor, descending, limit, moment=moment))
                if filters:
                    found += [Call("page", cursor, descending, limit, kind, moment) for kind in (BRANCH, STATE)]
        if filters:
            found += [Call("count", kind=kind, moment=moment) for kind in (BRANCH, STATE)]
    return tuple(found)


def cheapest(world: ModelWorld, calls_max: int, *, filters: bool = False, moments: bool = False) -> int:
    """The least number of calls, up to ``calls_max``, with which a claim is not refuted; ``calls_max`` + 1 if none.

    The order of calls does not matter: what is known in the end is all that was answered.
    """
    others = tuple(twins(world))
    missed = {event_id: 1 << bit for bit, event_id in enumerate(sorted(world.missed()))}
    everything = (1 << len(missed)) - 1
    effects: dict[tuple[int, int], None] = {}
    for call in calls(world, filters=filters, moments=moments):
        effects[_effect(world, call, others, missed)] = None
    best = _strongest(effects)
    unrefuted = (1 << len(others)) - 1
    for spent in range(calls_max + 1):
        for chosen in itertools.combinations(best, spent):
            alike, held = unrefuted, 0
            for same, brings in chosen:
                alike &= same
                held |= brings
            if alike == 0 and held == everything:
                return spent
    return calls_max + 1


def _effect(world: ModelWorld, call: Call, others: Sequence[Log], missed: dict[str, int]) -> tuple[int, int]:
    """Bits of the twins that answer this call alike, and of the missed events that the answer brings."""
    mode, generation = world.cursor, world.generation
    mine = answer(world.log, call, cursor_mode=mode, generation=generation)
    alike = sum(
        1 << bit
        for bit, other in enumerate(others)
        if answer(other, call, cursor_mode=mode, generation=generation) == mine
    )
    brings = sum(missed.get(one.id, 0) for one in mine if isinstance(one, ModelEvent))
    return alike, brings


def _strongest(effects: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without the calls than which another tells as much and brings as much: nobody needs them."""
    found = list(effects)
    return [
        one
        for one in found
        if not any(other != one and other[0] & one[0] == other[0] and other[1] & one[1] == one[1] for other in found)
    ]


def attach_cheapest(
    log: Log,
    *,
    generation: str,
    cursor: str,
    certainty: str,
    page_size: int,
    calls_max: int,
    told: Told = "certificate",
) -> int:
    """The least number of calls with which a client that knows nothing but the subscribe snapshot holds the first and
    the last event, or knows that there is none; as ``cheapest`` otherwise. Unless ``told`` is ``certificate``, it does
    not know the snapshot either.

    Twins are the empty log, and the logs with one event more, or another, at any place.
    """
    pairs = [(event.id, event.kind) for event in log]
    kinds = (BRANCH,) if certainty == "branch" else (BRANCH, STATE)
    logs = [log_of(changed, generation) for kind in kinds for changed in _changed(pairs, kind, first=0)]
    others = [log_of((), generation), *logs] if log else logs
    world = ModelWorld(log, 0, frozenset(), generation, cursor, certainty, page_size, told)
    if world.names_leaf:
        others = [other for other in others if leaf_of(other) == leaf_of(log)]
    others = [other for other in others if _ends(other, certainty) != _ends(log, certainty)]
    ends = {event_id: 1 << bit for bit, event_id in enumerate(sorted(_ends(log, certainty)))}
    best = _strongest(dict.fromkeys(_effect(world, call, others, ends) for call in calls(world)))
    for spent in range(calls_max + 1):
        for chosen in itertools.combinations(best, spent):
            alike, held = (1 << len(others)) - 1, 0
            for same, brings in chosen:
                alike &= same
                held |= brings
            if alike == 0 and held == (1 << len(ends)) - 1:
                return spent
    return calls_max + 1


def _ends(log: Log, certainty: str) -> frozenset[str]:
    """The ids of the first and the last event within a certainty."""
    within = [event.id for event in log if event.kind == BRANCH or certainty == "log"]
    return frozenset(within[:1] + within[-1:])
