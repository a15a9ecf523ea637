"""Draw one run to try, by swarm testing.

Each world has some families of faults switched on and the others off. With all families on in every world, frequent
faults would hide the failures that show only in their absence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, CursorMode, Scenario, ServerGeneration
from gapless.scenarios.explore.worlds import link_faults, publisher_faults, rest_faults, server_faults
from gapless.scenarios.explore.worlds.choice_sources import HypothesisSource
from gapless.scenarios.explore.worlds.expected_course import Course, Data, Part, course
from gapless.scenarios.running.runner import RunRequest
from gapless.simserver.choices import Choices

RUN_BOUND_S = 90
# The longest run that is drawn takes a minute.
STEP_DEADLINE_S = 200
FAULTS_MAX = 3
# One fault in this many is left out again.
ONE_IN = 10
# The choices that the run itself makes, such as the schedule, come from a seed. So a scenario file and a seed
# describe the whole run.
SEED_MAX = 7
# Kinds of fault that use up a client's retries. After more than PATIENCE_MAX of them, a client may give up with a typed
# error.
_RETRIED = frozenset({"rest-timeout", "link-handshake-hang", "server-restart"})
PATIENCE_MAX = 2

# Deviations from first come, first served among the threads of a client that is a command. Points are drawn up to
# 2 ** SWITCH_EXPONENT_MAX, each order of magnitude as often as another: early races are found as soon as late ones.
SWITCHES_MAX = 2
SWITCH_EXPONENT_MAX = 13
SWITCH_CHOICE_MAX = 3

DrawFault = Callable[[Choices, Course], list[Data]]

# Families of faults, and the kinds in each. A shrunk world prefers the first, so the easiest to understand come first.
FAMILIES: tuple[tuple[str, tuple[tuple[str, DrawFault], ...]], ...] = (
    (
        "frames",
        (
            ("event-delay", publisher_faults.long_delay),
            ("event-drop", publisher_faults.drop),
            ("event-delay", publisher_faults.delay),
            ("event-duplicate", publisher_faults.duplicate),
            ("event-reorder", publisher_faults.reorder),
        ),
    ),
    (
        "socket",
        (
            ("link-reset", link_faults.reset),
            ("link-close", link_faults.close),
            ("link-stall", link_faults.stall),
            ("link-cut", link_faults.cut),
            ("link-half-open", link_faults.half_open),
            ("subscription-lost", link_faults.subscription_lost),
        ),
    ),
    (
        "ending",
        (
            ("stop-hook-veto", publisher_faults.veto),
            ("late-tail", publisher_faults.late_tail),
            ("snapshot-stale", publisher_faults.stale_snapshot),
        ),
    ),
    ("handshake", (("link-refuse", link_faults.refuse), ("link-handshake-hang", link_faults.handshake_hang))),
    (
        "answers",
        (
            ("rest-status", rest_faults.status),
            ("rest-timeout", rest_faults.hang),
            ("rest-reset", rest_faults.broken),
            ("rest-malformed", rest_faults.malformed),
        ),
    ),
    (
        "pages",
        (
            ("rest-unknown-cursor", rest_faults.unknown_cursor),
            ("rest-stale", rest_faults.stale),
            ("rest-page-cap", rest_faults.page_cap),
            ("rest-empty-page", rest_faults.empty_page),
            ("rest-cursor-loop", rest_faults.cursor_loop),
        ),
    ),
    (
        "speed",
        (
            ("link-latency", link_faults.latency),
            ("link-bandwidth", link_faults.bandwidth),
            ("delta-flood", publisher_faults.flood),
            ("queue-overflow", publisher_faults.overflow),
        ),
    ),
    (
        "log",
        (
            ("publish-before-persist", publisher_faults.persist_late),
            ("publish-never-persist", publisher_faults.persist_never),
            ("corrupt-record", publisher_faults.corrupt),
            ("log-truncate", server_faults.truncate),
        ),
    ),
    (
        "server",
        (
            ("server-restart", server_faults.restart),
            ("clock-step", server_faults.clock_step),
            ("clock-ties", server_faults.clock_ties),
        ),
    ),
)
BRANCH_KINDS = ("MessageEvent", "ActionEvent", "ObservationEvent")
_ALL = tuple(fault for _, kinds in FAMILIES for _, fault in kinds)
KINDS: tuple[str, ...] = tuple(dict.fromkeys(kind for _, kinds in FAMILIES for kind, _ in kinds))


def plan(
    choices: Choices,
    client: str,
    *,
    part: Part = lambda make: make(),
    command: tuple[str, ...] = (),
    variant: tuple[ServerGeneration, CursorMode] | None = None,
) -> RunRequest:
    """Draw one run: a scenario, its variant and its seed.

    ``part`` wraps draws that belong together, so that Hypothesis can shrink them as one. ``command``: of a client that
    is one. Only then switches of threads are drawn, after everything else. ``variant``: generation and cursor mode, in
    place of those that would be drawn.
    """
    generation, cursor = variant or (choices.pick("generation", GENERATIONS), choices.pick("cursor", CURSORS))
    certainty = choices.pick("certainty", ("branch", "log"))
    unknown_cursor = choices.pick("unknown-cursor", ("natural", "not-found", "bad-request"))
    drawn = course(choices, part)
    faults = _survivable(_faults(choices, drawn, part))
    if (generation, certainty) == ("tree", "branch"):
        faults = [_limited_to_branch(fault) for fault in faults]
    seed = choices.integer("seed", 0, SEED_MAX)
    switches = {"thread_switches": _thread_switches(choices, part)} if command else {}
    scenario = Scenario.model_validate(
        {
            "name": "drawn",
            "title": "A world that was drawn",
            "origin": "drawn by gapless explore",
            "documentation": True,
            "generations": [generation],
            "cursors": [cursor],
            "server": {"unknown_cursor": unknown_cursor},
            "workload": drawn.workload,
            "script": drawn.script,
            "faults": faults,
            **switches,
            "expect": {
                "certainty": certainty,
                "run_bound_s": RUN_BOUND_S,
                "step_deadline_s": STEP_DEADLINE_S,
                **_allowed(faults, proven_by_log=generation == "legacy" or (generation, certainty) == ("tree", "log")),
            },
        }
    )
    return RunRequest(scenario, generation, cursor, client, seed, command=command)


def _thread_switches(choices: Choices, part: Part) -> list[Data]:
    """Up to `SWITCHES_MAX` switches, each at a point of its own. 0 leaves a switch out: fewer are plainer."""
    found: dict[int, Data] = {}
    for _ in range(SWITCHES_MAX):
        if choices.integer("thread-switch", 0, 1):
            one = part(lambda: _thread_switch(choices))
            found[one["point"]] = one
    return [found[point] for point in sorted(found)]


def _thread_switch(choices: Choices) -> Data:
    exponent = choices.integer("switch-exponent", 0, SWITCH_EXPONENT_MAX - 1)
    point = 2**exponent + choices.integer("switch-offset", 0, 2**exponent - 1)
    return {"point": point, "choice": choices.integer("switch-choice", 0, SWITCH_CHOICE_MAX)}


def _limited_to_branch(fault: Data) -> Data:
    """Restrict ``publish-never-persist`` to branch events.

    A client that verifies only the branch cannot know that a state update is in no log: parent ids do not cover it.
    """
    if fault["kind"] != "publish-never-persist":
        return fault
    return {**fault, "match": {**fault["match"], "kind": list(BRANCH_KINDS)}}


@st.composite
def plans(draw: st.DrawFn, client: str) -> RunRequest:
    """A Hypothesis strategy for runs, for use in property tests."""

    def together(make: Callable[[], Any]) -> Any:
        return draw(st.builds(make))

    return plan(Choices(HypothesisSource(draw)), client, part=together)


def _faults(choices: Choices, drawn: Course, part: Part) -> list[Data]:
    """One fault of any kind, so that no kind is rare; then up to `FAULTS_MAX` of the families that are on."""
    kinds = [fault for name, kinds in FAMILIES if _is_on(choices, name) for _, fault in kinds]
    focus = choices.integer("focus", 0, len(_ALL))
    faults: list[Data] = part(lambda: _ALL[focus - 1](choices, drawn)) if focus else []
    planned = 0
    while kinds and planned < FAULTS_MAX and choices.integer("another-fault", 0, 2):
        faults += part(lambda: choices.pick("fault", kinds)(choices, drawn))
        planned += 1
    # Some draws are pairs of faults, and a failure may need only one of a pair. So each fault can be left out; the
    # shrinker tries that first, because 0 leaves it out.
    return [fault for fault in faults if choices.integer("planned", 0, ONE_IN - 1)]


def _is_on(choices: Choices, family: str) -> bool:
    """Whether a family is on: in one world of three. ``frames``, which breaks most clients, is on in two of three."""
    return choices.integer(f"family-{family}", 0, 2) >= (1 if family == "frames" else 2)


def _survivable(faults: list[Data]) -> list[Data]:
    """The faults without those that no client could survive.

    At most `PATIENCE_MAX` faults of the kinds in `_RETRIED` are kept. A ``log-truncate`` is kept only while the server
    is down: without a restart no client could notice it.
    """
    kept: list[Data] = []
    tried = 0
    for fault in faults:
        if fault["kind"] in _RETRIED:
            tried += 1
            if tried > PATIENCE_MAX:
                continue
        if fault["kind"] == "log-truncate" and not any(_is_down(one, fault["at_s"]) for one in kept):
            continue
        kept.append(fault)
    return kept


def _is_down(fault: Data, at_s: float) -> bool:
    return bool(fault["kind"] == "server-restart" and fault["at_s"] < at_s < fault["at_s"] + fault["down_s"])


def _allowed(faults: list[Data], *, proven_by_log: bool) -> Data:
    """What a client is allowed to do in such a world, as keys of ``expect``.

    - ``send`` may fail when the server restarts: the client cannot know whether the message was accepted.
    - A claim may be incomplete when a page cursor loops: the events behind it cannot be read.
    - A claim may be incomplete when only the log can prove it, and the log may never show a status that the socket
      brought: the client cannot tell this from a log that lags.
    """
    kinds = {fault["kind"] for fault in faults}
    unsure = {"errors_allowed": ["send"]} if "server-restart" in kinds else {}
    never_shown = proven_by_log and kinds & {"publish-never-persist", "corrupt-record", "log-truncate"}
    return unsure | ({"incomplete_allowed": True} if "rest-cursor-loop" in kinds or never_shown else {})
