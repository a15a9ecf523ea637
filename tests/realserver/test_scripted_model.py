"""What the language model of a real server says in a run."""

from __future__ import annotations

import pytest

from gapless.scenarios.definition.scenario import Run
from gapless.scenarios.realserver.scripted_model import STUCK_AFTER, Reply, replies


def _said(run: Run, payload_bytes: int = 0) -> tuple[Reply, ...]:
    return replies(run, "run-1", payload_bytes)


def test_a_run_that_finishes_has_as_many_actions_and_takes_as_long_as_planned() -> None:
    said = _said(Run(actions=3, init_s=0.05, step_s=0.1))
    assert [one.tool for one in said] == ["think", "think", "finish"]
    assert [one.delay_s for one in said] == pytest.approx([0.15, 0.1, 0.2])
    assert [str(one.arguments.get("thought")).endswith("(takes 0.1 s)") for one in said] == [True, True, False]
    assert sum(one.delay_s for one in said) + 0.2 == pytest.approx(0.05 + 6 * 0.1)


def test_a_run_without_actions_finishes_at_once() -> None:
    assert [(one.tool, one.delay_s) for one in _said(Run(actions=0, init_s=0.05))] == [("finish", 0.05)]


def test_an_error_is_one_of_the_provider() -> None:
    assert [one.tool for one in _said(Run(actions=2, end_status="error"))] == ["think", "think", None]


def test_a_pause_is_asked_for_while_the_last_action_goes_on() -> None:
    assert [one.aside for one in _said(Run(actions=2, end_status="paused"))] == [None, "pause"]


def test_an_agent_is_stuck_by_doing_the_same_again() -> None:
    said = _said(Run(actions=3, end_status="stuck"))
    assert len(said) == 3 + STUCK_AFTER
    assert [one.delay_s for one in said[-STUCK_AFTER:]] == [0.0] * STUCK_AFTER


def test_filler_is_in_each_action_and_each_observation() -> None:
    timed, finish = _said(Run(actions=2, payload_bytes=50), payload_bytes=1_000)
    assert len(str(timed.arguments["thought"])) > 50
    assert 50 < len(str(finish.arguments["message"])) < 1_000
