"""The optimum is a lower bound: on small logs, every way to spend fewer calls is tried and refuted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import pytest

from gapless.scenarios.judging.optimum import Told, least_for_attach, least_for_run, least_pages
from tests.scenarios.judging.brute_force import (
    BRANCH,
    STATE,
    Call,
    ModelWorld,
    answer,
    attach_cheapest,
    cheapest,
    log_of,
    twins,
)

PREFIXES = ((), (BRANCH,), (BRANCH, STATE))
GENERATIONS = ("legacy", "tree")
CURSORS = ("inclusive", "exclusive")
CERTAINTIES = ("branch", "log")
CALLS_MAX = 4


def worlds(run_events: int, page_size: int, told: Told = "certificate") -> Iterator[ModelWorld]:
    """Every world whose run has so many events: kinds, what was brought, prefix, generation, cursor mode, certainty."""
    for prefix, run in itertools.product(PREFIXES, itertools.product((BRANCH, STATE), repeat=run_events)):
        pairs = [(f"e{index}", kind) for index, kind in enumerate((*prefix, *run))]
        ids = [event_id for event_id, _ in pairs[len(prefix) :]]
        generations = (*GENERATIONS, "session") if told == "nothing" else GENERATIONS
        brought_or_not = range(1 if told == "nothing" else 2**run_events)
        for generation, bits in itertools.product(generations, brought_or_not):
            log = log_of(pairs, generation)
            brought = frozenset(event_id for bit, event_id in enumerate(ids) if bits >> bit & 1)
            for cursor, certainty in itertools.product(CURSORS, CERTAINTIES):
                yield ModelWorld(log, len(prefix), brought, generation, cursor, certainty, page_size, told)


def least(world: ModelWorld) -> int:
    return least_for_run(
        len(world.wanted()),
        [index for index, event in enumerate(world.log) if event.id in world.missed()],
        generation=world.generation,
        certainty=world.certainty,
        from_head=world.settled == 0,
        page_events_max=world.page_size,
        told=world.told,
    )


def no_cheaper_way(
    run_events: int, page_size: int, *, moments: bool = False, told: Told = "certificate"
) -> Counter[int]:
    """Hold the optimum of every such world against brute force; how far above it the cheapest way lies, and how
    often."""
    slack: Counter[int] = Counter()
    for world in worlds(run_events, page_size, told):
        bound = least(world)
        found = cheapest(world, CALLS_MAX, moments=moments)
        assert bound <= found, f"{world} can be known with {found} calls, the optimum says {bound}"
        slack[found - bound] += 1
    return slack


@pytest.mark.parametrize(("run_events", "page_size"), [(0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (3, 3)])
def test_no_cheaper_way_to_know_a_run(run_events: int, page_size: int) -> None:
    assert no_cheaper_way(run_events, page_size).total() == 3 * 2 * 4 * 4**run_events


@pytest.mark.parametrize("told", ["frames", "nothing"])
@pytest.mark.parametrize(("run_events", "page_size"), [(0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2)])
def test_no_cheaper_way_where_the_sockets_told_less(run_events: int, page_size: int, told: Told) -> None:
    """Without the final snapshot, and without any socket, in the session generation too."""
    slack = no_cheaper_way(run_events, page_size, told=told)
    assert 0 in slack, "the bound is met somewhere"


@pytest.mark.parametrize("told", ["frames", "nothing"])
def test_nothing_is_known_for_nothing_where_no_snapshot_came(told: Told) -> None:
    for world in worlds(2, 2, told):
        assert least(world) >= 1
        assert cheapest(world, CALLS_MAX) >= 1


@pytest.mark.slow
@pytest.mark.parametrize(("run_events", "page_size"), [(4, 2), (4, 3), (5, 2)])
def test_no_cheaper_way_to_know_a_longer_run(run_events: int, page_size: int) -> None:
    no_cheaper_way(run_events, page_size)


def test_far_holes_take_a_page_each_and_near_ones_share_it() -> None:
    assert least_pages([], 100) == 0
    assert least_pages([5, 104], 100) == 1
    assert least_pages([5, 105], 100) == 2
    assert least_pages([5, 105, 204, 205], 100) == 3


@pytest.mark.parametrize("run_events", [1, 2])
def test_asking_earlier_saves_nothing(run_events: int) -> None:
    no_cheaper_way(run_events, 2, moments=True)


@pytest.mark.slow
def test_asking_earlier_saves_nothing_in_a_longer_run() -> None:
    no_cheaper_way(3, 2, moments=True)


def test_a_page_from_each_end_leaves_the_event_in_the_middle_to_the_cursor_that_both_name() -> None:
    """Found by brute force: five events from the log's head, the middle one brought, are known by two pages of two."""
    log = log_of([(f"e{index}", BRANCH) for index in range(5)], "legacy")
    world = ModelWorld(log, 0, frozenset({"e2"}), "legacy", "inclusive", "branch", 2)
    assert least(world) == cheapest(world, CALLS_MAX) == 2


