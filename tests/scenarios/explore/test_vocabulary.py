"""Everything that the scenario's vocabulary has is drawn, or is an exception with a reason.

A new fault, a new field of one, a new key of a match, or a new key of the workload, the script, the background or the
server fails this test until some world has it. Draw it in ``scenarios/explore/worlds/``, or give the reason here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from functools import cache

import pytest
from pydantic import BaseModel

from gapless.scenarios.definition.scenario import (
    Answer,
    Background,
    Expectation,
    Navigate,
    Restart,
    Run,
    Scenario,
    Send,
    Server,
    Sleep,
    Suspend,
    Word,
    Workload,
)
from gapless.scenarios.explore.steering import draw_world
from gapless.simserver.faults import KINDS as FAULTS
from gapless.simserver.faults.match import _MEANINGFUL, Match

DRAWS = 2_000
# What is never drawn, with the reason.
EXCEPTIONS = {
    "expect.run_bound_s": "bounds what is judged; it changes nothing in the world",
    "expect.step_deadline_s": "bounds what is judged; it changes nothing in the world",
    "expect.delivery_bound_s": "what a drawn fault keeps from everybody is not due; it changes nothing in the world",
    "expect.calls_max": "bounds what is judged; it changes nothing in the world",
    "expect.sockets_max": "bounds what is judged; it changes nothing in the world",
    **dict.fromkeys(
        (f"{place}.match.client" for place in ("frame", "call", "handshake", "connection", "snapshot")),
        "a drawn world has one client: one that only listens proves no order (pending/r61-…-for-a-listener.toml)",
    ),
    "expect.errors_allowed=True": "would excuse every error; a drawn world allows those of single steps",
}


def name_of(kind: type[BaseModel]) -> str:
    return str(kind.model_fields["kind"].default)


def choices_in(annotation: object) -> tuple[object, ...]:
    """The values of a Literal or a bool, also when it is optional."""
    if annotation is bool:
        return (True, False)
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(one for part in typing.get_args(annotation) for one in choices_in(part))
    return ()


def vocabulary_of(model: type[BaseModel], path: str, *, without: frozenset[str] = frozenset()) -> Iterator[str]:
    """Each key of a model, and each value of a key that has few."""
    for key, field in model.model_fields.items():
        if key in without:
            continue
        yield f"{path}.{key}"
        for value in choices_in(field.annotation):
            yield f"{path}.{key}={value}"


@cache
def vocabulary() -> frozenset[str]:
    """All that can vary a world."""
    words: set[str] = set()
    for kind in FAULTS:
        words |= {name_of(kind)}
        words |= set(vocabulary_of(kind, name_of(kind), without=frozenset({"kind", "name", "match"})))
    for place in {kind.place for kind in FAULTS}:
        if place != "server":  # its faults strike at a time
            words |= {f"{place}.match.{key}" for key in _MEANINGFUL[place]}
    words |= {f"script.{word}" for word in choices_in(Word)}
    steps = (Send, Sleep, Restart, Suspend, Answer, Navigate)
    words |= {f"script.{key}" for step in steps for key in step.model_fields}
    words |= set(vocabulary_of(Server, "server"))
    words |= set(vocabulary_of(Workload, "workload", without=frozenset({"runs", "background"})))
    words |= set(vocabulary_of(Run, "workload.runs"))
    # A run of another party has no payload of its own in the simulation.
    words |= set(vocabulary_of(Run, "background.run", without=frozenset({"payload_bytes"})))
    words |= set(vocabulary_of(Background, "background", without=frozenset({"run"})))
    words |= set(vocabulary_of(Expectation, "expect"))
    words |= {f"generation={one}" for one in ("legacy", "tree", "session")} | {"cursor=inclusive", "cursor=exclusive"}
    return frozenset(words)


def words_in(scenario: Scenario) -> Iterator[str]:
    """All that one world has of the vocabulary."""
    for fault in scenario.faults:
        kind = fault.kind
        yield kind
        yield from _set_in(fault, kind, without=frozenset({"kind", "name", "match"}))
        if "match" in fault.model_fields_set:
            yield from (f"{fault.place}.match.{key}" for key in fault.match.model_fields_set)
    for step in scenario.script:
        yield from (f"script.{key}" for key in ([step] if isinstance(step, str) else type(step).model_fields))
    yield from _set_in(scenario.server, "server")
    yield from _set_in(scenario.workload, "workload", without=frozenset({"runs", "background"}))
    for run in scenario.workload.runs:
        yield from _set_in(run, "workload.runs")
    for one in scenario.workload.background:
        yield from _set_in(one, "background", without=frozenset({"run"}))
        if one.run is not None:
            yield from _set_in(one.run, "background.run")
    yield from _set_in(scenario.expect, "expect")
    yield from (f"generation={one}" for one in scenario.generations)
    yield from (f"cursor={one}" for one in scenario.cursors)


def _set_in(model: BaseModel, path: str, *, without: frozenset[str] = frozenset()) -> Iterator[str]:
    for key, field in type(model).model_fields.items():
        if key in without:
            continue
        value = getattr(model, key)
        if key in model.model_fields_set:
            yield f"{path}.{key}"
        if value in choices_in(field.annotation):
            yield f"{path}.{key}={value}"


@cache
def drawn() -> frozenset[str]:
    words: set[str] = set()
    for number in range(DRAWS):
        words |= set(words_in(draw_world("gapless", 0, number, None).request.scenario))
    return frozenset(words)


def test_everything_in_the_vocabulary_is_drawn_or_is_an_exception_with_a_reason() -> None:
    assert sorted(vocabulary() - drawn() - set(EXCEPTIONS)) == []


@pytest.mark.parametrize("word", sorted(EXCEPTIONS))
def test_no_exception_is_out_of_date(word: str) -> None:
    assert word in vocabulary()
    assert word not in drawn() or word.startswith("expect."), "it is drawn by now: remove the exception"


def test_a_new_key_of_a_match_is_noticed() -> None:
    places = {kind.place for kind in FAULTS} - {"server"}
    known = {word.rpartition(".")[2] for word in vocabulary() if ".match." in word}
    assert known == set(Match.model_fields), places
