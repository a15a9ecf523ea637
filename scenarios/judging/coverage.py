"""What never happened in a campaign of many runs, so that the campaign proves nothing about it.

``judge.py`` checks this for one run: each planned fault fired, and each oracle had something to judge. A campaign must
show more. Every kind of fault acted in some run, every oracle judged something in some run, and our client took every
path that is marked with ``sometimes(…)``. The marks are read from the source, so a mark that was never reached is
listed too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gapless import syncclient
from gapless.reports.records.never import Never
from gapless.reports.records.record import RunRecord
from gapless.scenarios.clients.registry import DEFAULT
from gapless.scenarios.judging.oracles import ORACLES
from gapless.simserver.faults import KINDS

CLIENT = Path(syncclient.__file__).parent
FAULT_KINDS = tuple(str(kind.model_fields["kind"].default) for kind in KINDS)
ORACLE_NAMES = tuple(name for name, _ in ORACLES)


@dataclass(frozen=True, slots=True)
class Mark:
    """One ``sometimes("name")`` in the source. ``place``: ``file:line``."""

    name: str
    place: str


@cache
def declared(package: Path = CLIENT) -> tuple[Mark, ...]:
    """Every mark in the source of a package, in the order of files and lines.

    Raises ValueError for a name that is no string literal, and for a name used twice: neither can be listed.
    """
    marks: dict[str, Mark] = {}
    for mark in _marks(package):
        if mark.name in marks:
            raise ValueError(f"{mark.place}: {mark.name!r} is marked at {marks[mark.name].place} already")
        marks[mark.name] = mark
    return tuple(marks.values())


def _marks(package: Path) -> Iterator[Mark]:
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "sometimes(" not in text:
            continue
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and _is_mark(node)]
        for call in sorted(calls, key=lambda call: call.lineno):
            place = f"{path.relative_to(package.parent)}:{call.lineno}"
            name = call.args[0] if call.args else None
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise ValueError(f"{place}: the name of a mark must be a string written out")
            yield Mark(name.value, place)


def _is_mark(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "sometimes"


class CampaignCoverage:
    """What happened in the runs added so far. Records may come from any process, in any order.

    ``fault_kinds`` and ``oracles``: what the campaign can bring about. ``marks``: the paths of our client that must be
    taken; None means every mark in the source. Paths are required only once our client was among the clients.
    """

    def __init__(
        self,
        *,
        fault_kinds: Sequence[str] = FAULT_KINDS,
        oracles: Sequence[str] = ORACLE_NAMES,
        marks: Sequence[Mark] | None = None,
    ) -> None:
        self._fault_kinds, self._oracles = tuple(fault_kinds), tuple(oracles)
        self._marks = None if marks is None else tuple(marks)
        self._happened: dict[tuple[str, str], int] = {}
        self._tried_ours = False
        self.runs = 0

    def add(self, record: RunRecord) -> None:
        """Count one run."""
        self.runs += 1
        self._tried_ours = self._tried_ours or record.client == DEFAULT
        for name in record.taken:
            self._note("path", name)
        for fault in record.faults:
            if fault.fired:
                self._note("fault", fault.kind)
        for judged in record.judged:
            if judged.count:
                self._note("oracle", judged.oracle)

    def runs_with(self, what: str, name: str) -> int:
        """In how many runs ``name`` happened.

        ``what``: ``path`` (a marked path was taken), ``fault`` (a fault of that kind fired), or ``oracle`` (it had
        something to judge).
        """
        return self._happened.get((what, name), 0)

    def never(self) -> tuple[Never, ...]:
        """What never happened: kinds of fault, oracles, and paths of our client."""
        asked = [Never("fault", kind) for kind in self._fault_kinds]
        asked += [Never("oracle", name) for name in self._oracles]
        if self._tried_ours:
            # The source is read here, because few campaigns ask.
            marks = declared() if self._marks is None else self._marks
            asked += [Never("path", mark.name, mark.place) for mark in marks]
        return tuple(one for one in asked if not self.runs_with(one.what, one.name))

    def _note(self, what: str, name: str) -> None:
        self._happened[what, name] = self._happened.get((what, name), 0) + 1
