"""``gapless compare``: clients side by side, in numbers that a script and a maintainer can use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.scenarios.cli.main import main
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running import client_comparison
from gapless.scenarios.running.client_comparison import with_history
from gapless.scenarios.running.runner import RunRequest, perform
from tests.forked import command


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


ONE_VARIANT = ("--generation", "tree", "--cursor", "inclusive", "--jobs", "1")
TWO_CLIENTS = ("--client", "gapless", "--client", "full-rescan")


def compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments])


def test_a_comparison_reports_and_exits_with_0_whatever_it_finds() -> None:
    result = compare("R10", "--client", "poll-then-return", "--client", "gapless", *ONE_VARIANT)
    assert result.exit_code == 0, result.output
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    assert rows["client"] == ["client", "runs", "hold", "lost", "calls", "ratio", "bytes", "reads", "back", "never"]
    assert rows["poll-then-return"][1:4] == ["1", "0", "2"]
    assert rows["gapless"][1:4] == ["1", "1", "0"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_long_history_costs_only_those_who_reread_it() -> None:
    result = compare("clean-run", "--history", "2000", *TWO_CLIENTS, *ONE_VARIANT, "--json", "all.json")
    assert result.exit_code == 0, result.output
    clients = json.loads(Path("all.json").read_text(encoding="utf-8"))["clients"]
    assert clients["gapless"]["calls"] == 2
    assert clients["full-rescan"]["calls"] > 60
    assert clients["full-rescan"]["events_read"] > 6000 > 210 > clients["gapless"]["events_read"]


def test_a_sweep_shows_how_cost_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gapless.scenarios.cli.commands.compare.SWEEP_EVENTS", (100, 300))
    result = compare("--sweep", *TWO_CLIENTS, "--jobs", "1", "--json", "sweep.json")
    assert result.exit_code == 0, result.output
    assert "history-100:" in result.output
    records = json.loads(Path("sweep.json").read_text(encoding="utf-8"))["records"]
    calls = {(record["scenario"], record["client"]): record["rest"]["calls"] for record in records}
    assert calls["history-100", "gapless"] == 1
    assert calls["history-300", "gapless"] == 2
    assert calls["history-300", "full-rescan"] > calls["history-100", "full-rescan"]
    assert {record["generation"] for record in records} == {"tree"}


def test_the_markdown_says_who_what_and_by_which_command() -> None:
    result = compare("R30", "clean-run", *TWO_CLIENTS, *ONE_VARIANT, "--markdown", "table.md")
    assert result.exit_code == 0, result.output
    text = Path("table.md").read_text(encoding="utf-8")
    assert "| client | runs | hold |" in text
    assert "| clean-run | full-rescan |" in text
    assert "Made by `gapless" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("R99",), "no scenario or race"),
        (("--client", "full-rescam"), "did you mean 'full-rescan'?"),
        (("--sweep", "R10"), "leave out names and --history"),
        (("recorded-link-reset", "--history", "5"), "as long as it is"),
        (("R63", "--generation", "session"), "nothing to compare"),
        (("R10", "--markdown", "nowhere/at/all.md"), "--markdown nowhere/at/all.md: there is no directory"),
        (("R10", "--history", "-1"), "--history"),
    ],
)
def test_a_mistake_of_the_user_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    result = compare(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.output


def test_an_interrupt_shows_what_was_found() -> None:
    with subprocess.Popen(
        [*command(), "compare", "R34", "R52", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    ) as running:
        assert running.stderr is not None
        running.stderr.readline()
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "interrupted after" in output
    assert "gapless" in output
    assert "Traceback" not in errors


def test_a_recording_has_the_history_that_it_has() -> None:
    recorded = find_one("recorded-link-reset")
    with pytest.raises(UsageError, match="recording"):
        with_history(recorded, 5)
    assert client_comparison.stretched([recorded], 5) == ()
    assert client_comparison.stretched([recorded], None) == (recorded,)


def test_rereading_a_long_history_at_once_is_not_taken_for_spinning() -> None:
    scenario = with_history(find_one("clean-run"), 8_000)
    record = perform(RunRequest(scenario, "tree", "inclusive", "full-rescan")).record
    assert [violation.oracle for violation in record.violations] == ["budget"]
    assert record.never_returned == 0


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_our_client_holds_at_each_length_of_a_sweep(generation: str) -> None:
    """Its budget has what the catalogue allows for an attach to a long conversation."""
    for length in client_comparison.SHORT_SWEEP_EVENTS:
        scenario = with_history(find_one(client_comparison.SWEEP_SCENARIO), length)
        record = perform(RunRequest(scenario, generation, "inclusive", DEFAULT)).record
        assert record.violations == (), length
