"""``gapless replay``: run one run again, from a capsule or from a scenario and seed.

``--trace`` prints it event by event. ``--diff`` compares it with the nearest run that passes. Other options draw it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from gapless.reports.one_run.divergence import render_divergence
from gapless.reports.one_run.trace import render_trace
from gapless.reports.records.record import Clock, RunRecord, Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.capsules.capsule import Capsule
from gapless.scenarios.capsules.nearest_pass import nearest
from gapless.scenarios.capsules.trust import check_trust
from gapless.scenarios.checking import recording as in_real_time
from gapless.scenarios.checking.replay_text import retell
from gapless.scenarios.cli.command_client import TakesCommand, clock_option, given, label_option, only_virtual
from gapless.scenarios.cli.options import (
    chosen,
    client_option,
    cursor_option,
    generation_option,
    plain_errors,
    seed_option,
    server_option,
)
from gapless.scenarios.cli.output.run_drawings import STANDARD_OUTPUT, Drawings
from gapless.scenarios.cli.real_server import check_variant, given_server, make_ready, playable
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.command import printed_lines
from gapless.scenarios.running.journal_difference import difference
from gapless.scenarios.running.runner import RunRequest, RunResult, perform, wanted_variants
from gapless.scenarios.running.second_process import SecondProcess
from gapless.simserver.errors import TapeError

_file = click.Path(dir_okay=False, path_type=Path)


@click.command("replay", cls=TakesCommand)
@click.argument("path", metavar="[CAPSULE]", required=False, type=click.Path(path_type=Path))
@click.option("--scenario", "name", help="Replay this scenario (name or race id) instead of a capsule.")
@client_option
@label_option
@clock_option
@server_option
@generation_option
@cursor_option
@seed_option
@click.option("--trust", is_flag=True, help="Run the program or import the module that a capsule names.")
@click.option("--trace", is_flag=True, help="Print the run event by event.")
@click.option("--diff", is_flag=True, help="Show where the run parts from the nearest one that passes.")
@click.option("--html", type=_file, metavar="FILE", help="Write a page that draws the run.")
@click.option(
    "--mermaid",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    is_flag=False,
    flag_value=str(STANDARD_OUTPUT),
    metavar="[FILE]",
    help="Write the run as a Mermaid sequence diagram; without FILE, to standard output.",
)
@click.option(
    "--har", type=_file, metavar="FILE", help="Write REST calls and WebSockets for a browser's developer tools."
)
@click.option("--perfetto", type=_file, metavar="FILE", help="Write a timeline for ui.perfetto.dev.")
@click.option("--svg", type=_file, metavar="FILE", help="Write a picture of the run, in lanes from agent to client.")
@plain_errors
def replay(
    path: Path | None,
    name: str | None,
    client: str,
    label: str | None,
    clock: Clock | None,
    server: str | None,
    generation: str,
    cursor: str,
    seed: int,
    trust: bool,
    trace: bool,
    diff: bool,
    html: Path | None,
    mermaid: Path | None,
    har: Path | None,
    perfetto: Path | None,
    svg: Path | None,
) -> None:
    """Replay one run, and say whether it is the same run.

    A capsule of a client that is a command runs that command again, and says which versions differ; one of a run with a
    published server runs that server again. COMMAND and --server are for --scenario. What a capsule names to be run or
    imported needs --trust, unless it is installed: whoever wrote the capsule chose it. A run in real time, which
    `gapless check` kept, is told and drawn again as it was.

    The exit code is that of the run's verdict, also when client or harness have changed since a capsule was written; 6
    when two replays of it differ from each other.
    """
    drawings = Drawings(html, mermaid, har, perfetto, svg)
    if (path is None) == (name is None):
        taken = mermaid is not None and not drawings.takes_standard_output
        hint = f" (--mermaid took {mermaid} for its own file: name the capsule before it)" if taken else ""
        raise UsageError(f"say what to replay: either a CAPSULE, or --scenario NAME with --seed N{hint}")
    program = given(label, clock)
    only_virtual(program, "replay")
    if program is not None and path is not None:
        raise UsageError("a capsule has a client of its own; give --scenario NAME, or leave out the command after --")
    if server is not None and path is not None:
        raise UsageError("a capsule has a server of its own; give --scenario NAME, or leave out --server")
    drawings.check()
    output = _Output(trace, diff, drawings)
    if path is not None and in_real_time.is_kept(path):
        sys.exit(_in_real_time(path, output))
    if path is not None:
        kept = capsule.load(path)
        capsule.check_command(kept, path)
        check_trust(kept.request.client, kept.request.command, path, trusted=trust)
        sys.exit(_from_capsule(kept, path, output))
    name_of_client, command = (client, ()) if program is None else (program.name, program.words)
    published = given_server(server)
    check_variant(published, generation, cursor)
    request = _request(str(name), name_of_client, generation, cursor, seed, published)
    request = replace(request, command=command)
    make_ready(published)
    result = perform(request, with_messages=True)
    _print_run(request, result, output)
    sys.exit(result.record.verdict.exit_code)


@dataclass(frozen=True, slots=True)
class _Output:
    """What is printed and drawn of a run."""

    trace: bool
    diff: bool
    drawings: Drawings

    def draw(self, record: RunRecord, lines: Sequence[str]) -> None:
        """Make the drawings. A diagram for standard output is the only text there."""
        for text in self.drawings.write(record, lines):
            click.echo(text, nl=False)

    def say(self, text: str = "") -> None:
        """Print a text: to standard error when standard output is for a drawing."""
        click.echo(text, err=self.drawings.takes_standard_output)


def _in_real_time(path: Path, output: _Output) -> int:
    """Print and draw a run in real time from its file, since it cannot be run again. Returns the exit code."""
    verdict, text = retell(path, trace=output.trace)
    if output.diff:
        text += "\n  --diff: it cannot be run with other choices either, so there is no passing run to put beside it"
    run = in_real_time.load(path)
    output.draw(run.judged(), run.lines())
    output.say(text)
    return verdict.exit_code


def _request(name: str, client: str, generation: str, cursor: str, seed: int, server: str) -> RunRequest:
    """The request that name and options give: the first variant of the scenario that fits them."""
    (scenario,) = playable((find_one(name),), server, (name,))
    fitting = wanted_variants(scenario, chosen(generation, GENERATIONS), chosen(cursor, CURSORS), server)
    if not fitting:
        possible = ", ".join("/".join(variant) for variant in scenario.variants())
        raise UsageError(f"{scenario.name} cannot happen in {generation}/{cursor}; it can in {possible}")
    return RunRequest(scenario, *fitting[0], client, seed, server=server)


def _from_capsule(kept: Capsule, path: Path, output: _Output) -> int:
    make_ready(kept.request.server)
    try:
        result = perform(kept.request, with_messages=True)
    except TapeError as error:
        click.echo(f"{path}: not the same run, for its choices no longer fit: {error}{_changed(kept, None)}", err=True)
        return Verdict.UNSTEADY.exit_code
    is_same = result.record.digest == kept.digest
    again = result.record.digest if is_same else _digest_in_second_process(kept)
    _print_run(kept.request, result, output)
    first = result.record.digest
    if first != again:
        click.echo(f"{path}: not deterministic: two replays gave the journals {first} and {again}", err=True)
        return Verdict.UNSTEADY.exit_code
    if is_same:
        output.say(f"the same run as in the capsule, event for event{_ran_on_changed(kept, result)}")
    else:
        where = difference(kept.fingerprints, result.lines) if kept.fingerprints else "the capsule does not say where"
        was = "" if kept.verdict is result.record.verdict else f"; its verdict was {kept.verdict}"
        click.echo(
            f"{path}: client or harness changed since the capsule was written{_changed(kept, result)}: its choices "
            f"fit, and its journal is another: {where}{was}",
            err=True,
        )
    return result.record.verdict.exit_code


def _digest_in_second_process(kept: Capsule) -> str:
    with SecondProcess() as other:
        seen = other.perform(kept.request)
    return seen.problem or seen.digest


def _ran_on_changed(kept: Capsule, result: RunResult) -> str:
    changed = _client_versions(kept, result)
    return f", on other versions: {', '.join(changed)}" if changed else ""


def _client_versions(kept: Capsule, result: RunResult | None) -> list[str]:
    """What a client that is a command ran on then, and what now, where it differs."""
    if kept.ran_on is None or result is None or result.ran_on is None:
        return []
    return list(kept.ran_on.differences(result.ran_on))


def _changed(kept: Capsule, result: RunResult | None) -> str:
    now = capsule.versions()
    changed = [
        f"{name} {version} → {now.get(name, 'none')}"
        for name, version in kept.versions.items()
        if now.get(name) != version
    ]
    changed += [f"of the client: {one}" for one in _client_versions(kept, result)]
    return f" (since then: {', '.join(changed)})" if changed else ""


def _print_run(request: RunRequest, result: RunResult, output: _Output) -> None:
    lines = result.told
    output.draw(result.record, lines)
    if output.trace:
        output.say(render_trace(lines))
        output.say()
    if output.diff:
        output.say(_divergence_text(request, result))
        output.say()
    for line in _lines(result.record):
        output.say(line)
    if not output.trace and result.record.verdict is not Verdict.HOLDS:
        for line in printed_lines(result.printed):
            output.say(line)


def _divergence_text(request: RunRequest, result: RunResult) -> str:
    """The run compared with the nearest one that passes."""
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
        *(f"  {line}" for line in record.client_lines),
        *(f"  fault {fault.name} fired {fault.fired}×" for fault in record.faults),
        f"  digest {record.digest}",
    ]
