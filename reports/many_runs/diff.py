"""Two records documents compared run by run: what a change did to losses, calls and bytes, and whether it is worse.

Two records are the same run if scenario, generation, cursor, client and seed are equal. A run that only one document
has is mentioned and not judged; but a new run that fails is worse. The gravest difference decides. A run that
now holds, or loses fewer events, is better even if it costs more calls: its budget judges the cost.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gapless.reports.many_runs.markdown import counted, header, row
from gapless.reports.many_runs.table import size
from gapless.reports.records.characters import json_text
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results

SCHEMA = "gapless/diff/1"
COLUMNS = 100
ROWS_MAX = 60
_NAMES_MAX = 4

Key = tuple[str, str, str, str, int]


class Became(StrEnum):
    """How a run differs, the gravest first. The value is the wording in reports."""

    LOSES = "loses more"
    UNSAFE = "now unsafe"
    STUCK = "now stuck"
    VACUOUS = "now vacuous"
    OVER_BUDGET = "now over budget"
    DEARER = "more calls"
    LARGER = "more bytes"
    UNSTEADY = "now unsteady"
    BETTER = "better"
    OTHER = "otherwise"
    NEW = "new"
    GONE = "gone"
    SAME = "same"

    @property
    def exit_code(self) -> int:
        """The exit code of a comparison whose gravest difference is this one."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES = {
    Became.LOSES: 1,
    Became.UNSAFE: 1,
    Became.STUCK: 3,
    Became.OVER_BUDGET: 4,
    Became.DEARER: 4,
    Became.LARGER: 4,
    Became.VACUOUS: 5,
    Became.UNSTEADY: 6,
}
_TURNED = {
    Verdict.UNSAFE: Became.UNSAFE,
    Verdict.STUCK: Became.STUCK,
    Verdict.OVER_BUDGET: Became.OVER_BUDGET,
    Verdict.VACUOUS: Became.VACUOUS,
    Verdict.UNSTEADY: Became.UNSTEADY,
}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By how many percent the calls and the bytes of a run may grow without being worse."""

    calls_percent: float = 0.0
    bytes_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class RunChange:
    """One run in both documents; ``before`` or ``after`` is None if only the other document has it."""

    before: RunRecord | None
    after: RunRecord | None
    became: Became

    @property
    def record(self) -> RunRecord:
        """The newer record if there is one, for the run's names."""
        record = self.after or self.before
        assert record is not None
        return record


@dataclass(frozen=True, slots=True)
class Diff:
    """All runs of two documents, in the order of the newer document; runs only in the older one come last."""

    before: Results
    after: Results
    changes: tuple[RunChange, ...]

    @property
    def common(self) -> tuple[tuple[RunRecord, RunRecord], ...]:
        """The runs in both documents, before and after."""
        return tuple((one.before, one.after) for one in self.changes if one.before and one.after)

    @property
    def worse(self) -> tuple[RunChange, ...]:
        """The runs that are worse, the gravest first."""
        return tuple(sorted((one for one in self.changes if one.became.exit_code), key=_gravity))

    @property
    def exit_code(self) -> int:
        """0 if nothing is worse, else the code of the gravest difference.

        1: more losses, or now unsafe. 3: now stuck. 4: more calls or bytes. 5: now vacuous. 6: not deterministic.
        """
        return next((one.became.exit_code for one in self.worse), 0)


def diff(before: Results, after: Results, tolerance: Tolerance = Tolerance()) -> Diff:
    """Compare two documents."""
    old, new = ({_key(record): record for record in results.records} for results in (before, after))
    changes = [RunChange(old.get(key), record, _became(old.get(key), record, tolerance)) for key, record in new.items()]
    changes += [RunChange(record, None, Became.GONE) for key, record in old.items() if key not in new]
    return Diff(before, after, tuple(changes))


def _key(record: RunRecord) -> Key:
    return record.scenario, record.generation, record.cursor, record.client, record.seed


def _became(before: RunRecord | None, after: RunRecord, tolerance: Tolerance) -> Became:
    if before is None:
        return _TURNED.get(after.verdict, Became.NEW)
    return _worse(before, after, tolerance) or _not_worse(before, after)