def test_the_bound_is_met_where_everything_came() -> None:
    for world in worlds(3, 2):
        if len(world.brought) == 3:
            assert least(world) == cheapest(world, CALLS_MAX)


@pytest.mark.parametrize("page_size", [1, 2, 3])
@pytest.mark.parametrize(
    ("generation", "told"),
    [
        ("legacy", "certificate"),
        ("legacy", "nothing"),
        ("tree", "certificate"),
        ("tree", "frames"),
        ("tree", "nothing"),
        ("session", "nothing"),
    ],
)
@pytest.mark.parametrize("certainty", CERTAINTIES)
def test_no_cheaper_way_to_attach(page_size: int, generation: str, told: Told, certainty: str) -> None:
    for length, cursor in itertools.product(range(6), CURSORS):
        for kinds in itertools.product((BRANCH, STATE), repeat=length):
            log = log_of([(f"e{index}", kind) for index, kind in enumerate(kinds)], generation)
            bound = least_for_attach(
                [kind == BRANCH for kind in kinds],
                generation=generation,
                certainty=certainty,
                page_events_max=page_size,
                told=told,
            )
            found = attach_cheapest(
                log,
                generation=generation,
                cursor=cursor,
                certainty=certainty,
                page_size=page_size,
                calls_max=3,
                told=told,
            )
            assert bound >= 1 or told == "certificate"
            assert bound <= found, f"{kinds} {cursor}: {found} calls, the optimum says {bound}"


def test_a_filter_by_kind_could_save_a_call_and_is_left_out_for_what_it_makes_the_server_read() -> None:
    """Of three state updates among branch events one is lost: a page of state updates alone brings and proves all."""
    log = log_of([(f"e{index}", kind) for index, kind in enumerate("bsbbs")], "tree")
    world = ModelWorld(log, 1, frozenset({"e2", "e3", "e4"}), "tree", "inclusive", "log", 2)
    assert least(world) == cheapest(world, CALLS_MAX) == 2
    assert cheapest(world, CALLS_MAX, filters=True) == 1


def test_the_models_pages_are_those_of_the_wire_contract() -> None:
    log = log_of([("a", BRANCH), ("b", BRANCH), ("c", STATE)], "tree")
    ids = {
        (cursor, descending, mode): [
            getattr(one, "id", one)
            for one in answer(log, Call("page", cursor, descending, 2), cursor_mode=mode, generation="tree")
        ]
        for cursor in (None, "b", "no such id")
        for descending in (False, True)
        for mode in CURSORS
    }
    assert ids[None, False, "inclusive"] == ["a", "b", "c"]  # the last one is the next cursor, off the page
    assert ids[None, False, "exclusive"] == ["a", "b", "b"]  # and here on it
    assert ids["b", False, "inclusive"] == ["b", "c", None]
    assert ids["b", False, "exclusive"] == ["c", None]
    assert ids["b", True, "inclusive"] == ["b", "a", None]
    assert ids["b", True, "exclusive"] == ["a", None]
    assert ids["no such id", True, "inclusive"] == ["c", "b", "a"]


def test_a_twin_is_no_other_than_its_world_as_far_as_the_socket_told() -> None:
    log = log_of([("h", BRANCH), ("x", BRANCH), ("y", BRANCH)], "tree")
    everything = ModelWorld(log, 1, frozenset({"x", "y"}), "tree", "inclusive", "branch", 2)
    assert list(twins(everything)) == []  # parents leave no room for another branch event
    hidden = ModelWorld(log, 1, frozenset({"y"}), "tree", "inclusive", "branch", 2)
    assert [[event.id for event in twin] for twin in twins(hidden)] == [["h", "new", "x", "y"]]
