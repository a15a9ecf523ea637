"""``gapless explore``: a campaign groups by cause, shrinks, resumes, and is never silent about what did not happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.reports.many_runs.coverage import render_coverage
from gapless.reports.records.never import Never
from gapless.reports.records.record import Verdict, Violation
from gapless.scenarios.capsules import capsule
from gapless.scenarios.cli.main import main
from gapless.scenarios.cli.output.explore_screen import coverage_of
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.campaign import PLANNED_MIN, WORLDS_MIN, Campaign, FailureCause, Group, signature_of
from gapless.scenarios.explore.client_state import fired_in
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.explorer import Explorer, Limits
from gapless.scenarios.explore.finding_files import keep
from gapless.scenarios.explore.shrink import Shrinking, shrink_slice
from gapless.scenarios.explore.symptom import Symptom, symptom_of, symptoms_in
from gapless.scenarios.explore.trial import Block, BlockResult, TrialCounts, WorldFailure, retry_world, try_block
from gapless.scenarios.explore.worlds import KINDS
from gapless.scenarios.interrupt import Stop
from gapless.scenarios.judging.coverage import ORACLE_NAMES
from gapless.scenarios.running.executors import SerialExecutor
from gapless.scenarios.running.journal_difference import fingerprints
from gapless.scenarios.running.runner import RunRequest, perform

LOSS = Symptom("no-tail-loss", "run() returned without n event")
HANG = Symptom("no-hang", "run() had not ended n s after it was called")


def failure(symptom: Symptom, *kinds: str, drawn: tuple[int, ...] = (1, 2, 3)) -> WorldFailure:
    breaks = Verdict.UNSAFE if symptom is LOSS else Verdict.STUCK
    return WorldFailure(drawn, symptom, symptom.shape, breaks, tuple(sorted(kinds)), "tree", "inclusive")


def campaign_with(*failures: WorldFailure, worlds: int = 100) -> Campaign:
    campaign = Campaign("socket-only")
    campaign.add(BlockResult(Block("socket-only", 0, worlds), worlds, TrialCounts(), failures))
    return campaign


# --- symptoms and causes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oracle", "first", "second"),
    [
        (
            "no-tail-loss",
            "run() returned without 1 event (A x)",
            "run() no. 2 returned without 17 events (B y and 3 more)",
        ),
        ("no-hang", "attach() gave up: Error: GET x failed: a 5", "attach() gave up: Error: POST y failed"),
        (
            "returns-in-time",
            "run() returned at 5 s, before the server's end at 5.054 s, by 54.0 ms: a run ends with its final snapshot",
            "run() no. 2 returned at 7.000 s, before the server's end at 9.000 s",
        ),
        (
            "no-holes",
            "at the end 1 event held that no log holds: f78c1730-4042-54d3-a989-c1940874cc61",
            "at the end 2 events held that no log holds: f78c1730-4042-54d3-a989-c1940874cc61, "
            "f78c1730-4042-54d3-a989-c1940874cc62",
        ),
    ],
)
def test_a_symptom_is_what_was_said_without_ids_and_numbers(oracle: str, first: str, second: str) -> None:
    assert symptom_of(Violation(oracle, first)) == symptom_of(Violation(oracle, second))


def test_different_errors_are_different_symptoms() -> None:
    one, other = (Violation("no-hang", f"run() crashed: {error}: x") for error in ("KeyError", "ValueError"))
    assert symptom_of(one) != symptom_of(other)


def test_errors_of_a_program_are_told_apart_by_their_words() -> None:
    shapes = {
        symptom_of(Violation("no-hang", f"run() gave up: Failure: RunError: run {words}")).shape
        for words in (
            "f78c1730-4042-54d3-a989-c1940874cc61: timed out after 120.0 seconds",
            "f78c1730-4042-54d3-a989-c1940874cc62: timed out after 30 seconds",
            "f78c1730-4042-54d3-a989-c1940874cc61: error '429 ' for url 'http://agent.test/a'",
        )
    }
    assert shapes == {
        "run() gave up: Failure: RunError: run : timed out after n seconds",
        "run() gave up: Failure: RunError: run : error for url",
    }


@pytest.mark.parametrize(
    ("status", "late_s", "symptoms"),
    [("error", 0.5, 0), ("stuck", 0.5, 0), ("finished", 0.5, 1), ("error", 60.0, 1)],
)
def test_an_error_that_tells_of_a_failed_run_is_no_symptom(status: str, late_s: float, symptoms: int) -> None:
    """A program may raise when the run has failed. Of any other end, and much later, it may not."""
    violation = Violation("no-hang", "run() gave up: Failure: RunError: it failed", breaks=Verdict.STUCK)
    ended = {"place": "agent", "what": "status", "status": status, "t_s": 6.0}
    error = {"what": "error", "step": "run", "outcome": "failed", "error": "Failure", "t_s": 6.0 + late_s}
    lines = tuple(json.dumps(one, separators=(",", ":")) for one in (ended, error | {"message": "RunError: it failed"}))
    result = perform(RunRequest(find_one("clean-run"), "tree", "inclusive", "gapless"))
    record = replace(result.record, violations=(violation,))
    assert len(symptoms_in(replace(result, lines=lines, record=record))) == symptoms


def test_a_loss_that_only_follows_from_an_early_return_is_no_symptom() -> None:
    script = ["attach", {"sleep_s": 5}, {"send": "Task 1"}, "run", {"send": "Task 2"}]
    data = {
        "name": "x",
        "title": "x",
        "origin": "x",
        "workload": {"runs": [{"init_s": 2, "actions": 0}]},
        "script": script,
    }
    result = perform(RunRequest(Scenario.model_validate(data), "legacy", "inclusive", "poll-then-return"))
    assert {one.oracle for one in result.record.violations} >= {"no-tail-loss", "honest", "returns-in-time"}
    assert [symptom.oracle for symptom in symptoms_in(result)] == ["returns-in-time"]


def test_late_for_any_reason_is_one_cause() -> None:
    causes = {
        signature_of(failure(LOSS, kind)) for kind in ("event-delay", "link-latency", "link-stall", "event-reorder")
    }
    assert causes == {FailureCause(LOSS, ("late",))}


def test_what_has_a_known_cause_is_counted_and_no_longer_waits() -> None:
    late, both, lost = (
        failure(LOSS, "event-delay"),
        failure(LOSS, "event-delay", "clock-step"),
        failure(LOSS, "event-drop"),
    )
    campaign = campaign_with(late, both, both, lost)
    group = campaign.found(late, late, runs=5, at_s=1)
    assert group is not None
    assert group.worlds == 3
    assert [signature.effects for signature in campaign.waiting] == [("lost",)]
    campaign.fail(both)
    assert group.worlds == 4


def test_a_cause_without_faults_explains_only_what_was_shrunk_to_it() -> None:
    late, lost = failure(LOSS, "event-delay"), failure(LOSS, "event-drop")
    campaign = campaign_with(late, lost)
    campaign.found(late, failure(LOSS), runs=5, at_s=1)
    assert list(campaign.waiting.values()) == [lost]
    campaign.found(lost, failure(LOSS), runs=5, at_s=1)
    assert not campaign.waiting
    assert len(campaign.groups) == 1


def test_what_most_worlds_wait_with_is_shrunk_first() -> None:
    seldom, often = failure(HANG, "link-reset"), failure(LOSS, "event-drop", "clock-step")
    plain = failure(LOSS, "event-delay")
    campaign = campaign_with(seldom, often, often, often, plain)
    assert campaign.next_to_shrink() == plain
    assert campaign.next_to_shrink([LOSS]) == seldom
    campaign.found(plain, plain, runs=1, at_s=1)
    assert campaign.next_to_shrink([HANG]) == often
    assert campaign.next_to_shrink() == seldom, "no cause of it is known yet"


def test_what_should_have_happened_and_never_did_is_listed() -> None:
    campaign = Campaign("socket-only", worlds=10)
    assert campaign.never() == ()
    campaign.tally["planned", "link-cut", "tree"] = PLANNED_MIN
    assert campaign.never() == (Never("fault", "link-cut in generation tree"),)
    campaign.tally["fired", "link-cut", "tree"] = 1
    assert campaign.never() == ()
    campaign.worlds = WORLDS_MIN
    assert len(campaign.never()) == len(KINDS) * len(GENERATIONS) - 1 + len(ORACLE_NAMES)


def test_the_state_at_a_fault_is_read_from_the_journal() -> None:
    entries: list[tuple[str, str, dict[str, object]]] = [
        ("socket", "opened", {"connection": 1}),
        ("fault", "fired", {"kind": "a"}),
        ("client", "attach-returned", {}),
        ("fault", "fired", {"kind": "b"}),
        ("client", "run-called", {}),
        ("agent", "run-started", {}),
        ("fault", "fired", {"kind": "b2"}),
        ("agent", "status", {"status": "running"}),
        ("fault", "fired", {"kind": "c"}),
        ("rest", "request", {"call": 1, "counted": True, "path": "/x/events/search"}),
        ("fault", "fired", {"kind": "d"}),
        ("rest", "response", {"call": 1}),
        ("agent", "run-ended", {}),
        ("fault", "fired", {"kind": "e"}),
        ("socket", "closed", {"connection": 1}),
        ("fault", "fired", {"kind": "f"}),
    ]
    lines = [json.dumps({"place": place, "what": what, **rest}, separators=(",", ":")) for place, what, rest in entries]
    states = [state for _, state in sorted(fired_in(lines))]
    assert states == ["attach", "idle", "starting", "run", "repairing", "tail", "reconnecting"]


# --- trying, shrinking, keeping -----------------------------------------------------------------------------------


def test_a_failure_is_shrunk_and_kept_in_files_that_fail_again(tmp_path: Path) -> None:
    failures = try_block(Block("tail-cursor", 0, 12)).failures
    found = min((one for one in failures if one.kinds), key=lambda one: (len(one.drawn), one.drawn, one.symptom))
    shrinking = Shrinking("tail-cursor", found.symptom, found.drawn)
    while not shrinking.done:
        shrinking = shrink_slice(shrinking)
    smallest = next(one for one in retry_world("tail-cursor", shrinking.drawn) if one.symptom == found.symptom)
    kept = keep("tail-cursor", smallest, "found", tmp_path)
    assert kept.faults <= 1
    scenario = load_file(kept.scenario)
    assert [kill.client for kill in scenario.kills] == ["tail-cursor"]
    (variant,) = scenario.variants()
    again = perform(RunRequest(scenario, *variant, "tail-cursor", kept.request.seed))
    assert found.symptom in symptoms_in(again)
    assert again.record.digest == capsule.load(kept.capsule).digest
    assert capsule.load(kept.capsule).fingerprints == fingerprints(again.lines), "to tell where it differs"


def test_a_shrink_that_no_longer_fails_comes_to_its_end() -> None:
    after = shrink_slice(Shrinking("gapless", LOSS, (0,) * 40))
    assert after.done


# --- the whole ----------------------------------------------------------------------------------------------------


class Quiet:
    """A listener that does something at each look."""

    def __init__(self, at_look: Callable[[], None] = lambda: None) -> None:
        self.groups: list[Group] = []
        self.checks: list[tuple[str, bool]] = []
        self._at_look = at_look

    def found(self, group: Group) -> None:
        self.groups.append(group)

    def checked(self, group: Group, still_fails: bool) -> None:
        self.checks.append((group.name, still_fails))

    def look(self, campaign: Campaign, shrinks: tuple[Shrinking, ...], elapsed_s: float) -> None:
        self._at_look()


def go(
    database: Database, limits: Limits, listener: Quiet, stop: Stop | None = None, executor: Executor | None = None
) -> Campaign:
    campaign, _ = database.load(None if database.exists() else 0)
    inside = executor or SerialExecutor()
    Explorer(campaign, database, inside, jobs=1, limits=limits, listener=listener, stop=stop or Stop()).explore()
    return campaign


def test_a_campaign_goes_on_where_it_ended(tmp_path: Path) -> None:
    database = Database(tmp_path, "socket-only")
    first = go(database, Limits(worlds=4, shrinks=0), Quiet())
    assert first.worlds == 4
    assert first.waiting
    again, is_other_code = database.load()
    assert not is_other_code
    assert (again.seed, again.worlds, again.tally) == (first.seed, first.worlds, first.tally)
    assert set(database.examples()) == {one.drawn for one in first.waiting.values()}
    second = go(database, Limits(worlds=2, shrinks=0), Quiet())
    assert second.worlds == 6
    assert set(first.waiting) <= set(second.waiting), "earlier failures were tried again"


def test_earlier_causes_are_checked_again_and_forgotten_when_they_hold(tmp_path: Path) -> None:
    database = Database(tmp_path, "socket-only")
    campaign = go(database, Limits(worlds=4, shrinks=1), Quiet())
    (group,) = campaign.groups
    listener = Quiet()
    assert go(database, Limits(worlds=1, shrinks=0), listener).groups
    assert listener.checks == [(group.name, True)]
    path = database.path(group, ".json")
    path.write_text(path.read_text(encoding="utf-8").replace('"socket-only"', '"gapless"'), encoding="utf-8")
    listener = Quiet()
    assert go(database, Limits(worlds=1, shrinks=0), listener).groups == []
    assert listener.checks == [(group.name, False)]


def test_after_a_change_of_the_code_worlds_are_tried_from_the_first(tmp_path: Path) -> None:
    database = Database(tmp_path, "socket-only")
    go(database, Limits(worlds=2, shrinks=0), Quiet())
    file = database.directory / "campaign.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"code":"', '"code":"x'), encoding="utf-8")
    campaign, is_other_code = database.load()
    assert is_other_code
    assert campaign.worlds == 0
    assert list(database.examples())


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_from_before_is_read(tmp_path: Path, version: int) -> None:
    database = Database(tmp_path, "socket-only")
    group = Group(FailureCause(LOSS, ("lost",)), "lost", failure(LOSS, "event-drop"), by_seed={4: 3})
    database.save(Campaign("socket-only", seed=4, worlds=9, groups=[group]))
    file = database.directory / "campaign.json"
    document = json.loads(file.read_text(encoding="utf-8")) | {"schema": f"gapless/explore/{version}", "level": "wire"}
    (kept,) = document["groups"]
    kept["at_the_wire"] = True
    if version == 1:  # it had no seeds
        kept["worlds"] = sum(kept.pop("by_seed").values())
        document = {key: document[key] for key in ("schema", "client", "level", "groups")}
    file.write_text(json.dumps(document), encoding="utf-8")
    campaign, is_other_code = database.load()
    (found,) = campaign.groups
    assert (found.cause, found.worlds) == (group.cause, 3)
    assert (campaign.worlds, is_other_code) == ((9, False) if version == 2 else (0, True))


def test_a_campaign_is_kept_with_the_code_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(tmp_path, "socket-only")
    with monkeypatch.context() as edited:
        edited.setattr("gapless.scenarios.explore.database.code_digest", lambda: "edited meanwhile")
        database.save(Campaign("socket-only", worlds=10))
        assert Database(tmp_path, "socket-only").load()[1], "it is another code that was tried"
    assert not Database(tmp_path, "socket-only").load()[1]


@pytest.mark.parametrize("text", [None, "{}", '{"schema": "gapless/capsule/99"}'])
def test_a_damaged_capsule_of_a_cause_is_told_in_one_sentence(tmp_path: Path, text: str | None) -> None:
    database = Database(tmp_path, "socket-only")
    path = tmp_path / "socket-only" / "lost.json"
    path.parent.mkdir()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"^{path}: .*; remove {path.parent} to begin anew$"):
        database.request(Group(FailureCause(LOSS, ("lost",)), "lost", failure(LOSS, "event-drop")))


def test_ctrl_c_ends_after_the_work_under_way_with_results_saved(tmp_path: Path) -> None:
    database, stop = Database(tmp_path, "socket-only"), Stop()

    def interrupt() -> None:
        stop.asked = True

    campaign = go(database, Limits(), Quiet(interrupt), stop)
    assert campaign.worlds == 10
    assert database.load()[0].worlds == 10


def explore(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["explore", *arguments])


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is no campaign"), ("{}", "is no campaign (schema: is missing)"), ("[]", "is no campaign")],
)
def test_a_damaged_database_is_told_in_one_sentence(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "gapless" / "campaign.json"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    result = explore("--runs", "1", "--database", str(tmp_path))
    assert result.exit_code == 2
    assert problem in result.output
    assert f"remove {file.parent} to begin anew" in result.output


def test_a_damaged_example_is_told_in_one_sentence(tmp_path: Path) -> None:
    database = Database(tmp_path, "socket-only")
    go(database, Limits(worlds=2, shrinks=0), Quiet())
    for example in (database.directory / "examples").rglob("*"):
        if example.is_file():
            example.write_bytes(b"\xff\x00\xff")
    with pytest.raises(UsageError, match="holds an example that cannot be read"):
        list(database.examples())


def test_usage_is_told(tmp_path: Path) -> None:
    assert explore("--client", "nobody").exit_code == 2
    result = explore("--level", "model", "--database", str(tmp_path))
    assert result.exit_code == 2
    assert "No such option" in result.output
    assert "--level" in result.output


def test_a_small_campaign_in_two_processes(tmp_path: Path) -> None:
    result = explore(
        "--client", "socket-only", "--runs", "30", "--jobs", "2", "--shrinks", "1", "--database", str(tmp_path)
    )
    assert result.exit_code == 1, result.output
    assert "found " in result.output
    assert "gapless replay" in result.output
    assert "30 worlds in" in result.output


def test_the_coverage_table_fits_a_hundred_columns() -> None:
    campaign = Campaign("gapless", worlds=5)
    campaign.tally.update({("fired", "link-cut", "tree"): 12345, ("state", "link-cut", "reconnecting"): 123456})
    lines = list(render_coverage(coverage_of(campaign)))
    assert len(lines) == len(KINDS) + 2
    assert max(map(len, lines)) <= 100
    line = next(line for line in lines if line.startswith("link-cut"))
    assert line.split() == ["link-cut", "·", "12345", "·", "·", "·", "·", "·", "·", "123456", "·"]


@pytest.mark.slow
def test_r10_is_found_in_poll_then_return_and_shrunk_to_a_handful_of_events_and_one_fault(tmp_path: Path) -> None:
    explore(
        *("--client", "poll-then-return", "--runs", "300", "--shrinks", "10", "--seed", "0"),
        *("--jobs", "1", "--database", str(tmp_path)),
    )
    groups = Database(tmp_path, "poll-then-return").load()[0].groups
    r10 = next(group for group in groups if group.cause == FailureCause(LOSS, ("late",)))
    assert r10.faults == 1
    assert r10.events <= 10
