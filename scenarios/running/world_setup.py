"""Turns a scenario's server and workload into settings of the simulator."""

from __future__ import annotations

import dataclasses

from gapless.scenarios.definition.scenario import Background, Run, Scenario
from gapless.simserver.conversation.workload import AgentWorkload, BackgroundAction, Pause, RunPlan, pairs, recorded
from gapless.simserver.settings import ServerSettings


def server_settings(scenario: Scenario, generation: str, cursor: str) -> ServerSettings:
    """The server settings of one variant."""
    return ServerSettings(
        generation=generation,  # type: ignore[arg-type]  # checked by ServerSettings itself
        cursor=cursor,  # type: ignore[arg-type]
        unknown_cursor=scenario.server.unknown_cursor,
        api_key=scenario.server.api_key,
        release=scenario.server.version,
        replay_events_max=scenario.server.replay_events_max,
        epochs=scenario.server.epochs,
    )


def workload(scenario: Scenario) -> AgentWorkload:
    """What the agent and other parties will do."""
    wanted = scenario.workload
    background = tuple(happening for one in wanted.background for happening in _happenings(one))
    if wanted.recording is not None:
        return dataclasses.replace(recorded(wanted.recording), background=background)
    return AgentWorkload(
        history_events=wanted.history_events,
        history_before_tree=wanted.history_before_tree,
        runs=tuple(_plan(run, f"run-{number}", wanted.payload_bytes) for number, run in enumerate(wanted.runs, 1)),
        background=background,
        payload_bytes=wanted.payload_bytes,
    )


def _plan(run: Run, label: str, payload_bytes: int) -> RunPlan:
    return pairs(
        run.actions,
        step_s=run.step_s,
        init_s=run.init_s,
        end_status=run.end_status,
        payload_bytes=payload_bytes if run.payload_bytes is None else run.payload_bytes,
        label=label,
        tool_s=run.tool_s,
    )


def _happenings(one: Background) -> tuple[BackgroundAction, ...]:
    at = one.at_s if one.at is None else one.at
    assert at is not None
    message = (BackgroundAction(at, one.message),) if one.message is not None else ()
    run = (BackgroundAction(at, _plan(one.run, "background", 0)),) if one.run is not None else ()
    pause = (BackgroundAction(at, Pause()),) if one.pause else ()
    return message + run + pause
