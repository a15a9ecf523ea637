"""Programs on real libraries in a simulated world: what becomes of them, each time the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep import client as lockstep_client
from gapless.scenarios.lockstep.client import CommandFactory, factory
from gapless.scenarios.lockstep.process import Pool
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.cause import Cause, StepOfScript
from tests.interop import environments
from tests.lockstep.environments import libraries

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"
EXAMPLES = ROOT / "scenarios" / "examples"
RUNS = 2

SCENARIOS = ("clean-run", "r34-disconnect-in-mid-run", "r30-lost-frame", "r10-late-tail")
# Whoever listens to the session socket only, and believes the first snapshot that says so, loses what comes after it.
LISTENERS = (Verdict.HOLDS, Verdict.HOLDS, Verdict.UNSAFE, Verdict.UNSAFE)
# Whoever has no socket loses nothing, and pays for it. What strikes a socket does not strike it.
POLLERS = (Verdict.OVER_BUDGET, Verdict.VACUOUS, Verdict.VACUOUS, Verdict.VACUOUS)

HERE = {
    "with_urllib.py": POLLERS,
    "with_httpx.py": POLLERS,
    "with_anyio.py": POLLERS,
    "with_trio.py": LISTENERS,
    "with_websockets_sync.py": LISTENERS,
    "with_websocket_client.py": LISTENERS,
}
ELSEWHERE = {"with_requests.py": POLLERS, "with_aiohttp.py": LISTENERS}


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Processes that end with the test."""
    pool = Pool()
    yield pool
    pool.close()


def played(client: CommandFactory, scenario: str, generation: str = "session", seed: int = 0) -> RunResult:
    """One run."""
    return perform(RunRequest(find_one(scenario), generation, "inclusive", "lockstep", seed), factory=client)


def _check(command: Sequence[str], expected: Sequence[Verdict], pool: Pool) -> None:
    client = factory(command, pool=pool)
    for scenario, verdict in zip(SCENARIOS, expected, strict=True):
        results = [played(client, scenario) for _ in range(RUNS)]
        assert client.last is not None
        assert [result.record.verdict for result in results] == [verdict] * RUNS, (scenario, client.last.printed)
        assert len({result.record.digest for result in results}) == 1, scenario
        assert client.last.stalled is None


@pytest.mark.parametrize("program", HERE)
def test_a_client_is_judged_in_virtual_time(program: str, pool: Pool) -> None:
    _check([sys.executable, str(CLIENTS / program)], HERE[program], pool)


@pytest.mark.slow
@pytest.mark.parametrize("program", ELSEWHERE)
def test_a_client_on_libraries_of_its_own_is_judged_in_virtual_time(program: str, pool: Pool) -> None:
    _check([libraries(), str(CLIENTS / program)], ELSEWHERE[program], pool)


def test_the_asyncio_example_is_judged_in_virtual_time(pool: Pool) -> None:
    _check([sys.executable, str(EXAMPLES / "python_websockets.py")], LISTENERS, pool)


def test_libraries_do_not_matter_where_the_network_sees_the_same(pool: Pool) -> None:
    one = factory([sys.executable, str(CLIENTS / "with_trio.py")], pool=pool)
    other = factory([sys.executable, str(CLIENTS / "with_websocket_client.py")], pool=pool)
    assert played(one, "clean-run").record.digest == played(other, "clean-run").record.digest


def test_a_fresh_process_gives_the_same_run_as_one_that_is_kept(pool: Pool) -> None:
    command = [sys.executable, str(CLIENTS / "with_websockets_sync.py")]
    kept = [played(factory(command, pool=pool), "r34-disconnect-in-mid-run").lines for _ in range(2)]
    fresh = Pool()
    kept.append(played(factory(command, pool=fresh), "r34-disconnect-in-mid-run").lines)
    fresh.close()
    assert kept[0] == kept[1] == kept[2]


def digests() -> list[str]:
    """Of two runs, each performed twice."""
    pool = Pool()
    client = factory([sys.executable, str(CLIENTS / "with_websocket_client.py")], pool=pool)
    found = [played(client, name).record.digest for name in ("r34-disconnect-in-mid-run", "r10-late-tail") * 2]
    pool.close()
    return found


def test_another_harness_process_gives_the_same_runs() -> None:
    program = "import json; from tests.lockstep.test_clients import digests; print(json.dumps(digests()))"
    environment = os.environ | {"PYTHONHASHSEED": "4711"}
    asked = [sys.executable, "-c", program]
    answer = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    here = digests()
    assert json.loads(answer.stdout) == here
    assert here[:2] == here[2:]


def test_a_program_is_started_anew_where_its_imports_read_other_variables(pool: Pool) -> None:
    """The session generation has a key, the tree generation has none: the poller reads it while it is imported."""
    client = factory([sys.executable, str(CLIENTS / "with_urllib.py")], pool=pool)
    for generation in ("session", "tree", "session"):
        assert played(client, "clean-run", generation).record.verdict == Verdict.OVER_BUDGET


