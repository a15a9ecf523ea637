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
            if why := untrue(first.claim, first.held, played.log):
                wrong.append(f"{world}: {why}")
    assert wrong == []
    return sum(len(group) for group in groups.values())


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_claim_is_true_in_every_log_that_is_consistent_with_the_evidence(generation: str) -> None:
    assert check(generation, history_max=2, happenings_max=2) == 3 * (1 + len(HAPPENINGS) + len(HAPPENINGS) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("generation", GENERATIONS)
def test_it_is_true_within_wider_bounds(generation: str) -> None:
    assert check(generation, history_max=3, happenings_max=4) == 4 * sum(len(HAPPENINGS) ** n for n in range(5))


def test_claims_are_compared_with_the_log() -> None:
    played = play(SpecWorld("session", 1, ("heard",)))
    assert played.claim is not None
    assert played.claim.complete
    assert untrue(played.claim, played.held, played.log) is None
    assert untrue(played.claim, played.held[:-1], played.log) is not None
    assert untrue(played.claim, (*played.held, "x"), played.log) is not None
    assert untrue(played.claim, played.held[::-1], played.log) is not None
