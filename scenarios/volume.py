"""Volume: very many drawn worlds, one seed each, in processes; what fails is told by its seed, and shrunk.

    python -m scenarios.properties --examples 20000 --seed 0 --jobs 2

World number ``seed`` is always the same world, so a run that was stopped goes on with ``--seed`` at the number that
it told, and a run can be shared out in chunks. Exit codes as of ``gapless run``: 0 all hold, else that of the gravest
failure; 130 when stopped.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from reports.record import Verdict, gravest
from scenarios import capsule
from scenarios.cli_options import told_plainly
from scenarios.clients import DEFAULT, resolve
from scenarios.properties import attempt, shrink
from scenarios.stopping import stoppable

CHUNK_WORLDS = 50
TOLD_EVERY_WORLDS = 1000
INTERRUPTED_EXIT_CODE = 130


@dataclass(frozen=True, slots=True)
class Failure:
    """A world in which something did not hold."""

    seed: int
    oracle: str
    message: str
    breaks: Verdict
    drawn: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Worlds that were tried: how many, which generation each met, and what failed."""

    worlds: int
    generations: tuple[str, ...]
    failures: tuple[Failure, ...]


def try_chunk(client: str, first: int, worlds: int) -> Chunk:
    """Try the worlds ``first`` … ``first + worlds - 1``."""
    generations: list[str] = []
    failures: list[Failure] = []
    for seed in range(first, first + worlds):
        tried = attempt(client, seed)
        generations.append(tried.record.generation)
        found = tried.violation
        if found is not None:
            failures.append(Failure(seed, found.oracle, found.message, found.breaks, tried.drawn))
    return Chunk(worlds, tuple(generations), tuple(failures))


def _try(job: tuple[str, int, int]) -> Chunk:
    return try_chunk(*job)


@contextmanager
def _chunks(jobs: list[tuple[str, int, int]], processes: int) -> Iterator[Iterator[Chunk]]:
    """The chunks in order; leaving early abandons what is not done."""
    if processes <= 1:
        yield map(_try, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes, initializer=_ignore_interrupts) as pool:
        yield pool.imap(_try, jobs)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@click.command()
@click.option("--client", default=DEFAULT, show_default=True, help="The client to try.")
@click.option("--examples", type=click.IntRange(min=1), default=1000, show_default=True, help="How many worlds.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first world's number.")
@click.option(
    "--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="cores", help="Processes."
)
@click.option("--shrinks", type=click.IntRange(min=0), default=3, show_default=True, help="Failures to shrink.")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=capsule.DIRECTORY,
    show_default=True,
    help="Where capsules go.",
)
@told_plainly
def main(client: str, examples: int, seed: int, jobs: int, shrinks: int, directory: Path) -> None:
    """Put a client through very many drawn worlds."""
    resolve(client)
    sys.exit(_run(client, examples, seed, jobs, shrinks, directory))


def _run(client: str, examples: int, seed: int, jobs: int, shrinks: int, directory: Path) -> int:
    end = seed + examples
    work = [(client, first, min(CHUNK_WORLDS, end - first)) for first in range(seed, end, CHUNK_WORLDS)]
    generations: Counter[str] = Counter()
    failures: list[Failure] = []
    done, told, began_s = 0, 0, time.monotonic()
    with stoppable() as stop, _chunks(work, jobs) as chunks:
        for chunk in chunks:
            done += chunk.worlds
            generations.update(chunk.generations)
            for failure in chunk.failures:
                click.echo(f"world {failure.seed}: {failure.oracle}: {failure.message}")
            failures += chunk.failures
            if done - told >= TOLD_EVERY_WORLDS or stop.asked:
                told = done
                rate = done / (time.monotonic() - began_s)
                click.echo(f"{done} of {examples} worlds, {len(failures)} failed; {rate:.0f} worlds/s")
            if stop.asked:
                break
    click.echo(_summary(client, seed, done, generations, failures, time.monotonic() - began_s))
    if done < examples:
        click.echo(f"stopped; go on with --seed {seed + done} --examples {examples - done}")
        return INTERRUPTED_EXIT_CODE
    for failure in failures[:shrinks]:
        _tell_shrunk(client, failure, directory)
    return gravest(failure.breaks for failure in failures).exit_code


def _summary(
    client: str, seed: int, done: int, generations: Counter[str], failures: list[Failure], seconds: float
) -> str:
    met = ", ".join(f"{name} {count}" for name, count in sorted(generations.items()))
    return (
        f"client {client}: worlds {seed} to {seed + done - 1} ({met}): {done - len(failures)} hold, "
        f"{len(failures)} fail; {seconds:.0f} s"
    )


def _tell_shrunk(client: str, failure: Failure, directory: Path) -> None:
    found = shrink(client, failure.drawn, directory / f"world-{failure.seed}")
    if found is None:
        click.echo(f"world {failure.seed} does not fail when it is drawn again: a bug of the harness")
        return
    click.echo(f"world {failure.seed}, shrunk: {found.violation.oracle}: {found.violation.message}")
    click.echo(f"  replay   gapless replay {found.path} --trace")
