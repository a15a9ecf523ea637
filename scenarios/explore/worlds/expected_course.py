"""The course of a drawn world without faults: what happens, and when. Faults are timed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gapless.simserver.choices import Choices
from gapless.simserver.conversation.workload import recorded

Data = dict[str, Any]
Part = Callable[[Callable[[], Any]], Any]

# The script waits this long after the attach. So the first run begins at a known time, and faults can be timed by it.
RUN_AT_S = 5
# A client that attaches late does so at this time.
ATTACHED_LATE_S = 2
RUNS_MAX = 3
BACKGROUND_MAX = 2
# The longest is longer than a client takes to connect again.
STARTS_S = (0.05, 0.0, 2.0, 5.0)
HISTORIES = (0, 30, 99, 100, 150, 450)
ACTIONS = (0, 1, 2, 3, 4, 5, 6, 60)
# A shrunk world has the first. ``finished`` is the likeliest, because a stop hook can veto no other end.
END_STATUSES = ("finished", "finished", "finished", "paused", "waiting_for_confirmation", "error", "stuck", "none")
BETWEEN_RUNS: tuple[tuple[Any, ...], ...] = (
    (),
    ({"sleep_s": 3},),
    ("disconnect",),
    ({"restart_s": 1},),
    ("disconnect", {"sleep_s": 3}),
    ({"sleep_s": 30},),
    ("history",),
    ("wait_for_end",),
    ("pause",),
    ("interrupt",),
    ("confirm", "wait_for_end"),
    ("reject",),
    ({"answer": "42"}, "wait_for_end"),
    ({"navigate": 2},),
    ({"navigate": "root"},),
    ("fork",),
    ("reopen",),
    ({"suspend_s": 20},),
    ({"restart_s": 1, "lease_s": 5},),
)
# What makes the run go on: the plan of the next run is played. None is drawn beside a run that ends without a status.
GOING_ON = ("confirm", "answer")
# What another party may do besides sending, running and pausing.
OTHERS: tuple[Data, ...] = (
    {"interrupt": True},
    {"confirm": True},
    {"reject": True},
    {"answer": "42"},
    {"navigate": 2},
    {"navigate": "root"},
    {"fork": True},
    {"suspend_s": 10},
)
# A run that ends without a status runs on for everybody else, until somebody pauses it.
PAUSED_AFTER_S = 3
_BEGINS: tuple[Any, ...] = ("attach", {"sleep_s": RUN_AT_S})
_BEGINS_LATE: tuple[Any, ...] = ({"sleep_s": ATTACHED_LATE_S}, "attach", {"sleep_s": RUN_AT_S - ATTACHED_LATE_S})
_LASTS = ("sleep_s", "restart_s", "suspend_s")
HEALED_RUN: Data = {"actions": 1}
RECORDING = "agent-server-1.57.0"
API_KEY = "a-drawn-key"
RECORDED_MESSAGES = ("first message", "second message")
"""What was said in the recording: an event of it is used only where it says what happens."""

# One world in this many has a recording, begins late, or carries payloads of another size.
RARELY = 12
PAYLOADS = (0, 5_000, 40_000)
SLOW_ACTIONS_MAX = 6


@dataclass(frozen=True, slots=True)
class Course:
    """What happens in a world without faults.

    ``workload``, ``script``: as in a scenario file
    ``runs``: when each run begins and ends, in virtual seconds, if the client loses no time. The run after ``heal`` is
    left out, because no fault strikes it.
    ``starts_s``: how long each of these runs takes until the server says that it runs
    ``ends``: the status at the end of each of these runs
    ``struck``: when the faults drawn so far strike, by their names, so that another can strike soon after
    ``named``: how many faults of a kind have a name
    """

    workload: Data
    script: tuple[Any, ...]
    runs: tuple[tuple[float, float], ...]
    starts_s: tuple[float, ...]
    ends: tuple[str, ...]
    struck: dict[str, float] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)


def course(choices: Choices, part: Part) -> Course:
    """Draw a course."""
    history = choices.pick("history", HISTORIES)
    is_recorded = choices.integer("recording", 0, RARELY - 1) == RARELY - 1
    is_late = choices.integer("late-attach", 0, RARELY - 1) == RARELY - 1
    runs: list[Data] = []
    script: list[Any] = list(_BEGINS_LATE if is_late else _BEGINS)
    times: list[tuple[float, float]] = []
    starts_s: list[float] = []
    now_s = float(RUN_AT_S)
    most = len(_recorded_s()) if is_recorded else RUNS_MAX
    while not runs or (len(runs) < most and choices.integer("another-run", 0, 2) == 2):
        if runs:
            between = choices.pick("between-runs", BETWEEN_RUNS)
            script += between
            now_s += sum(step.get(key, 0) for step in between if isinstance(step, dict) for key in _LASTS)
        run = {"end_status": "finished"} if is_recorded else part(lambda: _run(choices))
        text = RECORDED_MESSAGES[len(runs)] if is_recorded else f"Task {len(runs) + 1}"
        script += [{"send": text}, "run"]
        ends_s = now_s + (_recorded_s()[len(runs)] if is_recorded else _lasts_s(run))
        starts_s.append(recorded(RECORDING).runs[len(runs)].init_s if is_recorded else float(run["init_s"]))
        runs.append(run)
        times.append((now_s, round(ends_s, 3)))
        now_s = ends_s
    ends = tuple(str(run["end_status"]) for run in runs)
    background: list[Data] = []
    while len(background) < BACKGROUND_MAX and choices.integer("background", 0, 4) == 4:
        background.append(part(lambda: _background(choices, times)))
    if choices.integer("healed-run", 0, 3):
        script += ["heal", {"send": "Go on"}, "run"]
        runs.append(HEALED_RUN)
    elif how := _deletion(choices, len(runs)):
        # Nothing can be done in a conversation that was deleted. So it is the last thing that happens.
        script += how[0]
        background += how[1]
    if choices.integer("closes", 0, 3) == 3:
        script.append("close")
    payload = _payload(choices)
    old = {"history_before_tree": True} if choices.integer("before-tree", 0, RARELY - 1) == RARELY - 1 else {}
    made_up = {"recording": RECORDING} if is_recorded else {"history_events": history, "runs": runs, **payload, **old}
    script, background = _with_every_end(script, background, ends)
    return Course({**made_up, "background": background}, tuple(script), tuple(times), tuple(starts_s), ends)


def attached_late(script: tuple[Any, ...]) -> tuple[Any, ...]:
    """The script, in which the client attaches late. Its runs begin when they did."""
    return (*_BEGINS_LATE, *script[2:]) if script[0] == "attach" else script


def _deletion(choices: Choices, runs: int) -> tuple[list[Any], list[Data]] | None:
    """The client deletes the conversation, or another party does, after the last run; None when nobody does."""
    how = choices.integer("deleted", 0, 5)
    if how < 4:
        return None
    if how == 4:
        return ["delete"], []
    at = {"step": {"name": "run", "nth": runs}, "returned": True, "delay_s": 1}
    return [{"sleep_s": 3}], [{"at": at, "delete": True}]


def _with_every_end(script: list[Any], background: list[Data], ends: tuple[str, ...]) -> tuple[list[Any], list[Data]]:
    """The script and the background, with a pause after each run if one of them ends without a status.

    Otherwise no client could ever start another run. Which run it is depends on who asks first, so all are paused.
    """
    others = [one["run"] for one in background if "run" in one]
    if "none" not in (*ends, *(run.get("end_status") for run in others)):
        return script, background
    script = [step for step in script if not (isinstance(step, dict) and "answer" in step) and step != "confirm"]
    background = [one for one in background if not one.keys() & set(GOING_ON)]
    pauses = [
        {"at": {"run": number, "ends": True, "delay_s": PAUSED_AFTER_S}, "pause": True}
        for number in range(1, script.count("run") + len(others) + 1)
    ]
    return script, [*background, *pauses]


@cache
def _recorded_s() -> tuple[float, ...]:
    """How long each run of the recording lasts, in seconds."""
    plans = recorded(RECORDING).runs
    return tuple(plan.init_s + sum(step.duration_s for step in plan.steps) for plan in plans)


def _lasts_s(run: Data) -> float:
    return float(run["init_s"] + run["actions"] * (run["step_s"] + run.get("tool_s", run["step_s"])))


def _payload(choices: Choices) -> Data:
    """Now and then, another size of payloads."""
    if choices.integer("payload", 0, RARELY - 1) < RARELY - 1:
        return {}
    return {"payload_bytes": choices.pick("payload-bytes", PAYLOADS)}


def _tool(choices: Choices, actions: int) -> Data:
    """Now and then, a tool that takes its time, in a run of few actions."""
    if choices.integer("slow-tool", 0, RARELY - 1) < RARELY - 1 or actions > SLOW_ACTIONS_MAX:
        return {}
    return {"tool_s": choices.pick("tool", (1, 0, 5))}


def _run(choices: Choices) -> Data:
    actions = choices.pick("actions", ACTIONS)
    return {
        "actions": actions,
        "step_s": choices.pick("step", (0.1, 0.0, 0.01, 0.5)),
        "init_s": choices.pick("init", STARTS_S),
        "end_status": choices.pick("end-status", END_STATUSES),
        **_payload(choices),
        **_tool(choices, actions),
    }


def _background(choices: Choices, runs: list[tuple[float, float]]) -> Data:
    """Another party sends a message, runs the agent, pauses it or does something else, about a run's begin or end."""
    number = choices.integer("background-run", 0, len(runs) - 1)
    at_end = choices.integer("background-about", 0, 1)
    delay_s = choices.integer("background-at", -20, 20) / 10
    when: Data = {"at_s": round(max(0.0, runs[number][at_end] + delay_s), 3)}
    how = choices.integer("background-cause", 0, 2)
    if how == 1:
        about = {"ends": True} if at_end else {"begins": True}
        when = {"at": {"run": number + 1, **about, "delay_s": abs(delay_s)}}
    elif how == 2:
        step = {"step": {"name": "run" if at_end else "send", "nth": number + 1}, "returned": True}
        when = {"at": {**step, "delay_s": abs(delay_s)}}
    what = choices.integer("background-what", 0, 5)
    if what > 3:
        return {**when, **choices.pick("background-other", OTHERS)}
    if what == 3:
        return {**when, "pause": True}
    run = {"run": _run_of_another(choices)} if what else {}
    return {**when, **({"message": "By the way"} if what < 2 else {}), **run}


def _run_of_another(choices: Choices) -> Data:
    """A short run that another client starts."""
    run: Data = {"actions": choices.integer("background-actions", 0, 2)}
    if choices.integer("background-run-is-plain", 0, 2) == 2:
        run |= {"init_s": choices.pick("init", (0.05, 0.0, 2.0)), "step_s": choices.pick("step", (0.1, 0.0, 0.5))}
        run |= {"end_status": choices.pick("end-status", END_STATUSES), **_tool(choices, run["actions"])}
    return run
