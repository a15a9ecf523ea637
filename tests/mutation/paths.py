"""Which runs of the catalog take which lines of the client: ``python -m tests.mutation.paths FILE``.

A change can alter only the runs that take a changed line, so only these have to be made again. Each run is traced once,
and its lines are written to FILE with the processor time that it took.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from gapless import syncclient
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.running.runner import RunRequest, perform

CLIENT: Final = Path(syncclient.__file__).resolve().parent
MODULES: Final = ("core", "log")
HISTORY_EVENTS_MAX: Final = 3_000


@dataclass(frozen=True, slots=True)
class TracedRun:
    """One run: its key, the seconds of processor time that it took, and the lines that it takes, by file."""

    key: str
    cost_s: float
    lines: dict[str, frozenset[int]]

    def takes(self, file: str, first: int, last: int) -> bool:
        """Whether it takes a line in a range of a file."""
        return any(first <= line <= last for line in self.lines.get(file, ()))


def all_runs() -> Iterator[RunRequest]:
    """One run of each scenario in each of its generations. Scenarios with very long logs are left out."""
    for scenario in catalogue():
        if scenario.workload.history_events <= HISTORY_EVENTS_MAX:
            for generation in scenario.generations:
                yield RunRequest(scenario, generation, scenario.cursors[0], DEFAULT)


def key_of(request: RunRequest) -> str:
    """The name of a run."""
    return f"{request.scenario.name} {request.generation}/{request.cursor}"


def traced(request: RunRequest) -> TracedRun:
    """Make a run, and note its lines and its cost, which tracing adds to."""
    lines: dict[str, set[int]] = {}
    began_s = time.process_time()
    sys.settrace(_tracer(lines))
    try:
        perform(request)
    finally:
        sys.settrace(None)
    cost_s = time.process_time() - began_s
    return TracedRun(key_of(request), round(cost_s, 3), {file: frozenset(found) for file, found in lines.items()})


def _tracer(lines: dict[str, set[int]]) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that notes lines of the client, and lets everything else run untraced."""
    names: dict[str, str | None] = {}

    def called(frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        if path not in names:
            names[path] = _name_of(path)
        name = names[path]
        if name is None:
            return None
        found = lines.setdefault(name, set())
        found.add(frame.f_lineno)

        def stepped(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                found.add(frame.f_lineno)
            return stepped

        return stepped

    return called


def _name_of(path: str) -> str | None:
    """The path below the client, of a file that may be changed; None of any other."""
    resolved = Path(path).resolve()
    if not resolved.is_relative_to(CLIENT):
        return None
    name = resolved.relative_to(CLIENT).as_posix()
    return name if name.startswith(tuple(f"{module}/" for module in MODULES)) else None


def read(file: Path) -> list[TracedRun]:
    """The runs in a file that `main` wrote."""
    told = json.loads(file.read_text(encoding="utf-8"))
    return [
        TracedRun(one["key"], one["cost_s"], {name: frozenset(lines) for name, lines in one["lines"].items()})
        for one in told
    ]


def main(file: str) -> None:
    """Trace all runs, and write them."""
    runs = [traced(request) for request in all_runs()]
    told = [
        {
            "key": run.key,
            "cost_s": run.cost_s,
            "lines": {name: sorted(lines) for name, lines in sorted(run.lines.items())},
        }
        for run in runs
    ]
    Path(file).write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
