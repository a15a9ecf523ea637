"""``python -m tests.determinism``: the catalog on published clients, in two processes that share nothing.

Each scenario is played in the newest generation in which the client and the scenario meet, in two processes of the
harness with different hash seeds, at the same time: each disturbs the other. Then one scenario is played many times.
Exit codes: 0 when all digests are equal, 1 when some are not, 2 usage.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from gapless.scenarios.definition.catalogue import catalogue, find
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.process import POOL
from tests.interop import environments
from tests.interop.lockstep_table import Task, measure
from tests.interop.subjects import ALL, WEBSOCKETS, Subject, cursor_of

ROOT = Path(__file__).parents[2]
SUBJECTS = (Subject("sdk", "1.58.2"), Subject("typescript", f"{environments.TYPESCRIPT}1.39.0", "snapshot"), WEBSOCKETS)
HASH_SEEDS = ("1", "4711")
RERUN = "r10-late-tail"
RERUNS = 1000
TOLD_EVERY = 50


@dataclass(frozen=True, slots=True)
class Played:
    """A run: which one, its digest, and why there is none."""

    subject: str
    scenario: str
    generation: str
    digest: str
    problem: str


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--client", "clients", multiple=True, type=click.Choice([one.name for one in SUBJECTS]))
@click.option("--reruns", type=click.IntRange(0), default=RERUNS, show_default=True, help=f"Of {RERUN} on the SDK.")
@click.option("--play", is_flag=True, hidden=True)
def main(names: Sequence[str], clients: Sequence[str], reruns: int, play: bool) -> None:
    subjects = [one for one in SUBJECTS if not clients or one.name in clients]
    missing = [one.name for one in subjects if one.package != "example" and not environments.is_ready(one.release)]
    if missing:
        click.echo(f"{', '.join(missing)} is not installed: make interop does that", err=True)
        sys.exit(2)
    try:
        scenarios = [one.name for name in names for one in find(name)] or [one.name for one in catalogue()]
    except UsageError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if play:
        for found in played(tasks_of(subjects, scenarios)):
            click.echo(json.dumps([found.subject, found.scenario, found.generation, found.digest, found.problem]))
        return
    wrong = False
    for subject in subjects:
        wrong |= not _compared(subject, names)
    if reruns and SUBJECTS[0] in subjects:
        wrong |= not _rerun(reruns)
    sys.exit(1 if wrong else 0)


def tasks_of(subjects: Sequence[Subject], scenarios: Sequence[str]) -> Iterator[Task]:
    """One run for each scenario that a client can be put through, in the newest generation of both."""
    known = {one.name: one for one in catalogue()}
    for subject in subjects:
        for name in scenarios:
            possible = [one for one in ALL if one in subject.generations and cursor_of(known[name], one) is not None]
            if possible:
                yield Task(subject, name, possible[-1])


def played(tasks: Iterator[Task]) -> Iterator[Played]:
    """The runs of some tasks, in this process."""
    os.environ.update(environments.QUIET)
    for task in tasks:
        cell = measure(task)
        yield Played(cell.subject, cell.scenario, cell.generation, cell.digest, cell.problem)


def _compared(subject: Subject, names: Sequence[str]) -> bool:
    """Play the scenarios in two processes; whether all digests are equal."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "tests.determinism", "--play", "--client", subject.name, *names]
    processes = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": hash_seed}
        )
        for hash_seed in HASH_SEEDS
    ]
    count = wrong = 0
    for lines in zip(*(process.stdout or () for process in processes), strict=True):
        one, other = (Played(*json.loads(line)) for line in lines)
        count += 1
        if one != other or one.problem:
            wrong += 1
            click.echo(f"{subject.name}, {one.scenario}, {one.generation}: {one.problem or 'the digests differ'}")
    ends = [process.wait() for process in processes]
    took_s = time.monotonic() - began_s
    click.echo(f"{subject.name}: {count} scenarios twice, {wrong} not the same; {took_s:.0f} s")
    return not wrong and not any(ends) and count > 0


def _rerun(times: int) -> bool:
    """Play one scenario many times on the SDK; whether there is one digest."""
    began_s = time.monotonic()
    (task,) = tasks_of(SUBJECTS[:1], [RERUN])
    digests: set[str] = set()
    for number, found in enumerate(played(task for _ in range(times)), 1):
        digests.add(found.digest or found.problem)
        if number % TOLD_EVERY == 0:
            click.echo(f"{number} runs, {len(digests)} digests", err=True)
    took_s = time.monotonic() - began_s
    click.echo(f"{SUBJECTS[0].name}, {RERUN}: {times} runs, {len(digests)} digests; {took_s:.0f} s")
    POOL.close()
    return len(digests) == 1


if __name__ == "__main__":
    main()
