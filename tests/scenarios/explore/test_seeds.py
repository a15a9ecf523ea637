"""Seeds: a fresh one by default, recorded everywhere, and the same worlds whoever does the work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.explore.campaign import Campaign
from gapless.scenarios.explore.client_state import STATES
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.steering import ROUND_WORLDS, Drawn, Table, Target, draw_world, table_of
from gapless.scenarios.explore.trial import Block, planned, try_block

FEW = ("--client", "socket-only", "--shrinks", "0")


def explore(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explore", *arguments])


def campaign_in(directory: Path) -> Campaign:
    return Database(directory, "socket-only").load()[0]


def origins(worlds: Sequence[int], seed: int) -> list[tuple[int, ...]]:
    return [draw_world("gapless", seed, number, None).drawn for number in worlds]


# --- the seed -----------------------------------------------------------------------------------------------------


def test_two_new_databases_draw_different_worlds(tmp_path: Path) -> None:
    seeds = set()
    for name in ("one", "other"):
        result = explore(*FEW, "--runs", "1", "--jobs", "1", "--database", str(tmp_path / name))
        first = result.output.splitlines()[0]
        assert re.fullmatch(r"seed \d+", first), "the seed is printed before anything else"
        assert campaign_in(tmp_path / name).seed == int(first.split()[1])
        seeds.add(first)
    assert len(seeds) == 2


def test_a_database_goes_on_with_its_own_seed(tmp_path: Path) -> None:
    command = (*FEW, "--runs", "3", "--jobs", "1", "--database", str(tmp_path))
    explore(*command, "--seed", "17")
    result = explore(*command)
    assert result.output.startswith("seed 17\ngoing on after 3 worlds")
    assert campaign_in(tmp_path).worlds == 6
    assert explore(*command, "--seed", "17").exit_code != 2


def test_another_seed_than_the_databases_is_told_with_the_cure(tmp_path: Path) -> None:
    command = (*FEW, "--runs", "1", "--jobs", "1", "--database", str(tmp_path))
    explore(*command, "--seed", "17")
    result = explore(*command, "--seed", "18")
    assert result.exit_code == 2
    assert result.output == (
        f"Error: --seed 18: {tmp_path}/socket-only has worlds of seed 17; leave --seed out to go on with that, "
        "or give --database another directory\n"
    )


def test_a_seed_and_the_number_of_a_world_are_in_every_finding_and_record(tmp_path: Path) -> None:
    found = explore(
        *("--client", "socket-only", "--runs", "12", "--shrinks", "1", "--jobs", "1"),
        *("--seed", "17", "--database", str(tmp_path)),
    )
    (group,) = campaign_in(tmp_path).groups
    assert f"first seen in world {group.smallest.number} of seed 17" in found.output
    database = Database(tmp_path, "socket-only")
    wanted = f"found by gapless explore, seed 17, world {group.smallest.number}"
    assert load_file(database.path(group, ".toml")).origin == wanted
    assert capsule.load(database.path(group, ".json")).request.scenario.origin == wanted
    assert draw_world("gapless", 17, 5, None).request.scenario.origin == "drawn by gapless explore, seed 17, world 5"


# --- the same worlds ----------------------------------------------------------------------------------------------


def test_a_world_does_not_depend_on_the_block_that_it_is_in() -> None:
    whole = try_block(Block("socket-only", 4, 4, 9))
    halves = [try_block(Block("socket-only", first, 2, 9)) for first in (4, 6)]
    assert whole.met == halves[0].met + halves[1].met
    assert whole.tally == halves[0].tally + halves[1].tally
    assert whole.failures == halves[0].failures + halves[1].failures


def test_the_numbers_of_a_world_are_the_same_on_every_machine_and_python() -> None:
    assert origins([0], 1)[0][:24] == FIRST_OF_SEED_1, "a change of this list is a change of all worlds: say it"


FIRST_OF_SEED_1 = (2, 1, 1, 0, 3, 2, 4, 0, 0, 1, 5, 2, 0, 3, 3, 10, 11, 1, 1, 4, 0, -1, 0, 5)


def test_more_processes_and_an_interruption_change_no_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("campaign", "explorer"):  # short rounds, so that the steering begins soon
        monkeypatch.setattr(f"gapless.scenarios.explore.{module}.ROUND_WORLDS", 8)
    worlds = str(3 * 8 + 5)
    explore(*FEW, "--seed", "5", "--jobs", "1", "--runs", worlds, "--database", str(tmp_path / "one"))
    explore(*FEW, "--seed", "5", "--jobs", "3", "--runs", "17", "--database", str(tmp_path / "three"))
    explore(*FEW, "--seed", "5", "--jobs", "3", "--runs", str(int(worlds) - 17), "--database", str(tmp_path / "three"))
    one, three = campaign_in(tmp_path / "one"), campaign_in(tmp_path / "three")
    assert one.worlds == three.worlds == int(worlds)
    assert one.tally == three.tally
    assert one.tables == three.tables
    assert one.kept == three.kept
    assert one.tables[3].targets, "the steering had begun"


# --- steering -----------------------------------------------------------------------------------------------------


def test_a_table_names_what_is_rare_and_leaves_out_what_is_not() -> None:
    tally = {("state", "event-drop", "run"): 1_000, ("state", "event-delay", "run"): 1, ("path", "rare"): 2}
    kept: dict[str, list[Drawn]] = {"run": [(1,)], "rare": [(2,)]}
    table = table_of(tally, ["rare"], kept)
    weights = {(one.kind, one.state): one.weight for one in table.targets}
    assert ("event-drop", "run") not in weights
    assert weights["event-delay", "run"] == weights["link-reset", "run"] // 2
    assert weights["", "rare"] > 0
    assert not any(state == "tail" for _, state in weights), "no world is known that met it"


def test_a_pair_that_may_be_impossible_loses_weight() -> None:
    kept: dict[str, list[Drawn]] = {"reconnecting": [(1,)]}
    often = table_of({("planned", "event-drop", "tree"): 400}, (), kept)
    weights = {one.kind: one.weight for one in often.targets}
    assert weights["event-drop"] < weights["event-delay"]


def test_a_steered_world_has_the_fault_that_is_wanted_and_the_numbers_draw_it_again() -> None:
    earlier = draw_world("gapless", 3, 8, None)
    table = Table((Target("clock-step", "run", 1),), {"run": (earlier.drawn,)})
    drawn = [draw_world("gapless", 3, number, table) for number in range(60)]
    steered = sum(1 for one in drawn if any(fault.kind == "clock-step" for fault in one.request.scenario.faults))
    assert steered > 25, "two thirds of the worlds are steered, and one fault in ten is left out again"
    for one in drawn[:20]:
        again = planned("gapless", one.drawn)
        assert again.scenario.faults == one.request.scenario.faults
        assert again.scenario.workload == one.request.scenario.workload


@pytest.mark.slow
def test_steering_meets_more_pairs_of_fault_and_state() -> None:
    """One seed, a few hundred worlds: the difference is large. See tests.benchmarks.explore for the numbers."""
    pairs = {}
    for is_steered in (False, True):
        campaign = Campaign("poll-then-return", 1)
        for _ in range(8):
            table = campaign.table(campaign.worlds // ROUND_WORLDS) if is_steered else None
            campaign.add(try_block(Block(campaign.client, campaign.worlds, ROUND_WORLDS, 1, table)))
        pairs[is_steered] = sum(1 for key in campaign.tally if key[0] == "state" and key[2] in STATES)
    assert pairs[True] > pairs[False]
