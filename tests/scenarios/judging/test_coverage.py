"""What never happened in a campaign is listed, and fails it; and every mark of the client can be listed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

from gapless.reports.records.never import Never, render_never
from gapless.reports.records.record import FaultFired, Judged, RunRecord, Verdict
from gapless.scenarios.cli.main import main
from gapless.scenarios.definition import catalogue
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.judging import coverage
from gapless.scenarios.judging.coverage import FAULT_KINDS, CampaignCoverage, Mark, declared
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.syncclient.path_marks import listening, sometimes


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return perform(RunRequest(find_one("r30-lost-frame"), "tree", "inclusive", "gapless")).record


def test_a_mark_is_heard_where_somebody_listens_and_its_condition_holds() -> None:
    heard: list[str] = []
    sometimes("before")
    with listening(heard.append):
        sometimes("plain")
        sometimes("holds", [1])
        sometimes("does not hold", [])
    sometimes("after")
    assert heard == ["plain", "holds"]


def test_a_run_says_which_paths_our_client_took_and_its_journal_does_not(record: RunRecord) -> None:
    assert "repair: by pages from an anchor" in record.taken
    assert list(record.taken) == sorted(record.taken)
    assert set(record.taken) <= {mark.name for mark in declared()}


def test_a_broken_client_takes_no_path_of_ours() -> None:
    assert perform(RunRequest(find_one("r30-lost-frame"), "tree", "inclusive", "full-rescan")).record.taken == ()


def test_marks_are_found_in_the_source_with_their_places() -> None:
    marks = {mark.name: mark.place for mark in declared()}
    place = marks["repair: by pages from an anchor"]
    file, _, number = place.partition(":")
    line = (coverage.CLIENT.parent / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]
    assert 'sometimes("repair: by pages from an anchor")' in line


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("sometimes(name)", "a.py:1: the name of a mark must be a string written out"),
        ("sometimes()", "a.py:1: the name of a mark must be a string written out"),
        ('sometimes("x")\nsometimes("x", True)', "a.py:2: 'x' is marked at .*a.py:1 already"),
    ],
)
def test_a_mark_that_cannot_be_listed_is_refused(tmp_path: Path, source: str, words: str) -> None:
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        declared(tmp_path)


def test_what_never_happened_is_listed(record: RunRecord) -> None:
    campaign = CampaignCoverage(
        fault_kinds=("event-drop", "link-cut"),
        oracles=("no-holes", "honest"),
        marks=(Mark("repair: by pages from an anchor", "a.py:1"), Mark("never reached", "a.py:2")),
    )
    silent = dataclasses.replace(record, judged=(Judged("no-holes", 3), Judged("honest", 0)))
    campaign.add(silent)
    never = (Never("fault", "link-cut"), Never("oracle", "honest"), Never("path", "never reached", "a.py:2"))
    assert campaign.never() == never
    assert campaign.runs_with("path", "repair: by pages from an anchor") == 1
    assert list(render_never(never, campaign.runs)) == [
        "vacuous: in 1 run, 3 things never happened",
        "  kind of fault never acted: link-cut",
        "  oracle never judged anything: honest",
        "  path of the client was never taken: never reached (a.py:2)",
    ]
    assert list(render_never((), 5)) == []


def test_a_fault_that_was_planned_and_did_not_fire_has_not_happened(record: RunRecord) -> None:
    campaign = CampaignCoverage(fault_kinds=("event-drop",), oracles=(), marks=())
    campaign.add(dataclasses.replace(record, faults=(FaultFired("a", "event-drop", 0),)))
    assert campaign.never() == (Never("fault", "event-drop"),)


def test_paths_are_not_asked_of_another_client(record: RunRecord) -> None:
    campaign = CampaignCoverage(fault_kinds=(), oracles=(), marks=(Mark("never reached", "a.py:2"),))
    campaign.add(dataclasses.replace(record, client="full-rescan"))
    assert campaign.never() == ()


def test_every_kind_of_fault_is_planned_somewhere_in_the_catalogue() -> None:
    planned = {fault.kind for scenario in catalogue.catalogue() for fault in scenario.faults}
    assert set(FAULT_KINDS) <= planned


def test_a_whole_catalogue_in_which_things_never_happen_exits_with_5_and_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A catalogue of one scenario that holds: the run alone is good, the campaign proves next to nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gapless.scenarios.cli.commands.run.catalogue", lambda: (find_one("clean-run"),))
    whole = CliRunner().invoke(main, ["run", "--no-kills", "--jobs", "1", "--json", "all.json"])
    assert whole.exit_code == Verdict.VACUOUS.exit_code
    assert "kind of fault never acted: link-cut" in whole.output
    assert (
        "path of the client was never taken: repair: went on at the next hole (syncclient/core/repairs.py:"
        in whole.output
    )
    assert '"name": "link-cut"' in (tmp_path / "all.json").read_text(encoding="utf-8")
    named = CliRunner().invoke(main, ["run", "clean-run", "--no-kills", "--jobs", "1"])
    assert named.exit_code == 0
    assert "never" not in named.output
