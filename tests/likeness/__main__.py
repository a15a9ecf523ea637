"""``python -m tests.likeness``: each scenario on the simulated server and on a published one; writes docs/fidelity.md.

What was measured is kept in a file, line by line: an interrupted command goes on where it was. A run on a published
server is made again when something that it depends on has changed since; one on the simulated server is made each time.
Exit codes: 0 when no difference is without a reason, 1 when one is, 2 usage.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from gapless.scenarios.clients.registry import CLIENTS, DEFAULT
from gapless.scenarios.definition.catalogue import catalogue, find, find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.realserver.environment import PublishedServer, parse_server
from gapless.scenarios.realserver.playable import why_not
from gapless.scenarios.realserver.warm_up import prepare
from gapless.scenarios.running.suite import spread
from tests.likeness.basis import basis_of
from tests.likeness.comparison import LikenessCell, compared, on_simulated
from tests.likeness.reasons import is_same, reason_of
from tests.likeness.section import replaced, written

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "fidelity.md"
KEPT = ROOT / ".gapless" / "likeness.jsonl"
SERVERS = ("openhands-agent-server==1.58.2", "openhands-agent-server==1.57.0")
EFFORT_STEP = 500
Work = tuple[str, str, str]
"""A scenario, a client and a server."""


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--server", "servers", multiple=True, default=SERVERS, show_default=True, help="May be given several times."
)
@click.option("--client", "clients", multiple=True, help="A client; may be given several times.  [default: all]")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--fresh", is_flag=True, help="Measure again what was measured before.")
@click.option("--kept-only", is_flag=True, help="Measure nothing: write what was measured before.")
@click.option("--write/--no-write", default=True, help="Write the section of docs/fidelity.md.")
def main(
    names: Sequence[str],
    servers: Sequence[str],
    clients: Sequence[str],
    jobs: int,
    fresh: bool,
    kept_only: bool,
    write: bool,
) -> None:
    """Compare the servers in all scenarios, or in those with these names."""
    try:
        published = [parse_server(server) for server in servers]
        for one in published:
            prepare(one)
        scenarios = tuple(dict.fromkeys(one for name in names for one in find(name))) or catalogue()
    except UsageError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    wanted = clients or tuple(client.name for client in CLIENTS)
    work = [
        (scenario.name, client, str(server))
        for server in published
        for client in wanted
        for scenario in scenarios
        if why_not(scenario, server) is None
    ]
    if fresh:
        KEPT.unlink(missing_ok=True)
    cells = kept_cells(work) if kept_only else measured(work, jobs)
    for cell in cells:
        if not is_same(cell) and reason_of(cell) is None:
            click.echo(
                f"without a reason: {cell.scenario}, {cell.client}: {cell.simulated} / {cell.published}", err=True
            )
    if write:
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        stale = sum(cell.basis != basis_of(*cell.key) for cell in cells)
        when = f"Written on {day}"
        section = written(cells, _left_out(scenarios, published), when, _not_measured(work, cells), stale)
        DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), section), encoding="utf-8")
    wrong = sum(not is_same(cell) and reason_of(cell) is None for cell in cells)
    click.echo(f"{len(cells)} pairs, {wrong} differ without a reason")
    sys.exit(1 if wrong else 0)


def _left_out(scenarios: Sequence[Scenario], servers: Sequence[PublishedServer]) -> dict[str, str]:
    """Why scenarios cannot be played; for those that one of the servers alone cannot play, with its version."""
    found = {}
    for scenario in scenarios:
        reasons = {server.version: why_not(scenario, server) for server in servers}
        given = {version: reason for version, reason in reasons.items() if reason is not None}
        if given:
            reason = next(iter(given.values()))
            found[scenario.name] = reason if len(given) == len(servers) else f"{reason} ({', '.join(given)} alone)"
    return found


def _not_measured(work: Sequence[Work], cells: Sequence[LikenessCell]) -> list[str]:
    """The scenarios of which no run was made yet."""
    done = {cell.scenario for cell in cells}
    return [name for name in dict.fromkeys(name for name, _, _ in work) if name not in done]


def kept_cells(work: Sequence[Work]) -> list[LikenessCell]:
    """The cells of the work that were measured before, in its order."""
    known = _known()
    return [known[one] for one in work if one in known]


def _known() -> dict[Work, LikenessCell]:
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    return {cell.key: cell for cell in map(LikenessCell.parse, lines)}


def measured(work: Sequence[Work], jobs: int) -> list[LikenessCell]:
    """The cells of the work, in its order; those that were not kept, or depend on what has changed, are measured."""
    KEPT.parent.mkdir(exist_ok=True)
    known = {one: cell for one, cell in _known().items() if cell.basis == basis_of(*one)}
    left = sorted((one for one in work if one not in known), key=_effort)
    commit = _commit()
    with spread(_renewed, [known[one] for one in work if one in known], jobs) as renewed:
        for cell in renewed:
            known[cell.key] = cell
    with spread(_compared, left, jobs) as cells, KEPT.open("a", encoding="utf-8") as file:
        for number, found in enumerate(cells, 1):
            cell = replace(found, basis=basis_of(*found.key), commit=commit)
            known[cell.key] = cell
            file.write(cell.text() + "\n")
            file.flush()
            mark = "same" if is_same(cell) else reason_of(cell) or "DIFFERENT"
            click.echo(f"{number} of {len(left)}: {cell.scenario}, {cell.client}, {cell.server}: {mark}", err=True)
    return [known[one] for one in work if one in known]


def _commit() -> str:
    done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()


def _renewed(cell: LikenessCell) -> LikenessCell:
    """The cell with a new run on the simulated server."""
    return replace(cell, simulated=on_simulated(*cell.key))


def _effort(item: Work) -> tuple[bool, int]:
    """Orders the work: our client comes first, and what is quickly done.

    A published server reads its whole log before each step, and looks at its clock all the time.
    """
    scenario, client, _ = item
    workload = find_one(scenario).workload
    steps = sum(run.actions for run in workload.runs)
    lasts_s = sum(
        run.actions * (run.step_s + (run.step_s if run.tool_s is None else run.tool_s)) for run in workload.runs
    )
    return client != DEFAULT, int(steps * steps + workload.history_events + 3 * lasts_s) // EFFORT_STEP


def _compared(item: Work) -> LikenessCell:
    return compared(*item)


if __name__ == "__main__":
    main()
