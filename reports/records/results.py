"""Results: everything that a report of many runs is made of, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gapless.reports.records.never import Never
from gapless.reports.records.record import RunRecord


@dataclass(frozen=True, slots=True)
class Results:
    """Many runs, and what is known beside their records.

    ``versions`` are those of gapless and its libraries, by name. ``complete`` is false when the runs were interrupted.
    ``never`` is what happened in none of them though it should have. ``sweep`` are records of one clean run at growing
    lengths of the history, for a chart of what length costs: they are no part of the verdicts. ``journals`` holds
    journals as their canonical lines, by the digest that each record has; a journal may be missing.
    """

    records: tuple[RunRecord, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    never: tuple[Never, ...] = ()
    sweep: tuple[RunRecord, ...] = ()
    journals: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def journal_of(self, record: RunRecord) -> Sequence[str] | None:
        """The lines of a run's journal; None when they were not kept."""
        return self.journals.get(record.digest)
