"""Write the shrunk world of a cause to two files: a scenario, ready for the catalogue, and a capsule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gapless.scenarios.capsules import capsule
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT
from gapless.scenarios.definition.scenario import PlannedKill, Scenario
from gapless.scenarios.definition.toml_writing import render
from gapless.scenarios.errors import UsageError
from gapless.scenarios.explore.symptom import judged, symptoms_in
from gapless.scenarios.explore.trial import WorldFailure, planned
from gapless.scenarios.judging.oracles.case import count
from gapless.scenarios.running.journal_difference import fingerprints
from gapless.scenarios.running.runner import RunRequest, RunResult, perform


@dataclass(frozen=True, slots=True)
class ShrunkWorld:
    """A shrunk world and its files.

    ``request``: its run
    ``events``: how many events its log holds at the end
    ``faults``: how many faults it has
    ``at_the_wire``: whether the symptom shows at the wire level
    ``scenario``, ``capsule``: the paths of its files
    """

    request: RunRequest
    events: int
    faults: int
    at_the_wire: bool
    scenario: Path
    capsule: Path


def keep(
    client: str,
    failure: WorldFailure,
    name: str,
    directory: Path,
    command: tuple[str, ...] = (),
    server: str = "",
) -> ShrunkWorld:
    """Write both files of a failing world. ``name`` is their base name.

    Raises UsageError when they cannot be written.
    """
    request = planned(client, failure.drawn, command, server)
    result = perform(request)
    events = request.scenario.workload.history_events + sum(1 for line in result.lines if '"what":"append"' in line)
    scenario = _with_description(name, request, failure, events)
    request = replace(request, scenario=scenario)
    result = perform(request)
    paths = directory / f"{name}.toml", directory / f"{name}.json"
    texts = render(scenario), _capsule(request, result)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{directory}: cannot be written ({error.strerror}); give --database another directory"
        ) from error
    return ShrunkWorld(request, events, len(scenario.faults), failure.symptom in symptoms_in(result), *paths)


def _capsule(request: RunRequest, result: RunResult) -> str:
    prints = fingerprints(result.lines)
    return capsule.render(request, result.record, result.tape, result.ranges, prints, result.ran_on)


def _with_description(name: str, request: RunRequest, failure: WorldFailure, events: int) -> Scenario:
    """The drawn scenario with a name, a title, a story, and the clients that fail in it."""
    kinds = " and ".join(fault.kind for fault in request.scenario.faults) or "no fault"
    switches = request.scenario.thread_switches
    schedule = f" and {len(switches)} thread switch{'es' * (len(switches) > 1)}" if switches else ""
    story = (
        f"Drawn and shrunk; to be told in words. Client {request.client}, generation {request.generation}, cursor "
        f"{request.cursor}, seed {request.seed}: with {kinds}{schedule} and {count(events, 'event')} in the log, "
        f"{failure.symptom.oracle} says: {failure.message}."
    )
    written = {
        "name": name,
        "title": f"{failure.symptom.oracle} with {kinds}",
        "origin": "found by gapless explore",
        "story": story,
    }
    return Scenario.model_validate(
        {**request.scenario.model_dump(exclude_unset=True), **written, "documentation": False}
        | {"kills": [kill.model_dump() for kill in _kills(request, failure.symptom.oracle)]}
    )


def _kills(request: RunRequest, oracle: str) -> Iterator[PlannedKill]:
    """The clients that fail in this world: the one that was tried, or the failing baselines if ours was tried."""
    by = {request.client: oracle}
    if request.client == DEFAULT:
        others = (client.name for client in CLIENTS if client.name != DEFAULT)
        found = {name: judged(perform(replace(request, client=name)).record) for name in others}
        by = {name: violations[0].oracle for name, violations in found.items() if violations}
    if request.command:
        return  # by its label nobody else could run it
    for client, one in by.items():
        yield PlannedKill.model_validate({"client": client, "by": one})
