"""Clocks: how long runs lasted, and in which time. Simulated seconds and real ones are never added to each other."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.reports.records.record import Clock, RunRecord

_CLOCKS: tuple[Clock, ...] = ("virtual", "real")
_WORDS: dict[Clock, str] = {"virtual": "simulated", "real": "in real time"}


def seconds_by_clock(records: Sequence[RunRecord]) -> dict[Clock, float]:
    """The seconds that runs took together on each clock that they were on."""
    return {
        clock: sum(record.virtual_s for record in records if record.clock == clock)
        for clock in _CLOCKS
        if any(record.clock == clock for record in records)
    }


def only_clock(records: Sequence[RunRecord]) -> Clock | None:
    """The clock that all runs were on, virtual where there are none; None where they were on both."""
    met = tuple(seconds_by_clock(records)) or _CLOCKS[:1]
    return met[0] if len(met) == 1 else None


def lasted(records: Sequence[RunRecord]) -> str:
    """``29 s simulated``, ``12 s in real time``, or both; ``0 s`` where nothing ran."""
    told = (f"{seconds:.0f} s {_WORDS[clock]}" for clock, seconds in seconds_by_clock(records).items())
    return ", ".join(told) or "0 s"
