"""The specification: a claim is true in every log that is consistent with the evidence.

A client sees evidence, not the log. So a claim must hold for every log that could have produced the evidence. The test
enumerates all worlds within a bound, groups them by their evidence, and checks each claim in all logs of its group.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.syncclient.specification.worlds import HAPPENINGS, Played, SpecWorld, play, untrue, worlds

GENERATIONS = ("legacy", "tree", "session")


def check(generation: str, *, history_max: int, happenings_max: int) -> int:
    """Check every world within the bounds; returns how many there are."""
    groups: dict[tuple[str, ...], list[tuple[SpecWorld, Played]]] = defaultdict(list)
    for world in worlds(generation, history_max=history_max, happenings_max=happenings_max):
        played = play(world)
        groups[played.evidence].append((world, played))
    wrong: list[str] = []
    for group in groups.values():
        _, first = group[0]
        if first.claim is None:
            wrong.append(f"{group[0][0]}: run() did not return")
            continue
        for world, played in group:
            if played.is_early:
                wrong.append(f"{world}: run() returned before its run was over")
            if why := untrue(first.claim, first.held, played.log, played.updates):
                wrong.append(f"{world}: {why}")
    assert wrong == []
    return sum(len(group) for group in groups.values())


def _with_overtaken(happenings_max: int) -> list[int]:
    """How many worlds there are of each length; all but the longest are tried with a run of somebody else, too."""
    return [len(HAPPENINGS) ** n * (2 if n < happenings_max else 1) for n in range(happenings_max + 1)]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_claim_is_true_in_every_log_that_is_consistent_with_the_evidence(generation: str) -> None:
    assert check(generation, history_max=1, happenings_max=2) == 2 * sum(_with_overtaken(2))


@pytest.mark.slow
@pytest.mark.parametrize("generation", GENERATIONS)
def test_it_is_true_within_wider_bounds(generation: str) -> None:
    assert check(generation, history_max=3, happenings_max=4) == 4 * sum(_with_overtaken(4))


def test_claims_are_compared_with_the_log() -> None:
    played = play(SpecWorld("session", 1, ("heard",)))
    assert played.claim is not None
    assert played.claim.complete

    def is_true(held: tuple[str, ...]) -> bool:
        assert played.claim is not None
        return untrue(played.claim, held, played.log, played.updates) is None

    branch = tuple(event_id for event_id in played.held if event_id not in played.updates)
    assert is_true(played.held)
    assert is_true(branch), "a claim of the branch says nothing of state updates"
    assert not is_true(branch[:-1])
    assert not is_true((*branch, "x"))
    assert not is_true(branch[::-1])