def _worse(before: RunRecord, after: RunRecord, tolerance: Tolerance) -> Became | None:
    """The gravest way in which a run is worse; None if it is not."""
    turned = _TURNED[after.verdict] if before.verdict is not after.verdict and after.verdict in _TURNED else None
    is_milder = turned is not None and before.verdict.gravity < after.verdict.gravity
    rest, was = after.rest, before.rest
    is_safer = after.lost_events < before.lost_events or (
        after.verdict is Verdict.HOLDS and before.verdict is not Verdict.HOLDS
    )
    ways = (
        (after.lost_events > before.lost_events, Became.LOSES),
        (turned is Became.UNSAFE, Became.UNSAFE),
        (turned is Became.STUCK and not is_milder, Became.STUCK),
        (after.never_returned > before.never_returned, Became.STUCK),
        (turned is Became.VACUOUS and not is_milder, Became.VACUOUS),
        (turned is Became.OVER_BUDGET and not is_milder, Became.OVER_BUDGET),
        (not is_safer and _exceeds(rest.calls, was.calls, tolerance.calls_percent), Became.DEARER),
        (not is_safer and _exceeds(rest.bytes, was.bytes, tolerance.bytes_percent), Became.LARGER),
        (turned is Became.UNSTEADY and not is_milder, Became.UNSTEADY),
    )
    return next((became for is_so, became in ways if is_so), None)


def _exceeds(now: int, was: int, percent: float) -> bool:
    return now > was + was * percent / 100


def _not_worse(before: RunRecord, after: RunRecord) -> Became:
    was, now = _measured(before), _measured(after)
    if was == now and before.verdict is after.verdict:
        return Became.SAME
    is_better = before.verdict is not after.verdict or any(one < other for one, other in zip(now, was, strict=True))
    return Became.BETTER if is_better else Became.OTHER


def _measured(record: RunRecord) -> tuple[int, int, int, int]:
    return record.lost_events, record.never_returned, record.rest.calls, record.rest.bytes


def _gravity(change: RunChange) -> int:
    return list(Became).index(change.became)


def render_diff(found: Diff, *, names: tuple[str, str] = ("OLD", "NEW")) -> str:
    """For a terminal, at most 100 columns: remarks, the runs that differ, the sums, and the verdict."""
    first = (line for remark in remarks(found, names) for line in _wrapped(remark))
    return "\n".join([*first, *_table(found), *_sums(found), *_wrapped(verdict(found))]) + "\n"


def _wrapped(text: str) -> list[str]:
    shown = "".join(one if one.isprintable() else "·" for one in text)
    return textwrap.wrap(shown, COLUMNS, subsequent_indent="  ")


def remarks(found: Diff, names: tuple[str, str] = ("OLD", "NEW")) -> Iterator[str]:
    """What limits the comparison, one sentence each."""
    for name, results in zip(names, (found.before, found.after), strict=True):
        if not results.complete:
            yield f"{name} is incomplete: its runs were interrupted, and what is missing there is not judged"
    for became, where in ((Became.GONE, names[0]), (Became.NEW, names[1])):
        keys = [one for one in found.changes if one.became is became or (became is Became.NEW and one.before is None)]
        scenarios = list(dict.fromkeys(one.record.scenario for one in keys))
        if keys:
            yield f"only in {where}: {counted(len(keys), 'run')} of {_listed(scenarios)}"
    changed = [after.scenario for before, after in found.common if _plan(before) != _plan(after)]
    if changed:
        listed = _listed(list(dict.fromkeys(changed)))
        yield f"the scenario itself is another (its history or its faults), so a difference may be its own: {listed}"
    yield from _clocks(found)


def _clocks(found: Diff) -> Iterator[str]:
    """How real time limits the comparison: no two runs in real time are equal."""
    turned = [after.scenario for before, after in found.common if before.clock != after.clock]
    if turned:
        listed = _listed(list(dict.fromkeys(turned)))
        yield f"one was in virtual time, and the other in real time, so a difference may be the clock's: {listed}"
    chancy = sum(1 for before, after in found.common if before.clock == after.clock == "real")
    if chancy:
        yield f"{counted(chancy, 'run')} in real time: no two are the same, so a few calls more or less may be chance"


def _plan(record: RunRecord) -> object:
    """The part of a scenario that a record shows. If it differs, the scenario was edited between the two documents."""
    return record.history_events, tuple((fault.name, fault.kind) for fault in record.faults)


def _listed(names: Sequence[str]) -> str:
    left_out = len(names) - _NAMES_MAX
    return ", ".join(names[:_NAMES_MAX]) + (f" and {left_out} more" if left_out > 0 else "")


def verdict(found: Diff) -> str:
    """The last line: whether anything is worse, and how many runs differ in which way."""
    counts = Counter(one.became for one in found.changes)
    parts = [f"{counts[became]} {became}" for became in Became if counts[became]]
    return f"{'worse' if found.exit_code else 'nothing worse'}: {', '.join(parts) or 'no runs'}"


_WIDTHS = (16, 26, 18, 14, 9, 9, 8)


def _table(found: Diff) -> Iterator[str]:
    rows = _differing(found)
    if rows:
        yield _line(("", "scenario", "variant", "verdict", "lost", "calls", "bytes"))
    for change in rows[:ROWS_MAX]:
        yield _line(_cells(change, found))
    if len(rows) > ROWS_MAX:
        yield f"… and {len(rows) - ROWS_MAX} more runs that differ; --json has them all"


