"""``gapless replay``: one run again, from its capsule or from scenario and seed; with ``--trace`` as a story,
with ``--diff`` beside the nearest run that passes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reports.divergence import render_divergence
from reports.record import RunRecord, Verdict
from reports.trace import render_trace
from scenarios import capsule
from scenarios.capsule import Capsule
from scenarios.checking.kept import is_kept
from scenarios.checking.retold import retell
from scenarios.cli_options import client_option, cursor_option, generation_option, seed_option, told_plainly
from scenarios.elsewhere import Elsewhere
from scenarios.errors import UsageError
from scenarios.library import find_one
from scenarios.nearest import nearest
from scenarios.runner import RunRequest, RunResult, perform
from scenarios.sameness import difference
from simserver.errors import TapeError


@click.command("replay")
@click.argument("path", metavar="[CAPSULE]", required=False, type=click.Path(path_type=Path))
@click.option("--scenario", "name", help="Replay this scenario (name or race id) instead of a capsule.")
@client_option
@generation_option
@cursor_option
@seed_option
@click.option("--trace", is_flag=True, help="Print the run event by event.")
@click.option("--diff", is_flag=True, help="Show where the run parts from the nearest one that passes.")
@told_plainly
def replay(
    path: Path | None, name: str | None, client: str, generation: str, cursor: str, seed: int, trace: bool, diff: bool
) -> None:
    """Replay one run, and say whether it is the same run.

    The exit code is that of the run's verdict, also when client or harness have changed since a capsule was written; 6
    when two replays of it differ from each other.
    """
    if (path is None) == (name is None):
        raise UsageError("say what to replay: either a CAPSULE, or --scenario NAME with --seed N")
    if path is not None and is_kept(path):
        verdict, text = retell(path, trace=trace)
        click.echo(text)
        sys.exit(verdict.exit_code)
    if path is not None:
        sys.exit(_from_capsule(capsule.load(path), path, trace, diff))
    request = _request(str(name), client, generation, cursor, seed)
    result = perform(request)
    _tell(request, result, trace, diff)
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


def _from_capsule(kept: Capsule, path: Path, trace: bool, diff: bool) -> int:
    try:
        result = perform(kept.request)
    except TapeError as error:
        click.echo(f"{path}: not the same run, for its choices no longer fit: {error}{_changed(kept)}", err=True)
        return Verdict.UNSTEADY.exit_code
    is_same = result.record.digest == kept.digest
    again = result.record.digest if is_same else _digest_elsewhere(kept)
    _tell(kept.request, result, trace, diff)
    first = result.record.digest
    if first != again:
        click.echo(f"{path}: not deterministic: two replays gave the journals {first} and {again}", err=True)
        return Verdict.UNSTEADY.exit_code
    if is_same:
        click.echo("the same run as in the capsule, event for event")
    else:
        where = difference(kept.fingerprints, result.lines) if kept.fingerprints else "the capsule does not say where"
        was = "" if kept.verdict is result.record.verdict else f"; its verdict was {kept.verdict}"
        click.echo(
            f"{path}: client or harness changed since the capsule was written{_changed(kept)}: its choices fit, and "
            f"its journal is another: {where}{was}",
            err=True,
        )
    return result.record.verdict.exit_code


def _digest_elsewhere(kept: Capsule) -> str:
    with Elsewhere() as other:
        seen = other.perform(kept.request)
    return seen.problem or seen.digest


def _changed(kept: Capsule) -> str:
    now = capsule.versions()
    changed = [
        f"{name} {version} → {now.get(name, 'none')}"
        for name, version in kept.versions.items()
        if now.get(name) != version
    ]
    return f" (since then: {', '.join(changed)})" if changed else ""


def _tell(request: RunRequest, result: RunResult, trace: bool, diff: bool) -> None:
    record = result.record
    if trace:
        click.echo(render_trace(result.lines))
        click.echo()
    if diff:
        click.echo(_parting(request, result))
        click.echo()
    for line in _lines(record):
        click.echo(line)


def _parting(request: RunRequest, result: RunResult) -> str:
    """The run beside the nearest one that passes."""
    if result.record.verdict is Verdict.HOLDS:
        return "the run holds: there is no failure to compare with a passing run"
    other = nearest(request, result)
    if other is None:
        return "no run that passes was found: not without its faults, nor with other choices, nor with our client"
    lost = dict.fromkeys(event_id for violation in result.record.violations for event_id in violation.event_ids)
    titles = (f"this run: {result.record.verdict}", f"the nearest: {other.result.record.verdict}")
    head = f"the nearest run in which {result.record.violations[0].oracle} holds is {other.how}"
    return f"{head}\n{render_divergence(result.lines, other.result.lines, titles=titles, lost_ids=tuple(lost))}"


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
