"""What releases of one class are expected to come to, and the reasons.

The outcomes are recorded in `expected/CLASS.toml`: for each scenario one line, or one for each generation where they
differ. What is not mentioned holds. `make interop INTEROP=--accept` writes those files from what was measured; a diff
shows what changed. Classes are in `subjects.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.interop.lockstep_table import HOLDS, Cell

EXPECTED = Path(__file__).with_name("expected")

# Why the published clients come to what they come to, read in their code.
REASONS: Mapping[str, str] = {
    "R01": "an event between the first page and the subscription is found by the second read of the log at an attach",
    "R10": "before 1.25.0 REST says finished, `run()` returns, and nothing is read any more. From 1.25.0 on (#1832) "
    "the SDK reads the whole log at a run's end: nothing is lost, but what it reads does not reach the callbacks",
    "R13": "before 1.25.0 the first poll that says finished is believed; later releases wait for the next snapshot",
    "R15": "idle is not running: a status from before the run is taken for its end",
    "R17": "without the last snapshot, `run()` waits 30 s before it believes REST (from 1.25.0 on)",
    "R30": "what the socket did not bring is not asked for before the run's end",
    "R33": "before 1.36.0 the reader ends with the first connection; later releases connect anew (#3987)",
    "R57": "no release notices that a page's cursor leads back: it reads until it is stopped",
    "R62": "events that a read of the log brings are held, and the callbacks never see them",
}


def expected(release_class: str) -> Mapping[tuple[str, str], str]:
    """Outcomes by scenario and generation; HOLDS where there is none. Empty when nothing was recorded yet."""
    path = EXPECTED / f"{release_class}.toml"
    if not path.exists():
        return {}
    return {
        (scenario, generation): outcome
        for scenario, outcomes in tomllib.loads(path.read_text(encoding="utf-8")).items()
        for generation, outcome in outcomes.items()
    }


def differences(cells: Iterable[Cell]) -> list[str]:
    """Each cell that is not as its class is expected to be, one sentence each."""
    known: dict[str, Mapping[tuple[str, str], str]] = {}
    found = []
    for cell in cells:
        if cell.release_class not in known:
            known[cell.release_class] = expected(cell.release_class)
        wanted = known[cell.release_class].get((cell.scenario, cell.generation), HOLDS)
        if cell.outcome != wanted:
            found.append(f"{cell.subject}, {cell.scenario}, {cell.generation}: {cell.outcome!r}, expected {wanted!r}")
    return found


def written(release_class: str, cells: Iterable[Cell]) -> str:
    """The file of a class: what its newest release came to."""
    rows: dict[str, dict[str, str]] = {}
    for cell in cells:
        if cell.outcome != HOLDS:
            rows.setdefault(cell.scenario, {})[cell.generation] = cell.outcome
    lines = [f"# {release_class}: outcomes by scenario and generation. What is not mentioned holds."]
    for scenario in sorted(rows):
        lines += ["", f"[{scenario}]"]
        lines += [f'{generation} = "{rows[scenario][generation]}"' for generation in sorted(rows[scenario])]
    return "\n".join(lines) + "\n"
