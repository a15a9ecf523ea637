"""Clients side by side: what they lost, what they cost, how soon they returned. For a terminal and for a pull request.

Each row is a group of records: all runs of a client, or its runs of one scenario. Numbers are summed over the runs,
but for two columns. ``ratio`` is the sum of calls divided by the sum of optima. ``back`` is a mean over the runs: each
run counts with the longest time from the server's end of a run to the return of ``run()``. ``never`` counts the calls
of ``run()`` that did not return.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gapless.reports.many_runs.table import ratio, size
from gapless.reports.records.clocks import only_clock
from gapless.reports.records.json import record_json
from gapless.reports.records.record import RunRecord, Verdict

SCHEMA = "gapless/comparison/1"
COLUMNS = 80
NAME_COLUMNS = 17


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: the name of the group, and its numbers. Times are in seconds on the runs' clock."""

    name: str
    runs: int
    hold: int
    lost_events: int
    calls: int
    optimum_calls: int
    bytes: int
    events_read: int
    back_s: float | None
    never_returned: int

    @property
    def ratio(self) -> str:
        """Calls divided by the optimum: ``1.0``, ``3.4``, or ``∞`` if no call was needed."""
        return ratio(self.calls, self.optimum_calls)


RowName = Callable[[RunRecord], str]


def by_client(record: RunRecord) -> str:
    """Name a line after the client."""
    return record.client


def lines(records: Sequence[RunRecord], name: RowName = by_client) -> tuple[Line, ...]:
    """The lines of a comparison, in the order in which their names first appear."""
    groups: dict[str, list[RunRecord]] = {}
    for record in records:
        groups.setdefault(name(record), []).append(record)
    return tuple(_line(name, group) for name, group in groups.items())


def _line(name: str, group: Sequence[RunRecord]) -> Line:
    waits_s = [record.return_s for record in group if record.return_s is not None]
    return Line(
        name=name,
        runs=len(group),
        hold=sum(1 for record in group if record.verdict is Verdict.HOLDS),
        lost_events=sum(record.lost_events for record in group),
        calls=sum(record.rest.calls for record in group),
        optimum_calls=sum(record.rest.optimum_calls for record in group),
        bytes=sum(record.rest.bytes for record in group),
        events_read=sum(record.rest.events_read for record in group),
        back_s=sum(waits_s) / len(waits_s) if waits_s else None,
        never_returned=sum(record.never_returned for record in group),
    )


_HEADINGS = ("runs", "hold", "lost", "calls", "ratio", "bytes", "reads", "back", "never")
_WIDTHS = (5, 5, 6, 7, 7, 8, 9, 8, 6)


def render_terminal(records: Sequence[RunRecord], name: RowName = by_client, *, first: str = "client") -> str:
    """A table of at most 80 columns."""
    rows = [_row(first, _HEADINGS), *(_row(line.name, _cells(line)) for line in lines(records, name))]
    return "\n".join(rows)


def _row(name: str, cells: Sequence[str]) -> str:
    shown = name if len(name) <= NAME_COLUMNS else name[: NAME_COLUMNS - 1] + "…"
    return f"{shown:<{NAME_COLUMNS}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))


def _cells(line: Line) -> tuple[str, ...]:
    return (
        str(line.runs),
        str(line.hold),
        str(line.lost_events),
        str(line.calls),
        line.ratio,
        size(line.bytes),
        str(line.events_read),
        _seconds(line.back_s),
        str(line.never_returned),
    )


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def render_markdown(records: Sequence[RunRecord], *, title: str, command: str, versions: Mapping[str, str]) -> str:
    """For a pull request: the clients side by side, and below, folded, a table with a row for each scenario."""
    scenarios = tuple(dict.fromkeys(record.scenario for record in records))
    parts = [f"### {title}", "", *_markdown_table("client", lines(records)), ""]
    if len(scenarios) > 1:
        parts += ["<details><summary>each scenario</summary>", ""]
        each = lines(records, lambda record: f"{record.scenario} | {record.client}")
        parts += [*_markdown_table("scenario | client", each), "", "</details>", ""]
    parts += [
        "REST calls are GETs for events, a count or the conversation; *ratio* is calls beside the fewest that any "
        "client could have spent; *reads* are events that the server read for them; *back* is the mean "
        f"{_time(records)} from the server's end of a run to the return of `run()`, *never* how often it did not "
        "return.",
        "",
        f"Made by `{command}`, with {', '.join(f'{name} {version}' for name, version in versions.items())}.",
    ]
    return "\n".join(parts) + "\n"


def _time(records: Sequence[RunRecord]) -> str:
    clock = only_clock(records)
    return f"{clock} time" if clock is not None else "time, virtual or real,"


def _markdown_table(first: str, rows: Sequence[Line]) -> list[str]:
    names = first.count("|") + 1
    return [
        f"| {first} | {' | '.join(_HEADINGS)} |",
        "|" + "---|" * names + "---:|" * len(_HEADINGS),
        *(f"| {row.name} | {' | '.join(_cells(row))} |" for row in rows),
    ]


def render_comparison_json(records: Sequence[RunRecord], versions: Mapping[str, str], *, complete: bool = True) -> str:
    """Lines and records as one JSON object."""
    document = {
        "schema": SCHEMA,
        "versions": dict(versions),
        "complete": complete,
        "clients": {line.name: _plain(line) for line in lines(records)},
        "records": [record_json(record) for record in records],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _plain(line: Line) -> dict[str, object]:
    return {
        "runs": line.runs,
        "hold": line.hold,
        "lost_events": line.lost_events,
        "calls": line.calls,
        "optimum_calls": line.optimum_calls,
        "bytes": line.bytes,
        "events_read": line.events_read,
        "back_s": line.back_s,
        "never_returned": line.never_returned,
    }
