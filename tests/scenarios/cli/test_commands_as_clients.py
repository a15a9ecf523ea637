"""``-- COMMAND...`` wherever ``--client`` is taken: what is printed, written and refused."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.scenarios.cli.main import main
from tests.scenarios.lockstep.programs import ANSWERS, RACING, WEBSOCKETS, program

SESSION = ("--generation", "session", "--cursor", "inclusive")
TREE = ("--generation", "tree", "--cursor", "inclusive")
NOISY = ANSWERS.format(
    body="print('asked', step, file=sys.stderr, flush=True)\n    if step == 'run': raise ValueError('no idea')"
)


@pytest.fixture(autouse=True)
def somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gapless(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def noisy() -> tuple[str, ...]:
    return program(Path(), NOISY, "noisy.py")


# --- run and check ---------------------------------------------------------------------------------------------------


def test_run_takes_a_command_and_checks_that_it_is_the_same_run_in_a_second_process() -> None:
    result = gapless(
        "run", "clean-run", *SESSION, "--check-determinism", "--jobs", 1, "--json", "all.json", "--", *WEBSOCKETS
    )
    assert result.exit_code == 0, result.output
    assert "clean-run                     1/1 holds" in result.output
    (record,) = json.loads(Path("all.json").read_text(encoding="utf-8"))["records"]
    assert (record["client"], record["clock"], record["kills"]) == ("python_websockets.py", "virtual", [])


def test_several_processes_share_the_runs_of_a_command() -> None:
    result = gapless("run", "clean-run", "r30-lost-frame", *SESSION, "--jobs", 2, "--label", "mine", "--", *WEBSOCKETS)
    assert result.exit_code == 1, result.output
    assert "unsafe: r30-lost-frame, generation session, cursor inclusive, client mine, seed 0" in result.output


def test_a_failed_run_shows_what_the_program_printed_and_a_report_has_it_at_its_time() -> None:
    result = gapless("run", "clean-run", *TREE, "--jobs", 1, "--out", "report", "--no-sweep", "--", *noisy())
    assert result.exit_code == 3, result.output
    assert "  printed by the client\n        0.000 s  asked attach\n" in result.output
    assert "ValueError: no idea" in result.output
    again = gapless("report", "report")
    assert again.exit_code == 3 or "report" in again.output, again.output
    (story,) = Path("report/capsules").glob("*.json")
    traced = gapless("replay", story, "--trace", "--trust")
    assert "◆ client    stderr     asked attach" in traced.output
    assert "the same run as in the capsule, event for event" in traced.output
    assert traced.exit_code == 3


def test_check_runs_the_newest_variant_in_virtual_time() -> None:
    result = gapless("check", "clean-run", "--deadline", 5, "--", *WEBSOCKETS)
    assert result.exit_code == 0, result.output
    assert "bytes virtual kills" in result.output
    assert "--deadline is for --clock real" in result.output


def test_a_command_without_a_shim_gets_the_real_clock_and_is_told() -> None:
    result = gapless("check", "clean-run", "--deadline", 1, "--", sys.executable, "-I", "-c", "pass")
    assert "loads no shim within 5 s" in result.output
    assert "this client gets the real clock, on a real port" in result.output
    assert "bytes    real kills" in result.output


def test_a_command_that_never_says_an_id_is_told_that_its_deliveries_are_not_judged() -> None:
    said = Path(WEBSOCKETS[1]).read_text(encoding="utf-8")
    silent = "".join(line for line in said.splitlines(keepends=True) if '{"id"' not in line)
    result = gapless("run", "clean-run", *SESSION, "--", *program(Path(), silent))
    assert result.exit_code == 0, result.output
    assert 'not judged by delivered-once in 1 run: the client printed no {"id": "…"}' in result.output


# --- compare, explore, replay ----------------------------------------------------------------------------------------


def test_compare_puts_a_command_beside_the_other_clients() -> None:
    result = gapless("compare", "clean-run", *SESSION, "--jobs", 1, "--", *WEBSOCKETS)
    assert result.exit_code == 0, result.output
    clients = [line.split()[0] for line in result.output.splitlines() if line]
    assert {"gapless", "full-rescan", "python_websocket…"} <= set(clients)


def test_replay_takes_a_scenario_and_a_command() -> None:
    result = gapless("replay", "--scenario", "clean-run", *SESSION, "--trace", "--", *WEBSOCKETS)
    assert result.exit_code == 0, result.output
    assert "client python_websockets.py, seed 0" in result.output


def test_a_replay_names_the_versions_that_differ() -> None:
    gapless("run", "clean-run", *TREE, "--jobs", 1, "--", *noisy())
    (path,) = Path(".gapless/capsules").iterdir()
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["schema"], kept["command"]) == ("gapless/capsule/3", list(noisy()))
    kept["ran_on"] |= {"runtime": "CPython 3.9.1"}
    path.write_text(json.dumps(kept), encoding="utf-8")
    assert "event for event, on other versions: CPython 3.9.1 → CPython 3" in gapless("replay", path, "--trust").output


def test_a_replay_elsewhere_says_which_file_is_missing() -> None:
    gapless("run", "clean-run", *TREE, "--jobs", 1, "--", *noisy())
    (path,) = Path(".gapless/capsules").iterdir()
    Path("noisy.py").unlink()
    result = gapless("replay", path)
    assert result.exit_code == 2
    assert "and there is no noisy.py in" in result.output


def test_explore_draws_worlds_for_a_command_and_keeps_them_under_its_label() -> None:
    result = gapless("explore", "--runs", 2, "--shrinks", 0, "--jobs", 1, "--label", "mine", "--", *RACING)
    assert re.search(r"client mine, seed \d+: 2 worlds", result.output)
    assert sorted(os.listdir(".gapless/explore")) == ["mine"]
    again = gapless("explore", "--runs", 1, "--shrinks", 0, "--jobs", 1, "--label", "mine", "--", *RACING)
    assert "going on after 2 worlds" in again.output


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "clean-run", "--", "nonesuch"), "the command 'nonesuch' cannot be started"),
        (("explore", "--runs", "1", "--", "nonesuch"), "the command 'nonesuch' cannot be started"),
        (("run", "clean-run", "--client", "socket-only", "--", *WEBSOCKETS), "a client is given twice"),
        (("run", "clean-run", "--label", "mine"), "--label is for a client that is a command"),
        (("run", "clean-run", "--clock", "real"), "--clock is for a client that is a command"),
        (("run", "clean-run", "--label", "gapless", "--", *WEBSOCKETS), "give the command another with --label"),
        (("run", "clean-run", "--clock", "virtual", "--", "true"), "leave out --clock virtual"),
        (("explore", "--clock", "real", "--", *WEBSOCKETS), "`gapless explore` needs virtual time"),
        (("compare", "clean-run", "--clock", "real", "--", *WEBSOCKETS), "`gapless compare` needs virtual time"),
        (("replay", "some.json", "--", *WEBSOCKETS), "a capsule has a client of its own"),
        (("run", "clean-run", "--clock", "real", "--check-determinism", "--", *WEBSOCKETS), "needs virtual time"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_before_anything_runs(words: tuple[str, ...], says: str) -> None:
    result = gapless(*words)
    assert result.exit_code == 2, result.output
    assert says in " ".join(result.output.split())
    assert not Path(".gapless").exists()


def test_what_cannot_be_virtual_is_a_sentence_and_exit_code_2() -> None:
    command = program(Path(), ANSWERS.format(body="import subprocess; subprocess.run(['true'])"))
    result = gapless("run", "clean-run", *TREE, "--jobs", 1, "--", *command)
    assert result.exit_code == 2, result.output
    assert "cannot be in virtual time: the client starts a child process" in result.output
