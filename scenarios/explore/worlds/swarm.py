"""Draw one run to try, by swarm testing.

Each world has some families of faults switched on and the others off. With all families on in every world, frequent
faults would hide the failures that show only in their absence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, CursorMode, Scenario, ServerGeneration
from gapless.scenarios.explore.worlds import link_faults, publisher_faults, rest_faults, server_faults
from gapless.scenarios.explore.worlds.expected_course import API_KEY, Course, Data, Part, attached_late, course
from gapless.scenarios.explore.worlds.fault_timing import named, strikes_at
from gapless.scenarios.realserver.environment import parse_server
from gapless.scenarios.realserver.playable import as_playable, variants_of
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
_RETRIED = frozenset({"rest-timeout", "link-handshake-hang", "server-restart", "runtime-asleep"})
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
            ("event-updated", publisher_faults.updated),
            ("event-unknown-kind", publisher_faults.unknown_kind),
            ("event-stamped-late", publisher_faults.stamped_late),
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
            ("link-quiet", link_faults.quiet),
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
            ("rest-proxy-answer", rest_faults.proxy_answer),
            ("rest-idle-close", rest_faults.idle_close),
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
            ("rest-undecodable-item", rest_faults.undecodable_item),
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
            ("log-insert", server_faults.insert),
        ),
    ),
    (
        "server",
        (
            ("server-restart", server_faults.restart),
            ("runtime-asleep", server_faults.asleep),
            ("clock-step", server_faults.clock_step),
            ("clock-ties", server_faults.clock_ties),
        ),
    ),
)
BRANCH_KINDS = ("MessageEvent", "ActionEvent", "ObservationEvent")
_ALL = tuple(fault for _, kinds in FAMILIES for _, fault in kinds)
# The kind of fault for each number that ``focus`` can draw above 0.
FOCI: tuple[str, ...] = tuple(kind for _, kinds in FAMILIES for kind, _ in kinds)
KINDS: tuple[str, ...] = tuple(dict.fromkeys(kind for _, kinds in FAMILIES for kind, _ in kinds))


def plan(
    choices: Choices,
    client: str,
    *,
    part: Part = lambda make: make(),
    command: tuple[str, ...] = (),
    server: str = "",
) -> RunRequest:
    """Draw one run: a scenario, its variant and its seed.

    ``part`` wraps draws that belong together, so that Hypothesis can shrink them as one. ``command``: of a client that
    is one. Only then switches of threads are drawn, after everything else. ``server``: a published server, whose
    generation and cursor mode are not drawn, and which has nothing in its world that only the simulated one can do.
    """
    published = parse_server(server) if server else None
    generation: ServerGeneration
    cursor: CursorMode
    if published is None:
        generation, cursor = choices.pick("generation", GENERATIONS), choices.pick("cursor", CURSORS)
    else:
        generation, cursor = variants_of(published)[0]
    certainty = choices.pick("certainty", ("branch", "log"))
    unknown_cursor = choices.pick("unknown-cursor", ("natural", "not-found", "bad-request"))
    settings = {"unknown_cursor": unknown_cursor, **_server(choices, generation)}
    drawn = course(choices, part)
    faults = _survivable(_faults(choices, drawn, part))
    if (generation, certainty) == ("tree", "branch"):
        faults = [_limited_to_branch(fault) for fault in faults]
    inserts = any(fault["kind"] == "log-insert" for fault in faults)
    script = attached_late(drawn.script) if inserts else drawn.script
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
            "server": settings,
            "workload": drawn.workload,
            "script": script,
            "faults": faults,
            **switches,
            "expect": {
                "certainty": certainty,
                "run_bound_s": RUN_BOUND_S,
                "step_deadline_s": STEP_DEADLINE_S,
                **_allowed(
                    faults,
                    script,
                    proven_by_log=generation == "legacy" or (generation, certainty) == ("tree", "log"),
                ),
            },
        }
    )
    if published is not None:
        scenario = as_playable(scenario)
    return RunRequest(scenario, generation, cursor, client, seed, command=command, server=server)


def _server(choices: Choices, generation: str) -> Data:
    """What the server is, besides its generation. 0 leaves each of it out."""
    server: Data = {"api_key": API_KEY} if choices.integer("api-key", 0, 3) == 3 else {}
    if choices.integer("version", 0, 3) == 3 and generation == "session":
        server["version"] = "1.58.2"
    if choices.integer("bounded-replay", 0, 5) == 5:
        server["replay_events_max"] = choices.pick("replay-events-max", (10, 1, 50))
    if choices.integer("epochs", 0, 5) == 5:
        server["epochs"] = True
    return server


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


def _faults(choices: Choices, drawn: Course, part: Part) -> list[Data]:
    """Up to two faults of any kind, so that no kind is rare; then up to `FAULTS_MAX` of the families that are on."""
    kinds = [fault for name, kinds in FAMILIES if _is_on(choices, name) for _, fault in kinds]
    faults: list[Data] = []

    def add(draw: DrawFault) -> None:
        for new in (named(drawn, one) for one in draw(choices, drawn)):
            faults.append(new)
            at_s = strikes_at(new, drawn)
            if at_s is not None:
                drawn.struck[new["name"]] = at_s

    focus = choices.integer("focus", 0, len(_ALL))
    if focus:
        part(lambda: add(_ALL[focus - 1]))
    second = choices.integer("second-focus", 0, len(_ALL)) if choices.integer("is-second", 0, 3) == 3 else 0
    if second:
        part(lambda: add(_ALL[second - 1]))
    planned = 0
    while kinds and planned < FAULTS_MAX and choices.integer("another-fault", 0, 2):
        part(lambda: add(choices.pick("fault", kinds)))
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
        if fault["kind"] == "log-truncate" and not any(_is_down(one, fault) for one in kept):
            continue
        if (cause := _waits_for(fault)) is not None and all(one["name"] != cause for one in kept):
            continue
        kept.append(fault)
    return kept


def _waits_for(fault: Data) -> str | None:
    """The name of the fault that must strike before this one. It was drawn earlier."""
    cause: Data = fault["at"] if "at" in fault else fault.get("match", {})
    name = cause.get("after_fault")
    return None if name is None else str(name)


def _is_down(restart: Data, fault: Data) -> bool:
    """Whether a restart has the server down when a fault of the server strikes."""
    if restart["kind"] != "server-restart":
        return False
    if "at" in fault:
        is_of_it = fault["at"].get("after_fault") == restart["name"]
        return bool(is_of_it and fault["at"]["delay_s"] < restart["down_s"])
    return "at_s" in restart and bool(restart["at_s"] < fault["at_s"] < restart["at_s"] + restart["down_s"])


def _allowed(faults: list[Data], script: tuple[Any, ...], *, proven_by_log: bool) -> Data:
    """What a client is allowed to do in such a world, as keys of ``expect``.

    - ``send`` may fail when the server restarts, when a lease hides the conversation or its runtime sleeps, or when a
      call that sends a message fails: the client cannot know whether the message was accepted.
    - ``run`` may fail too when the server says that the runtime will not wake.
    - A claim may be incomplete when the index misses a record until a restart: nothing says that it is there then.
    - A claim may be incomplete when a page cursor loops: the events behind it cannot be read.
    - A claim may be incomplete when only the log can prove it, and the log may never show a status that the socket
      brought: the client cannot tell this from a log that lags.
    """
    kinds = {fault["kind"] for fault in faults}
    is_unsure = (
        kinds & {"server-restart", "runtime-asleep"}
        or any("message" in fault["match"].get("call", ()) for fault in faults if "match" in fault)
        or any("lease_s" in step for step in script if isinstance(step, dict))
    )
    is_said_to_be_gone = any(fault.get("can_resume") is False for fault in faults)
    is_hidden = any(fault.get("until_restart") for fault in faults)
    unsure = {"errors_allowed": ["send", "run"] if is_said_to_be_gone else ["send"]} if is_unsure else {}
    never_shown = proven_by_log and kinds & {"publish-never-persist", "corrupt-record", "log-truncate"}
    is_open = "rest-cursor-loop" in kinds or is_hidden or never_shown
    return unsure | ({"incomplete_allowed": True} if is_open else {})