def _differing(found: Diff) -> list[RunChange]:
    differing = (one for one in found.changes if one.became not in (Became.SAME, Became.NEW, Became.GONE))
    return sorted(differing, key=_gravity)


def _line(cells: Sequence[str]) -> str:
    first = "".join(f"{_cut(cell, width - 1):<{width}}" for cell, width in zip(cells[:4], _WIDTHS[:4], strict=True))
    rest = "".join(f"{_cut(cell, width):>{width}}" for cell, width in zip(cells[4:], _WIDTHS[4:], strict=True))
    return (first + rest).rstrip()


def _cut(text: str, columns: int) -> str:
    shown = "".join(one if one.isprintable() else "·" for one in text)
    return shown if len(shown) <= columns else shown[: columns - 1] + "…"


def _cells(change: RunChange, found: Diff) -> tuple[str, ...]:
    record, before = change.record, change.before
    has_clients = len({one.record.client for one in found.changes}) > 1
    name = f"{record.scenario} {record.client}" if has_clients else record.scenario
    turned = str(record.verdict) if before is None or before.verdict is record.verdict else f"→ {record.verdict}"
    return (
        change.became,
        name,
        record.variant,
        turned,
        _from_to(before, record, lambda one: str(one.lost_events)),
        _from_to(before, record, lambda one: str(one.rest.calls)),
        _more_or_less(before, record),
    )


def _from_to(before: RunRecord | None, after: RunRecord, show: Callable[[RunRecord], str]) -> str:
    if before is None or show(before) == show(after):
        return show(after)
    return f"{show(before)}→{show(after)}"


def _more_or_less(before: RunRecord | None, after: RunRecord) -> str:
    if before is None:
        return size(after.rest.bytes)
    more = after.rest.bytes - before.rest.bytes
    return f"{'+' if more > 0 else '−' if more else '±'}{size(abs(more))}"


def _sums(found: Diff) -> Iterator[str]:
    pairs = found.common
    yield (
        f"{counted(len(pairs), 'run')} in both: "
        f"lost {_summed(pairs, lambda one: one.lost_events)}, "
        f"calls {_summed(pairs, lambda one: one.rest.calls)}, "
        f"bytes {_summed(pairs, lambda one: one.rest.bytes)}"
    )


def _summed(pairs: Sequence[tuple[RunRecord, RunRecord]], measure: Callable[[RunRecord], int]) -> str:
    was, now = (sum(measure(pair[index]) for pair in pairs) for index in (0, 1))
    return f"{was} → {now}" if was != now else f"{now} as before"


def render_diff_markdown(found: Diff, *, names: tuple[str, str] = ("OLD", "NEW")) -> str:
    """The comparison for a pull request."""
    parts = [f"### {'✗' if found.exit_code else '✓'} {verdict(found)}", ""]
    parts += [f"- {remark}" for remark in (*remarks(found, names), *_sums(found))]
    rows = _differing(found)
    if rows:
        columns = (["", "scenario", "variant", "verdict"], ["lost", "calls", "bytes"])
        parts += ["", *header(*columns), *(row(*_cells(change, found)) for change in rows[:ROWS_MAX])]
    if len(rows) > ROWS_MAX:
        parts += ["", f"… and {len(rows) - ROWS_MAX} more runs that differ."]
    return "\n".join(parts) + "\n"


def render_diff_json(found: Diff) -> str:
    """One JSON object with every run that differs."""
    document = {
        "schema": SCHEMA,
        "verdict": verdict(found),
        "exit_code": found.exit_code,
        "complete": {"before": found.before.complete, "after": found.after.complete},
        "versions": {"before": dict(found.before.versions), "after": dict(found.after.versions)},
        "same": sum(1 for one in found.changes if one.became is Became.SAME),
        "changes": [_plain(one) for one in found.changes if one.became is not Became.SAME],
    }
    return json_text(json.dumps(document, indent=1, ensure_ascii=False)) + "\n"


def _plain(change: RunChange) -> dict[str, object]:
    record = change.record
    return {
        "became": change.became,
        "scenario": record.scenario,
        "generation": record.generation,
        "cursor": record.cursor,
        "client": record.client,
        "seed": record.seed,
        "before": _numbers(change.before),
        "after": _numbers(change.after),
    }


def _numbers(record: RunRecord | None) -> dict[str, object] | None:
    if record is None:
        return None
    return {
        "verdict": record.verdict,
        "lost_events": record.lost_events,
        "never_returned": record.never_returned,
        "calls": record.rest.calls,
        "optimum_calls": record.rest.optimum_calls,
        "bytes": record.rest.bytes,
        "events_read": record.rest.events_read,
        "digest": record.digest,
    }
