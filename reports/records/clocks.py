"""How long runs took, on each clock. Simulated and real seconds are never added up."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.reports.records.record import Clock, RunRecord

_CLOCKS: tuple[Clock, ...] = ("virtual", "real")
_WORDS: dict[Clock, str] = {"virtual": "simulated", "real": "in real time"}


def seconds_by_clock(records: Sequence[RunRecord]) -> dict[Clock, float]:
    """The sum of the runs' seconds on each clock that at least one of them used."""
    return {
        clock: sum(record.virtual_s for record in records if record.clock == clock)
        for clock in _CLOCKS
        if any(record.clock == clock for record in records)
    }


def only_clock(records: Sequence[RunRecord]) -> Clock | None:
    """The clock of all runs: virtual if there are no runs, None if both clocks occur."""
    met = tuple(seconds_by_clock(records)) or _CLOCKS[:1]
    return met[0] if len(met) == 1 else None


def lasted(records: Sequence[RunRecord]) -> str:
    """``29 s simulated``, ``12 s in real time``, or both; ``0 s`` if nothing ran."""
    parts = (f"{seconds:.0f} s {_WORDS[clock]}" for clock, seconds in seconds_by_clock(records).items())
    return ", ".join(parts) or "0 s"
