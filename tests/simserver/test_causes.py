"""Faults, and what other parties do, are aimed by what causes what: runs, steps of the script, earlier faults."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from gapless.simserver import AgentWorkload, ServerSettings, World, pairs
from gapless.simserver.cause import Cause
from gapless.simserver.conversation.workload import BackgroundAction
from gapless.simserver.errors import ConfigError
from gapless.simserver.faults import BaseFault, parse_fault
from tests.simserver.visiting import Socket, Visit, entries, event_of, is_snapshot, visit


def fault(kind: str, **data: Any) -> BaseFault:
    return parse_fault({"kind": kind, **data})


def world(*faults: BaseFault, background: tuple[BackgroundAction, ...] = (), runs: int = 2) -> World:
    plans = tuple(pairs(3, step_s=0.1, label=f"run-{number}") for number in range(1, runs + 1))
    return World(ServerSettings("tree"), AgentWorkload(runs=plans, background=background), faults)


def names(socket: Socket) -> list[str]:
    """The tool calls of the actions that a socket brought, in order."""
    return [str(event["tool_call_id"]) for event in map(event_of, socket.frames) if event.get("kind") == "ActionEvent"]


async def played(v: Visit, socket: Socket, runs: int = 2, pause_s: float = 0.0) -> None:
    """Ask for runs, each to its final snapshot."""
    for _ in range(runs):
        await trio.sleep(pause_s)
        await v.send(run=True)
        seen = len(socket.frames)
        while not any(is_snapshot("finished")(frame) for frame in socket.frames[seen:]):
            await socket.next()


@pytest.mark.parametrize("pause_s", [0.0, 7.3])
def test_the_nth_action_of_a_run_is_counted_in_that_run_whenever_it_is(pause_s: float) -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await played(v, socket, pause_s=pause_s)
        assert names(socket) == ["run-1-1", "run-1-2", "run-1-3", "run-2-1", "run-2-3"]

    rule = {"kind": "ActionEvent", "run": 2, "nth": 2}
    assert visit(world(fault("event-drop", match=rule)), script).fired()[0].fired == 1


def test_the_final_snapshot_belongs_to_its_run_and_a_message_before_it_to_none() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send()
        await v.run()
        await socket.for_seconds(5)
        kinds = [event_of(frame)["kind"] for frame in socket.frames]
        assert kinds.count("MessageEvent") == 1
        assert [
            event_of(one)["value"]["execution_status"]
            for one in socket.frames
            if event_of(one).get("key") == "full_state"
        ] == ["idle"]

    faults = fault("event-drop", match={"run": 1}), fault("event-drop", match={"between_runs": False})
    counts = visit(world(*faults), script).fired()
    assert [one.fired for one in counts] == [9, 9]


def test_the_tail_of_a_run_belongs_to_none_although_the_next_run_is_in_progress() -> None:
    """So the nth event of the next run is the same one, whenever the tail of the run before arrives."""
    updates: list[object] = []

    async def script(v: Visit) -> None:
        socket = await v.socket()
        await played(v, socket)
        updates.extend(event["value"] for event in map(event_of, socket.frames) if event.get("key") == "stats")

    late = fault("late-tail", after_s=0.3, events=3, match={"run": 1})
    in_run = fault("event-drop", name="in-run", match={"key": "stats", "run": 2})
    between = fault("event-drop", name="between", match={"key": "stats", "between_runs": True, "nth": 2})
    seen = visit(world(late, in_run, between), script)
    assert [one.fired for one in seen.fired()] == [1, 0, 1]
    assert len(updates) == 2
    tail = [fields for fields in entries(seen, "log", "append") if "statistics" in fields]
    assert [fields["run"] for fields in tail] == [None] * 3
    begun = [one.index for one in seen.journal if one.what == "run-started"]
    arrived = [one.index for one in seen.journal if "statistics" in one.fields]
    assert begun[1] < min(arrived)
    own_events = 2 + 2 * 3  # the status twice, and three pairs
    progress = seen.link.progress
    assert progress.has_reached(("run", 2, own_events))
    assert not progress.has_reached(("run", 2, own_events + 1))


def test_an_event_that_is_replayed_belongs_to_the_run_that_it_came_from() -> None:
    async def script(v: Visit) -> None:
        first = await v.socket()
        await played(v, first)
        again = await v.socket("?resend_mode=all")
        await again.for_seconds(1)
        assert names(again) == ["run-2-1", "run-2-2", "run-2-3"]

    visit(world(fault("event-drop", match={"kind": "ActionEvent", "run": 1, "nth": {"from": 4, "to": 6}})), script)


def test_the_first_n_handshakes_after_a_cut_are_refused_and_the_next_is_not() -> None:
    async def script(v: Visit) -> None:
        path = f"/sockets/events/{v.world.conversation_id}"
        assert (await v.handshake(path))[0] == 101
        socket = await v.socket()
        await v.send(run=True)
        await socket.closed()
        await trio.sleep(30)
        assert [(await v.handshake(path))[0] for _ in range(3)] == [503, 503, 101]

    cut = fault("link-reset", name="cut", match={"kind": "ActionEvent", "connection": 2, "nth": 1})
    refuse = fault("link-refuse", status=503, match={"after_fault": "cut", "first": 2})
    assert [one.fired for one in visit(world(cut, refuse), script).fired()] == [1, 2]


def test_a_fault_after_another_does_not_act_on_what_the_other_struck() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await played(v, socket, runs=1)
        assert names(socket) == ["run-1-3"]

    first = fault("event-drop", name="first", match={"kind": "ActionEvent", "nth": 1})
    second = fault("event-drop", match={"kind": "ActionEvent", "after_fault": "first", "nth": 1})
    assert [one.fired for one in visit(world(first, second), script).fired()] == [1, 1]


def test_for_s_ends_a_while_after_the_fault_and_until_when_its_cause_comes() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await v.send(run=True)
        assert (await v.get("/events/count")).status_code == 500
        await socket.for_seconds(0.15)
        statuses = []
        for _ in range(3):
            statuses.append((await v.get("/events/count")).status_code)
            await trio.sleep(0.2)
        assert statuses == [503, 503, 200]

    faults = (
        fault("event-drop", name="lost", match={"kind": "ActionEvent", "run": 1, "nth": 1}),
        fault("rest-status", status=503, match={"call": "count", "after_fault": "lost", "for_s": 0.3}),
        fault("rest-status", status=500, match={"call": "count", "until": {"after_fault": "lost"}}),
    )
    assert [one.fired for one in visit(world(*faults), script).fired()] == [1, 2, 1]


def test_a_fault_strikes_at_an_event_of_a_run_and_a_restart_after_another_fault() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await trio.sleep(11)
        await v.send(run=True)
        assert (await socket.closed()).code == 1006
        assert v.world.now_s() == pytest.approx(11 + 0.01 + 0.2 + 0.05)
        await trio.sleep(3)
        assert entries(v.world, "world", "restarted") == [{}]

    cut = fault("link-reset", name="cut", at={"run": 1, "event": 3, "delay_s": 0.05})
    restart = fault("server-restart", at={"after_fault": "cut", "delay_s": 1})
    assert [one.fired for one in visit(world(cut, restart), script).fired()] == [1, 1]


def test_others_act_when_a_run_ends_and_when_a_step_is_asked_for() -> None:
    async def script(v: Visit) -> None:
        await v.socket()
        v.world.progress.is_told = True
        v.world.progress.step_called("attach")
        v.world.progress.step_ended()
        await trio.sleep(20)
        v.world.progress.step_called("send")
        await trio.sleep(5)
        started = [entry.t_s for entry in v.world.journal if entry.what == "run-started"]
        taken = [
            entry.t_s
            for entry in v.world.journal
            if entry.fields.get("kind") == "MessageEvent" and entry.place == "log"
        ]
        assert started == [20.0]
        assert taken == [2.0, pytest.approx(20.0 + 0.01 + 0.6 + 0.004 + 1)]

    background = (
        BackgroundAction(Cause.model_validate({"step": "attach", "returned": True, "delay_s": 2}), "before"),
        BackgroundAction(Cause.model_validate({"step": "send"}), pairs(3, step_s=0.1)),
        BackgroundAction(Cause.model_validate({"run": 1, "ends": True, "delay_s": 1}), "after"),
    )
    visit(world(background=background), script)


def test_a_frame_waits_until_its_cause_and_no_longer_than_until_the_world_heals() -> None:
    async def script(v: Visit) -> None:
        socket = await v.socket()
        await played(v, socket, runs=1)
        await trio.sleep(50)
        await v.send(run=True)
        await socket.for_seconds(5)
        assert names(socket) == ["run-1-1", "run-1-3", "run-2-1", "run-1-2", "run-2-2", "run-2-3", "run-2-2"]
        v.world.heal()
        await socket.for_seconds(1)
        assert names(socket)[7:] == ["run-1-3"]

    action = {"kind": "ActionEvent"}
    faults = (
        fault("event-delay", until={"run": 2, "event": 3}, match=action | {"run": 1, "nth": 2}),
        fault("event-duplicate", until={"run": 2, "ends": True}, match=action | {"run": 2, "nth": 2}),
        fault("event-duplicate", until={"run": 3, "begins": True}, match=action | {"run": 1, "nth": 3}),
    )
    assert [one.fired for one in visit(world(*faults), script).fired()] == [1, 1, 1]


def test_a_client_that_nobody_asks_for_steps_is_in_the_step_that_its_calls_say() -> None:
    async def script(v: Visit) -> None:
        steps = []
        for call in (v.get, v.send, v.run):
            await call()
            steps.append(v.world.progress.step)
        assert steps == [("attach", 1), ("send", 1), ("run", 1)]
        await v.send()
        assert v.world.progress.step == ("send", 2)

    visit(world(), script)


@pytest.mark.parametrize(
    ("data", "nearest"),
    [
        (
            {"match": {"kind": "ActionEvent", "run": 1, "nth": 9}},
            "an ActionEvent of run 1 at 0.51 s, which matches all but nth (it was the 3rd; the fault wants the 9th)",
        ),
        (
            {"match": {"kind": "ActionEvent", "run": 2}},
            "an ActionEvent of run 1 at 0.51 s, which matches all but run (it was 1; the fault wants 2)",
        ),
        (
            {"match": {"kind": "ActionEvent", "after_s": 5}},
            "an ActionEvent of run 1 at 0.51 s, which matches all but after_s (the fault wants 5)",
        ),
        (
            {"match": {"kind": "ActionEvent", "step": "close"}},
            "an ActionEvent of run 1 at 0.51 s, which matches all but step (the client was in send (nth = 1); the "
            "fault wants close)",
        ),
        (
            {"kind": "link-refuse", "match": {"connection": 2}},
            "socket 1 at 0.00 s, which matches all but connection (it was 1; the fault wants 2)",
        ),
        ({"kind": "rest-unknown-cursor"}, "nothing: no call that it could act on came"),
        ({"kind": "link-reset", "at": {"run": 2, "begins": True}}, "its cause never came: the beginning of run 2"),
        ({"kind": "link-reset", "at_s": 900}, "no socket was open at 900 s, or the world had healed or ended by then"),
    ],
)
def test_a_fault_that_never_fires_says_what_came_nearest_and_why_it_did_not_match(
    data: dict[str, Any], nearest: str
) -> None:
    async def script(v: Visit) -> None:
        await played(v, await v.socket(), runs=1)

    (count,) = visit(world(parse_fault({"kind": "event-drop", **data})), script).fired()
    assert (count.fired, count.nearest) == (0, nearest)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"match": {"nth": 1, "first": 2}}, "nth and first both count: keep one"),
        ({"match": {"run": 1, "between_runs": True}}, "run and between_runs both say which run: keep one"),
        ({"match": {"for_s": 1}}, "for_s is counted from the fault that after_fault names: add after_fault"),
        ({"match": {"run": 1, "before_s": 3}}, "before_s is a time on the clock and run is a cause"),
        ({"match": {"after_fault": "x", "until": {"after_fault": "x"}}}, "name the same fault"),
        (
            {"match": {"nth": {"from": 3, "to": 2}}},
            "a range has two ordinals, both included: write it as { from = 3, to = 9 }",
        ),
        ({"kind": "link-reset", "at": {"run": 1}}, "run needs one of `begins = true`, `ends = true` and `event = n`"),
        ({"kind": "link-reset", "at": {"begins": True}}, "a cause is one of run, step and after_fault, and none is"),
        (
            {"kind": "link-reset", "at": {"run": 1, "event": 1, "step": "run"}},
            "run and step are given: keep or add one",
        ),
        ({"kind": "link-reset", "at": {"after_fault": "x", "ends": True}}, "ends is a moment of a run: add `run = n`"),
        ({"kind": "link-reset", "at": {"run": 1, "ends": True, "returned": True}}, "returned is about a step"),
        ({"kind": "link-reset", "at": {"run": 1, "ends": True}, "at_s": 3}, "both say when: keep at"),
        ({"kind": "link-reset", "at": {"run": 1, "ends": True}, "match": {"run": 1}}, "at and match both say when"),
        ({"kind": "event-delay", "delay_s": 1, "until": {"run": 1, "ends": True}}, "both are given: keep one"),
    ],
)
def test_a_cause_that_cannot_be_is_refused_in_one_sentence(data: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_fault({"kind": "event-drop", **data})
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut", "'late' waits for the fault 'cut', and there is none; there are 'late'"),
        ("late", "'late' waits for itself, so that it never acts; name another fault"),
    ],
)
def test_a_fault_that_waits_for_none_or_for_itself_is_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        world(fault("event-drop", name="late", match={"after_fault": name}))
