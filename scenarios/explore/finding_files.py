"""Write the shrunk world of a cause to two files: a scenario, ready for the catalogue, and a capsule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gapless.reports.records.record import RestCost, RunRecord, Verdict, Violation
from gapless.scenarios.capsules import capsule
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT
from gapless.scenarios.definition.scenario import PlannedKill, Scenario
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.errors import UsageError, WorldBroke
from gapless.scenarios.explore.symptom import BROKE, judged
from gapless.scenarios.explore.trial import WorldFailure, planned
from gapless.scenarios.judging.oracles.case import count
from gapless.scenarios.running.journal_difference import fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from gapless.simserver.choices import Ranges, Tape


@dataclass(frozen=True, slots=True)
class ShrunkWorld:
    """A shrunk world and its files.

    ``request``: its run
    ``events``: how many events its log holds at the end
    ``faults``: how many faults it has
    ``scenario``, ``capsule``: the paths of its files
    """

    request: RunRequest
    events: int
    faults: int
    scenario: Path
    capsule: Path


def keep(
    client: str,
    failure: WorldFailure,
    name: str,
    directory: Path,
    command: tuple[str, ...] = (),
    server: str = "",
    *,
    is_shrunk: bool = True,
) -> ShrunkWorld:
    """Write both files of a failing world. ``name`` is their base name.

    Raises UsageError when they cannot be written.
    """
    request = planned(client, failure.drawn, command, server)
    if failure.symptom.oracle == BROKE:
        return _keep_broken(request, failure, name, directory)
    result = perform(request)
    events = request.scenario.workload.history_events + sum(1 for line in result.lines if '"what":"append"' in line)
    scenario = _with_description(name, request, failure, events, is_shrunk=is_shrunk)
    request = replace(request, scenario=scenario)
    result = perform(request)
    paths = _write(directory, name, scenario, _capsule(request, result))
    return ShrunkWorld(request, events, len(scenario.faults), *paths)


def _keep_broken(request: RunRequest, failure: WorldFailure, name: str, directory: Path) -> ShrunkWorld:
    """Write both files of a world that broke down. The capsule has the choices that were made until then."""
    scenario = _with_description(name, request, failure, 0, is_shrunk=True)
    request = replace(request, scenario=scenario)
    tape: Tape = {}
    ranges: Ranges = {}
    try:
        result = perform(request)
        tape, ranges = result.tape, result.ranges
    except WorldBroke as error:
        tape, ranges = {**(error.tape or {})}, {**(error.ranges or {})}  # type: ignore[dict-item]
    record = RunRecord(
        scenario=name,
        origin=scenario.origin,
        client=request.client,
        generation=request.generation,
        cursor=request.cursor,
        seed=request.seed,
        verdict=Verdict.HOLDS,
        violations=(Violation(BROKE, failure.message, breaks=Verdict.HOLDS),),
        judged=(),
        rest=RestCost(0, 0, 0, 0, 0),
        faults=(),
        virtual_s=0.0,
        digest="",
    )
    text = capsule.render(request, record, tape, ranges)
    paths = _write(directory, name, scenario, text)
    return ShrunkWorld(request, 0, len(scenario.faults), *paths)


def _write(directory: Path, name: str, scenario: Scenario, capsule_text: str) -> tuple[Path, Path]:
    paths = directory / f"{name}.toml", directory / f"{name}.json"
    texts = render(scenario), capsule_text
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{directory}: cannot be written ({error.strerror}); give --database another directory"
        ) from error
    return paths


def _capsule(request: RunRequest, result: RunResult) -> str:
    prints = fingerprints(result.lines)
    return capsule.render(request, result.record, result.tape, result.ranges, prints, result.ran_on)


def _with_description(
    name: str, request: RunRequest, failure: WorldFailure, events: int, *, is_shrunk: bool
) -> Scenario:
    """The drawn scenario with a name, a title, a story, and the clients that fail in it."""
    kinds = " and ".join(fault.kind for fault in request.scenario.faults) or "no fault"
    how = "Drawn and shrunk" if is_shrunk else "Drawn, and not shrunk yet"
    switches = request.scenario.thread_switches
    schedule = f" and {len(switches)} thread switch{'es' * (len(switches) > 1)}" if switches else ""
    story = (
        f"{how}; to be told in words. Client {request.client}, generation {request.generation}, cursor "
        f"{request.cursor}, seed {request.seed}: with {kinds}{schedule} and {count(events, 'event')} in the log, "
        f"{failure.symptom.oracle} says: {failure.message}."
    )
    written = {
        "name": name,
        "title": f"{failure.symptom.oracle} with {kinds}",
        "origin": f"found by gapless explore{_where(failure)}",
        "story": story,
    }
    return Scenario.model_validate(
        {**request.scenario.model_dump(exclude_unset=True), **written, "documentation": False}
        | {"kills": [kill.model_dump() for kill in _kills(request, failure.symptom.oracle)]}
    )


def _where(failure: WorldFailure) -> str:
    """The world in which it was found first, where that is recorded."""
    return "" if failure.seed is None else f", seed {failure.seed}, world {failure.number}"


def _kills(request: RunRequest, oracle: str) -> Iterator[PlannedKill]:
    """The clients that fail in this world: the one that was tried, or the failing baselines if ours was tried."""
    if oracle == BROKE:
        return
    by = {request.client: oracle}
    if request.client == DEFAULT:
        others = (client.name for client in CLIENTS if client.name != DEFAULT)
        found = {name: judged(perform(replace(request, client=name)).record) for name in others}
        by = {name: violations[0].oracle for name, violations in found.items() if violations}
    if request.command:
        return  # by its label nobody else could run it
    for client, one in by.items():
        yield PlannedKill.model_validate({"client": client, "by": one})
