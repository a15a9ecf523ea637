"""Which kinds of fault fired in a campaign: in how many worlds of each generation, and in which state of the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_KIND_WIDTH = 23
_COLUMN_WIDTH = 8
_STATE_WIDTH = 7
_SHORT = {"starting": "start", "reconnecting": "reconn", "repairing": "repair"}


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One kind of fault: the worlds in which it fired, by generation, and how often it fired, by state."""

    kind: str
    worlds: tuple[int, ...]
    firings: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CoverageTable:
    """The table: the names of its columns, and a row for each kind of fault."""

    generations: tuple[str, ...]
    states: tuple[str, ...]
    rows: tuple[CoverageRow, ...]

    @property
    def pairs(self) -> int:
        """How many pairs of kind and state occurred."""
        return sum(1 for row in self.rows for times in row.firings if times)

    @property
    def fired(self) -> int:
        """How often faults fired, all kinds together."""
        return sum(sum(row.firings) for row in self.rows)


def render_coverage(coverage: CoverageTable) -> Iterator[str]:
    """The table as lines of at most 100 columns. A zero is shown as a dot."""
    states = [_SHORT.get(state, state) for state in coverage.states]
    over = len(coverage.generations) * _COLUMN_WIDTH
    yield f"{'':<{_KIND_WIDTH}}{'worlds where it fired':>{over}}   firings while".rstrip()
    yield f"{'fault':<{_KIND_WIDTH}}" + _aligned(coverage.generations, states)
    for row in coverage.rows:
        yield f"{row.kind:<{_KIND_WIDTH}}" + _aligned(row.worlds, row.firings)


def _aligned(worlds: Sequence[object], firings: Sequence[object]) -> str:
    left = "".join(f"{one or '·':>{_COLUMN_WIDTH}}" for one in worlds)
    return left + "".join(f"{one or '·':>{_STATE_WIDTH}}" for one in firings)
