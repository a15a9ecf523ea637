"""Judge a changed client by the catalog: ``python -m tests.mutation.judge`` exits with 1 at the first run that fails.

Each scenario runs once in each generation. It runs at the model level where that is the same, because it is faster, and
at the wire otherwise. Scenarios with very long logs are left out. Nothing else judges: a change that only a unit test
would notice is one that the scenarios do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gapless.reports.records.record import Verdict
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.running.runner import RunRequest, perform
from tests.scenarios.machines.parity import is_comparable

HISTORY_EVENTS_MAX = 3_000


def runs() -> Iterator[RunRequest]:
    """One run of each scenario in each of its generations; those at the model level first."""
    every = [
        RunRequest(scenario, generation, scenario.cursors[0], DEFAULT)
        for scenario in catalogue()
        if scenario.workload.history_events <= HISTORY_EVENTS_MAX
        for generation in scenario.generations
    ]
    yield from sorted(every, key=lambda request: not is_comparable(request))


def main() -> int:
    """Judge; return the exit code."""
    for request in runs():
        record = perform(request, level="model" if is_comparable(request) else "wire").record
        if record.verdict is not Verdict.HOLDS:
            sys.stdout.write(f"{record.verdict}: {record.scenario} {record.variant}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
