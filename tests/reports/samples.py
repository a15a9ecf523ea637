"""Results made by hand, for renderers: a few runs of each verdict, one journal in which everything happens once, and
texts that no format likes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator

from gapless.reports.records.never import Never
from gapless.reports.records.record import FaultFired, Judged, Kill, RestCost, RunRecord, Verdict, Violation
from gapless.reports.records.results import Results

ACTION = "f78c1730-4042-54d3-a989-dfe3882ef407"
OBSERVATION = "f78c1730-4042-54d3-a989-7e1b01e87352"
STATE = "f78c1730-4042-54d3-a989-e17a977fbfa7"
MESSAGE = "f78c1730-4042-54d3-a989-7fb211393ef2"
HISTORY = tuple(f"f78c1730-4042-54d3-a989-{number:012x}" for number in range(3))
CONVERSATION = "8c91f58a-078c-55c5-b22b-ecb24018dec4"
PATH = f"/api/conversations/{CONVERSATION}"

# Markup of every kind, characters that XML forbids, and a line break.
HOSTILE = 'a|b <script>alert("&");</script> `code` #1; %% \x00\x1b[31m \ud800 \u2028 ]]> \n - end'


def _happened() -> Iterator[tuple[float, str, str, dict[str, object]]]:
    """A frame is lost, a socket cut and another refused, a call is not answered, and a repair sets it right."""
    yield 0.0, "log", "history", {"events": 3, "first": HISTORY[0], "last": HISTORY[-1]}
    yield 0.0, "client", "attach-called", {}
    yield 0.0, "socket", "opened", {"connection": 1, "path": "events"}
    yield (
        0.0,
        "socket",
        "sent",
        {"connection": 1, "frame": 1, "key": "full_state", "kind": "ConversationStateUpdateEvent"},
    )
    yield (
        0.0,
        "socket",
        "delivered",
        {"connection": 1, "frame": 1, "key": "full_state", "kind": "ConversationStateUpdateEvent"},
    )
    yield 0.0, "rest", "request", _request(1, "GET", "/events/search", "limit=100", counted=True)
    answer = {"items": 3, "first": HISTORY[0], "last": HISTORY[-1], "next": None}
    yield 0.001, "rest", "response", {"call": 1, "status": 200, "bytes": 812, "events_read": 3, **answer}
    for event_id in HISTORY:
        yield 0.001, "client", "delivered", {"id": event_id, "repaired": False}
    yield 0.001, "client", "attach-returned", {}
    yield 5.0, "client", "send-called", {}
    yield 5.0, "rest", "request", _request(2, "POST", "/events", "", counted=False)
    yield 5.0, "log", "append", {"id": MESSAGE, "kind": "MessageEvent", "branch": True}
    yield 5.0, "rest", "response", {"call": 2, "status": 200, "bytes": 16, "events_read": 0}
    yield from _frame(5.0, 1, 2, MESSAGE, "MessageEvent")
    yield 5.0, "client", "send-returned", {}
    yield 5.0, "client", "run-called", {}
    yield 5.0, "rest", "request", _request(3, "POST", "/run", "", counted=False)
    yield 5.0, "agent", "run-started", {"run": 0, "by": "client"}
    yield 5.0, "rest", "response", {"call": 3, "status": 200, "bytes": 16, "events_read": 0}
    yield 5.05, "log", "append", {"id": STATE, "kind": "ConversationStateUpdateEvent", "branch": False, "run": 0}
    yield 5.05, "agent", "status", {"status": "running"}
    yield from _frame(5.05, 1, 3, STATE, "ConversationStateUpdateEvent", key="execution_status", value="running")
    yield 5.15, "log", "append", {"id": ACTION, "kind": "ActionEvent", "branch": True, "run": 0}
    yield 5.15, "publisher", "publish", {"id": ACTION, "kind": "ActionEvent", "seq": 5}
    yield 5.15, "fault", "fired", {"name": HOSTILE, "kind": "event-drop", "n": 1, "target": ACTION}
    yield 5.25, "log", "append", {"id": OBSERVATION, "kind": "ObservationEvent", "branch": True, "run": 0}
    yield 5.25, "publisher", "publish", {"id": OBSERVATION, "kind": "ObservationEvent", "seq": 6}
    yield (
        5.25,
        "socket",
        "sent",
        {"connection": 1, "frame": 4, "id": OBSERVATION, "kind": "ObservationEvent", "torn": True},
    )
    yield 5.25, "socket", "closed", {"connection": 1, "code": None, "by": "link"}
    yield 5.3, "socket", "refused", {"connection": 2, "status": 503}
    yield 5.4, "rest", "request", _request(4, "GET", "/events/search", f"limit=100&page_id={MESSAGE}", counted=True)
    yield 5.4, "world", "restarting", {"down_s": 0.5}
    yield 5.9, "world", "restarted", {}
    yield 6.0, "socket", "opened", {"connection": 3, "path": "events"}
    yield 6.0, "agent", "run-ended", {"run": 0, "status": "finished", "log_length": 7, "leaf": OBSERVATION}
    yield 6.1, "rest", "request", _request(5, "GET", "/events/search", f"limit=100&page_id={MESSAGE}", counted=True)
    page = {"items": 4, "first": MESSAGE, "last": OBSERVATION, "next": None}
    yield 6.101, "rest", "response", {"call": 5, "status": 200, "bytes": 964, "events_read": 4, **page}
    for event_id in (ACTION, OBSERVATION):
        yield 6.101, "client", "delivered", {"id": event_id, "repaired": True}
    held = [*HISTORY, MESSAGE, STATE, ACTION, OBSERVATION]
    claim = {"complete": True, "covers": "branch", "proof": "chain", "status": "finished"}
    yield 6.101, "client", "run-returned", {"held": held, "notes": ["connection 1 was lost"], "gaps": [], **claim}
    yield 6.2, "client", "error", {"step": "run", "outcome": "failed", "error": "RunTimedOut", "message": HOSTILE}
    yield 6.2, "world", "healed", {}
    yield 6.2, "client", "closed", {"held": held}


def _request(call: int, method: str, path: str, query: str, *, counted: bool) -> dict[str, object]:
    return {"call": call, "method": method, "path": f"{PATH}{path}", "query": query, "counted": counted}


def _frame(
    t_s: float, connection: int, frame: int, event_id: str, kind: str, **more: object
) -> Iterator[tuple[float, str, str, dict[str, object]]]:
    fields = {"connection": connection, "frame": frame, "id": event_id, "kind": kind, "durable": True, **more}
    yield t_s, "publisher", "publish", {"id": event_id, "kind": kind, **more}
    yield t_s, "socket", "sent", fields
    yield t_s, "socket", "delivered", fields
    yield t_s, "client", "delivered", {"id": event_id, "repaired": False}


LINES = tuple(
    json.dumps({"index": index, "t_s": t_s, "place": place, "what": what, **fields}, sort_keys=True)
    for index, (t_s, place, what, fields) in enumerate(_happened())
)
DIGEST = "sha256:" + hashlib.sha256("\n".join(LINES).encode()).hexdigest()

CLEAN = RunRecord(
    scenario="clean-run",
    origin="a test",
    client="mine",
    generation="tree",
    cursor="inclusive",
    seed=0,
    verdict=Verdict.HOLDS,
    violations=(),
    judged=(Judged("no-holes", 12),),
    rest=RestCost(1, 7_661, 20, 1, 1, attach_calls=1, attach_events_read=20),
    faults=(),
    virtual_s=5.654,
    digest="sha256:0",
    return_s=0.25,
    races=("R00",),
    title="Nothing goes wrong",
    history_events=20,
    taken=("proof: by chain",),
)
LOST = dataclasses.replace(
    CLEAN,
    scenario="r30-lost-frame",
    verdict=Verdict.UNSAFE,
    violations=(
        Violation("no-tail-loss", f"run() returned without 1 event (ActionEvent {ACTION})", (ACTION,)),
        Violation("honest", HOSTILE, (ACTION,)),
        Violation("budget", "5 REST calls spent; the optimum is 2", breaks=Verdict.OVER_BUDGET),
    ),
    rest=RestCost(5, 16_384, 47, 2, 3, attach_calls=1, attach_events_read=3, because=("a reason",)),
    faults=(FaultFired("lost", "event-drop", 1),),
    virtual_s=6.2,
    digest=DIGEST,
    lost_events=1,
    races=("R30",),
    title=HOSTILE,
    history_events=3,
    kills=(Kill("socket-only", "no-holes", True),),
    capsule="report/capsules/r30-lost-frame.json",
    replay="gapless replay report/capsules/r30-lost-frame.json --trace",
)
DEAR = dataclasses.replace(
    LOST,
    cursor="exclusive",
    verdict=Verdict.OVER_BUDGET,
    violations=LOST.violations[2:],
    lost_events=0,
    digest="sha256:1",
    capsule=None,
    replay=None,
)
HUNG = dataclasses.replace(
    CLEAN,
    scenario=HOSTILE,
    client=HOSTILE,
    generation="session",
    verdict=Verdict.STUCK,
    violations=(Violation("no-hang", "run() did not return within 60 s", breaks=Verdict.STUCK),),
    digest="sha256:2",
    return_s=None,
    never_returned=1,
)
EMPTY = dataclasses.replace(
    CLEAN,
    cursor="exclusive",
    verdict=Verdict.VACUOUS,
    violations=(Violation("faults", "the planned fault 'lost' (event-drop) never fired", breaks=Verdict.VACUOUS),),
    digest="sha256:3",
)
SWEEP = tuple(
    dataclasses.replace(
        CLEAN,
        client=client,
        history_events=length,
        rest=RestCost(calls, calls * 44_000, length, 2, 2),
        digest=f"sha256:{client}{length}",
    )
    for client, costs in (("mine", (1, 2, 2)), ("full-rescan", (4, 31, 301)))
    for length, calls in zip((100, 1_000, 10_000), costs, strict=True)
)
VERSIONS = {"python": "3.11.7", "gapless": "0.1.0", "trio": "0.35.0"}
NEVER = (Never("fault", "link-stall"), Never("path", "run: the log verified the end", "syncclient/core/core.py:12"))

HOLDING = Results((CLEAN, dataclasses.replace(CLEAN, generation="legacy")), VERSIONS)
FAILING = Results(
    (CLEAN, LOST, DEAR, HUNG, EMPTY), VERSIONS, complete=False, never=NEVER, sweep=SWEEP, journals={DIGEST: LINES}
)
BEFORE = Results(
    (
        CLEAN,
        dataclasses.replace(CLEAN, scenario="r30-lost-frame"),
        dataclasses.replace(DEAR, verdict=Verdict.HOLDS, violations=(), rest=dataclasses.replace(DEAR.rest, calls=3)),
        dataclasses.replace(EMPTY, scenario="gone"),
        dataclasses.replace(HUNG, lost_events=2),
    ),
    VERSIONS,
)
