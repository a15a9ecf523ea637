"""The parts that Markdown reports share: escaped text, tables, the verdicts and costs of many runs.

All text from a record is escaped. Scenarios and clients have arbitrary names, and a pipe or a tag in a name must not
break the table or the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gapless.reports.many_runs.table import by_scenario, ratio, size
from gapless.reports.many_runs.unjudged import chosen_line, render_savings, unjudged_lines
from gapless.reports.records.characters import well_formed
from gapless.reports.records.clocks import lasted
from gapless.reports.records.failures import FailureGroup, failures, how_many_fail, lost_events
from gapless.reports.records.record import RunRecord, Verdict, gravest
from gapless.reports.records.results import Results

_SPECIAL = re.compile(r"([\\`*_\[\]|~])")
_BACKTICKS = re.compile(r"`+")
_MESSAGE_CHARACTERS_MAX = 160
_VARIANTS_NAMED_MAX = 2


def escaped(text: str) -> str:
    """The text on one line, so that Markdown shows it literally, in a table too."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    plain = " ".join(shown.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def code(text: str) -> Iterator[str]:
    """A block of code, fenced with more backticks than occur in it."""
    fence = "`" * max(3, *(len(found) + 1 for found in _BACKTICKS.findall(text) or [""]))
    yield from (f"{fence}text", *well_formed(text).splitlines(), fence)


def folded(summary: str, rows: Sequence[str]) -> list[str]:
    """Rows that are hidden until the reader opens them."""
    return ["", f"<details><summary>{summary}</summary>", "", *rows, "", "</details>"]


def failed_runs(results: Results) -> tuple[RunRecord, ...]:
    """The runs that do not hold, the gravest first, equal ones in the order of the records."""
    failed = (record for record in results.records if record.verdict is not Verdict.HOLDS)
    return tuple(sorted(failed, key=lambda record: record.verdict.gravity))


def headline(results: Results) -> str:
    """The result in a few words."""
    failed, runs = len(failed_runs(results)), len(results.records)
    if not runs:
        return "✗ gapless: nothing ran"
    if failed:
        verdict = gravest(record.verdict for record in results.records)
        return f"✗ gapless: {verdict}, {how_many_fail(failed, runs)}"
    if results.never:
        return f"✗ gapless: vacuous, {counted(len(results.never), 'thing')} never happened"
    every = "the run holds" if runs == 1 else f"all {runs} runs hold"
    return (
        f"✓ gapless: {every}" if results.complete else f"✗ gapless: interrupted; {counted(runs, 'run')} made, all hold"
    )


def warnings(results: Results) -> Iterator[str]:
    """What limits the verdicts: missing runs, what never happened, and what was not judged."""
    if not results.complete:
        yield ""
        yield "**Incomplete**: the runs were interrupted, so what is missing here was not tried."
    if results.never:
        yield ""
        yield "**Never happened** in any run, so nothing is proven about it:"
        yield ""
        yield from (f"- {one.what} {escaped(one.name)}" for one in results.never)
    chosen = chosen_line(results.records)
    if chosen:
        yield ""
        yield f"Judged by {escaped(chosen)} only."
    unjudged = unjudged_lines(results.records)
    if unjudged:
        summary = f"Not judged, because the client cannot say it: {counted(len(unjudged), 'thing')}"
        yield from folded(summary, [f"- {escaped(one)}" for one in unjudged])
    yield from _under_budget(results)


def _under_budget(results: Results) -> Iterator[str]:
    lines = tuple(render_savings(results.records))
    if lines:
        yield from folded("Under the budget that was written", [f"- {escaped(one)}" for one in lines])


def failures_table(records: Sequence[RunRecord], *, rows_max: int) -> Iterator[str]:
    """A table with a row for each group of runs that failed alike; lost events and calls are summed over the group."""
    found = failures(records)
    has_clients = len({one.client for one in found}) > 1
    client = ["client"] if has_clients else []
    yield from header(["scenario", "variants", *client, "verdict"], ["lost", "REST/opt"], ["first violation"])
    for one in found[:rows_max]:
        runs = [records[index] for index in one.runs]
        calls, optimum = _calls(runs)
        yield row(
            one.scenario,
            _variants(runs),
            *([one.client] if has_clients else []),
            one.verdict,
            str(lost_events(runs)),
            f"{calls}/{optimum}",
            f"{one.oracle}: {_shortened(one.message)}" if one.oracle else "",
        )
    if len(found) > rows_max:
        yield ""
        yield f"… and {more_failed_runs(found[rows_max:])}."


def scenarios_table(records: Sequence[RunRecord]) -> Iterator[str]:
    """A table with a row for each scenario, its variants summed up; failed scenarios come first."""
    yield from header(["scenario", "races"], ["hold"], ["verdict"], ["REST/opt", "ratio", "bytes"])
    groups = by_scenario(records)
    ranked = sorted(groups, key=lambda group: gravest(record.verdict for record in group).gravity)
    for group in ranked:
        calls, optimum = _calls(group)
        held = sum(1 for record in group if record.verdict is Verdict.HOLDS)
        yield row(
            group[0].scenario,
            " ".join(group[0].races),
            f"{held}/{len(group)}",
            gravest(record.verdict for record in group),
            f"{calls}/{optimum}",
            ratio(calls, optimum),
            size(sum(record.rest.bytes for record in group)),
        )


