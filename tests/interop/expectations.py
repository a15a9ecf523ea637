"""What releases of one class are expected to come to, and the reasons.

The outcomes are recorded in `expected/CLASS.toml`: for each scenario one line, or one for each generation where they
differ. What is not mentioned holds, in the generations that the file names; others are not compared. `make interop
INTEROP=--accept` writes those files from what was measured; a diff shows what changed. Classes are in `subjects.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop.lockstep_table import HOLDS, Cell

EXPECTED = Path(__file__).with_name("expected")
RECORDED = "recorded"

# Why the published clients come to what they come to, read in their code.
REASONS: Mapping[str, str] = {
    "R01": "an event between the first page and the subscription is found by the second read of the log at an attach",
    "R10": "before 1.25.0 a status ends the wait, and nothing is read any more. From 1.25.0 on (#1832) the SDK reads "
    "the whole log at a run's end: nothing is lost, but what it reads does not reach the callbacks",
    "R13": "before 1.25.0 the first status that says finished is believed; later releases wait for the next snapshot",
    "R15": "idle is not running: 1.11.0 returns at its first poll before the run has begun, and 1.57.0 and 1.58.2 take "
    "the idle of the snapshot that greets a new subscription for the end",
    "R17": "without the last snapshot, `run()` waits 30 s before it believes REST (1.57.0, 1.58.2)",
    "R30": "what the socket did not bring is not asked for before the run's end",
    "R33": "before 1.36.0 the reader ends with the first connection. 1.11.0 loses what comes after; 1.16.0 and 1.24.0 "
    "read it when REST alone knows of the end, and do not deliver it. Later releases connect anew (#3987)",
    "R57": "no release notices that a page's cursor leads back: it reads until it is stopped",
    "R73": "an item of a page that is no object raises an AttributeError in 1.57.0. 1.58.2 raises that it is invalid",
    "R62": "events that a read of the log brings are held, and the callbacks never see them",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The expectations of one class. generations: those that were recorded; outcomes: by scenario and generation."""

    generations: frozenset[str] = frozenset()
    outcomes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def of(self, cell: Cell) -> str | None:
        """The outcome expected of a cell; None when nothing was recorded."""
        if cell.generation not in self.generations:
            return None
        return self.outcomes.get((cell.scenario, cell.generation), HOLDS)


def expected(release_class: str) -> Expected:
    """What was recorded of a class."""
    path = EXPECTED / f"{release_class}.toml"
    if not path.exists():
        return Expected()
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    generations = frozenset(read.pop(RECORDED))
    outcomes = {(scenario, one): outcome for scenario, found in read.items() for one, outcome in found.items()}
    return Expected(generations, outcomes)


def differences(cells: Sequence[Cell]) -> list[str]:
    """Each cell that is not as its class is expected to be, one sentence each."""
    known = {one: expected(one) for one in {cell.release_class for cell in cells}}
    return [
        f"{cell.subject}, {cell.scenario}, {cell.generation}: {cell.outcome!r}, expected {wanted!r}"
        for cell in cells
        if (wanted := known[cell.release_class].of(cell)) not in (None, cell.outcome)
    ]


def not_compared(cells: Iterable[Cell]) -> list[str]:
    """The classes and generations of which nothing was recorded, one sentence each."""
    missing = {
        (cell.release_class, cell.generation): None
        for cell in cells
        if cell.generation not in expected(cell.release_class).generations
    }
    return [f"{one}, {generation}: nothing was recorded; --accept does" for one, generation in missing]


def written(release_class: str, cells: Sequence[Cell]) -> str:
    """The file of a class: what one of its releases came to."""
    rows: dict[str, dict[str, str]] = {}
    for cell in cells:
        if cell.outcome != HOLDS:
            rows.setdefault(cell.scenario, {})[cell.generation] = cell.outcome
    generations = ", ".join(f'"{one}"' for one in sorted({cell.generation for cell in cells}))
    lines = [f"# {release_class}: outcomes by scenario and generation. What is not mentioned holds."]
    lines.append(f"{RECORDED} = [{generations}]")
    for scenario in sorted(rows):
        lines += ["", f"[{scenario}]"]
        lines += [f'{generation} = "{rows[scenario][generation]}"' for generation in sorted(rows[scenario])]
    return "\n".join(lines) + "\n"
