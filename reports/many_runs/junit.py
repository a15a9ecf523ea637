"""Records as JUnit XML, which CI systems show as tests: a test suite for each scenario, a test case for each run.

A run that fails is a ``failure``. Its type is the verdict, its message the first violation. Its text has all
violations and the command that replays the run. A run that is vacuous or not deterministic is an ``error`` instead,
because it proves nothing, neither right nor wrong. Times are seconds on the run's clock. The clock, the cost, the seed
and the digest are properties of the test case.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from junitparser import Error, Failure
from junitparser.xunit2 import JUnitXml, TestCase, TestSuite

from gapless.reports.many_runs.table import by_scenario
from gapless.reports.records.characters import xml_text
from gapless.reports.records.never import render_never
from gapless.reports.records.record import RunRecord, Verdict
from gapless.reports.records.results import Results

NAME = "gapless"
_PROVES_NOTHING = (Verdict.VACUOUS, Verdict.UNSTEADY)
_NEVER_SUITE = "the whole campaign"
_NEVER_CASE = "everything happened in some run"
_INTERRUPTED = "interrupted: runs are missing"


def render_junit(results: Results) -> str:
    """The XML document.

    If something never happened in the whole campaign, or if it was interrupted, an additional test case says so.
    """
    document = JUnitXml(NAME)
    for group in by_scenario(results.records):
        suite = TestSuite(xml_text(group[0].scenario))
        for record in group:
            suite.add_testcase(_case(record))
        document.append(suite)
    campaign = TestSuite(_NEVER_SUITE)
    for case in _of_campaign(results):
        campaign.add_testcase(case)
    if len(campaign):
        document.append(campaign)
    document.update_statistics()
    root = ElementTree.fromstring(document.tostring())
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _case(record: RunRecord) -> TestCase:
    name = f"{record.generation}/{record.cursor} {record.client} seed {record.seed}"
    case = TestCase(xml_text(name), xml_text(f"{NAME}.{record.scenario}"), record.virtual_s)
    for key, value in _properties(record):
        case.add_property(key, xml_text(value))
    if record.verdict is not Verdict.HOLDS:
        first = record.violations[0].message if record.violations else str(record.verdict)
        kind = Error if record.verdict in _PROVES_NOTHING else Failure
        result = kind(xml_text(first), str(record.verdict))
        result.text = xml_text("\n".join(_in_full(record)))
        case.result = result
    return case


def _properties(record: RunRecord) -> Iterator[tuple[str, str]]:
    rest = record.rest
    yield "rest_calls", str(rest.calls)
    yield "rest_calls_optimum", str(rest.optimum_calls)
    yield "rest_calls_allowed", str(rest.allowed_calls)
    yield "rest_bytes", str(rest.bytes)
    yield "events_read", str(rest.events_read)
    yield "lost_events", str(record.lost_events)
    yield "seed", str(record.seed)
    yield "clock", record.clock
    yield "digest", record.digest
    yield "races", " ".join(record.races)


def _in_full(record: RunRecord) -> Iterator[str]:
    """The text of a failed run: everything that its record says about the failure."""
    if record.title:
        yield record.title
    for violation in record.violations:
        yield f"{violation.oracle}: {violation.message}"
    yield from record.client_lines
    for fault in record.faults:
        yield f"fault {fault.name} ({fault.kind}) fired {fault.fired} times"
    if record.capsule is not None:
        yield f"capsule: {record.capsule}"
    if record.replay is not None:
        yield f"{'replay' if record.clock == 'virtual' else 'told and judged again by'}: {record.replay}"


def _of_campaign(results: Results) -> Iterator[TestCase]:
    for wrong, name, lines in (
        (bool(results.never), _NEVER_CASE, list(render_never(results.never, len(results.records)))),
        (not results.complete, "every run was made", [_INTERRUPTED]),
    ):
        if wrong:
            case = TestCase(name, NAME, 0.0)
            error = Error(xml_text(lines[0]), str(Verdict.VACUOUS))
            error.text = xml_text("\n".join(lines))
            case.result = error
            yield case
