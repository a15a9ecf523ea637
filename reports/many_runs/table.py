"""The table of verdicts: 80 columns, one line for each scenario, and a last line with totals."""

from __future__ import annotations

from collections.abc import Sequence

from gapless.reports.records.clocks import lasted, only_clock
from gapless.reports.records.record import Clock, RunRecord, gravest

_NAME_COLUMNS = 27
_VERDICT_COLUMNS = 11


def render_table(records: Sequence[RunRecord]) -> str:
    """The header, and one row for each scenario in the order in which scenarios first appear."""
    return "\n".join((render_header(only_clock(records)), *(render_row(group) for group in by_scenario(records))))


def by_scenario(records: Sequence[RunRecord]) -> tuple[tuple[RunRecord, ...], ...]:
    """Records grouped by scenario, in the order in which scenarios first appear."""
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(record.scenario, []).append(record)
    return tuple(tuple(group) for group in groups.values())


def render_header(clock: Clock | None = "virtual") -> str:
    """The first line, for a caller that prints each row when its runs are done.

    ``clock`` is the clock of all runs, None if both clocks occur.
    """
    return (
        f"{'scenario':<{_NAME_COLUMNS}} {'runs':>5} {'verdict':<{_VERDICT_COLUMNS}}{'REST/opt':>8} {'ratio':>5} "
        f"{'bytes':>6} {clock or 'time':>7} {'kills':>5}"
    )


def render_row(group: Sequence[RunRecord]) -> str:
    """The row of one scenario, its variants summed up. The ratio is left out where it is 1.

    Raises ValueError if ``group`` is empty.
    """
    if not group:
        raise ValueError("a row needs at least one record")
    held = sum(1 for record in group if record.verdict.exit_code == 0)
    kills = [kill for record in group for kill in record.kills]
    calls = sum(record.rest.calls for record in group)
    optimum = sum(record.rest.optimum_calls for record in group)
    return (
        f"{_shorten(group[0].scenario, _NAME_COLUMNS):<{_NAME_COLUMNS}} "
        f"{f'{held}/{len(group)}':>5} "
        f"{_shorten(gravest(record.verdict for record in group), _VERDICT_COLUMNS):<{_VERDICT_COLUMNS}}"
        f"{f'{calls}/{optimum}':>8} "
        f"{'' if calls == optimum else ratio(calls, optimum):>5} "
        f"{size(sum(record.rest.bytes for record in group)):>6} "
        f"{f'{sum(record.virtual_s for record in group):.0f} s':>7} "
        f"{_kills(sum(kill.killed for kill in kills), len(kills)):>5}"
    )


def render_totals(records: Sequence[RunRecord], wall_s: float) -> str:
    """The last line: runs, how many hold, calls, the optimum, and the time that they took.

    ``wall_s`` is the time that passed, in seconds. If runs were in virtual time, their own seconds stand beside it. If
    all were in real time, only ``wall_s`` is shown: runs overlap, so the sum of their seconds means nothing.
    """
    held = sum(1 for record in records if record.verdict.exit_code == 0)
    calls = sum(record.rest.calls for record in records)
    optimum = sum(record.rest.optimum_calls for record in records)
    has_virtual = any(record.clock == "virtual" for record in records)
    took = f"{lasted(records)} in {wall_s:.1f} s" if has_virtual else f"{wall_s:.1f} s"
    runs = "1 run" if len(records) == 1 else f"{len(records)} runs"
    return f"{runs}, {held} hold, {len(records) - held} fail; REST {calls}, optimum {optimum}; {took}"


def ratio(calls: int, optimum: int) -> str:
    """Calls divided by the optimum: ``1.0``, ``3.4``, or ``∞`` if no call was needed."""
    if calls == optimum:
        return "1.0"
    return f"{calls / optimum:.1f}" if optimum else "∞"


def size(size_bytes: int) -> str:
    """A size in at most six columns: ``812 B``, ``38 kB``, ``4.2 MB``."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 999_500:
        return f"{size_bytes / 1000:.0f} kB"
    digits = 1 if size_bytes < 9_950_000 else 0
    return f"{size_bytes / 1_000_000:.{digits}f} MB"


def _kills(killed: int, planned: int) -> str:
    return f"{killed}/{planned}" if planned else "-"


def _shorten(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + "…"
