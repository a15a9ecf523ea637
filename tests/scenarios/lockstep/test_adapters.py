"""The adapters: a client class of each kind, put through scenarios as a command."""

from __future__ import annotations

import shutil
import sys

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.running.runner import perform
from tests.scenarios.lockstep.programs import CLIENTS, request

COMMANDS = {
    "asyncio": (sys.executable, str(CLIENTS / "adapted_asyncio.py")),
    "blocking": (sys.executable, str(CLIENTS / "adapted_blocking.py")),
    "node": ("node", str(CLIENTS / "adapted_node.mjs")),
}
each_kind = pytest.mark.parametrize(
    "kind",
    [
        "asyncio",
        "blocking",
        pytest.param("node", marks=pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")),
    ],
)


@each_kind
def test_a_class_behind_an_adapter_holds_everything_and_its_deliveries_are_judged(kind: str) -> None:
    result = perform(request(COMMANDS[kind]))
    assert {one.oracle for one in result.record.violations} <= {"budget"}  # it asks again and again
    assert {one.oracle: one.count for one in result.record.judged}["delivered-once"] > 5
    assert result.says_deliveries


@each_kind
def test_a_class_behind_an_adapter_gives_up_a_step_with_an_error_that_it_declares(kind: str) -> None:
    result = perform(request((*COMMANDS[kind], "--gives-up")))
    assert result.record.verdict is Verdict.STUCK
    assert result.record.violations[0].message == "send() gave up: Failure: GivesUp: not today"
