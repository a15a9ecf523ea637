"""The command: what it prints, and the exit code that a script relies on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gapless.scenarios.cli.main import main
from gapless.scenarios.definition.catalogue import catalogue, find
from tests.forked import command
from tests.scenarios.cli.interrupting import interrupted_run

SCENARIO = """name = "mine"
title = "One frame is lost"
origin = "a test"
generations = ["tree"]
cursors = ["inclusive"]
script = ["attach", {{ sleep_s = 5 }}, {{ send = "Do the task" }}, "run"]

[workload]
history_events = 5

[[faults]]
kind = "event-drop"
name = "lost"
match = {{ kind = "{kind}", after_s = 5 }}

[[kills]]
client = "socket-only"
by = "no-tail-loss"
"""


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gapless(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def scenario_file(kind: str = "ActionEvent") -> str:
    path = Path("mine.toml")
    path.write_text(SCENARIO.format(kind=kind), encoding="utf-8")
    return str(path)


def test_a_race_id_runs_what_it_became() -> None:
    in_tree = [one for one in find("R31") if "tree" in one.generations]
    result = gapless("run", "r31", "--generation", "tree", "--jobs", "1")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["scenario", "runs", "verdict", "REST/opt", "ratio", "bytes", "virtual", "kills"]
    assert [line.split()[0] for line in lines[1:-1]] == [one.name for one in in_tree]
    assert all(line.split()[2] == "holds" for line in lines[1:-1])
    runs = 2 * len(in_tree)
    assert re.fullmatch(
        rf"{runs} runs, {runs} hold, 0 fail; REST \d+, optimum \d+; \d+ s simulated in [\d.]+ s", lines[-1]
    )
    assert max(map(len, lines)) <= 80


def test_poll_then_return_fails_on_loss_and_the_replay_shows_the_same() -> None:
    result = gapless("run", "R10", "--client", "poll-then-return", "--jobs", "1")
    assert result.exit_code == 1
    lost = next(line for line in result.output.splitlines() if "no-tail-loss" in line)
    assert re.search(r"ActionEvent [0-9a-f-]{36}, ObservationEvent [0-9a-f-]{36}", lost)
    command = next(line for line in result.output.splitlines() if "gapless replay" in line)
    arguments = command.split("gapless ")[1].split()
    replayed = gapless(*arguments)
    assert replayed.exit_code == 1
    assert lost.strip() in replayed.output
    assert "the same run as in the capsule, event for event" in replayed.output
    assert "run-returned" in replayed.output


def test_full_rescan_passes_on_loss_and_is_over_budget() -> None:
    result = gapless("run", "R10", "--client", "full-rescan", "--jobs", "1")
    assert result.exit_code == 4
    assert "no-tail-loss" not in result.output


def test_the_gravest_verdict_decides() -> None:
    result = gapless(
        "run", "R10", "r30-lost-frame", "--client", "full-rescan", "--client", "socket-only", "--jobs", "1"
    )
    assert result.exit_code == 1


def test_a_fault_that_never_fires_exits_with_5_and_is_named() -> None:
    result = gapless("run", "--scenario-file", scenario_file("NoSuchEvent"), "--no-kills")
    assert result.exit_code == 5
    assert "the planned fault 'lost' (event-drop) never fired" in result.output


def test_a_scenario_of_ones_own_runs_with_its_kills() -> None:
    result = gapless("run", "--scenario-file", scenario_file())
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1].split()[-1] == "1/1"


def test_no_kills_skips_them() -> None:
    result = gapless("run", "--scenario-file", scenario_file(), "--no-kills")
    assert result.output.splitlines()[1].split()[-1] == "-"


def test_the_json_file_holds_the_records() -> None:
    result = gapless("run", "r30-lost-frame", "--json", "records.json", "--jobs", "1")
    assert result.exit_code == 0
    document = json.loads(Path("records.json").read_text(encoding="utf-8"))
    assert document["schema"] == "gapless/records/1"
    assert [(one["generation"], one["cursor"]) for one in document["records"]] == [
        (generation, cursor) for generation in ("legacy", "tree", "session") for cursor in ("inclusive", "exclusive")
    ]
    assert all(one["digest"].startswith("sha256:") for one in document["records"])


def test_check_determinism_runs_twice_and_holds() -> None:
    assert gapless("run", "recorded-link-latency", "--check-determinism", "--no-kills", "--jobs", "1").exit_code == 0


CHANCY = """
import itertools, random
from gapless.scenarios.clients import ours
counter = itertools.count()

