"""What a failed test prints: the violations, a timeline, and the commands that show it again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

import pytest

from gapless.reports.many_runs.table import size
from gapless.reports.one_run.focus import render_focus
from gapless.reports.one_run.trace import render_trace
from gapless.reports.records.characters import printable
from gapless.reports.records.record import RunRecord
from gapless.scenarios.plugin.fixture_use import CapsulePlace
from gapless.scenarios.running.script_player import leaves

VIOLATIONS_MAX = 12
IDS_SHOWN_MAX = 4


def told(
    record: RunRecord,
    lines: Sequence[str],
    place: CapsulePlace,
    *,
    testimony: str,
    see: Iterable[str],
    printed: str = "",
) -> str:
    """The text.

    ``lines``: the journal.
    ``testimony``: the traceback of a client that crashed, or empty.
    ``printed``: what a client that is a command printed, or empty.
    ``see``: lines that name the capsule and the command that shows it.
    """
    return printable("\n".join(_parts(record, lines, place, testimony, see, printed)))


def _parts(
    record: RunRecord,
    lines: Sequence[str],
    place: CapsulePlace,
    testimony: str,
    see: Iterable[str],
    printed: str,
) -> Iterator[str]:
    variant = f"generation {record.generation}, cursor {record.cursor}"
    yield f"{record.verdict}: {record.scenario}, {variant}, client {record.client}, seed {record.seed}"
    yield f"  {record.title}"
    yield ""
    for violation in record.violations[:VIOLATIONS_MAX]:
        yield textwrap.fill(
            f"{violation.oracle}: {violation.message}", 118, initial_indent="  ", subsequent_indent="    "
        )
    if len(record.violations) > VIOLATIONS_MAX:
        yield f"  … and {len(record.violations) - VIOLATIONS_MAX} more"
    rest = record.rest
    yield f"  REST {rest.calls} calls (optimum {rest.optimum_calls}, allowed {rest.allowed_calls}), {size(rest.bytes)}"
    for line in record.client_lines:
        yield f"  {line}"
    yield ""
    ids = tuple(dict.fromkeys(event_id for one in record.violations for event_id in one.event_ids))
    yield "timeline, in seconds" if place.whole else "timeline, in seconds; -vv shows all of it"
    yield render_trace(lines) if place.whole else render_focus(lines, ids)
    if testimony:
        yield ""
        yield "what the client raised"
        yield testimony
    if printed:
        yield ""
        yield printed
    yield ""
    yield from see
    yield f"again    {place.again}"


def failed(message: str) -> BaseException:
    """The exception that fails the test with this message alone, without a traceback."""
    return pytest.fail.Exception(message, pytrace=False)


def failure_in(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The failure in an exception group, or None. Task groups wrap what is raised in them."""
    return next((one for one in leaves(group) if isinstance(one, pytest.fail.Exception)), None)
