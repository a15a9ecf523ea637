"""`make interop`: builds the environments, measures, writes the documents; fails where something is not as expected.

Without options it measures all: each release in virtual time, on the simulated server and on the published one of its
own release; some scenarios on both clocks; and a few smoke runs with the published server in real time.

What was measured in virtual time is kept, and not measured again while the code, the scenario and the pins are the
same: an interrupted command goes on where it was.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import click
import trio

from gapless.scenarios.cli.real_server import make_ready
from gapless.scenarios.errors import GaplessError
from gapless.scenarios.running.script_player import leaves
from tests.interop import both_clocks, documents, environments, expectations, fidelity, server_table
from tests.interop.documents import BOTH_ENDS, CLOCKS, SDK, SERVER, TYPESCRIPT_CLIENT, Circumstances
from tests.interop.environments import ROOT, TYPESCRIPT, EnvironmentMissing
from tests.interop.lockstep_table import Cell, KeptCells, measuring, tasks
from tests.interop.real_server import ServerDidNotStart
from tests.interop.subjects import ALL, SERVER_RELEASES, Subject, both_ends, subjects
from tests.likeness import section as likeness

SERVER_RELEASE = "1.57.0"
PLAYGROUND = ROOT / ".gapless" / "interop"
KEPT = ROOT / ".gapless" / "interop.jsonl"
DOCUMENTS = ROOT / "docs"
PARTS = ("lockstep", "both-ends", "clocks", "server")
TELL_EVERY_S = 5.0


@dataclass
class Measured:
    """All that was measured so far. cells: on the simulated server; both_ends: on a published one; missing: a sentence
    for each release that could not be; wrong: what is not as expected."""

    cells: list[Cell] = field(default_factory=list)
    both_ends: list[Cell] = field(default_factory=list)
    pairs: list[both_clocks.Pair] = field(default_factory=list)
    server: list[server_table.ServerRow] = field(default_factory=list)
    fidelity: fidelity.Fidelity | None = None
    missing: list[str] = field(default_factory=list)
    is_interrupted: bool = False

    def wrong(self) -> list[str]:
        """Everything that is not as expected, one sentence each."""
        found = expectations.differences([*self.cells, *self.both_ends])
        found += [one.wrong for one in self.pairs if one.wrong]
        found += [f"server, {row.generation}, {row.part}: {problem}" for row in self.server for problem in row.wrong]
        return found + [f"fidelity: {problem}" for problem in (self.fidelity.wrong if self.fidelity else ())]


class Progress:
    """Says what has been done, and how long it has taken so far."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def __call__(self, what: str) -> None:
        click.echo(f"{time.monotonic() - self._began_s:6.0f} s  {what}")


