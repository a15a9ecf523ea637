"""Cells that were measured before, line by line in a file: an interrupted `make interop` goes on where it was.

A cell is used again as long as nothing has changed on which it depends: the code, the scenario, the client's pins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.code_digest import code_digest
from tests.interop import environments
from tests.interop.lockstep_table import Cell, Task
from tests.interop.subjects import EXAMPLES


class KeptCells:
    """The cells in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._common = hashlib.sha256(code_digest().encode())
        for program in sorted(EXAMPLES.glob("*.mjs")):
            self._common.update(program.read_bytes())

    def known(self, wanted: Sequence[Task]) -> dict[Task, Cell]:
        """Those of some runs that were measured before."""
        kept = dict(self._lines())
        return {
            task: replace(kept[key], release_class=task.subject.release_class)
            for task in wanted
            if (key := self._key(task)) in kept
        }

    def keep(self, task: Task, cell: Cell) -> None:
        """Write down a cell. One without an outcome is measured again."""
        if not cell.problem:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": self._key(task), "cell": asdict(cell)}) + "\n")

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
