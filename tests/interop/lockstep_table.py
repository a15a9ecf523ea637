"""Each release through each scenario in virtual time: lost and undelivered events, calls, time to return, error
raised."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing.util
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from gapless.reports.records.record import RunRecord, Verdict
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.judging.evidence import Evidence, StepCall
from gapless.scenarios.judging.journal_reader import read
from gapless.scenarios.lockstep.client import CommandFactory, factory
from gapless.scenarios.lockstep.process import POOL
from gapless.scenarios.realserver.environment import parse_server
from gapless.scenarios.realserver.playable import why_not
from gapless.scenarios.running.code_digest import code_digest
from gapless.scenarios.running.executors import pool
from gapless.scenarios.running.runner import RunRequest, RunResult, perform
from tests.interop import environments
from tests.interop.subjects import EXAMPLES, Subject, cursor_of, measured_scenarios

IN_TIME_S_MAX = 5.0
ERROR_CHARACTERS_MAX = 200
HOLDS = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of one release in one scenario and one generation.

    lost: events that ``run()`` returned without; undelivered: held, but never told to the application; return_s: from
    the run's end to the return of ``run()``, the farthest from 0, negative when it came before the end, None when
    nothing returned, or the run never ended; returns: the same in a word; error: what a step raised; problem: why
    there is no outcome at all.
    """

    subject: str
    release_class: str
    scenario: str
    generation: str
    verdict: str = ""
    lost: int = 0
    undelivered: int = 0
    twice: int = 0
    calls: int = 0
    optimum: int = 0
    return_s: float | None = None
    returns: str = ""
    error: str = ""
    digest: str = ""
    problem: str = ""

    @property
    def outcome(self) -> str:
        """All that is expected of releases of one class, in a line. Times and calls are told, and not expected."""
        if self.problem:
            return f"no outcome: {self.problem}"
        counted = [(self.lost, "lost"), (self.undelivered, "undelivered"), (self.twice, "delivered twice")]
        parts = [f"{count} {what}" for count, what in counted if count]
        if self.returns != "in time":
            parts.append(self.returns)
        if self.error:
            parts.append(self.error.partition(":")[0])
        return ", ".join(parts) or HOLDS


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be made."""

    subject: Subject
    scenario: str
    generation: str
    seed: int = 0


def tasks(subjects: Sequence[Subject], generations: Sequence[str], wanted: Sequence[Scenario] = ()) -> tuple[Task, ...]:
    """All runs of some subjects, in the generations that each understands.

    A generation that a release does not understand has the clean run alone, for what it makes of it.
    """
    found: list[Task] = []
    for subject in subjects:
        for generation in generations:
            known = generation in subject.generations
            found += [
                Task(subject, scenario.name, generation)
                for scenario in wanted or measured_scenarios()
                if cursor_of(scenario, generation) is not None and (known or scenario.name == "clean-run")
                if not subject.server or why_not(scenario, parse_server(subject.server)) is None
            ]
    return tuple(found)


@contextmanager
def measuring(wanted: Sequence[Task], jobs: int) -> Iterator[Iterator[Cell]]:
    """The cells as they come, from worker processes, each with a process of the client."""
    os.environ.update(environments.QUIET)
    with pool(jobs, _begin) as executor:
        futures = [executor.submit(measure, task) for task in wanted]
        yield (future.result() for future in as_completed(futures))


def _begin() -> None:
    multiprocessing.util.Finalize(None, POOL.close, exitpriority=0)  # a worker's own exit handlers do not run


_factories: dict[tuple[str, ...], CommandFactory] = {}


def measure(task: Task) -> Cell:
    """One cell."""
    command = task.subject.command
    if command and command not in _factories:
        _factories[command] = factory(command)
    scenario = find_one(task.scenario)
    cursor = cursor_of(scenario, task.generation)
    assert cursor is not None
    client = task.subject.name if command else task.subject.package
    request = RunRequest(scenario, task.generation, cursor, client, task.seed, server=task.subject.server)
    blank = Cell(task.subject.name, task.subject.release_class, task.scenario, task.generation)
    try:
        result = perform(request, factory=_factories.get(command))
    except Exception as error:  # one that breaks down is a cell, and not the end of the table
        return dataclasses.replace(blank, problem=f"{type(error).__name__}: {str(error)[:ERROR_CHARACTERS_MAX]}")
    return cell_of(blank, result)


def cell_of(blank: Cell, result: RunResult) -> Cell:
    """The cell of a run in virtual time."""
    entries = (json.loads(line) for line in result.lines)
    return filled(blank, result.record, read((_entry(index, one) for index, one in enumerate(entries)), ()))


def _entry(index: int, fields: dict[str, object]) -> SimpleNamespace:
    return SimpleNamespace(index=index, t_s=fields["t_s"], place=fields["place"], what=fields["what"], fields=fields)


def filled(blank: Cell, record: RunRecord, evidence: Evidence) -> Cell:
    """The cell of a run."""
    return_s, returns = _returned(evidence)
    failed = next((step for step in evidence.steps if step.outcome != "returned"), None)
    return dataclasses.replace(
        blank,
        verdict=str(record.verdict),
        lost=record.lost_events,
        undelivered=_concerned(record, "held, but never delivered"),
        twice=_concerned(record, "delivered more than once"),
        calls=record.rest.calls,
        optimum=record.rest.optimum_calls,
        return_s=return_s,
        returns=returns if record.verdict is not Verdict.VACUOUS or returns != "in time" else "vacuous",
        error="" if failed is None else _raised(failed),
        digest=record.digest,
    )


def _raised(step: StepCall) -> str:
    """What a step that did not return raised: the class of the error first, and a colon."""
    if step.outcome == "hung":
        return "" if step.step == "run" else f"{step.step} hangs"
    text = step.message.removeprefix("Failure: ") if step.outcome == "failed" else f"{step.outcome}: {step.message}"
    return f"{step.step} raises {text[:ERROR_CHARACTERS_MAX]}" if step.outcome == "failed" else f"{step.step} {text}"


def _concerned(record: RunRecord, says: str) -> int:
    return sum(len(one.event_ids) for one in record.violations if one.message.startswith(says))


def _returned(evidence: Evidence) -> tuple[float | None, str]:
    waits: list[float] = []
    for run in evidence.runs:
        if run.step.outcome != "returned":
            return None, "never returns" if run.step.outcome == "hung" else "in time"  # an error is told apart
        if run.server_run is not None and run.step.ended_s is not None:
            ended_s = run.server_run.ended_s
            if ended_s is None:
                return None, "early"
            waits.append(run.step.ended_s - ended_s)
    farthest = max(waits, key=abs, default=None)
    if farthest is None:
        return None, "in time"
    return round(farthest, 3), "early" if farthest < 0 else "in time" if farthest <= IN_TIME_S_MAX else "late"


class KeptCells:
    """Cells that were measured before, line by line in a file: an interrupted `make interop` goes on where it was.

    A cell is used again as long as nothing has changed on which it depends: the code, the scenario, the client's pins.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._common = hashlib.sha256(code_digest().encode())
        for program in sorted(EXAMPLES.glob("*.mjs")):
            self._common.update(program.read_bytes())

    def known(self, wanted: Sequence[Task]) -> dict[Task, Cell]:
        """Those of some runs that were measured before."""
        kept = dict(self._lines())
        return {
            task: dataclasses.replace(kept[key], release_class=task.subject.release_class)
            for task in wanted
            if (key := self._key(task)) in kept
        }

    def keep(self, task: Task, cell: Cell) -> None:
        """Write down a cell. One without an outcome is measured again."""
        if not cell.problem:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": self._key(task), "cell": dataclasses.asdict(cell)}) + "\n")

    def forget(self) -> None:
        """Measure everything again."""
        self._path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[tuple[str, Cell]]:
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path.exists() else []
        for line in lines:
            try:
                said = json.loads(line)
                yield said["key"], Cell(**said["cell"])
            except (ValueError, TypeError, KeyError):
                continue  # the process was killed while it wrote, or cells had other fields then

    def _key(self, task: Task) -> str:
        subject, digest = task.subject, self._common.copy()
        digest.update(repr(task).encode() + find_one(task.scenario).model_dump_json().encode())
        if subject.release:
            digest.update(environments.pins_text(subject.release).encode())
        return digest.hexdigest()[:24]