@click.command(help=__doc__)
@click.option("--release", "wanted", multiple=True, help="A release; may be repeated. Default: all that have pins.")
@click.option("--newest", is_flag=True, help="The newest release of the SDK alone, in virtual time.")
@click.option("--generation", "generations", multiple=True, type=click.Choice(ALL), help="Default: all.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Default: all.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder for the page. Default: reports' own.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Worker processes.")
@click.option("--fresh", is_flag=True, help="Measure again what was measured before.")
@click.option("--accept", is_flag=True, help="Write what was measured as what is expected from now on.")
@click.option("--write/--no-write", default=True, help="Write docs/interop.md and docs/fidelity.md.")
def main(
    wanted: Sequence[str],
    newest: bool,
    generations: Sequence[str],
    parts: Sequence[str],
    out: Path | None,
    jobs: int,
    fresh: bool,
    accept: bool,
    write: bool,
) -> None:
    progress, measured = Progress(), Measured()
    if fresh:
        KeptCells(KEPT).forget()
    pinned = environments.releases()
    releases = tuple(wanted) or ((_newest(pinned),) if newest else pinned)
    parts = tuple(parts) or (("lockstep",) if newest or wanted else PARTS)
    try:
        for release in releases:
            _check_name(release)
        for part, measure in _measures(measured, releases, tuple(generations) or ALL, jobs, progress).items():
            if part in parts:
                measure()
    except KeyboardInterrupt:
        measured.is_interrupted = True
        progress("interrupted: this is what was measured")
    except (EnvironmentMissing, GaplessError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except ServerDidNotStart as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    is_whole = write and not generations and not measured.is_interrupted
    whole = _whole(releases, pinned) if is_whole else frozenset()
    _finish(measured, progress, out or PLAYGROUND, accept=accept, whole=whole)


def _check_name(release: str) -> None:
    try:
        environments.numbers(release)
    except ValueError:
        raise EnvironmentMissing(f"{release!r} is no release: name one as 1.58.2 or {TYPESCRIPT}1.39.0") from None


def _whole(releases: Sequence[str], pinned: Sequence[str]) -> frozenset[str]:
    """The sections of the document of which all releases are measured: only these are written anew."""
    needed = {
        SDK: {one for one in pinned if not one.startswith(TYPESCRIPT)},
        TYPESCRIPT_CLIENT: {one for one in pinned if one.startswith(TYPESCRIPT)},
        BOTH_ENDS: set(SERVER_RELEASES),
        CLOCKS: set[str](),
        SERVER: set[str](),
    }
    return frozenset(heading for heading, wanted in needed.items() if wanted <= set(releases))


def _newest(pinned: Sequence[str]) -> str:
    return [one for one in pinned if not one.startswith(TYPESCRIPT)][-1]


def _measures(
    measured: Measured, releases: Sequence[str], generations: Sequence[str], jobs: int, progress: Progress
) -> dict[str, Callable[[], None]]:
    def lockstep() -> None:
        known = tuple(subject for release in _built(releases, measured, progress) for subject in subjects(release))
        _measure_cells(measured.cells, known, generations, jobs, progress)

    def published() -> None:
        wanted = [release for release in SERVER_RELEASES if release in releases]
        known = tuple(subject for release in wanted for subject in both_ends(release))
        for subject in known:
            make_ready(subject.server)
        _measure_cells(measured.both_ends, known, ("session",), jobs, progress)

    def clocks() -> None:
        release = _newest(environments.releases())
        if _built((release,), measured, progress):
            measured.pairs = trio.run(both_clocks.measure, release, progress)

    def server() -> None:
        if _built((SERVER_RELEASE,), measured, progress):
            try:
                trio.run(_server, measured, progress)
            except BaseExceptionGroup as group:
                raise next(iter(leaves(group))) from group

    return {"lockstep": lockstep, "both-ends": published, "clocks": clocks, "server": server}


def _built(releases: Sequence[str], measured: Measured, progress: Progress) -> list[str]:
    """Those of the releases that are installed, once all were tried; a sentence for each other."""
    ready = []
    for release in releases:
        try:
            if not environments.is_ready(release):
                progress(f"building the environment of {release}")
                environments.build(release)
            ready.append(release)
        except EnvironmentMissing as error:
            if str(error) not in measured.missing:
                measured.missing.append(str(error))
                progress(str(error))
    return ready


def _measure_cells(
    found: list[Cell], known: Sequence[Subject], generations: Sequence[str], jobs: int, progress: Progress
) -> None:
    wanted, kept = tasks(known, generations), KeptCells(KEPT)
    told_s = time.monotonic()
    order = {(task.subject.name, task.scenario, task.generation): number for number, task in enumerate(wanted)}
    before = kept.known(wanted)
    if before:
        progress(f"{len(before)} of {len(wanted)} runs were measured before")
    found += before.values()
    try:
        with measuring([task for task in wanted if task not in before], jobs) as cells:
            for cell in cells:
                found.append(cell)
                kept.keep(wanted[order[cell.subject, cell.scenario, cell.generation]], cell)
                if time.monotonic() - told_s > TELL_EVERY_S or len(found) == len(wanted):
                    told_s = time.monotonic()
                    progress(f"{len(found)} of {len(wanted)} runs; {cell.subject}, {cell.scenario}: {cell.outcome}")
    finally:
        found.sort(key=lambda cell: order[cell.subject, cell.scenario, cell.generation])


async def _server(measured: Measured, progress: Progress) -> None:
    PLAYGROUND.mkdir(parents=True, exist_ok=True)
    measured.server = await server_table.measure(SERVER_RELEASE, PLAYGROUND / "server", progress)
    measured.fidelity = await fidelity.measure(SERVER_RELEASE, PLAYGROUND / "fidelity")
    progress(f"fidelity: {len(measured.fidelity.wrong) or 'no'} differences without a reason")


def _finish(measured: Measured, progress: Progress, out: Path, *, accept: bool, whole: frozenset[str]) -> None:
    if accept:
        _accept([*measured.cells, *measured.both_ends], progress)
    wrong = measured.wrong()
    for problem in wrong:
        click.echo(f"not as expected: {problem}", err=True)
    for sentence in expectations.not_compared([*measured.cells, *measured.both_ends]):
        click.echo(f"not compared: {sentence}", err=True)
    out.mkdir(parents=True, exist_ok=True)
    if measured.cells:
        file = out / "interop.html"
        file.write_text(documents.page("Published clients in virtual time", measured.cells), encoding="utf-8")
        progress(f"{file} has every number")
    # What went wrong once is to be looked at, and not to become the documentation.
    sections = _sections(measured)
    written = {heading: text for heading, text in sections.items() if heading in whole} if not wrong else {}
    for directory, chosen in ((DOCUMENTS, written), (out, sections)):
        if chosen:
            _write(measured, directory, chosen)
            progress(f"{directory / 'interop.md'} is written")
    for sentence in measured.missing:
        click.echo(f"not measured: {sentence}", err=True)
    progress("all is as expected" if not wrong else f"{len(wrong)} outcomes are not as expected")
    sys.exit(130 if measured.is_interrupted else 1 if wrong else 2 if measured.missing else 0)


def _accept(cells: Sequence[Cell], progress: Progress) -> None:
    """The newest release of each class says what is expected of the class, in the generations measured."""
    for release_class in dict.fromkeys(cell.release_class for cell in cells):
        mine = [cell for cell in cells if cell.release_class == release_class]
        newest = [cell for cell in mine if cell.subject == mine[-1].subject]
        expectations.EXPECTED.mkdir(exist_ok=True)
        text = expectations.written(release_class, newest)
        (expectations.EXPECTED / f"{release_class}.toml").write_text(text, encoding="utf-8")
        progress(f"expected/{release_class}.toml is written")


def _sections(measured: Measured) -> dict[str, str]:
    """What was measured, by the document's headings."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    sections = {}
    for heading, package in ((SDK, "sdk"), (TYPESCRIPT_CLIENT, "typescript")):
        cells = [cell for cell in measured.cells if cell.subject.startswith(package)]
        if cells:
            sections[heading] = documents.lockstep(day, version("gapless"), cells, measured.missing)
    if measured.both_ends:
        sections[BOTH_ENDS] = documents.both_ends(day, version("gapless"), measured.both_ends)
    if measured.pairs:
        sections[CLOCKS] = documents.clocks(measured.pairs)
    if measured.server:
        sections[SERVER] = documents.server(_circumstances(day), SERVER_RELEASE, measured.server)
    return sections


def _circumstances(day: str) -> Circumstances:
    return Circumstances(day, environments.version(SERVER_RELEASE), version("gapless"))


def _write(measured: Measured, directory: Path, sections: dict[str, str]) -> None:
    if SERVER in sections and measured.fidelity is not None:
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        text = documents.fidelity(_circumstances(day), measured.fidelity)
        text = likeness.kept(text, (DOCUMENTS / "fidelity.md").read_text(encoding="utf-8"))
        (directory / "fidelity.md").write_text(text, encoding="utf-8")
    kept = (DOCUMENTS / "interop.md").read_text(encoding="utf-8")
    (directory / "interop.md").write_text(documents.interop(sections, kept), encoding="utf-8")


if __name__ == "__main__":
    main()
