"""A client of somebody else's, plugged in by name from the directory in which a command is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.clients.contract import Claim, ClientContext
from gapless.scenarios.clients.registry import resolve
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.runner import RunRequest, perform
from tests.forked import command
from tests.serving.port import quick

EXAMPLE = Path(__file__).parents[3] / "scenarios" / "examples" / "trio_client.py"
TREE = ("--generation", "tree", "--cursor", "inclusive")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's directory, the current one, of which Python's path knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    return tmp_path


def gapless(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [*command(), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def test_the_example_is_run_judged_and_replayed_from_a_users_directory(elsewhere: Path) -> None:
    shutil.copy(EXAMPLE, elsewhere)
    client = ("--client", "trio_client:factory", *TREE)
    holds = gapless("run", "r30-lost-frame", "r34-disconnect-in-mid-run", "--check-determinism", *client)
    assert (holds.returncode, holds.stderr) == (0, ""), holds.stdout
    hangs = gapless("run", "r17-lost-final-snapshot", *client)
    assert hangs.returncode == 3
    assert "no-hang: run() had not ended 300 s" in hangs.stdout
    (capsule,) = (elsewhere / ".gapless" / "capsules").iterdir()
    unread = gapless("replay", str(capsule))
    assert (unread.returncode, unread.stdout) == (2, "")
    assert (
        "a replay imports the module 'trio_client', which nobody has installed; look at it, then add --trust"
        in unread.stderr
    )
    again = gapless("replay", str(capsule), "--trust")
    assert again.returncode == 3
    assert "the same run as in the capsule, event for event" in again.stdout
    dear = gapless("run", "clean-run", "--client", "trio_client:factory", "--generation", "session")
    assert dear.returncode == 4


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "mine_a:factory",
            "async def factory(context):\n    yield 1\n",
            "decorate it with contextlib.asynccontextmanager",
        ),
        ("mine_b:factory", "async def factory(context): ...", "decorate it with asynccontextmanager"),
        ("mine_c:Client", "class Client:\n    def __init__(self, context): ...", "no async context managers"),
        ("mine_d:factry", "def factory(context): ...", "did you mean 'factory'?"),
        ("mine_e:factory", "x = (", "importing 'mine_e' failed: SyntaxError"),
        (
            "mine_f:factory",
            "import no_such_module",
            "importing 'mine_f' failed: ModuleNotFoundError: No module named 'no_s",
        ),
        ("mine_g:factory", "\n1 / 0", "mine_g.py, line 2); correct it there"),
        ("mine_h:factory", "raise SystemExit(3)", "importing 'mine_h' failed: SystemExit: 3"),
        ("mine_i:factory", "factory = 3", "factory is no function, it is int"),
        ("../mine_j:factory", "", "'../mine_j' is no name of a module"),
        (":factory", "", "'' is no name of a module"),
    ],
)
def test_what_can_be_no_client_is_told_in_a_sentence(elsewhere: Path, name: str, text: str, says: str) -> None:
    (elsewhere / f"{name.partition(':')[0]}.py").write_text(text)
    with pytest.raises(UsageError) as raised:
        resolve(name)
    assert says in str(raised.value)


def test_a_module_that_is_nowhere_says_where_it_was_looked_for(elsewhere: Path) -> None:
    with pytest.raises(UsageError, match=f"it is looked for in {elsewhere} first"):
        resolve("no_such_module_anywhere.at.all:factory")


class Idle:
    """Does what it is asked, and nothing else."""

    def __init__(self, **changed: Any) -> None:
        vars(self).update(changed)

    async def attach(self) -> None: ...
    async def send(self, text: str) -> None: ...
    async def run(self) -> Claim | None:
        return Claim()

    async def close(self) -> None: ...
    def held(self) -> Any:
        return []

    def gaps(self) -> Any:
        return []


class Dies(Idle):
    async def close(self) -> None:
        raise OSError("it is gone already")


class Exits(Idle):
    async def attach(self) -> None:
        sys.exit(3)


def judged(client: object, *, opens: bool = True) -> RunRecord:
    """The record of a run of a client that is anything at all."""

    @asynccontextmanager
    async def opening(context: object) -> AsyncIterator[Any]:
        yield client

    factory: Any = opening if opens else lambda context: client
    return perform(RunRequest(quick(), "tree", "inclusive", "anything"), factory=factory).record


async def answers_a_dictionary() -> Any:
    return {"complete": True}


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (None, "factory() crashed: TypeError: the factory's client, NoneType, has no attach(), send(), run()"),
        (Idle(run=None), "the factory's client, Idle, has no run(); a client needs attach(), send(), run(), close()"),
        (Idle(errors="nope"), "errors is 'nope'; it must be a tuple of exception types"),
        (Idle(held=lambda: None), "attach() crashed: TypeError: held() answered NoneType, and not the events"),
        (Idle(held=lambda: "abc"), "held() answered str, and not the events"),
        (Idle(held=lambda: ["id"]), "held() answered what are no events: each is a mapping with an id"),
        (Idle(held=lambda: [{"kind": "x"}]), "held() answered what are no events"),
        (Idle(held=lambda: 1 // 0), "attach() crashed: ZeroDivisionError"),
        (Idle(gaps=lambda: [1]), "gaps() answered what are no gaps"),
        (
            Idle(run=answers_a_dictionary),
            "run() answered dict; it must be a gapless.testing.Claim, or None",
        ),
        (Exits(), "attach() crashed: SystemExit: 3"),
        (Dies(), "background() crashed: OSError: it is gone already"),
    ],
)
def test_a_client_of_the_wrong_form_is_a_finding_in_a_sentence(client: object, says: str) -> None:
    told = [one.message for one in judged(client).violations if one.breaks is Verdict.STUCK]
    assert says in told[0]


def test_a_factory_that_opens_nothing_is_a_finding_too() -> None:
    (told,) = judged(Idle(), opens=False).violations[:1]
    assert "factory() crashed: TypeError: the factory answered Idle, which is no async context manager" in told.message


def test_a_client_need_not_say_by_which_errors_it_gives_up_nor_go_quietly_by_one_of_them() -> None:
    for client in (Idle(), Dies(errors=(OSError,))):
        assert not [one for one in judged(client).violations if one.oracle == "no-hang"]


@asynccontextmanager
async def never_opens(context: ClientContext) -> AsyncIterator[Any]:
    await trio.sleep_forever()
    yield


@asynccontextmanager
async def never_lets_go(context: ClientContext) -> AsyncIterator[Any]:
    yield Idle()
    await trio.sleep_forever()


def test_a_factory_that_never_opens_ends_at_the_deadline_of_a_step() -> None:
    record = perform(RunRequest(quick(), "tree", "inclusive", "anything"), factory=never_opens).record
    (told,) = (one for one in record.violations if one.oracle == "no-hang")
    assert told.message == f"factory() had not ended {quick().expect.step_deadline_s:g} s after it was called"
    assert record.verdict is Verdict.STUCK


def test_a_factory_that_never_lets_go_is_left() -> None:
    record = perform(RunRequest(quick(), "tree", "inclusive", "anything"), factory=never_lets_go).record
    assert not [one for one in record.violations if one.oracle == "no-hang"]