def factory(context):
    context.on_event({{"id": f"never the same twice {{{source}}}"}}, False)
    return ours.factory(context)
"""


def write_chancy(source: str) -> None:
    Path("chancy.py").write_text(CHANCY.format(source=source), encoding="utf-8")


@pytest.mark.parametrize(
    "source",
    ["random.random()", "list({'a', 'b', 'c', 'd', 'e', 'f'})", "id(context)", "next(counter)"],
)
def test_a_client_that_is_not_deterministic_exits_with_6(source: str) -> None:
    write_chancy(source)
    result = process(
        "run", "clean-run", "--client", "chancy:factory", "--check-determinism", "--generation", "legacy",
        "--cursor", "inclusive", PYTHONHASHSEED="0",
    )  # fmt: skip
    assert "in a second process, with another hash seed, the same run was another" in result.stdout
    assert "is the first that differs, at 0 s: ◆ client delivered" in result.stdout
    assert result.returncode == 6


def test_a_capsule_of_a_client_that_changed_says_so_and_exits_as_the_run_does() -> None:
    gapless("run", "R10", "--client", "poll-then-return", "--generation", "tree", "--cursor", "inclusive")
    (path,) = Path(".gapless/capsules").iterdir()
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {"digest": "sha256:another"}), encoding="utf-8")
    result = gapless("replay", str(path))
    assert result.exit_code == 1
    assert "client or harness changed since the capsule was written: its choices fit, and" in result.output


def test_a_capsule_whose_replays_differ_exits_with_6() -> None:
    write_chancy("random.random()")
    process("run", "clean-run", "--client", "chancy:factory", "--check-determinism", *ONE)
    path = next(Path(".gapless/capsules").iterdir())
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {"digest": "sha256:another"}), encoding="utf-8")
    result = process("replay", str(path), "--trust")
    assert "not deterministic: two replays gave the journals" in result.stderr
    assert result.returncode == 6


def test_a_tape_that_no_longer_fits_exits_with_6() -> None:
    gapless("run", "recorded-link-latency", "--client", "full-rescan", "--generation", "tree", "--cursor", "inclusive")
    (path,) = Path(".gapless/capsules").iterdir()
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | {"tape": {}}), encoding="utf-8")
    result = gapless("replay", str(path))
    assert result.exit_code == 6
    assert "its choices no longer fit" in result.output


def test_replay_by_scenario_and_seed_needs_no_capsule() -> None:
    result = gapless("replay", "--scenario", "r30-lost-frame", "--seed", "3", "--generation", "session", "--trace")
    assert result.exit_code == 0, result.output
    assert "holds: r30-lost-frame, generation session, cursor inclusive, client gapless, seed 3" in result.output
    assert max(map(len, result.output.splitlines())) <= 100


def test_list_names_every_scenario_and_its_race() -> None:
    result = gapless("list")
    assert result.exit_code == 0
    assert "r10-late-tail" in result.output
    assert "R10" in result.output


def test_the_columns_of_list_stand_below_one_another_in_groups() -> None:
    header, *lines = gapless("list").output.splitlines()
    at = header.index("what happens")
    rows = [line for line in lines if line.startswith("  ")]
    assert {line[at - 2 : at] for line in rows} == {"  "}
    assert len(rows) == len(catalogue())
    titles = [line for line in lines if line and not line.startswith(" ")]
    assert titles[:3] == ["Nothing goes wrong", "Attach and subscribe", "The end of a run"]
    assert len(titles) == len(set(titles))


def test_list_takes_races_and_names() -> None:
    lines = gapless("list", "R10", "clean-run").output.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == ["scenario", "clean-run", "r10-late-tail"]
    result = gapless("list", "R100")
    assert (result.exit_code, "no scenario or race is called 'R100'" in result.output) == (2, True)


@pytest.mark.parametrize("seconds", ["nan", "inf"])
@pytest.mark.parametrize("command", ["explore", "prove"])
def test_a_time_that_no_clock_reaches_is_a_mistake(command: str, seconds: str) -> None:
    result = gapless(command, "--time", seconds)
    assert result.exit_code == 2
    assert f"{seconds!r} is no finite number" in result.output


def test_show_tells_the_story_and_the_file() -> None:
    result = gapless("show", "R10")
    assert result.exit_code == 0
    assert "event-delay" in result.output
    assert "r10-late-tail.toml" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "zeta"), "no scenario or race is called 'zeta'; `gapless list`"),
        (("run", "r10-late-tale"), "did you mean 'r10-late-tail'?"),
        (("run", "--client", "full-rescam"), "no client is called 'full-rescam'; did you mean 'full-rescan'?"),
        (("run", "--client", "no_such_module:factory"), "cannot be imported"),
        (("run", "--client", "json:loadz"), "json has no factory 'loadz'; did you mean 'load"),
        (("run", "R63", "--generation", "session"), "nothing to run"),
        (("run", "R10", "--json", "nowhere/at/all.json"), "there is no directory"),
        (("run", "--scenario-file", "none.toml"), "cannot be read"),
        (("run", "--generation", "baroque"), "baroque"),
        (("run", "--sed", "3"), "--seed"),
        (("show", "R99"), "no scenario or race"),
        (("replay",), "say what to replay"),
        (("replay", "none.json"), "cannot be read"),
        (("replay", "--scenario", "R51"), "scenarios; name one of r51-"),
        (("replay", "--scenario", "R63", "--generation", "session"), "cannot happen in session"),
    ],
)
def test_a_mistake_of_the_user_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    result = gapless(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_kill_of_a_client_that_does_not_exist_is_a_mistake() -> None:
    path = scenario_file()
    Path(path).write_text(Path(path).read_text(encoding="utf-8").replace("socket-only", "socket-lonely"))
    result = gapless("run", "--scenario-file", path)
    assert result.exit_code == 2
    assert "no client is called 'socket-lonely'; did you mean 'socket-only'?" in result.output


def test_a_wrong_scenario_file_is_a_mistake_with_file_line_and_key() -> None:
    path = scenario_file()
    Path(path).write_text(Path(path).read_text(encoding="utf-8").replace("history_events", "histroy_events"))
    result = gapless("run", "--scenario-file", path)
    assert result.exit_code == 2
    assert "mine.toml:9: workload.histroy_events: is no known key; did you mean 'history_events'?" in result.output


def test_every_option_says_in_words_what_it_does() -> None:
    context = click.Context(main)
    names = main.list_commands(context)
    assert "run" in names
    for name in names:
        command = main.get_command(context, name)
        assert command is not None
        for option in command.params:
            if isinstance(option, click.Option):
                words = re.sub(r"\[default: .*\]$", "", option.help or "").strip()
                assert re.search(r"\w+ \w+.*[.!]$", words), (name, option.name, words)
                assert not re.search(r"\(\d+,", words), (name, option.name, words)


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


ONE = ("--generation", "tree", "--cursor", "inclusive")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("run", "r30-lost-frame"), 0),
        (("run", "R10", "--client", "poll-then-return", *ONE), 1),
        (("run", "R99"), 2),
        (("run", "r17-lost-snapshot-waiting", "--client", "full-rescan", *ONE), 3),
        (("run", "R10", "--client", "full-rescan", *ONE), 4),
    ],
)
def test_exit_codes_of_a_process(arguments: tuple[str, ...], code: int) -> None:
    finished = process(*arguments)
    assert finished.returncode == code, finished.stdout + finished.stderr
    assert "Traceback" not in finished.stderr
    assert "\x1b" not in finished.stdout


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_keeps_what_was_found(jobs: str) -> None:
    output = interrupted_run("--json", "records.json", "--jobs", jobs, timeout_s=30)
    assert "interrupted after" in output
    document = json.loads(Path("records.json").read_text(encoding="utf-8"))
    assert document["complete"] is False
    assert document["records"]
