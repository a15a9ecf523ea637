"""A client of somebody else's, plugged in by name from the directory in which a command is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.clients import resolve
from scenarios.errors import UsageError

EXAMPLE = Path(__file__).parents[2] / "scenarios" / "examples" / "trio_client.py"
TREE = ("--generation", "tree", "--cursor", "inclusive")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's directory, the current one, of which Python's path knows nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    return tmp_path


def gapless(*words: str) -> subprocess.CompletedProcess[str]:
    # As the console script does, -P leaves the current directory off the path.
    argv = [sys.executable, "-P", "-m", "scenarios.cli", *words]
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
    again = gapless("replay", str(capsule))
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
