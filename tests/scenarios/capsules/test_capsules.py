"""Capsules: what was kept replays to the same run; what is broken says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.errors import CapsuleError, UsageError
from gapless.scenarios.running.journal_difference import difference, fingerprints
from gapless.scenarios.running.runner import RunRequest, perform
from gapless.simserver.errors import TapeError


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    request = RunRequest(find_one("recorded-link-latency"), "tree", "exclusive", "full-rescan", 7)
    result = perform(request)
    return capsule.write(request, result.record, result.tape, tmp_path / "capsules")


def test_a_capsule_replays_to_the_same_run(kept: Path) -> None:
    loaded = capsule.load(kept)
    assert loaded.request.tape
    result = perform(loaded.request)
    assert result.record.digest == loaded.digest
    assert result.record.verdict is loaded.verdict


@pytest.mark.parametrize("left", range(0, 40, 5))
def test_a_tape_that_ends_too_soon_says_at_which_choice_whoever_asked_for_it(kept: Path, left: int) -> None:
    request = capsule.load(kept).request
    assert request.tape is not None
    ((stream, values),) = request.tape.items()
    assert len(values) > left
    with pytest.raises(
        TapeError, match=rf"^choice {left + 1} of stream '{stream}': the tape ends after {left} values$"
    ):
        perform(replace(request, tape={stream: values[:left]}))


def test_a_digest_that_somebody_wrote_by_hand_is_not_taken_for_another_journal(kept: Path) -> None:
    lines = perform(capsule.load(kept).request).lines
    told = str(difference(fingerprints(lines), lines))
    assert told == f"all {len(lines)} entries are equal, and only the digest is another"


def test_the_name_says_what_is_inside_and_is_always_the_same(kept: Path) -> None:
    assert kept.name == "recorded-link-latency.tree.exclusive.full-rescan.seed7.json"


def test_a_capsule_holds_the_scenario_in_full(kept: Path) -> None:
    document = json.loads(kept.read_text(encoding="utf-8"))
    assert document["schema"] == capsule.SCHEMA
    assert document["scenario"]["faults"][0]["latency_s"] == 0.05
    assert {"python", "trio", "gapless"} <= set(document["versions"])
    assert document["verdict"] == Verdict.STUCK
    assert document["violations"][0]["oracle"] == "returns-in-time"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is no capsule"),
        ("{}", "is no capsule"),
        ('{"schema": "gapless/records/1"}', "is no capsule"),
        ('{"schema": "gapless/capsule/99"}', "replay it with the version that wrote it"),
        ('{"schema": "gapless/capsule/1"}', "is missing"),
    ],
)
def test_a_broken_capsule_says_what_is_wrong_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CapsuleError, match=words) as caught:
        capsule.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_capsule_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CapsuleError, match="cannot be read"):
        capsule.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("tape", {"fault/x": ["high"]}, "tape"),
        ("generation", "baroque", "cannot happen in baroque"),
        ("scenario", {"name": "x"}, "is missing"),
        ("seed", "many", "seed"),
    ],
)
def test_a_spoilt_field_is_named(kept: Path, key: str, value: object, words: str) -> None:
    document = json.loads(kept.read_text(encoding="utf-8"))
    kept.write_text(json.dumps(document | {key: value}), encoding="utf-8")
    with pytest.raises(CapsuleError, match=words):
        capsule.load(kept)


def test_a_place_that_cannot_be_written_is_a_user_error(tmp_path: Path) -> None:
    request = RunRequest(find_one("clean-run"), "tree", "inclusive", "gapless")
    result = perform(request)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        capsule.write(request, result.record, result.tape, tmp_path / "file")
