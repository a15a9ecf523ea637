"""Everything that a report about many runs is made from, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gapless.reports.records.never import Never
from gapless.reports.records.record import RunRecord


@dataclass(frozen=True, slots=True)
class Results:
    """Records of many runs, and what is known besides.

    - ``versions``: of Python, gapless and its libraries, by name.
    - ``complete``: false if the runs were interrupted.
    - ``never``: what should have happened in some run and happened in none.
    - ``sweep``: records of one clean run at growing lengths of the history, to show what length costs. They do not
      count for the verdicts.
    - ``made``: the command, the date and the commit of the runs, as far as they are known.
    - ``journals``: journals as their canonical lines, by the digest in each record. A journal may be missing.
    """

    records: tuple[RunRecord, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    never: tuple[Never, ...] = ()
    sweep: tuple[RunRecord, ...] = ()
    journals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    def journal_of(self, record: RunRecord) -> Sequence[str] | None:
        """The lines of a run's journal; None if the journal was not stored."""
        return self.journals.get(record.digest)
