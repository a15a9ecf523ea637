"""The gate's exploration fails a change only for what its parent does not do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.gate import explore
from tests.gate.explore import Finding, Origin, findings_in, origin_of, parent_of, summary

# A stand-in for the command: it ends with the code that the tree's file ``codes`` has for the scenario.
MAIN = """
import json, pathlib, sys
def main():
    codes = json.loads((pathlib.Path(__file__).parents[3] / "codes").read_text())
    sys.exit(codes[pathlib.Path(sys.argv[2]).stem])
"""


def commit(repository: Path, codes: str) -> None:
    (repository / "codes").write_text(codes, encoding="utf-8")
    git = ["git", "-C", str(repository), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "x"], check=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits. Old fails in both; new and hung fail in the second; dear only costs; unread is usage before."""
    package = tmp_path / "tree" / "gapless" / "scenarios" / "cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text(MAIN, encoding="utf-8")
    root = tmp_path / "tree"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    commit(root, '{"old": 1, "new": 0, "hung": 4, "dear": 4, "unread": 2, "broke": 0}')
    commit(root, '{"old": 3, "new": 1, "hung": 3, "dear": 4, "unread": 1, "broke": 70}')
    return root


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("old", Origin.OLD),
        ("new", Origin.NEW),
        ("hung", Origin.NEW),
        ("broke", Origin.NEW),
        ("dear", Origin.GONE),
        ("unread", Origin.UNKNOWN),
    ],
)
def test_a_finding_is_new_only_if_it_holds_on_the_parent(repository: Path, name: str, origin: Origin) -> None:
    with parent_of(repository) as parent:
        assert parent is not None
        assert origin_of(Finding(Path(f"{name}.toml"), 0), repository, parent) is origin
    assert not parent.exists()
    trees = subprocess.run(
        ["git", "-C", str(repository), "worktree", "list"], capture_output=True, check=True, text=True
    )
    assert len(trees.stdout.splitlines()) == 1, "the worktree is gone"


def test_without_a_parent_nothing_is_called_new(repository: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", repository.as_uri(), str(shallow)], check=True)
    with parent_of(shallow) as parent:
        assert parent is None
    assert origin_of(Finding(Path("new.toml"), 0), repository, None) is Origin.UNKNOWN


def test_the_summary_names_every_finding_how_to_run_it_and_the_folder(tmp_path: Path) -> None:
    lines = list(summary([(Finding(tmp_path / "lost.toml", 5), Origin.NEW)], tmp_path, "client gapless: 10 worlds"))
    assert lines == [
        "client gapless: 10 worlds",
        f"lost: new: it fails here, and holds on the parent; gapless run {tmp_path}/lost.toml --seed 5",
        f"kept in {tmp_path}",
    ]


def test_a_duration_of_0_leaves_the_exploration_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAPLESS_EXPLORE_S", "0")
    assert explore.main() == 0


@pytest.mark.slow
def test_what_was_not_shrunk_in_time_is_compared_as_it_was_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore, "CLIENT", "socket-only")
    arguments = ("--client", "socket-only", "--runs", "4", "--shrinks", "0", "--jobs", "1", "--seed", "1")
    explore.gapless(explore.ROOT, "explore", *arguments, "--database", str(tmp_path))
    found = findings_in(tmp_path)
    assert found
    assert all(one.scenario.stem.startswith("unshrunk-") for one in found)
    assert all(explore.fails_in(explore.ROOT, one) for one in found[:2])
