"""``gapless replay``: one run again, from its capsule or from scenario and seed; with ``--trace`` as a story."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reports.record import RunRecord, Verdict
from reports.trace import render_trace
from scenarios import capsule
from scenarios.capsule import Capsule
from scenarios.cli_options import client_option, cursor_option, generation_option, seed_option, told_plainly
from scenarios.errors import UsageError
from scenarios.library import find_one
from scenarios.runner import RunRequest, RunResult, perform
from simserver.errors import TapeError


@click.command("replay")
@click.argument("path", metavar="[CAPSULE]", required=False, type=click.Path(path_type=Path))
@click.option("--scenario", "name", help="Replay this scenario (name or race id) instead of a capsule.")
@client_option
@generation_option
@cursor_option
@seed_option
@click.option("--trace", is_flag=True, help="Print the run event by event.")
@told_plainly
def replay(
    path: Path | None, name: str | None, client: str, generation: str, cursor: str, seed: int, trace: bool
) -> None:
    """Replay one run, and say whether it is the same run.

    The exit code is that of the run's verdict, also when client or harness have changed since a capsule was written; 6
    when two replays of it differ from each other.
    """
    if (path is None) == (name is None):
        raise UsageError("say what to replay: either a CAPSULE, or --scenario NAME with --seed N")
    if path is not None:
        sys.exit(_from_capsule(capsule.load(path), path, trace))
    result = perform(_request(str(name), client, generation, cursor, seed))
    _tell(result, trace)
    sys.exit(result.record.verdict.exit_code)


def _request(name: str, client: str, generation: str, cursor: str, seed: int) -> RunRequest:
    """The run meant by name and options; where they leave it open, the scenario's first variant."""
    scenario = find_one(name)
    fitting = [
        variant
        for variant in scenario.variants()
        if generation in ("all", variant[0]) and cursor in ("all", variant[1])
    ]
    if not fitting:
        possible = ", ".join("/".join(variant) for variant in scenario.variants())
        raise UsageError(f"{scenario.name} cannot happen in {generation}/{cursor}; it can in {possible}")
    return RunRequest(scenario, *fitting[0], client, seed)


def _from_capsule(kept: Capsule, path: Path, trace: bool) -> int:
    try:
        result = perform(kept.request)
        again = result if result.record.digest == kept.digest else perform(kept.request)
    except TapeError as error:
        click.echo(f"{path}: not the same run, for its choices no longer fit: {error}{_changed(kept)}", err=True)
        return Verdict.UNSTEADY.exit_code
    _tell(result, trace)
    first, second = result.record.digest, again.record.digest
    if first != second:
        click.echo(f"{path}: not deterministic: two replays gave the journals {first} and {second}", err=True)
        return Verdict.UNSTEADY.exit_code
    if first == kept.digest:
        click.echo("the same run as in the capsule, event for event")
    else:
        click.echo(
            f"{path}: client or harness changed since the capsule was written: its journal was {kept.digest}, "
            f"and now is {first}, twice{_changed(kept)}",
            err=True,
        )
    return result.record.verdict.exit_code


def _changed(kept: Capsule) -> str:
    now = capsule.versions()
    changed = [
        f"{name} {version} → {now.get(name, 'none')}"
        for name, version in kept.versions.items()
        if now.get(name) != version
    ]
    return f" (since then: {', '.join(changed)})" if changed else ""


def _tell(result: RunResult, trace: bool) -> None:
    record = result.record
    if trace:
        click.echo(render_trace(result.lines))
        click.echo()
    for line in _lines(record):
        click.echo(line)


def _lines(record: RunRecord) -> list[str]:
    rest = record.rest
    return [
        f"{record.verdict}: {record.scenario}, generation {record.generation}, cursor {record.cursor}, "
        f"client {record.client}, seed {record.seed}",
        *(f"  {violation.oracle}: {violation.message}" for violation in record.violations),
        f"  REST {rest.calls} calls (optimum {rest.optimum_calls}), {rest.bytes} bytes, "
        f"{rest.events_read} events read; {record.virtual_s:g} s virtual",
        *(f"  fault {fault.name} fired {fault.fired}×" for fault in record.faults),
        f"  digest {record.digest}",
    ]