@pytest.mark.parametrize(("folder", "seen", "imports"), [("site-packages", False, 1), ("own", True, 2)])
def test_a_package_that_copies_the_environment_is_imported_once(
    folder: str, seen: bool, imports: int, pool: Pool, tmp_path: Path
) -> None:
    """One that the program brings along may look for our variables."""
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "settings.py").write_text("import os\nKEPT = dict(os.environ)\n")
    source = f"import sys\nsys.path.append({str(tmp_path / folder)!r})\nimport settings\n"
    source += "print('imported', 'GAPLESS_URL' in settings.KEPT, 'PATH' in settings.KEPT, flush=True)\ninput()\n"
    client = factory([sys.executable, "-c", source], pool=pool)
    printed: list[str] = []
    for scenario in ("clean-run", "clean-run-whole-log", "clean-run"):
        played(client, scenario)
        assert client.last is not None
        printed += [one.text for one in client.last.printed]
    assert printed == [f"imported {seen} True"] * imports


def _printed(client: CommandFactory) -> list[str]:
    played(client, "clean-run")
    assert client.last is not None
    return [one.text for one in client.last.printed]


def test_a_program_is_started_anew_where_its_source_has_changed(pool: Pool, tmp_path: Path) -> None:
    program, helper = tmp_path / "program.py", tmp_path / "helper.py"
    helper.write_text("NAME = 'one'\n")
    program.write_text("import helper\nprint(helper.NAME)\ninput()\n")
    client = factory([sys.executable, "-B", str(program)], pool=pool)
    assert _printed(client) == ["one"]
    assert _printed(client) == [], "it was imported once"
    helper.write_text("NAME = 'two more'\n")
    assert _printed(client) == ["two more"]
    program.write_text("print('three')\ninput()\n")
    assert _printed(client) == ["three"]


