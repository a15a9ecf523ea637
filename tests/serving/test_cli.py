"""`gapless serve` and `gapless check` as commands: what they print, how they end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gapless.scenarios.checking.recording import is_kept
from gapless.scenarios.cli.main import main
from tests.forked import command
from tests.serving.port import quick

CLIENT = [sys.executable, "-S", "-E", str(Path(__file__).parent / "plain_client.py")]


def gapless(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`gapless serve` in a process, and what it says of where it is."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command(), "serve", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    told = {}
    for line in process.stdout:
        name, _, value = line.strip().partition("  ")
        told[name] = value.strip()
        if name == "control":
            break
    try:
        yield process, told
    finally:
        process.kill()
        process.communicate()


def test_serve_says_where_it_is_and_ends_with_a_summary_and_130_on_ctrl_c() -> None:
    with serving("R34", "--api-key", "k") as (process, told):
        assert told["url"].startswith("http://127.0.0.1:")
        assert re.fullmatch(r"[0-9a-f-]{36}", told["conversation id"])
        assert (told["api key"], told["control"]) == ("k", told["url"] + "/sim/")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert "no client came" in out
        assert err == ""


def test_serve_ends_well_when_it_is_told_to_and_tells_the_verdict_so_far() -> None:
    with serving("clean-run") as (process, told):
        port = int(told["url"].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "vacuous so far: clean-run" in out
        assert err == ""


def test_a_port_in_use_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = gapless("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 2
    assert "give another --port" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["serve", "R99"], "no scenario or race"),
        (
            ["serve", "R34", "--host", "no.such.host.invalid", "--port", "0"],
            "--host must be an address of this machine",
        ),
        (["serve", "R34", "--host", "192.0.2.1", "--port", "0"], "--host must be an address of this machine"),
        (["serve", "R34", "--api-key", ""], "--api-key '' can be in no header"),
        (["serve", "R34", "--api-key", "ключ"], "can be in no header; give printable ASCII"),
        (["serve", "cost-attach-long", "--generation", "next"], "next"),
        (["check", "R34"], "say which client"),
        (["check", "--", "true"], "say which scenarios"),
        (["check", "R99", "--", "true"], "no scenario or race"),
        (["check", "clean-run", "--", "no-such-command-anywhere"], "cannot be started"),
        (["check", "clean-run", "--deadline", "36001", "--", "true"], "36001.0 is not in the range"),
        (["check", "clean-run", "--json", "/no/such/place/x.json", "--", "true"], "--json"),
    ],
)
def test_a_mistake_is_a_sentence_and_exit_code_2(words: list[str], says: str) -> None:
    result = gapless(*words)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_serve_warns_of_an_address_that_others_can_reach() -> None:
    with serving("clean-run", "--host", "0.0.0.0") as (_, told):
        assert next(iter(told)).startswith("warning: 0.0.0.0 can be reached from other machines")


def test_check_prints_one_table_and_keeps_what_failed(
    quick_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = gapless("check", "--clock", "real", "--scenario-file", quick_file, "--", *CLIENT)
    assert good.exit_code == 0, good.output
    assert re.search(r"^quick +1/1 holds ", good.output, re.M)
    assert not (tmp_path / ".gapless").exists()
    report = tmp_path / "out.json"
    bad = gapless("check", "--clock", "real", quick_file, "--json", report, "--", *CLIENT, "lossy")
    assert bad.exit_code == 1
    capsule = Path(re.search(r"capsule  (\S+)", bad.output).group(1))  # type: ignore[union-attr]
    assert is_kept(capsule)
    assert json.loads(report.read_text())["records"][0]["verdict"] == "unsafe"
    again = gapless("replay", capsule, "--trace")
    assert again.exit_code == 1
    assert "run-returned" in again.output
    assert "a record of a run in real time" in again.output


def test_check_can_try_every_variant_at_once(quick_file: Path) -> None:
    result = gapless(
        "check",
        "--clock",
        "real",
        "--scenario-file",
        quick_file,
        "--generation",
        "all",
        "--cursor",
        "all",
        "--jobs",
        "4",
        "--",
        *CLIENT,
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"^quick +4/4 holds ", result.output, re.M)


def test_ctrl_c_ends_a_check_with_130_and_leaves_no_process(quick_file: Path) -> None:
    process = subprocess.Popen(
        [*command(), "check", "--clock", "real", "--scenario-file", str(quick_file), "--", *CLIENT, "noisy", "hang"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("more, not shown" in line for line in process.stderr)  # it has been started, and flooded
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted after 0 of 1 checks" in out
    assert "Traceback" not in err
    assert quick().name in out or "scenario" in out
