"""Databases merge, and two campaigns on one database do not overwrite each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.reports.records.record import Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.campaign import Campaign, FailureCause, Group, Share
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.opening import opened
from gapless.scenarios.explore.symptom import Symptom
from gapless.scenarios.explore.trial import TrialCounts, WorldFailure

LOSS = Symptom("no-tail-loss", "run() returned without n event")
FEW = ("--client", "socket-only", "--jobs", "1")


def explore(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explore", *arguments])


def failure(*kinds: str, drawn: tuple[int, ...] = (1, 2, 3)) -> WorldFailure:
    return WorldFailure(drawn, LOSS, LOSS.shape, Verdict.UNSAFE, kinds, "tree", "inclusive")


def campaign(seed: int, worlds: int, *groups: Group) -> Campaign:
    tally = TrialCounts({("world", "tree"): worlds})
    return Campaign("socket-only", seed, worlds, tally, failed=worlds // 2, groups=list(groups))


def group(effect: str, seed: int, worlds: int, drawn: tuple[int, ...] = (1, 2, 3)) -> Group:
    smallest = failure("event-drop", drawn=drawn)
    return Group(FailureCause(LOSS, (effect,)), f"no-tail-loss-{effect}", smallest, by_seed={seed: worlds})


# --- campaigns ----------------------------------------------------------------------------------------------------


def test_a_merge_adds_the_worlds_and_joins_equal_causes() -> None:
    one, other = campaign(1, 10, group("lost", 1, 3)), campaign(2, 20, group("lost", 2, 4), group("cut", 2, 1))
    moved = one.merge(other, is_same_code=True)
    assert (one.worlds, one.all_worlds, one.all_failed) == (10, 30, 15)
    assert one.all_tally["world", "tree"] == 30
    assert {found.name: found.worlds for found in one.groups} == {"no-tail-loss-lost": 7, "no-tail-loss-cut": 1}
    assert [there.name for _, there in moved] == ["no-tail-loss-cut"], "only its files are missing here"


def test_to_merge_twice_counts_once() -> None:
    one, other = campaign(1, 10, group("lost", 1, 3)), campaign(2, 20, group("lost", 2, 4))
    for _ in range(2):
        one.merge(other, is_same_code=True)
    assert (one.all_worlds, one.groups[0].worlds) == (30, 7)
    other.merge(one, is_same_code=True)
    assert (other.all_worlds, other.groups[0].worlds) == (30, 7), "the order makes no difference"


def test_of_two_databases_with_one_seed_the_longer_counts() -> None:
    short, long = campaign(1, 10, group("lost", 1, 3)), campaign(1, 40, group("lost", 1, 9))
    short.merge(long, is_same_code=True)
    assert (short.worlds, short.all_worlds, short.groups[0].worlds) == (40, 40, 9)
    long.merge(campaign(1, 10, group("lost", 1, 3)), is_same_code=True)
    assert (long.all_worlds, long.groups[0].worlds) == (40, 9)


def test_worlds_of_other_code_are_not_counted_but_their_causes_are_taken_in() -> None:
    one = campaign(1, 10)
    one.merge(campaign(2, 20, group("lost", 2, 4)), is_same_code=False)
    assert one.all_worlds == 10
    assert [found.name for found in one.groups] == ["no-tail-loss-lost"]


def test_the_plainer_world_of_a_cause_is_kept() -> None:
    one = campaign(1, 10, group("lost", 1, 3, drawn=(5, 5, 5)))
    ((here, there),) = one.merge(campaign(2, 20, group("lost", 2, 4, drawn=(1,))), is_same_code=True)
    assert here.smallest.drawn == there.smallest.drawn == (1,)


def test_what_was_merged_is_stored_and_loaded_again(tmp_path: Path) -> None:
    database = Database(tmp_path, "socket-only")
    one = campaign(1, 10, group("lost", 1, 3))
    one.others[7] = Share(7, 5, 2, Counter({("world", "tree"): 5}))
    database.save(one)
    assert database.load()[0] == one


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_merges_causes_with_their_files_and_what_waits(tmp_path: Path) -> None:
    for name, seed in (("one", "1"), ("other", "2")):
        explore(*FEW, "--runs", "8", "--shrinks", "1", "--seed", seed, "--database", str(tmp_path / name))
    databases = [Database(tmp_path / name, "socket-only") for name in ("one", "other")]
    waiting = {drawn for database in databases for drawn in database.examples()}
    causes = {found.cause for database in databases for found in database.load()[0].groups}
    result = explore(*FEW, "--merge", str(tmp_path / "other"), "--database", str(tmp_path / "one"))
    assert f"merged {tmp_path / 'other' / 'socket-only'}\n" in result.output
    assert "seed 1: 0 worlds (16 with those of earlier and merged runs)" in result.output
    merged, _ = databases[0].load()
    assert (merged.all_worlds, merged.others[2].worlds) == (16, 8)
    assert set(databases[0].examples()) == waiting
    assert {found.cause for found in merged.groups} == causes
    for found in merged.groups:
        path = databases[0].path(found, ".toml")
        assert load_file(path).name == found.name == capsule.load(path.with_suffix(".json")).request.scenario.name


def test_what_cannot_be_merged_is_told_with_the_cure(tmp_path: Path) -> None:
    explore(*FEW, "--runs", "1", "--shrinks", "0", "--database", str(tmp_path))
    nothing = explore(*FEW, "--merge", str(tmp_path / "nothing"), "--database", str(tmp_path))
    assert nothing.exit_code == 2
    assert "there is no campaign of client socket-only to merge; give the directory that was given to" in nothing.output
    itself = explore(*FEW, "--merge", str(tmp_path), "--database", str(tmp_path))
    assert itself.exit_code == 2
    assert "it is the database itself; give another directory" in itself.output


# --- at the same time ---------------------------------------------------------------------------------------------


def test_a_second_campaign_shares_the_database_says_so_and_is_merged(tmp_path: Path) -> None:
    first = Database(tmp_path, "socket-only")
    with opened(first, 1) as at_work:
        result = explore(*FEW, "--runs", "3", "--shrinks", "0", "--database", str(tmp_path))
        said = result.output.splitlines()
        assert said[1].startswith(f"another campaign is at work in {first.directory}: this one draws worlds of its own")
        assert "the other campaign is still at work: it merges this one at its end" in result.output
        (guest,) = first.guests()
        first.save(at_work.campaign)
        assert guest.load()[0].worlds == 3, "nothing was overwritten"
        assert at_work.settle()
        assert at_work.merged == 1
    stored, _ = first.load()
    assert (stored.seed, stored.all_worlds) == (1, 3)
    assert first.guests() == ()


def test_a_campaign_that_outlives_the_one_it_shared_with_is_merged_at_its_own_end(tmp_path: Path) -> None:
    first = Database(tmp_path, "socket-only")
    host = opened(first, 1)
    host.__enter__()
    with opened(Database(tmp_path, "socket-only"), None) as second:
        assert second.host is not None
        second.campaign.worlds = 4
        second.database.save(second.campaign)
        host.__exit__(None, None, None)
        assert second.settle()
    assert first.load()[0].all_worlds == 4
    assert first.guests() == ()


def test_a_campaign_that_was_killed_while_it_shared_is_merged_by_the_next(tmp_path: Path) -> None:
    first = Database(tmp_path, "socket-only")
    guest = first.guest(99)
    guest.save(Campaign("socket-only", 99, 6))
    with opened(first, 1) as at_work:
        assert at_work.merged == 1
        assert at_work.campaign.others[99].worlds == 6


def test_two_campaigns_with_one_seed_at_the_same_time_are_refused(tmp_path: Path) -> None:
    first = Database(tmp_path, "socket-only")
    second = opened(Database(tmp_path, "socket-only"), 1)
    with opened(first, 1), pytest.raises(UsageError, match=r"^--seed 1: a campaign with this seed is at work in "):
        second.__enter__()
