"""Drawn worlds: how many a second on one core, where the time goes, and how much of what can happen they reach.

``python -m tests.benchmarks.explore rate [--worlds N] [--seed N] [--repeats N] [--against COMMIT] [CLIENT ...]``
measures processor time. With ``--against``, the worlds of that commit are tried in turn with those of this tree, in one
sitting, and the ratio is told. Each world is tried ``--repeats`` times in a process of its own; its least time counts.

``python -m tests.benchmarks.explore coverage [--worlds N] [--seed N] [CLIENT ...]`` counts what is reached, steered and
not, with the same seed for both. What is counted does not depend on the machine: it is the same everywhere, for one
state of the code.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gapless.scenarios.explore.campaign import Campaign
from gapless.scenarios.explore.client_state import STATES
from gapless.scenarios.explore.steering import ROUND_WORLDS
from gapless.scenarios.explore.trial import Block, try_block
from gapless.scenarios.explore.worlds import KINDS

ROOT = Path(__file__).parents[2]
# A pair that occurred so seldom is covered by chance.
OFTEN = 5
PARTS = ("drawing", "playing", "judging", "counting")
# Run in the tree that is measured. The least common interface of the commits that are compared.
MEASURE = """
import json, sys, time
from hypothesis import HealthCheck, Phase, given, seed, settings
from gapless.scenarios.explore.steering import draw_world
from gapless.scenarios.explore.trial import failures_of, tally_of
from gapless.scenarios.running import runner
try:
    from gapless.scenarios.explore.strategies import worlds
except ImportError:
    from gapless.scenarios.explore.trial import worlds

client, of_seed, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clock, judging, assess = time.process_time, [0.0], runner.assess

def timed(*arguments, **options):
    began = clock()
    record = assess(*arguments, **options)
    judging[0] += clock() - began
    return record

def one(number):
    judging[0], began = 0.0, clock()
    world = draw_world(client, of_seed, number, None)
    drawn = clock()
    result = runner.perform(world.request)
    played = clock()
    tally_of(result)
    failures_of(world, result)
    return drawn - began, played - drawn - judging[0], judging[0], clock() - played

@settings(max_examples=many, database=None, deadline=None, phases=(Phase.generate,),
          suppress_health_check=list(HealthCheck))
@seed(of_seed)
@given(worlds(client))
def by_hypothesis(world):
    pass

runner.assess = timed
for number in range(5):
    one(number)
found = [one(number) for number in range(5, 5 + many)]
began = clock()
by_hypothesis()
print(json.dumps([found, (clock() - began) / many]))
"""

# For each world, the seconds of each of `PARTS`; and the seconds in which Hypothesis draws a world.
Measured = tuple[list[tuple[float, ...]], float]


@click.group()
def main() -> None:
    """Measure drawn worlds."""


@main.command()
@click.argument("clients", nargs=-1)
@click.option("--worlds", default=60)
@click.option("--seed", default=1)
@click.option("--repeats", default=3)
@click.option("--against", metavar="COMMIT")
def rate(clients: tuple[str, ...], worlds: int, seed: int, repeats: int, against: str | None) -> None:
    """Measure how many worlds a core tries in a second, and where the time goes."""
    click.echo(
        f"client            tree          worlds/s {''.join(f'{part:>10}' for part in PARTS)}  by Hypothesis, ms"
    )
    with checkout(against) as before:
        trees = {**({} if before is None else {str(against): before}), "this tree": ROOT}
        for client in clients or ("gapless", "socket-only", "full-rescan"):
            runs: dict[str, list[Measured]] = {name: [] for name in trees}
            for _ in range(repeats):
                for name, tree in trees.items():
                    runs[name].append(measured_in(tree, client, seed, worlds))
            least = {name: least_of(found) for name, found in runs.items()}
            for name, (parts, hypothesis_ms) in least.items():
                row = "".join(f"{part:>10.2f}" for part in parts)
                click.echo(f"{client:<17} {name[:12]:<12} {1000 / sum(parts):>9.1f} {row} {hypothesis_ms:>13.2f}")
            if before is not None:
                was, now = least[str(against)][0], least["this tree"][0]
                row = "".join(f"{one / other:>10.2f}" for one, other in zip(was, now, strict=True))
                click.echo(f"{'':<17} {'ratio':<12} {sum(was) / sum(now):>9.2f} {row}")


def measured_in(tree: Path, client: str, seed: int, worlds: int) -> Measured:
    """What a process measures in a tree."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE, client, str(seed), str(worlds)],
        cwd=tree,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found, hypothesis_s = json.loads(ended.stdout)
    return [tuple(one) for one in found], hypothesis_s


def least_of(found: list[Measured]) -> tuple[list[float], float]:
    """Milliseconds of each of `PARTS` in the mean world, of the least time of each world; and those of Hypothesis."""
    worlds = [min(tries, key=sum) for tries in zip(*(times for times, _ in found), strict=True)]
    parts = [1000 * sum(one) / len(worlds) for one in zip(*worlds, strict=True)]
    return parts, 1000 * min(hypothesis_s for _, hypothesis_s in found)


@contextmanager
def checkout(commit: str | None) -> Iterator[Path | None]:
    """The files of a commit, in a folder that is removed again; None without a commit."""
    if commit is None:
        yield None
        return
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


@main.command()
@click.argument("clients", nargs=-1)
@click.option("--worlds", default=1600)
@click.option("--seed", default=1)
def coverage(clients: tuple[str, ...], worlds: int, seed: int) -> None:
    """Count what is reached for each client, steered and not."""
    click.echo(f"client        drawing     worlds  pairs  pairs met {OFTEN} times  paths")
    for client in clients or ("socket-only", "gapless"):
        for is_steered in (False, True):
            for campaign in tried(client, seed, worlds, is_steered=is_steered):
                rounds = campaign.worlds // ROUND_WORLDS
                if rounds & (rounds - 1) == 0 or campaign.worlds >= worlds:
                    pairs, often, paths = covered(campaign)
                    drawing = "steered" if is_steered else "not steered"
                    click.echo(f"{client:13} {drawing:11} {campaign.worlds:6} {pairs:6} {often:18} {paths:6}")


def tried(client: str, seed: int, worlds: int, *, is_steered: bool) -> Iterator[Campaign]:
    """The campaign after each round."""
    campaign = Campaign(client, seed)
    while campaign.worlds < worlds:
        table = campaign.table(campaign.worlds // ROUND_WORLDS) if is_steered else None
        campaign.add(try_block(Block(client, campaign.worlds, ROUND_WORLDS, seed, table)))
        yield campaign


def covered(campaign: Campaign) -> tuple[int, int, int]:
    """How many pairs of fault and state occurred; how many of them often; and how many paths were taken."""
    times = [campaign.tally["state", kind, state] for kind in KINDS for state in STATES]
    paths = sum(1 for key in campaign.tally if key[0] == "path")
    return sum(1 for one in times if one), sum(1 for one in times if one >= OFTEN), paths


if __name__ == "__main__":
    main()
