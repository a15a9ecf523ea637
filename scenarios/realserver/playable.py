"""What of a scenario the real server can play, and why it cannot play the rest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gapless.scenarios.definition.scenario import (
    Background,
    CursorMode,
    Restart,
    Run,
    Scenario,
    ServerGeneration,
    Step,
    name_of,
)
from gapless.scenarios.errors import UsageError
from gapless.scenarios.realserver.environment import PublishedServer, parse_server
from gapless.scenarios.realserver.store import HISTORY_MAX
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.server_restart import ServerRestart

CURSOR: Final[CursorMode] = "inclusive"  # of all versions
INIT_S_MAX: Final = 0.1
Variant = tuple[ServerGeneration, CursorMode]
_STOPPED: Final = ("paused", "waiting_for_confirmation")

# The faults that act between the client and the server. What each other one would need is said.
_BETWEEN: Final = frozenset(
    {
        "event-delay",
        "event-drop",
        "event-duplicate",
        "event-reorder",
        "link-bandwidth",
        "link-close",
        "link-cut",
        "link-half-open",
        "link-handshake-hang",
        "link-latency",
        "link-quiet",
        "link-refuse",
        "link-reset",
        "link-stall",
        "queue-overflow",
        "rest-cursor-loop",
        "rest-empty-page",
        "rest-idle-close",
        "rest-malformed",
        "rest-page-cap",
        "rest-proxy-answer",
        "rest-reset",
        "rest-status",
        "rest-timeout",
        "rest-undecodable-item",
        "rest-unknown-cursor",
        "server-restart",
        "subscription-lost",
    }
)
_ONLY_A_FAKE: Final = {
    "clock-step": "the real server's clock is the world's",
    "clock-ties": "the real server's clock has microseconds",
    "corrupt-record": "the real server writes its own records",
    "delta-flood": "the scripted model of a real server does not stream",
    "late-tail": "when a real server appends its last events is its own affair",
    "event-stamped-late": "when a real server stamps an event is its own affair",
    "event-unknown-kind": "a real server has the kinds of events that it knows",
    "event-updated": "whether a real server updates an event is its own affair",
    "log-insert": "the log is the real server's own",
    "log-truncate": "the log is the real server's own",
    "publish-before-persist": "when a real server persists is its own affair",
    "publish-never-persist": "what a real server persists is its own affair",
    "rest-stale": "a real server answers from the log as it is",
    "runtime-asleep": "a sleeping runtime is of a host in the cloud, and the server is the runtime itself",
    "snapshot-stale": "a real server takes its own snapshots",
    "stop-hook-veto": "a stop hook of a real server is a shell command, and in virtual time there is no shell",
}


def variants_of(server: PublishedServer) -> tuple[Variant, ...]:
    """The generations that a server can be met in, with its cursor mode; the newest first.

    A server that has the session socket has the socket of the tree generation, too. Clients use that one when they are
    told an older version. None of them can be met without a tree that has one.
    """
    generations: tuple[ServerGeneration, ...] = (server.generation,)
    if server.generation == "session":
        generations = ("session", "tree")
    return tuple((generation, CURSOR) for generation in generations)


def variant_of(scenario: Scenario, server: PublishedServer) -> Variant | None:
    """The variant in which a server plays a scenario, if no other is asked for: the newest in which it can happen."""
    return next((one for one in variants_of(server) if one in scenario.variants()), None)


def why_not(scenario: Scenario, server: PublishedServer) -> str | None:
    """Why a real server cannot play a scenario, as the end of a sentence; None when it can."""
    if variant_of(scenario, server) is None:
        return _why_in_no_variant(scenario, server)
    if scenario.second_client is not None:
        return "it has two clients, and a real server is relayed to one"
    if scenario.workload.recording is not None:
        return "it replays a recording, and a real server writes its own log"
    if scenario.workload.history_events > HISTORY_MAX:
        return f"its history has more than {HISTORY_MAX:,} events, each of which is a file of a real server"
    if scenario.server.unknown_cursor != "natural":
        return "the real server answers an unknown cursor with the natural beginning"
    if scenario.workload.history_before_tree:
        return "its history is one that a server without a tree has written"
    if scenario.server.replay_events_max is not None or scenario.server.epochs:
        return "how a real server replays its log is its own affair"
    if scenario.server.version not in (None, server.version):
        return f"it is about release {scenario.server.version} of the server"
    reasons = [reason for step in _steps(scenario) if (reason := _why_not_step(step)) is not None]
    reasons += [reason for fault in scenario.faults if (reason := _why_not_fault(fault)) is not None]
    reasons += [reason for run in _runs(scenario) if (reason := _why_not_run(run)) is not None]
    return reasons[0] if reasons else None


def check_playable(scenario: Scenario, server: str, generation: str, cursor: str) -> None:
    """Raise UsageError when a server cannot play a scenario in a variant."""
    published = parse_server(server)
    reason = why_not(scenario, published)
    if reason is not None:
        raise UsageError(f"{scenario.name} cannot be played on {published}: {reason}")
    if (generation, cursor) not in variants_of(published):
        own = " or ".join("/".join(one) for one in variants_of(published))
        raise UsageError(f"{published} is {own}, and not {generation}/{cursor}")


def _why_in_no_variant(scenario: Scenario, server: PublishedServer) -> str:
    if all(cursor != CURSOR for _, cursor in scenario.variants()):
        return "it is about cursors that are exclusive, and the server's are inclusive"
    own = " and ".join(dict.fromkeys(generation for generation, _ in variants_of(server)))
    needed = " or ".join(dict.fromkeys(generation for generation, _ in scenario.variants()))
    return f"it is about servers of generation {needed}, and the server is of {own}"


def as_playable(scenario: Scenario) -> Scenario:
    """The scenario without what a real server cannot play, for worlds that were drawn."""
    workload, faults = scenario.workload, _playable_faults(scenario.faults)
    names = {fault.name for fault in faults}
    background = tuple(
        one if one.run is None else one.model_copy(update={"run": _playable_run(one.run)})
        for one in workload.background
        if _why_not_step(one) is None and (one.at is None or one.at.after_fault in {None, *names})
    )
    script = tuple(_without_lease(step) for step in scenario.script)
    changed = {
        "runs": tuple(_playable_run(run) for run in workload.runs),
        "background": background,
        "history_before_tree": False,
        "recording": None,
    }
    server = {"unknown_cursor": "natural", "replay_events_max": None, "epochs": False, "version": None}
    return scenario.model_copy(
        update={
            "faults": faults,
            "workload": workload.model_copy(update=changed),
            "server": scenario.server.model_copy(update=server),
            "script": tuple(step for step in script if _why_not_step(step) is None),
        }
    )


def _playable_faults(faults: Sequence[BaseFault]) -> tuple[BaseFault, ...]:
    """The faults that can act, without those that wait for one that cannot."""
    left = tuple(one for one in map(_as_plain_restart, faults) if _why_not_fault(one) is None)
    while True:
        names = {fault.name for fault in left}
        waiting = tuple(fault for fault in left if set(fault.causing_faults()) <= names)
        if len(waiting) == len(left):
            return left
        left = waiting


def _as_plain_restart(fault: BaseFault) -> BaseFault:
    if not isinstance(fault, ServerRestart):
        return fault
    return fault.model_copy(update={"leaf_lags": False, "lease_s": 0.0})


def _without_lease(step: Step) -> Step:
    return step.model_copy(update={"lease_s": 0.0}) if isinstance(step, Restart) else step


def _playable_run(run: Run) -> Run:
    changes: dict[str, object] = {}
    if run.init_s > INIT_S_MAX:
        changes["init_s"] = INIT_S_MAX
    if run.end_status == "waiting_for_confirmation":
        changes["end_status"] = "paused"
    if run.end_status == "none":
        changes["end_status"] = "finished"
    if run.end_status in _STOPPED and not run.actions:
        changes["actions"] = 1
    return run.model_copy(update=changes) if changes else run


def _why_not_step(step: Step | Background) -> str | None:
    """Why somebody cannot do this to a real server: a step of the script, or an action in the background."""
    if isinstance(step, Restart) and step.lease_s:
        return "how long the lease of a dead process lasts is a real server's own affair (lease_s)"
    asked = _words(step)
    if asked & {"confirm", "reject"}:
        return "a real server asks for no confirmation of thoughts, so nothing waits for an answer"
    if "answer" in asked:
        return "the agent of a real server has no tools of a client"
    return None


def _words(step: Step | Background) -> set[str]:
    if isinstance(step, Background):
        return {name for name in ("confirm", "reject", "answer") if getattr(step, name) not in (None, False)}
    return {name_of(step)}


def _steps(scenario: Scenario) -> tuple[Step | Background, ...]:
    return (*scenario.script, *scenario.workload.background)


def _why_not_fault(fault: BaseFault) -> str | None:
    if isinstance(fault, ServerRestart) and fault.lease_s:
        return "how long the lease of a dead process lasts is a real server's own affair (lease_s)"
    if isinstance(fault, ServerRestart) and fault.leaf_lags:
        return "when a real server saves its leaf is its own affair (leaf_lags)"
    if fault.kind in _BETWEEN:
        return None
    reason = _ONLY_A_FAKE.get(fault.kind, "it acts inside the fake server")
    return f"{reason} ({fault.kind})"


def _why_not_run(run: Run) -> str | None:
    if run.init_s > INIT_S_MAX:
        return f"a real server says running at once, not after {run.init_s:g} s (init_s)"
    if run.end_status == "waiting_for_confirmation":
        return "a real server asks for no confirmation of thoughts, which are all that its agent has in virtual time"
    if run.end_status == "none":
        return "how a real server ends a run without a status is not known"
    if run.end_status == "paused" and not run.actions:
        return "a run of a real server that is paused has an action at least"
    return None


def _runs(scenario: Scenario) -> tuple[Run, ...]:
    happenings: tuple[Background, ...] = scenario.workload.background
    return (*scenario.workload.runs, *(one.run for one in happenings if one.run is not None))
