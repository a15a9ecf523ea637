"""JUnit XML as CI systems read it: by a schema of what they agree on, and by a library that reads it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import junitparser
import pytest
import xmlschema

from gapless.reports.many_runs.junit import render_junit
from gapless.reports.records.record import Verdict
from gapless.reports.records.results import Results
from tests.reports.samples import CLEAN, DEAR, EMPTY, FAILING, HOLDING, HOSTILE, HUNG, LOST


@functools.cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")


def case_of(results: Results) -> junitparser.TestCase:
    (suite,) = junitparser.JUnitXml.fromstring(render_junit(results).encode())
    (case,) = suite
    assert isinstance(case, junitparser.TestCase)
    return case


@pytest.mark.parametrize("results", [FAILING, HOLDING, Results(()), Results((), complete=False)])
def test_the_document_is_what_ci_systems_agree_on(results: Results) -> None:
    schema().validate(render_junit(results))


def test_the_counts_are_those_of_the_runs() -> None:
    read = junitparser.JUnitXml.fromstring(render_junit(FAILING).encode())
    assert [suite.name for suite in read][:2] == ["clean-run", "r30-lost-frame"]
    # Three runs fail; one is vacuous, something never happened, and the campaign was interrupted.
    assert (read.tests, read.failures, read.errors) == (7, 3, 3)
    assert sum(suite.tests for suite in read) == 7


def test_a_run_that_holds_is_a_case_that_passed_with_its_costs() -> None:
    case = case_of(Results((CLEAN,)))
    assert case.is_passed
    assert (case.name, case.classname, case.time) == ("tree/inclusive mine seed 0", "gapless.clean-run", 5.654)
    (properties,) = case.iterchildren(junitparser.Properties)
    told = {one.name: one.value for one in properties}
    assert (told["rest_calls"], told["rest_calls_optimum"], told["seed"], told["digest"]) == ("1", "1", "0", "sha256:0")


def test_a_failure_says_the_first_violation_all_of_them_and_how_to_see_it_again() -> None:
    (failure,) = case_of(Results((LOST,))).result
    assert isinstance(failure, junitparser.Failure)
    assert (failure.type, failure.message) == ("unsafe", LOST.violations[0].message)
    assert failure.text is not None
    assert "budget: 5 REST calls spent; the optimum is 2" in failure.text
    assert "replay: gapless replay report/capsules/r30-lost-frame.json --trace" in failure.text


@pytest.mark.parametrize(
    ("record", "kind"), [(LOST, "Failure"), (DEAR, "Failure"), (HUNG, "Failure"), (EMPTY, "Error")]
)
def test_a_vacuous_run_is_told_apart_from_one_that_failed(record: object, kind: str) -> None:
    (result,) = case_of(Results((record,))).result  # type: ignore[arg-type]
    assert type(result).__name__ == kind


def test_a_run_that_fails_without_a_violation_is_still_a_failure() -> None:
    (result,) = case_of(Results((dataclasses.replace(LOST, violations=(), verdict=Verdict.UNSAFE),))).result
    assert result.message == "unsafe"


def test_what_xml_forbids_is_replaced_and_the_rest_is_kept() -> None:
    case = case_of(Results((dataclasses.replace(CLEAN, scenario=HOSTILE, client=HOSTILE),)))
    assert '<script>alert("&");</script>' in str(case.classname)
    assert "\x00" not in render_junit(Results((HUNG,)))
    assert "\ufffd\ufffd[31m" in str(case.classname)