def test_a_program_of_another_directory_is_another_one(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = factory([sys.executable, "program.py"], pool=pool)
    found = []
    for name in ("one", "two", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        if not Path("program.py").exists():
            Path("program.py").write_text(f"print({name!r})\ninput()\n")
        found.append(_printed(client))
    assert found == [["one"], ["two"], []], "the first is kept meanwhile"


def test_a_client_that_spins_is_ended_and_its_process_kept(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep_client, "BUSY_MAX", 30)
    source = "print('imported', flush=True)\ninput()\nimport time\nwhile True: time.time()"
    client = factory([sys.executable, "-c", source], pool=pool)
    assert _printed(client) == ["imported"]
    assert client.last is not None
    assert "the client spun" in str(client.last.error)
    assert _printed(client) == [], "it was imported once"


@pytest.mark.parametrize("what", ["import time; time.sleep(1e6)", "import threading; threading.Event().wait()"])
def test_a_client_that_hangs_leaves_its_process_for_the_next_run(what: str, pool: Pool) -> None:
    source = "print('imported', flush=True)\n" + CRASHES.format(step="send", what=what)
    client = factory([sys.executable, "-c", source], pool=pool)
    results = [played(client, "clean-run")]
    assert client.last is not None
    assert [one.text for one in client.last.printed] == ["imported"]
    results.append(played(client, "clean-run"))
    assert client.last.printed == [], "it was imported once"
    assert [result.record.verdict for result in results] == [Verdict.STUCK] * 2
    assert results[0].lines == results[1].lines


def test_a_schedule_of_threads_is_part_of_the_run(pool: Pool) -> None:
    command = [sys.executable, str(CLIENTS / "with_websockets_sync.py")]
    plain = factory(command, pool=pool)
    played(plain, "clean-run")
    assert plain.last is not None
    points = plain.last.points
    assert (plain.last.switched, points > 100) == (0, True)
    switches = [(point, 0) for point in range(50, points, 7)]
    found = []
    for _ in range(2):
        client = factory(command, switches=switches, pool=pool)
        result = played(client, "clean-run")
        assert client.last is not None
        assert client.last.switched > 0
        found.append((result.record.digest, client.last.points, client.last.switched))
    assert found[0] == found[1]


CRASHES = """
import json, sys
for line in sys.stdin:
    step = json.loads(line)["step"]
    if step == "{step}":
        {what}
    print(json.dumps(dict(done=step, held=[])), flush=True)
"""


@pytest.mark.parametrize(
    ("what", "outcome", "words"),
    [
        ("raise ValueError('boom')", "crashed", "exit code 1; ValueError: boom"),
        ("sys.exit(0)", "crashed", "exit code 0, without an answer"),
        ("print(json.dumps(dict(failed=step, error='no luck')), flush=True); continue", "failed", "no luck"),
        ("print(json.dumps(dict(done=step, held=5)), flush=True); continue", "crashed", "no report"),
        ("import time; time.sleep(1e6)", "hung", "deadline"),
        ("while True: __import__('time').time()", "crashed", "the client spun"),
        ("import os; os.fork()", "crashed", "child process"),
    ],
)
def test_a_client_that_fails_is_told_as_such(
    what: str, outcome: str, words: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockstep_client, "BUSY_MAX", 30)
    client = factory([sys.executable, "-c", CRASHES.format(step="send", what=what)], pool=pool)
    lines = [json.loads(line) for line in played(client, "clean-run").lines]
    errors = [line for line in lines if line["what"] == "error"]
    # A program that sleeps for good does not close either.
    assert [error["outcome"] for error in errors] == [outcome] * (2 if outcome == "hung" else 1)
    assert words in errors[0]["message"]
    # The next run is not harmed by it.
    assert played(client, "clean-run").record.verdict != Verdict.HOLDS


def test_a_client_that_connects_again_and_again_is_ended(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No WebSocket can bring it the frame. Without a bound it would open 1,500 of them, minutes of real time."""
    monkeypatch.setattr(lockstep_client, "SOCKETS_MAX", 5)
    client = factory([sys.executable, str(EXAMPLES / "python_websockets.py")], pool=pool)
    lines = [json.loads(line) for line in played(client, "r38-frame-beyond-every-limit").lines]
    errors = [line for line in lines if line["what"] == "error"]
    assert [(one["outcome"], "more than 5 WebSockets" in one["message"]) for one in errors] == [("crashed", True)]


def test_a_client_that_dials_somewhere_else_is_refused_there(pool: Pool) -> None:
    source = (
        "import socket\ntry: socket.create_connection(('x.test', 443))\nexcept OSError as error: print(error)\ninput()"
    )
    client = factory([sys.executable, "-c", source], pool=pool)
    played(client, "clean-run")
    assert client.last is not None
    assert [one.text for one in client.last.printed] == ["[Errno 111] Connection refused"]


KNOCKS = """
import json, socket, sys, threading, time
def knock():
    while True:
        try: socket.create_connection(("agent.test", 80)).close(); print("open", flush=True)
        except ConnectionRefusedError: print("refused", flush=True)
        time.sleep(0.2)
threading.Thread(target=knock, daemon=True).start()
for line in sys.stdin:
    print(json.dumps(dict(done=json.loads(line)["step"], held=[])), flush=True)
    time.sleep(4)
"""


def test_a_server_that_is_down_refuses_connections(pool: Pool) -> None:
    client = factory([sys.executable, "-c", KNOCKS], pool=pool)
    scenario = find_one("r33-restart-in-mid-run")
    (restart,) = scenario.faults
    in_a_step = {"at": Cause(step=StepOfScript(name="run"), delay_s=0.6)}  # this client starts no run
    scenario = scenario.model_copy(update={"faults": (restart.model_copy(update=in_a_step),)})
    result = perform(RunRequest(scenario, "session", "inclusive", "lockstep", 0), factory=client)
    entries = [json.loads(line) for line in result.lines]
    down_s, up_s = (next(one["t_s"] for one in entries if one["what"] == what) for what in ("restarting", "restarted"))
    assert client.last is not None
    refused = [one.t_s for one in client.last.printed if one.text == "refused"]
    opened = [one.t_s for one in client.last.printed if one.text == "open"]
    assert refused
    assert all(down_s <= t_s <= up_s for t_s in refused)
    assert all(t_s <= down_s or t_s >= up_s for t_s in opened)


def test_a_client_that_ends_before_its_first_step_has_crashed(pool: Pool) -> None:
    client = factory([sys.executable, "-c", "raise SystemError('at once')"], pool=pool)
    result = played(client, "clean-run")
    assert any("at once" in line for line in result.lines)
    assert any("at once" in one.text for one in client.early)


def test_a_command_that_does_not_exist_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"'no-such-client' cannot be started \(no such program\); check its name"):
        factory(["no-such-client"])
    script = tmp_path / "client.py"
    script.write_text("")
    with pytest.raises(UsageError, match="name its interpreter, or make it executable"):
        factory([str(script)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is no program; name its interpreter"):
        factory([script.name])


SDK_RUNS = 20
SDK = {
    "r10-late-tail": Verdict.UNSAFE,
    "r15-idle-while-initialising": Verdict.UNSAFE,
    "r15-long-initialisation": Verdict.OVER_BUDGET,
    "r15-paused-before-next-run": Verdict.UNSAFE,
    "r15-paused-while-initialising": Verdict.OVER_BUDGET,
    "r17-lost-final-snapshot": Verdict.STUCK,
    "r17-lost-snapshot-waiting": Verdict.STUCK,
    "r17-run-beyond-the-time-out": Verdict.OVER_BUDGET,
    "r30-lost-frame": Verdict.UNSAFE,
}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SDK)
def test_the_published_sdk_is_judged_in_virtual_time(
    scenario: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openhands-sdk 1.57.0, unmodified. GAPLESS_SDK_PYTHON may name an interpreter that has it."""
    python = os.environ.get("GAPLESS_SDK_PYTHON")
    if python is None:
        if not environments.is_ready("1.57.0"):
            pytest.skip("the environment of the SDK has not been built: make interop does")
        python = environments.executable("1.57.0")
    for name, value in environments.QUIET.items():
        monkeypatch.setenv(name, value)
    client = factory([python, str(EXAMPLES / "openhands_sdk.py")], pool=pool)
    results = [played(client, scenario, "tree") for _ in range(SDK_RUNS)]
    assert {result.record.verdict for result in results} == {SDK[scenario]}
    assert len({result.record.digest for result in results}) == 1
