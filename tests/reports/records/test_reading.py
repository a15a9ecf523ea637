"""Records are read back as they were written, or it is said in one sentence what is wrong with them, and where."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from gapless.reports.errors import UnreadableRecords
from gapless.reports.records.reading import read_results, reread
from gapless.reports.records.results import Results
from tests.reports.golden import stored
from tests.reports.samples import CLEAN, FAILING, HOLDING, SWEEP


def written(results: str = "failing") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stored(f"{results}.records.json"))
    return document


def test_what_was_written_is_read() -> None:
    read = read_results(stored("holding.records.json"))
    assert (read.records, read.versions, read.complete) == (HOLDING.records, HOLDING.versions, True)


def test_an_interrupted_campaign_its_sweep_and_what_never_happened_are_read() -> None:
    read = read_results(stored("failing.records.json"))
    assert (read.complete, read.never, read.sweep) == (False, FAILING.never, SWEEP)


def test_reading_and_writing_again_changes_nothing() -> None:
    once = reread(FAILING)
    assert reread(once) == once
    assert once.journals is FAILING.journals


def test_what_an_earlier_gapless_did_not_write_has_its_default() -> None:
    document = written("holding")
    for name in ("title", "races", "history_events", "taken", "lost_events", "clock"):
        del document["records"][0][name]
    del document["sweep"], document["never"]
    read = read_results(json.dumps(document))
    assert (read.records[0].title, read.records[0].races, read.sweep) == ("", (), ())


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    document = copy.deepcopy(written())
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it["records"][3]["rest"].update(calls="7"), 'records[3].rest.calls: is "7", and should be a whole'),
        (lambda it: it["records"][0].update(verdict="good"), 'records[0].verdict: is "good", and should be'),
        (lambda it: it["records"][1].update(rounds=3), "records[1].rounds: is no key of this schema"),
        (lambda it: it.update(rounds=3), "rounds: is no key of this schema"),
        (lambda it: it["records"][2].pop("seed"), "records[2].seed: is missing"),
        (lambda it: it.pop("records"), "records: is missing"),
        (lambda it: it.update(records={}), "records: is {}, and should be a list"),
        (lambda it: it["records"].append(7), "records[5]: is 7, and should be"),
        (lambda it: it["sweep"][0]["rest"].update(ratio="3"), 'sweep[0].rest.ratio: is "3", and is a number'),
        (lambda it: it["never"][0].update(what="wish"), 'never[0].what: is "wish", and can be fault, oracle, path'),
        (lambda it: it["records"][0].update(virtual_s=float("nan")), "records[0].virtual_s: is NaN"),
        (lambda it: it.update(schema="gapless/records/9"), "schema: is 'gapless/records/9', and this gapless reads"),
    ],
)  # fmt: skip
def test_a_document_that_is_wrong_is_told_with_its_place_and_a_cure(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(UnreadableRecords) as caught:
        read_results(changed(change))
    assert str(caught.value).startswith(said)
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "7", "{}", '{"records": []}', "{" * 50_000, "[" * 50_000, "null"])
def test_what_is_no_document_at_all_is_told(text: str) -> None:
    with pytest.raises(UnreadableRecords, match=r"is not JSON|is no records document"):
        read_results(text)


def test_no_records_at_all_are_read() -> None:
    assert reread(Results(())) == Results(())
    assert reread(Results((CLEAN,))).records == (CLEAN,)
