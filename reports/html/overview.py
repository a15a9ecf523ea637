"""The first screen of the page: totals, what failed, and the grid of scenarios by variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gapless.reports.records.characters import xml_text
from gapless.reports.records.clocks import seconds_by_clock
from gapless.reports.records.failures import FailureGroup, failures, lost_events
from gapless.reports.records.record import GRAVITY, Clock, RunRecord, Verdict
from gapless.reports.records.results import Results

MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.UNSAFE: "✗",
    Verdict.STUCK: "⊘",
    Verdict.OVER_BUDGET: "▲",
    Verdict.VACUOUS: "∅",
    Verdict.UNSTEADY: "≠",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario with one client. ``cells`` has a tuple for each column of the grid: the indices of its records."""

    scenario: str
    title: str
    races: tuple[str, ...]
    client: str
    cells: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a filter, and how many runs have it."""

    value: str
    runs: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen.

    - ``verdicts``: how many runs got each verdict that occurred.
    - ``times``: how many seconds the runs took on each clock.
    - ``kills``: how many of the ``kills_planned`` broken clients were found.
    - ``columns``: generation and cursor mode of each column of the grid.
    - ``filters``: name, label and values of each filter.
    """

    records: tuple[RunRecord, ...]
    verdicts: tuple[tuple[Verdict, int], ...]
    failures: tuple[FailureGroup, ...]
    calls: int
    optimum_calls: int
    lost_events: int
    times: tuple[tuple[Clock, float], ...]
    kills: int
    kills_planned: int
    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    filters: tuple[tuple[str, str, tuple[Option, ...]], ...]

    @property
    def hold(self) -> int:
        """The number of runs that hold."""
        return sum(1 for one in self.records if one.verdict is Verdict.HOLDS)


def overview(results: Results) -> Overview:
    """The first screen, in the order of the records."""
    records = results.records
    met = {verdict: sum(1 for one in records if one.verdict is verdict) for verdict in (Verdict.HOLDS, *GRAVITY)}
    columns = tuple(dict.fromkeys((one.generation, one.cursor) for one in records))
    return Overview(
        records=records,
        verdicts=tuple((verdict, count) for verdict, count in met.items() if count),
        failures=failures(records),
        calls=sum(one.rest.calls for one in records),
        optimum_calls=sum(one.rest.optimum_calls for one in records),
        # A run that reports its missing events as gaps has not lost them.
        lost_events=lost_events(records),
        times=tuple(seconds_by_clock(records).items()),
        kills=sum(kill.killed for one in records for kill in one.kills),
        kills_planned=sum(len(one.kills) for one in records),
        columns=columns,
        rows=_rows(records, columns),
        filters=(
            ("verdict", "Verdict", _options([(one.verdict.value,) for one in records])),
            ("generation", "Generation", _options([(one.generation,) for one in records])),
            ("cursor", "Cursor", _options([(one.cursor,) for one in records])),
            ("client", "Client", _options([(one.client,) for one in records])),
            ("fault", "Fault", _options([_kinds(one) for one in records], in_order=True)),
            ("race", "Race", _options([one.races for one in records], in_order=True)),
            ("clock", "Time", _options([(one.clock,) for one in records])),
        ),
    )


def run_keys(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """A key for each run, for links to it. Keys of equal runs get a number."""
    met: dict[str, int] = {}
    keys: list[str] = []
    for one in records:
        key = xml_text(f"{one.scenario}.{one.generation}.{one.cursor}.{one.client}.{one.seed}")
        met[key] = met.get(key, 0) + 1
        keys.append(key if met[key] == 1 else f"{key}~{met[key]}")
    return tuple(keys)


def run_data(record: RunRecord, key: str) -> dict[str, object]:
    """What the page's script gets to know about a run."""
    rest = record.rest
    return {
        "key": key,
        "scenario": record.scenario,
        "title": record.title,
        "origin": record.origin,
        "races": record.races,
        "client": record.client,
        "generation": record.generation,
        "cursor": record.cursor,
        "seed": record.seed,
        "verdict": record.verdict.value,
        "violations": [
            {"oracle": one.oracle, "message": one.message, "event_ids": one.event_ids, "breaks": one.breaks.value}
            for one in record.violations
        ],
        "rest": {
            "calls": rest.calls,
            "bytes": rest.bytes,
            "events_read": rest.events_read,
            "optimum_calls": rest.optimum_calls,
            "allowed_calls": rest.allowed_calls,
            "because": rest.because,
        },
        **({"clients": record.client_lines} if record.clients else {}),
        "faults": [{"name": one.name, "kind": one.kind, "fired": one.fired} for one in record.faults],
        "kinds": _kinds(record),
        "kills": [{"client": one.client, "by": one.by, "killed": one.killed} for one in record.kills],
        "virtual_s": record.virtual_s,
        "clock": record.clock,
        "return_s": record.return_s,
        "lost_events": record.lost_events,
        "never_returned": record.never_returned,
        "history_events": record.history_events,
        "taken": record.taken,
        "digest": record.digest,
        "capsule": record.capsule,
        "replay": record.replay,
    }


def _rows(records: Sequence[RunRecord], columns: Sequence[tuple[str, str]]) -> tuple[Row, ...]:
    found: dict[tuple[str, str], list[int]] = {}
    for index, one in enumerate(records):
        found.setdefault((one.scenario, one.client), []).append(index)
    scenarios = list(dict.fromkeys(one.scenario for one in records))
    together = sorted(found.items(), key=lambda item: scenarios.index(item[0][0]))
    return tuple(
        Row(
            scenario=records[indices[0]].scenario,
            title=records[indices[0]].title,
            races=records[indices[0]].races,
            client=records[indices[0]].client,
            cells=tuple(
                tuple(index for index in indices if (records[index].generation, records[index].cursor) == column)
                for column in columns
            ),
        )
        for _, indices in together
    )


def _kinds(record: RunRecord) -> tuple[str, ...]:
    """The kinds of fault that acted in the run."""
    return tuple(dict.fromkeys(one.kind for one in record.faults if one.fired))


def _options(values: Sequence[Sequence[str]], *, in_order: bool = False) -> tuple[Option, ...]:
    counts: dict[str, int] = {}
    for of_a_run in values:
        for value in of_a_run:
            counts[value] = counts.get(value, 0) + 1
    names = sorted(counts) if in_order else list(counts)
    return tuple(Option(name, counts[name]) for name in names)
