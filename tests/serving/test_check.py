"""A command is judged as it deserves: what it holds, what it spent, whether it came back; its crash is a verdict."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from gapless.reports.records.record import Verdict
from gapless.scenarios.checking import recording
from gapless.scenarios.checking.check import Checked, check
from gapless.scenarios.checking.deadlines import with_real_time_deadline
from gapless.scenarios.checking.replay_text import retell
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.running.script_player import leaves
from gapless.scenarios.serving.session_server import SessionServer
from tests.serving.port import quick, quick_request

CLIENT = Path(__file__).parent / "plain_client.py"


async def checked(*words: str, shown: list[str] | None = None, deadline_s: float = 5, **changed: Any) -> Checked:
    """Put the plain client through a quick scenario."""
    expect = {"run_bound_s": 0.5, "step_deadline_s": deadline_s} | changed.pop("expect", {})
    argv = (sys.executable, "-S", "-E", str(CLIENT), *words)
    show = ([] if shown is None else shown).append
    with trio.fail_after(20):
        return await check(quick_request(expect=expect, **changed), argv, show=show)


def told(result: Checked) -> dict[str, str]:
    """The violations, by oracle."""
    return {one.oracle: one.message for one in result.record.violations}


async def test_a_client_that_holds_everything_holds() -> None:
    result = await checked()
    assert (result.record.verdict, told(result)) == (Verdict.HOLDS, {})
    assert result.record.rest.calls > 2
    unsaid = {one.oracle for one in result.record.unjudged}
    assert unsaid == {"content", "delivered-in-order", "delivered-once", "ends-first", "says-what-it-did", "state"}
    idle = {judged.oracle for judged in result.record.judged if not judged.count}
    # This script does not read the history, sets no bound for deliveries, and has no outage.
    assert idle == {*unsaid, "history", "delivered-in-time", "jitter"}


async def test_a_client_that_lost_events_is_unsafe_and_says_which() -> None:
    result = await checked("lossy")
    assert result.record.verdict is Verdict.UNSAFE
    assert result.record.lost_events == 2
    assert "returned without 2 events" in told(result)["no-tail-loss"]


async def test_a_client_that_spends_more_than_its_budget_is_over_budget() -> None:
    result = await checked(budget={})
    assert result.record.verdict is Verdict.OVER_BUDGET


async def test_a_crash_is_a_verdict_with_its_last_words() -> None:
    result = await checked("crash")
    assert result.record.verdict is Verdict.STUCK
    assert "exit code 1; RuntimeError: the sky fell down" in told(result)["no-hang"]


async def test_the_last_word_of_a_crash_is_the_error_and_not_what_a_runtime_prints_after_it() -> None:
    words = "TypeError: it is not a function\\n    at file:///x.mjs:3\\n\\nNode.js v20.0.0\\n"
    argv = (sys.executable, "-S", "-E", "-c", f"import sys; sys.stderr.write('{words}'); sys.exit(1)")
    with trio.fail_after(20):
        result = await check(quick_request(), argv, show=lambda line: None)
    assert "exit code 1; TypeError: it is not a function" in told(result)["no-hang"]


def test_a_step_in_real_time_is_given_two_minutes_unless_the_scenario_knows_better() -> None:
    unsaid, said = quick(expect={}), quick(expect={"step_deadline_s": 4000})
    assert with_real_time_deadline(unsaid).expect.step_deadline_s == 120
    assert with_real_time_deadline(said) is said
    assert with_real_time_deadline(said, 3).expect.step_deadline_s == 3


async def test_an_exit_without_an_answer_is_a_crash_too() -> None:
    assert "without an answer" in told(await checked("exit"))["no-hang"]


async def test_a_hang_is_a_verdict() -> None:
    result = await checked("hang", deadline_s=0.6)
    assert "run() had not ended 0.6 s after it was called" in told(result)["no-hang"]


async def test_a_typed_failure_is_an_answer_where_the_scenario_allows_it() -> None:
    assert "gave up: Failed: nobody answered" in told(await checked("typed"))["no-hang"]
    allowed = await checked("typed", expect={"errors_allowed": True})
    assert "no-hang" not in told(allowed)


async def test_an_answer_that_makes_no_sense_is_told_as_such() -> None:
    assert "what is no report: held" in told(await checked("nonsense"))["no-hang"]


async def test_noise_is_no_report_and_is_shown() -> None:
    shown: list[str] = []
    result = await checked("noisy", shown=shown)
    assert result.record.verdict is Verdict.HOLDS
    assert "plain words" in shown
    assert shown.count("a warning") == 300


@pytest.mark.parametrize("where", ["1", "os.open(os.environ['GAPLESS_REPORT'], os.O_WRONLY | os.O_APPEND)"])
async def test_a_flood_of_reports_is_a_verdict_when_the_journal_is_full(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gapless.scenarios.checking.check.SessionServer", partial(SessionServer, entries_max=3000))
    code = "import os\nwhere = " + where + '\nwhile True: os.write(where, b\'{"id": "a"}\\n\' * 1000)'
    with trio.fail_after(20):
        result = await check(quick_request(), (sys.executable, "-S", "-E", "-c", code), show=lambda line: None)
    assert told(result)["no-hang"] == "the journal is full (3000 entries); is the client in a busy loop?"
    assert result.record.verdict is not Verdict.HOLDS


async def test_a_report_file_that_grows_faster_than_it_is_read_holds_up_nobody() -> None:
    code = "import os, time\nopen(os.environ['GAPLESS_REPORT'], 'ab').write(b'noise\\n' * 5_000_000)\ntime.sleep(60)"
    request = quick_request(expect={"run_bound_s": 0.5, "step_deadline_s": 0.5})
    with trio.fail_after(10):
        result = await check(request, (sys.executable, "-S", "-E", "-c", code), show=lambda line: None)
    assert "attach() had not ended 0.5 s" in told(result)["no-hang"]


async def test_reports_may_come_in_a_file() -> None:
    assert (await checked("file")).record.verdict is Verdict.HOLDS


async def test_events_may_be_reported_as_they_come() -> None:
    result = await checked("reaching")
    assert result.record.verdict is Verdict.HOLDS
    assert sum(entry.what == "delivered" and entry.place == "client" for entry in result.entries) == len(result.log)


async def test_a_command_that_drives_itself_is_judged_by_its_posts_and_its_exit() -> None:
    result = await checked("alone")
    assert (result.record.verdict, told(result)) == (Verdict.HOLDS, {})
    steps = [entry.what for entry in result.entries if entry.place == "client" and entry.what.endswith("-called")]
    assert steps == ["attach-called", "send-called", "run-called"]


async def test_a_command_that_drives_itself_and_holds_nothing_is_unsafe() -> None:
    assert (await checked("alone", "mute")).record.verdict is Verdict.UNSAFE


async def test_a_command_that_ends_without_having_connected_is_no_client() -> None:
    with trio.fail_after(20):
        result = await check(quick_request(), (sys.executable, "-S", "-E", "-c", ""), show=lambda line: None)
    assert result.record.verdict is Verdict.STUCK
    assert "exit code 0, without having connected to GAPLESS_URL" in told(result)["no-hang"]


async def test_what_the_script_would_have_done_to_one_that_answers_is_missed() -> None:
    result = await checked("alone", script=["attach", {"send": "x"}, "run", "disconnect", {"restart_s": 1}])
    assert result.record.verdict is Verdict.VACUOUS
    missed = [one.message for one in result.record.violations]
    assert missed == [
        f"the planned fault {word!r} (step of the script) never fired: this run proves nothing about it"
        for word in ("disconnect", "restart")
    ]


@pytest.mark.parametrize(("word", "says"), [("crash", "run() crashed"), ("hang", "run() had not ended")])
async def test_a_command_that_drives_itself_may_crash_or_hang(word: str, says: str) -> None:
    # On a busy machine an interpreter takes a second to start, and what it has not begun it cannot hang in.
    result = await checked("alone", word, deadline_s=2)
    assert says in told(result)["no-hang"]


async def test_a_fault_that_never_fires_makes_the_check_vacuous() -> None:
    fault = {"kind": "link-reset", "name": "never", "at_s": 3000}
    result = await checked(faults=[fault])
    assert result.record.verdict is Verdict.VACUOUS
    assert "'never'" in told(result)["vacuity"]


async def test_a_key_is_given_to_the_command() -> None:
    assert (await checked(server={"api_key": "s3cret"})).record.verdict is Verdict.HOLDS


async def test_the_harness_restarts_the_server_between_steps() -> None:
    result = await checked(script=["attach", {"restart_s": 0.1}, "heal", {"sleep_s": 0.01}, {"send": "x"}, "run"])
    assert result.record.verdict is Verdict.HOLDS
    assert "restarted" in [entry.what for entry in result.entries]


async def test_what_a_command_leaves_behind_is_killed() -> None:
    before = set(_sleepers())
    await checked("child")
    with trio.fail_after(5):
        while set(_sleepers()) - before:
            await trio.sleep(0.02)


def _sleepers() -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"time.sleep(3600)" in path.read_bytes() and path.parent.stat().st_uid == os.getuid():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


async def test_a_command_that_does_not_exist_is_the_callers_mistake() -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        await check(quick_request(), ["no-such-command-anywhere"], show=print)
    error = leaves(raised.value)[0]
    assert isinstance(error, UsageError)
    assert "no-such-command-anywhere" in str(error)


async def test_a_run_in_real_time_is_kept_and_judged_again_from_its_file(tmp_path: Path) -> None:
    result = await checked("lossy")
    path = recording.write(result, tmp_path)
    assert recording.is_kept(path)
    again = recording.load(path)
    assert again.is_whole
    assert dataclasses.asdict(again.judged()) == dataclasses.asdict(result.record)
    verdict, text = retell(path, trace=True)
    assert verdict is Verdict.UNSAFE
    assert "run-returned" in text
    assert "cannot happen again" in text
    assert re.search(r"; \d+\.\d s in real time$", text, re.MULTILINE)


async def test_a_file_that_was_changed_is_noticed(tmp_path: Path) -> None:
    path = recording.write(await checked("lossy"), tmp_path)
    document = json.loads(path.read_text())
    document["journal"].pop(3)
    path.write_text(json.dumps(document))
    assert "not the one that was written" in retell(path, trace=False)[1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"schema": "gapless/realtime/1"', "not JSON"),
        ('{"schema": "gapless/realtime/9"}', "gapless/realtime/9"),
        ('{"schema": "gapless/realtime/1"}', "scenario: is missing"),
    ],
)
def test_a_broken_file_is_told_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    assert recording.is_kept(path)
    with pytest.raises(CapsuleError, match=says):
        recording.load(path)
