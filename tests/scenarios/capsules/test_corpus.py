"""The corpus: capsules of known failures are the same runs still, and a capsule that is not says where it differs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.capsules import capsule
from gapless.scenarios.clients.registry import CLIENTS, DEFAULT
from tests.scenarios.capsules import corpus

OLD = corpus.DIRECTORY / "version-1.json"


@pytest.mark.parametrize("path", corpus.files(), ids=lambda path: path.stem)
def test_a_kept_capsule_is_the_same_run_still(path: Path) -> None:
    assert list(corpus.problems(capsule.load(path))) == []


def test_the_corpus_has_a_failure_of_each_baseline_and_draws_choices() -> None:
    kept = [capsule.load(path) for path in corpus.files()]
    assert {one.request.client for one in kept} >= {client.name for client in CLIENTS if client.name != DEFAULT}
    assert all(one.verdict is not Verdict.HOLDS for one in kept)
    assert any(one.request.tape for one in kept)


def test_a_capsule_of_version_1_is_read_and_replayed() -> None:
    assert json.loads(OLD.read_text(encoding="utf-8"))["schema"] == "gapless/capsule/1"
    kept = capsule.load(OLD)
    assert kept.request.tape
    assert kept.request.ranges == {stream: [] for stream in kept.request.tape}
    assert kept.fingerprints == ()


def changed(kept: capsule.Capsule, **what: object) -> capsule.Capsule:
    return dataclasses.replace(kept, request=dataclasses.replace(kept.request, **what))  # type: ignore[arg-type]


@pytest.fixture
def drawn() -> capsule.Capsule:
    return capsule.load(next(path for path in corpus.files() if path.stem.startswith("recorded-link-latency.tree")))


def test_a_fault_that_draws_from_another_range_is_told_by_its_first_choice(drawn: capsule.Capsule) -> None:
    (fault,) = drawn.request.scenario.faults
    scenario = drawn.request.scenario.model_copy(update={"faults": (fault.model_copy(update={"jitter_s": 0.001}),)})
    (problem,) = corpus.problems(changed(drawn, scenario=scenario))
    assert (
        "choice 1 of stream 'fault/link-latency-1': it was drawn from 0.0..0.1, and is now asked from 0.0..0.001"
        in problem
    )


def test_a_run_that_draws_less_than_the_tape_has_is_told_by_what_is_left(drawn: capsule.Capsule) -> None:
    assert drawn.request.tape is not None
    assert drawn.request.ranges is not None
    ((stream, values),) = drawn.request.tape.items()
    longer = {stream: [*values, 0.0]}
    (problem,) = corpus.problems(changed(drawn, tape=longer))
    assert (
        f"choice {len(values) + 1} of stream '{stream}': it was never asked for, and the tape has 1 value left"
        in problem
    )


def test_a_run_that_goes_another_way_without_a_choice_is_told_by_its_first_entry() -> None:
    kept = capsule.load(next(path for path in corpus.files() if path.stem.startswith("r10-late-tail")))
    other = kept.request.scenario.model_copy(
        update={"script": (*kept.request.scenario.script[:1], *kept.request.scenario.script[2:])}
    )
    problems = list(corpus.problems(changed(kept, scenario=other)))
    assert "is the first that differs, at" in problems[-1]
    assert "its journal is another: " in problems[-1]


def test_with_other_libraries_the_verdict_alone_is_held_to() -> None:
    kept = capsule.load(next(path for path in corpus.files() if path.stem.startswith("r10-late-tail")))
    other = dataclasses.replace(kept, digest="sha256:another", versions={**kept.versions, "trio": "0.0"})
    assert list(corpus.problems(other)) == []
    assert len(list(corpus.problems(dataclasses.replace(other, verdict=Verdict.HOLDS)))) == 1


def test_the_corpus_can_be_renewed_where_a_change_is_meant(drawn: capsule.Capsule) -> None:
    request, result = corpus.renewed(changed(drawn, tape={}, ranges={}))
    assert request.tape is None
    assert result.record.digest == drawn.digest
