"""Judge a changed client by the catalog: ``python -m tests.mutation.judge`` exits with 1 at the first run that fails.

Each scenario runs once in each generation. Scenarios with very long logs are left out. Nothing else judges: a change
that only a unit test would notice is one that the scenarios do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gapless.reports.records.record import Verdict
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.running.runner import RunRequest, perform

HISTORY_EVENTS_MAX = 3_000


def runs() -> Iterator[RunRequest]:
    """One run of each scenario in each of its generations."""
    for scenario in catalogue():
        if scenario.workload.history_events <= HISTORY_EVENTS_MAX:
            for generation in scenario.generations:
                yield RunRequest(scenario, generation, scenario.cursors[0], DEFAULT)


def main() -> int:
    """Judge; return the exit code."""
    for request in runs():
        record = perform(request).record
        if record.verdict is not Verdict.HOLDS:
            sys.stdout.write(f"{record.verdict}: {record.scenario} {record.variant}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
