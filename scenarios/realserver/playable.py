"""What of a scenario the real server can play, and why it cannot play the rest. Pure."""

from __future__ import annotations

from typing import Final

from gapless.scenarios.definition.scenario import Background, Run, Scenario
from gapless.scenarios.realserver.store import HISTORY_MAX
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.server_restart import ServerRestart

VARIANT: Final = ("session", "inclusive")  # of the versions that can be in lockstep
INIT_S_MAX: Final = 0.1

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
        "link-refuse",
        "link-reset",
        "link-stall",
        "queue-overflow",
        "rest-cursor-loop",
        "rest-empty-page",
        "rest-malformed",
        "rest-page-cap",
        "rest-reset",
        "rest-status",
        "rest-timeout",
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
    "log-truncate": "the log is the real server's own",
    "publish-before-persist": "when a real server persists is its own affair",
    "publish-never-persist": "what a real server persists is its own affair",
    "rest-stale": "a real server answers from the log as it is",
    "snapshot-stale": "a real server takes its own snapshots",
    "stop-hook-veto": "a stop hook of a real server is a shell command, and in virtual time there is no shell",
}


def why_not(scenario: Scenario, generation: str, cursor: str) -> str | None:
    """Why a real server cannot play this variant, as the end of a sentence; None when it can."""
    if (generation, cursor) != VARIANT:
        return f"the real server is of generation {VARIANT[0]} with cursors that are {VARIANT[1]}"
    if scenario.workload.recording is not None:
        return "it replays a recording, and a real server writes its own log"
    if scenario.workload.history_events > HISTORY_MAX:
        return f"its history has more than {HISTORY_MAX:,} events, each of which is a file of a real server"
    if scenario.server.unknown_cursor != "natural":
        return "the real server answers an unknown cursor with the natural beginning"
    reasons = [reason for fault in scenario.faults if (reason := _why_not_fault(fault)) is not None]
    reasons += [reason for run in _runs(scenario) if (reason := _why_not_run(run)) is not None]
    return reasons[0] if reasons else None


def _why_not_fault(fault: BaseFault) -> str | None:
    if isinstance(fault, ServerRestart) and fault.leaf_lags:
        return "when a real server saves its leaf is its own affair (leaf_lags)"
    if fault.kind in _BETWEEN:
        return None
    reason = _ONLY_A_FAKE.get(fault.kind, "it acts inside the fake server")
    return f"{reason} ({fault.kind})"


def _why_not_run(run: Run) -> str | None:
    if run.init_s > INIT_S_MAX:
        return f"a real server says running at once, not after {run.init_s:g} s (init_s)"
    if run.end_status in ("paused", "waiting_for_confirmation") and not run.actions:
        return f"a run of a real server that ends {run.end_status} has an action at least"
    return None


def _runs(scenario: Scenario) -> tuple[Run, ...]:
    happenings: tuple[Background, ...] = scenario.workload.background
    return (*scenario.workload.runs, *(one.run for one in happenings if one.run is not None))