def cost_line(records: Sequence[RunRecord]) -> str:
    """The cost of all runs, on one line."""
    calls, optimum = _calls(records)
    scenarios = len({record.scenario for record in records})
    if calls == optimum:
        beside = "which is the least possible"
    elif optimum:
        beside = f"{ratio(calls, optimum)} times the optimum of {optimum}"
    else:
        beside = "where none was needed"
    return (
        f"{counted(scenarios, 'scenario')}, {counted(len(records), 'run')}: "
        f"{counted(calls, 'REST call')}, {beside}; "
        f"{size(sum(record.rest.bytes for record in records))}; "
        f"{lasted(records)}."
    )


def next_step(records: Sequence[RunRecord]) -> Iterator[str]:
    """The command that shows the first failure that was stored. No lines if none was stored."""
    for one in failures(records):
        replay = next((found for found in (records[index].replay for index in one.runs) if found is not None), None)
        if replay is not None:
            yield ""
            yield "To see the first one, event by event:"
            yield ""
            yield from code(replay)
            return


def failure_in_full(records: Sequence[RunRecord], failure: FailureGroup) -> Iterator[str]:
    """The first run of a group in full, with the command that replays it, and the names of the other runs."""
    record, *others = (records[index] for index in failure.runs)
    yield (
        f"**{escaped(record.verdict)}**: {escaped(record.scenario)}, {escaped(record.variant)}, "
        f"{escaped(record.client)}, seed {record.seed}" + (f". {escaped(record.title)}" if record.title else "")
    )
    yield ""
    yield from (f"- {escaped(one.oracle)}: {escaped(one.message)}" for one in record.violations)
    if others:
        yield ""
        named = ", ".join(escaped(f"{one.variant} seed {one.seed}" if one.seed else one.variant) for one in others)
        yield f"Alike: {named}."
    if record.replay is not None:
        yield ""
        if record.clock == "real":
            yield "It was in real time, and cannot be run again; this tells and judges it again:"
            yield ""
        yield from code(record.replay)


def in_full(records: Sequence[RunRecord], *, failures_max: int) -> list[str]:
    """The first ``failures_max`` failures in full, and how many runs are left out."""
    found = failures(records)
    rows = [line for one in found[:failures_max] for line in (*failure_in_full(records, one), "")]
    if len(found) > failures_max:
        rows.append(f"… and {more_failed_runs(found[failures_max:])}.")
    return rows


def more_failed_runs(others: Sequence[FailureGroup]) -> str:
    """How many runs are not shown."""
    return counted(sum(len(one.runs) for one in others), "more failed run")


def sweep_table(sweep: Sequence[RunRecord]) -> Iterator[str]:
    """A table of what one clean run costs: a row for each length of the history, a column for each client."""
    clients = list(dict.fromkeys(record.client for record in sweep))
    lengths = sorted({record.history_events for record in sweep})
    spent = {(record.client, record.history_events): record.rest for record in sweep}
    yield from header(["events in the history"], [f"{name}: calls, bytes" for name in clients])
    for length in lengths:
        costs = [spent.get((client, length)) for client in clients]
        yield row(str(length), *("" if cost is None else f"{cost.calls}, {size(cost.bytes)}" for cost in costs))


def made_by(results: Results) -> str:
    """The last line: the versions."""
    named = ", ".join(f"{escaped(name)} {escaped(version)}" for name, version in results.versions.items())
    return f"<sub>{named}</sub>" if named else ""


def header(*columns: Sequence[str]) -> Iterator[str]:
    """A table's first two rows. The groups of columns are in turn text (aligned left) and numbers (aligned right)."""
    names = [name for group in columns for name in group]
    yield row(*names)
    marks = ["---" if index % 2 == 0 else "---:" for index, group in enumerate(columns) for _ in group]
    yield f"|{'|'.join(marks)}|"


def row(*cells: str) -> str:
    """One row of a table, escaped."""
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def counted(number: int, noun: str, nouns: str = "") -> str:
    """``1 run``, ``2 runs``."""
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"


def _variants(runs: Sequence[RunRecord]) -> str:
    """The names of the variants, or their number if there are too many."""
    named = list(dict.fromkeys(one.variant for one in runs))
    return ", ".join(named) if len(named) <= _VARIANTS_NAMED_MAX else f"{len(named)} variants"


def _shortened(text: str) -> str:
    return text if len(text) <= _MESSAGE_CHARACTERS_MAX else text[: _MESSAGE_CHARACTERS_MAX - 1] + "…"


def _calls(records: Sequence[RunRecord]) -> tuple[int, int]:
    return sum(record.rest.calls for record in records), sum(record.rest.optimum_calls for record in records)
