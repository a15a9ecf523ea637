"""Explore our client with a fresh seed, keep what is found, and fail only for what the parent commit does not do.

``python -m tests.gate.explore``. `.ci/run` calls it. Settings, as environment variables:

- ``GAPLESS_EXPLORE_S``      how long to explore, in seconds; 300 by default, and 0 leaves it out
- ``GAPLESS_EXPLORE_SEED``   the seed, to repeat what a gate did; a fresh one by default
- ``GAPLESS_EXPLORE_DIR``    where findings are kept; ``.gapless/gate`` by default

Each finding is a scenario file. It is run here, and on the parent commit, which is checked out beside, in the same
environment. The gate fails for a finding that fails here and holds there. What fails on both is told, and so is what
the parent cannot read, for example because it has a new key. Without a parent, as in a shallow clone, nothing can be
compared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import click

from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.finding_files import keep
from gapless.scenarios.explore.trial import retry_world

ROOT = Path(__file__).parents[2]
CLIENT = "gapless"
EXPLORE_S = 300  # at the least priority, beside all else that the gate does
# Exit codes of ``gapless run`` for a loss, a client that hangs, and a world that breaks down. A cost is no failure.
FAILS = frozenset({1, 3, 70})
USAGE = 2
# Worlds that were not shrunk in time are compared as they are, up to this many.
UNSHRUNK_MAX = 20
_MAIN = "import sys; from gapless.scenarios.cli.main import main; sys.argv[0] = 'gapless'; main()"


class Origin(StrEnum):
    """Where a finding comes from."""

    NEW = "new: it fails here, and holds on the parent"
    OLD = "old: the parent fails in it too"
    UNKNOWN = "not known: the parent cannot be asked"
    GONE = "holds when it is run alone"


@dataclass(frozen=True, slots=True)
class Finding:
    """A scenario file in which our client fails, and the seed of the run."""

    scenario: Path
    seed: int


def gapless(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a tree, with this environment. The tree comes first on the path, before what is installed."""
    environment = os.environ | {"PYTHONPATH": str(tree), "NO_COLOR": "1"}
    environment.pop("GITHUB_STEP_SUMMARY", None)
    command = [sys.executable, "-c", _MAIN, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, text=True, capture_output=True, check=False)


def fails_in(tree: Path, finding: Finding) -> bool | None:
    """Whether our client fails in it, by the code of a tree. None when that cannot read the file."""
    arguments = ("run", str(finding.scenario.resolve()), "--client", CLIENT, "--seed", str(finding.seed), "--no-kills")
    code = gapless(tree, *arguments).returncode
    return None if code == USAGE else code in FAILS


def origin_of(finding: Finding, here: Path, parent: Path | None) -> Origin:
    """Where a finding comes from."""
    if not fails_in(here, finding):
        return Origin.GONE
    before = None if parent is None else fails_in(parent, finding)
    if before is None:
        return Origin.UNKNOWN
    return Origin.OLD if before else Origin.NEW


@contextmanager
def parent_of(repository: Path) -> Iterator[Path | None]:
    """The tree of the parent commit, checked out into a temporary directory. None when there is no parent."""
    git = ("git", "-C", str(repository))
    if subprocess.run([*git, "rev-parse", "-q", "--verify", "HEAD^"], capture_output=True, check=False).returncode:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="gapless-parent-") as directory:
        tree = Path(directory) / "tree"
        subprocess.run([*git, "worktree", "add", "-q", "--detach", str(tree), "HEAD^"], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=True)


def findings_in(directory: Path) -> tuple[Finding, ...]:
    """All that a campaign found. Failures that were not shrunk are written as they are."""
    database = Database(directory, CLIENT)
    campaign, _ = database.load()
    found = [Finding(database.path(group, ".toml"), group.seed) for group in campaign.groups]
    for number, drawn in enumerate(list(database.examples())[:UNSHRUNK_MAX], start=1):
        for failure in retry_world(CLIENT, drawn)[:1]:
            kept = keep(CLIENT, failure, f"unshrunk-{number}", database.directory, is_shrunk=False)
            found.append(Finding(kept.scenario, kept.request.seed))
    return tuple(found)


def main() -> int:
    """Explore, compare, and return the exit code."""
    time_s = float(os.environ.get("GAPLESS_EXPLORE_S", EXPLORE_S))
    directory = Path(os.environ.get("GAPLESS_EXPLORE_DIR", ROOT / ".gapless" / "gate")).resolve()
    if time_s <= 0:
        click.echo("exploration was left out: GAPLESS_EXPLORE_S is 0")
        return 0
    shutil.rmtree(directory / CLIENT, ignore_errors=True)
    seed = os.environ.get("GAPLESS_EXPLORE_SEED")
    asked = ["explore", "--client", CLIENT, "--time", f"{time_s:g}", "--database", str(directory)]
    explored = gapless(ROOT, *asked, *(["--seed", seed] if seed else []))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "explore.txt").write_text(explored.stdout + explored.stderr, encoding="utf-8")
    if explored.returncode == USAGE or not Database(directory, CLIENT).exists():
        click.echo(explored.stdout + explored.stderr)
        return explored.returncode or 1
    with parent_of(ROOT) as parent:
        compared = [(one, origin_of(one, ROOT, parent)) for one in findings_in(directory)]
    lines = list(summary(compared, directory, last_line(explored.stdout)))
    click.echo("\n".join(lines))
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with Path(step_summary).open("a", encoding="utf-8") as file:
            file.write("\n".join(["### Exploration", "", *(f"- {line}" for line in lines), ""]))
    return int(any(origin is Origin.NEW for _, origin in compared))


def last_line(text: str) -> str:
    """The line that sums a campaign up."""
    return next(
        (line for line in reversed(text.splitlines()) if line.startswith("client ")), "the campaign said nothing"
    )


def summary(compared: Sequence[tuple[Finding, Origin]], directory: Path, campaign: str) -> Iterator[str]:
    """What the gate says at its end."""
    yield campaign
    for finding, origin in compared:
        yield f"{finding.scenario.stem}: {origin}; gapless run {finding.scenario} --seed {finding.seed}"
    if not compared:
        yield "our client held in every world"
    yield f"kept in {directory}"


if __name__ == "__main__":
    sys.exit(main())
