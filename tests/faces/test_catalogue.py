"""Our client on asyncio and with blocking calls, as programs in virtual time: judged as it is on trio, in process.

The examples are asked for their steps, and say all that can be judged. Their chance is that of the client in process,
for the jitter of a backoff decides when the client asks again, and so how often.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.clients import ours
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.lockstep.client import factory
from gapless.scenarios.lockstep.process import Pool
from gapless.scenarios.running.runner import RunRequest, RunResult, perform

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "scenarios" / "examples"
FACES = ("asyncio", "blocking")

SCENARIOS = {
    "clean-run-whole-log": "tree",
    "history-of-a-long-log": "session",
    "r10-late-tail": "tree",
    "r17-lost-final-snapshot": "session",
    "r22-lost-error": "legacy",
    "r30-lost-frame": "session",
    "r34-disconnect-in-mid-run": "legacy",
    "r41-hanging-handshake": "tree",
    "r53-never-persisted": "session",
    "r55-repair-fails-half-way": "tree",
    "r56-post-run-reset": "legacy",
    "r60-truncated-while-away": "session",
}

Run = tuple[str, str, str]
Figures = tuple[str, int]

BY_THE_HARNESS: Mapping[str, str] = {
    "r60-shorter-than-a-hole": "a timer of the client and the restart of the server fall on one instant, and which "
    "comes first is decided elsewhere: in process by the scheduler, in lockstep by the order of the exchange",
}
"""Scenarios in which a run in lockstep may spend another number of calls than one in process, whatever the client is
made of, and why."""


def command(face: str) -> list[str]:
    """The example program of a face."""
    return [sys.executable, str(Path(__file__).with_name("as_in_process.py")), str(EXAMPLES / f"gapless_{face}.py")]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Processes that are kept for all runs."""
    pool = Pool()
    yield pool
    pool.close()


def request(scenario: str, generation: str) -> RunRequest:
    """One run."""
    return RunRequest(find_one(scenario), generation, "inclusive", "gapless", 0)


def figures(result: RunResult) -> tuple[Verdict, int, tuple[str, ...]]:
    """What must be equal: the verdict, the calls, and what could not be judged."""
    return result.record.verdict, result.record.rest.calls, tuple(one.oracle for one in result.record.unjudged)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_face_is_judged_as_the_client_in_process(scenario: str, pool: Pool) -> None:
    asked = request(scenario, SCENARIOS[scenario])
    in_process = figures(perform(asked, factory=ours.factory))
    found = {face: figures(perform(asked, factory=factory(command(face), pool=pool))) for face in FACES}
    assert found == dict.fromkeys(FACES, in_process)
    assert in_process[0] is Verdict.HOLDS


@pytest.mark.parametrize("face", FACES)
def test_a_face_runs_the_same_each_time(face: str, pool: Pool) -> None:
    asked = request("r34-disconnect-in-mid-run", "session")
    digests = {perform(asked, factory=factory(command(face), pool=pool)).record.digest for _ in range(2)}
    assert len(digests) == 1


def catalogue(directory: Path, name: str, *arguments: str) -> dict[Run, Figures]:
    """Verdict and calls of each run of the catalog."""
    file = directory / f"{name}.json"
    done = subprocess.run(
        [sys.executable, "-m", "gapless", "run", "--no-kills", "--no-sweep", "--json", str(file), *arguments],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert file.exists(), done.stdout + done.stderr
    records = json.loads(file.read_text(encoding="utf-8"))["records"]
    return {
        (one["scenario"], one["generation"], one["cursor"]): (one["verdict"], one["rest"]["calls"]) for one in records
    }


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
def test_each_face_spends_and_holds_through_the_whole_catalog_what_the_client_in_process_does(
    face: str, tmp_path: Path
) -> None:
    in_process = catalogue(tmp_path, "in-process")
    found = catalogue(tmp_path, face, "--label", face, "--", *command(face))
    assert found.keys() == in_process.keys()
    differing = {run: (in_process[run], found[run]) for run in found if found[run] != in_process[run]}
    unexplained = {run: pair for run, pair in differing.items() if run[0] not in BY_THE_HARNESS}
    assert unexplained == {}
    assert all(before[0] == after[0] for before, after in differing.values()), "calls may differ, and no verdict"
