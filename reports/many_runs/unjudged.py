"""What clients were not judged by, because they cannot say it, and where they spent less than their user's budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gapless.reports.records.record import RunRecord


def unjudged_lines(records: Iterable[RunRecord]) -> tuple[str, ...]:
    """One sentence for each oracle and reason, in the order in which they come up, with the number of runs."""
    runs: dict[tuple[str, str, str], int] = {}
    for record in records:
        for one in record.unjudged:
            key = record.client, one.oracle, one.why
            runs[key] = runs.get(key, 0) + 1
    return tuple(
        f"{oracle}: {client} {why} ({number} run{'' if number == 1 else 's'})"
        for (client, oracle, why), number in runs.items()
    )


def chosen_line(records: Iterable[RunRecord]) -> str:
    """Which oracles judged, when the user chose them; else empty."""
    chosen = next((record.chosen for record in records if record.chosen), ())
    return ", ".join(chosen)


def render_unjudged(records: Iterable[RunRecord]) -> Iterator[str]:
    """For the screen: what was chosen, and a line for each oracle that did not judge."""
    kept = tuple(records)
    chosen = chosen_line(kept)
    if chosen:
        yield f"judged by {chosen} only"
    lines = unjudged_lines(kept)
    if lines:
        yield "not judged:"
        yield from (f"  {line}" for line in lines)


def render_savings(records: Iterable[RunRecord]) -> Iterator[str]:
    """A line for each run that spent less than its user's budget has."""
    for record in records:
        if record.under_budget:
            yield f"under budget: {record.scenario} {record.variant}: {record.under_budget}"
