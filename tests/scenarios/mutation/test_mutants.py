"""The suite bites: each mutant is killed where it says, planting leaves nothing behind, each scenario has a kill of its
own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.reports.records.record import Verdict
from gapless.scenarios.cli.commands import mutants as mutants_command
from gapless.scenarios.cli.main import main
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.definition.catalogue import catalogue, find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.mutation import kill_register, mutants
from gapless.scenarios.mutation.kill_check import broken_clients, check_kill, mutant_client
from gapless.scenarios.mutation.mutants import MUTANTS, Mutant
from gapless.scenarios.mutation.planting import (
    Decision,
    ExpectedKill,
    Method,
    PlantError,
    Rewritten,
    planted,
    with_settings,
)
from gapless.scenarios.mutation.simplicity import is_simpler
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.syncclient import decisions
from gapless.syncclient.log.ledger import Ledger
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.settings import Settings


def bound(places: Sequence[decisions.Place]) -> list[object]:
    """What these places are bound to now."""
    return [vars(owner)[name] for owner, name in places]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed_where_it_says_and_no_cruder_than_it_says(mutant: Mutant) -> None:
    found = check_kill(mutant.name)
    assert found.problem is None
    assert mutant.killed.by in found.by
    assert bool(found.clean_by) == mutant.fails_clean


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_says_what_it_does_and_leaves_nothing_behind(mutant: Mutant) -> None:
    assert mutant.about.endswith(".")
    assert mutant.races
    places = [place for change in mutant.changes for place in change.target.places()]
    before = bound(places)
    with mutant.plant():
        assert all(now is not then for now, then in zip(bound(places), before, strict=True))
    assert all(now is then for now, then in zip(bound(places), before, strict=True))


def test_there_are_many_mutants_and_each_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) >= 40
    assert len(names) == len(frozenset(names))


def test_every_mutant_that_a_scenario_names_exists() -> None:
    for scenario in catalogue():
        for kill in scenario.kills:
            resolve(kill.client)


def test_a_mutant_that_crashes_is_taken_out_again() -> None:
    before = Ledger.add_live

    def crash() -> None:
        with planted((Rewritten(Decision("add-live"), _takes_the_same_as_add_live),)):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert Ledger.add_live is before


def _takes_the_same_as_add_live(
    original: object, ledger: object, event: object, seq: object, *, size_bytes: int = 0
) -> None:
    """Holds nothing."""


def test_the_real_client_is_the_same_before_and_after_a_mutant() -> None:
    scenario = find_one("r32-copies")
    first = perform(RunRequest(scenario, "tree", "inclusive", "gapless")).record.digest
    mutated = perform(RunRequest(scenario, "tree", "inclusive", "mutant:only-the-last-is-known")).record.digest
    assert mutated != first
    assert perform(RunRequest(scenario, "tree", "inclusive", "gapless")).record.digest == first


def test_a_mutant_behaves_alike_each_time() -> None:
    request = RunRequest(find_one("r34-disconnect-in-mid-run"), "tree", "inclusive", "mutant:no-backoff")
    assert perform(request).lines == perform(request).lines


def test_one_mutant_at_a_time() -> None:
    with MUTANTS[0].plant(), pytest.raises(PlantError, match="one run at a time"), MUTANTS[1].plant():
        pass


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (Rewritten(Decision("chain-prof"), lambda original, ledger, leaf_id: None), "did you mean 'chain-proof'"),
        (Rewritten(Method(Ledger, "gone"), lambda original, ledger: None), "does not exist"),
        (Rewritten(Decision("chain-proof"), lambda original, ledger: None), "takes other arguments"),
        (Rewritten(Method(Settings, "settle_s"), lambda original: None), "is no function"),
    ],
)
def test_a_mutant_that_fits_no_more_says_so(change: Rewritten, complaint: str) -> None:
    with pytest.raises(PlantError, match=complaint), planted((change,)):
        pass


def test_a_decision_is_replaced_wherever_it_is_bound() -> None:
    """Functions that another module imports by name are bound twice."""
    places = decisions.places("terminal-status")
    assert len(places) > 1
    with planted((Rewritten(Decision("terminal-status"), lambda original, status: False),)):
        assert not any(vars(owner)[name]("finished") for owner, name in places)
    assert all(vars(owner)[name]("finished") for owner, name in places)


def test_a_bug_may_name_its_parameters_as_it_likes() -> None:
    held: list[object] = []

    def other_names(original: object, book: object, page: object, index: object, *, size_bytes: int = 0) -> None:
        held.append((page, index))

    with planted((Rewritten(Decision("add-live"), other_names),)):
        Ledger.add_live(Ledger(), event={"id": "a"}, seq=3)
    assert held == [({"id": "a"}, 3)]


def test_a_setting_that_is_so_already_is_no_mutation() -> None:
    with pytest.raises(PlantError, match="is 100 by default"):
        with_settings({"page_size_events": 100})


def test_a_mutant_may_have_settings_of_its_own() -> None:
    with planted((with_settings({"settle_s": 60.0}),)):
        assert Settings().settle_s == 60.0
    assert Settings().settle_s != 60.0


def test_class_methods_and_functions_of_a_module_can_be_mutated() -> None:
    def backward(original: object, walk: type[Walk], *, pages_max: int, must_show: str | None = None) -> Walk:
        return Walk.backward(pages_max=pages_max)

    with planted((Rewritten(Decision("walk-from-head"), backward),)):
        assert Walk.from_head(pages_max=1).descending
    assert not Walk.from_head(pages_max=1).descending


def test_an_unknown_mutant_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'max-seq-cursor'"):
        resolve("mutant:max-seq-curser")


def test_a_mutant_is_a_client_of_gapless_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [
        "run",
        "r32-copies",
        "--client",
        "mutant:only-the-last-is-known",
        "--generation",
        "tree",
        "--jobs",
        "1",
    ]
    monkeypatch.chdir(tmp_path)  # where its capsule goes
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == Verdict.UNSAFE.exit_code
    assert "delivered more than once" in result.output


# -- the command ------------------------------------------------------------------------------------------------------


def planted_among(monkeypatch: pytest.MonkeyPatch, *added: Mutant) -> None:
    """Have the registry hold these mutants and no other."""
    for module in (mutants, mutants_command):
        monkeypatch.setattr(module, "MUTANTS", added)


def test_the_command_says_who_was_killed_by_what() -> None:
    result = CliRunner().invoke(main, ["mutants", "only-the-last-is-known", "--jobs", "1"])
    assert result.exit_code == 0
    assert "delivered-once" in result.output
    assert "1 mutant, 1 killed" in result.output


def test_a_mutant_that_does_nothing_is_alive_and_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = Mutant(
        "harmless",
        "Waits a little longer for what is missing.",
        ("R30",),
        (with_settings({"settle_s": 0.26}),),
        ExpectedKill("r30-lost-frame", "tree/inclusive", "no-holes"),
    )
    planted_among(monkeypatch, harmless)
    result = CliRunner().invoke(main, ["mutants", "--jobs", "1"])
    assert result.exit_code == mutants_command.ALIVE_EXIT_CODE
    assert "harmless is alive: no-holes was to kill it in r30-lost-frame in tree/inclusive" in result.output


def test_a_mutant_that_cannot_be_planted_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = ExpectedKill("r30-lost-frame", "tree/inclusive", "no-holes")
    gone = Mutant("gone", "Does not fit.", ("R30",), (Rewritten(Decision("gone"), lambda original: None),), killed)
    planted_among(monkeypatch, gone)
    result = CliRunner().invoke(main, ["mutants", "--jobs", "1"])
    assert result.exit_code == mutants_command.ALIVE_EXIT_CODE
    assert "the decision gone does not exist" in result.output


def test_the_table_is_to_be_had_as_json() -> None:
    result = CliRunner().invoke(main, ["mutants", "max-seq-cursor", "--json", "--jobs", "1"])
    row = json.loads(result.stdout)["mutants"][0]
    assert (row["mutant"], row["killed"], row["problem"]) == ("max-seq-cursor", True, None)


# -- what each scenario is there for ----------------------------------------------------------------------------------


def test_a_scenario_that_asks_for_less_is_simpler() -> None:
    clean, lost, longer = find_one("clean-run"), find_one("r30-lost-frame"), find_one("cost-one-hole")
    assert is_simpler(clean, lost)
    assert is_simpler(lost, longer)
    assert not is_simpler(longer, lost)
    assert not is_simpler(lost, find_one("r34-disconnect-in-mid-run"))
    assert not is_simpler(lost, lost)


def register_of(**kills: dict[str, str]) -> kill_register.Register:
    """A register in which every client was tried in every scenario; ``clean_run`` is the scenario clean-run."""
    names = [scenario.name for scenario in kill_register.register_scenarios()]
    by_name = {name: kills.get(name.replace("-", "_"), {}) for name in names}
    return kill_register.Register(dict.fromkeys(names, frozenset(broken_clients())), by_name)


def wanted(register: kill_register.Register, scenario: str) -> tuple[str, ...]:
    """The clients that a search would try next in a scenario."""
    return next((one.clients for one in kill_register.attempts(register) if one.scenario.name == scenario), ())


def test_a_search_tries_first_who_is_likely_to_die_and_nobody_whom_a_simpler_scenario_kills() -> None:
    lost = find_one("r30-lost-frame")
    nothing = kill_register.Register()
    ours = [mutant_client(one) for one in MUTANTS if one.killed.scenario == lost.name]
    assert frozenset(wanted(nothing, lost.name)[: len(ours)]) == frozenset(ours)
    some = nothing.with_found(find_one("clean-run"), kill_register.Found(frozenset(), {"mutant:ends-never-end": "x y"}))
    assert "mutant:ends-never-end" in wanted(nothing, lost.name)
    assert "mutant:ends-never-end" not in wanted(some, lost.name)


def test_a_kill_counts_once_its_client_was_tried_in_every_simpler_scenario() -> None:
    lost, clean = find_one("r30-lost-frame"), find_one("clean-run")
    everywhere = register_of(r30_lost_frame={"mutant:no-ping": "tree/inclusive budget"})
    assert list(everywhere.first_kills(lost)) == ["mutant:no-ping"]
    assert wanted(everywhere, lost.name) == ()
    untried = kill_register.Register({**everywhere.tried, clean.name: frozenset()}, everywhere.by_scenario)
    assert not untried.first_kills(lost)
    assert "mutant:no-ping" in wanted(untried, clean.name)
    simpler = everywhere.with_found(
        clean, kill_register.Found(frozenset(), {"mutant:no-ping": "tree/inclusive budget"})
    )
    assert not simpler.likely_first_kills(lost)


def test_an_attempt_ends_at_the_first_kill_that_no_simpler_scenario_has() -> None:
    scenario = find_one("clean-run").model_copy(update={"generations": ("tree",), "cursors": ("inclusive",)})
    ending = ("mutant:no-ping", "mutant:count-at-every-end", "mutant:max-seq-cursor")
    found = kill_register.try_clients(kill_register.Attempt(scenario, ending, frozenset()))
    assert (found.tried, list(found.kills)) == (frozenset(ending[:2]), [ending[1]])
    all_of_them = kill_register.try_clients(kill_register.Attempt(scenario, ending, frozenset(found.kills)))
    assert all_of_them.tried == frozenset(ending)


def test_a_register_is_read_as_it_was_written_and_goes_on_from_there(tmp_path: Path) -> None:
    lost, clean = find_one("r30-lost-frame"), find_one("clean-run")
    partial = kill_register.Register().with_found(
        clean, kill_register.Found(frozenset({"socket-only"}), {"socket-only by no-holes": "tree/inclusive no-holes"})
    )
    partial = partial.with_found(lost, kill_register.Found(frozenset(broken_clients()), {}))
    path = tmp_path / "register.json"
    path.write_text(kill_register.render(partial), encoding="utf-8")
    kept = kill_register.load(path)
    assert kept == partial
    assert "socket-only" not in wanted(kept, clean.name)
    assert wanted(kept, lost.name) == ()
    afresh = kill_register.Register().with_found(lost, kill_register.Found(frozenset({"tail-cursor"}), {}))
    assert afresh.over(kept).tried == {clean.name: frozenset({"socket-only"}), lost.name: frozenset({"tail-cursor"})}


@pytest.mark.slow
def test_the_kill_register_leaves_nothing_to_try() -> None:
    left = [one.scenario.name for one in kill_register.attempts(kill_register.load())]
    assert not left, "run `gapless mutants --full`"


@pytest.mark.slow
def test_every_mutant_dies_somewhere() -> None:
    register = kill_register.load()
    dead = {
        kill_register.client_of(who) for scenario in kill_register.register_scenarios() for who in register.of(scenario)
    }
    assert not [mutant.name for mutant in MUTANTS if mutant_client(mutant) not in dead]


@pytest.mark.slow
def test_each_scenario_kills_somebody_whom_no_simpler_one_kills_or_is_documentation() -> None:
    idle = kill_register.without_own_kill(kill_register.load(), kill_register.register_scenarios())
    assert not [scenario.name for scenario in idle]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", kill_register.register_scenarios(), ids=lambda scenario: scenario.name)
def test_whom_the_register_says_that_a_scenario_kills_it_kills(scenario: Scenario) -> None:
    first = kill_register.load().first_kills(scenario)
    for who, how in list(first.items())[:2]:
        client, (variant, by) = kill_register.client_of(who), how.split(" ")
        generation, cursor = variant.split("/")
        record = perform(RunRequest(scenario, generation, cursor, client)).record
        assert by in [violation.oracle for violation in record.violations], client
