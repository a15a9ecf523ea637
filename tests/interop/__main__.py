"""`make interop`: builds the environments, measures, writes the documents; fails where something is not as expected."""

from __future__ import annotations

import datetime
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import click
import trio

from tests.interop import documents, environments, fidelity, sdk_table, server_table
from tests.interop.documents import Circumstances
from tests.interop.environments import ROOT, EnvironmentMissing
from tests.interop.real_server import ServerDidNotStart

SERVER_RELEASE = "1.57.0"
PLAYGROUND = ROOT / ".gapless" / "interop"
DOCUMENTS = ROOT / "docs"


@dataclass
class Measured:
    """All that was measured so far."""

    sdk: dict[str, list[sdk_table.Row]] = field(default_factory=dict)
    server: list[server_table.ServerRow] = field(default_factory=list)
    fidelity: fidelity.Fidelity | None = None

    def wrong(self) -> list[str]:
        """Everything that is not as expected, one sentence each."""
        found = [
            f"sdk {row.release}, {row.generation}, {row.scenario}: {problem}"
            for rows in self.sdk.values()
            for row in rows
            for problem in row.wrong
        ]
        found += [f"server, {row.generation}, {row.part}: {problem}" for row in self.server for problem in row.wrong]
        return found + [f"fidelity: {problem}" for problem in (self.fidelity.wrong if self.fidelity else ())]


class Progress:
    """Says what has been done, and how long it has taken so far."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def __call__(self, what: str) -> None:
        click.echo(f"{time.monotonic() - self._began_s:6.0f} s  {what}")


@click.command(help=__doc__)
@click.option("--write/--no-write", default=True, help="Write docs/interop.md and docs/fidelity.md.")
def main(write: bool) -> None:
    progress = Progress()
    measured = Measured()
    try:
        trio.run(_all, progress, measured)
    except* EnvironmentMissing as group:
        click.echo(str(_first(group)), err=True)
        sys.exit(2)
    except* ServerDidNotStart as group:
        click.echo(str(_first(group)), err=True)
        sys.exit(1)
    except* KeyboardInterrupt:
        click.echo("interrupted; nothing was written", err=True)
        sys.exit(130)
    wrong = measured.wrong()
    for problem in wrong:
        click.echo(f"not as expected: {problem}", err=True)
    # What went wrong once is to be looked at, and not to become the documentation.
    directory = DOCUMENTS if write and not wrong else PLAYGROUND
    _write(measured, directory)
    progress(f"{directory.relative_to(ROOT)}/interop.md and fidelity.md are written")
    progress("all is as expected" if not wrong else f"{len(wrong)} outcomes are not as expected")
    sys.exit(bool(wrong))


async def _all(progress: Progress, measured: Measured) -> None:
    await _build(environments.releases(), progress)
    shutil.rmtree(PLAYGROUND, ignore_errors=True)
    PLAYGROUND.mkdir(parents=True)
    async with trio.open_nursery() as nursery:
        for release in environments.releases():
            measured.sdk[release] = []
            nursery.start_soon(_sdk, release, progress, measured)
        nursery.start_soon(_server, progress, measured)
        nursery.start_soon(_fidelity, progress, measured)


async def _build(releases: Sequence[str], progress: Progress) -> None:
    missing = [release for release in releases if not environments.is_ready(release)]
    if missing:
        progress(f"building the environments of {' and '.join(missing)} with {environments.python()}")
        async with trio.open_nursery() as nursery:
            for release in missing:
                nursery.start_soon(trio.to_thread.run_sync, environments.build, release)
        progress("the environments are built")


async def _sdk(release: str, progress: Progress, measured: Measured) -> None:
    measured.sdk[release] = await sdk_table.measure(release, PLAYGROUND, progress)


async def _server(progress: Progress, measured: Measured) -> None:
    measured.server = await server_table.measure(SERVER_RELEASE, PLAYGROUND / "server", progress)


async def _fidelity(progress: Progress, measured: Measured) -> None:
    measured.fidelity = await fidelity.measure(SERVER_RELEASE, PLAYGROUND / "fidelity")
    progress(f"fidelity: {len(measured.fidelity.wrong) or 'no'} differences without a reason")


def _write(measured: Measured, directory: Path) -> None:
    assert measured.fidelity is not None
    when = Circumstances(
        datetime.datetime.now(datetime.UTC).date().isoformat(), environments.version(SERVER_RELEASE), version("gapless")
    )
    texts = {
        "interop.md": documents.interop(when, measured.sdk, SERVER_RELEASE, measured.server),
        "fidelity.md": documents.fidelity(when, measured.fidelity),
    }
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    main()
