"""Why the simulated server and a published one may differ. Each reason is for some cells; a cell needs one at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.definition.scenario import Suspend
from tests.likeness.comparison import LikenessCell

UPDATE: Final = "last_user_message_id"
PAGE_EVENTS: Final = 100
LONG_TOOL_S: Final = 60.0
ENDS: Final = frozenset({"finished", "paused", "error", "stuck"})


@dataclass(frozen=True, slots=True)
class Reason:
    """``holds``: whether it explains all differences of a cell."""

    text: str
    holds: Callable[[LikenessCell], bool]


def _message_first(cell: LikenessCell) -> bool:
    """All is the same but the order of a message and the update that names it."""
    if cell.published is None or not cell.same_verdict:
        return False
    ours = [one for one in cell.simulated.delivered if one != UPDATE]
    theirs = [one for one in cell.published.delivered if one != UPDATE]
    return ours == theirs and cell.same_deliveries


def _reads_in_log_order(cell: LikenessCell) -> bool:
    """A client that holds what it was sent, in the order in which it was sent, and fails for that on the simulated
    server alone."""
    if cell.published is None:
        return False
    more = set(cell.simulated.oracles) - set(cell.published.oracles)
    return more == {"no-holes"} and not set(cell.published.oracles) - set(cell.simulated.oracles)


def _status_told_by_statistics(cell: LikenessCell) -> bool:
    """The published server's client has all that the other has, and a last status that was lost on the socket."""
    if cell.published is None or not cell.same_verdict:
        return False
    ours = [one for one in cell.simulated.delivered if one != UPDATE]
    theirs = [one for one in cell.published.delivered if one != UPDATE]
    return theirs[: len(ours)] == ours and set(theirs[len(ours) :]) <= ENDS


def _stuck_after_more(cell: LikenessCell) -> bool:
    """The published server's agent repeats itself until it is found to be stuck."""
    if cell.published is None or not cell.same_verdict:
        return False
    ours, theirs = ([one for one in seen.delivered if one != UPDATE] for seen in (cell.simulated, cell.published))
    more = theirs[len(ours) - 1 : -1]
    return ours[-1:] == theirs[-1:] == ["stuck"] and set(more) <= {"Action", "Observation"}


def _pages_of_statistics(cell: LikenessCell) -> bool:
    """One call more is spent than is allowed; or the last page that a client gets brings less of the run."""
    ours, other = cell.simulated, cell.published
    if other is None or other.delivered != ours.delivered[: len(other.delivered)]:
        return False
    # With statistics a step is three events: shorter runs than this fit on the page that they fit on without.
    if 3 * sum(run.actions for run in find_one(cell.scenario).workload.runs) <= PAGE_EVENTS:
        return False
    if cell.same_verdict:
        return bool(ours.lost and other.lost and other.calls == ours.calls)
    return cell.same_order and (ours.oracles, other.oracles) == ((), ("budget",)) and other.calls == ours.calls + 1


def _between_steps(cell: LikenessCell) -> bool:
    """Another party's message or pause came between two other events, and the pause is told of."""
    if cell.published is None or not cell.same_verdict or not find_one(cell.scenario).workload.background:
        return False
    more, less = _more_and_less(cell)
    return not less and set(more) <= {"Observation", "Pause", "Interrupt", "AgentError"} and more["Observation"] <= 1


def _more_and_less(cell: LikenessCell) -> tuple[Counter[str], Counter[str]]:
    """What was delivered on the published server alone, and what on the simulated one alone."""
    ours = Counter(cell.simulated.delivered)
    theirs = Counter(cell.published.delivered if cell.published else ())
    return theirs - ours, ours - theirs


def _closed_while_frozen(cell: LikenessCell) -> bool:
    """A planned break of the socket finds none, because the client is frozen."""
    if cell.published is None or cell.simulated.oracles or cell.published.oracles != ("vacuity",):
        return False
    return cell.same_order and any(isinstance(step, Suspend) for step in find_one(cell.scenario).script)


def _not_greeted_while_a_tool_runs(cell: LikenessCell) -> bool:
    """A client that connects again during a long step, gets no greeting, and asks REST."""
    if cell.published is None or cell.simulated.oracles or cell.published.oracles != ("budget",):
        return False
    longest_s = max((run.step_s if run.tool_s is None else run.tool_s) for run in find_one(cell.scenario).workload.runs)
    return longest_s >= LONG_TOOL_S and cell.published.delivered == cell.simulated.delivered


def _returns_at_the_status(cell: LikenessCell) -> bool:
    """A client that takes a status for the end is early on the simulated server alone."""
    if cell.published is None or not cell.same_order:
        return False
    less = set(cell.simulated.oracles) - set(cell.published.oracles)
    more = set(cell.published.oracles) - set(cell.simulated.oracles)
    return "returns-in-time" in less and less <= {"returns-in-time", "budget"} and not more


def _counts_other_frames(cell: LikenessCell) -> bool:
    """All is delivered, in another order or for more calls, where a fault counts frames of every kind.

    Where what it drops stays lost on both servers, less is lost where statistics are among what it drops.
    """
    faults = [one for one in find_one(cell.scenario).faults if one.place == "frame"]
    counts = any(one.match.model_fields_set & {"nth", "first"} and one.match.kind is None for one in faults)
    if cell.published is None or not counts:
        return False
    if not cell.same_verdict:  # the hole is another one: the client fills it, and pays for that
        return bool(cell.simulated.lost) and not cell.published.lost and cell.published.oracles == ("budget",)
    ours, theirs = Counter(cell.simulated.delivered), Counter(cell.published.delivered)
    fewer_lost = cell.simulated.lost - cell.published.lost
    return not ours - theirs and (theirs - ours).total() == fewer_lost


def _hole_before_statistics(cell: LikenessCell) -> bool:
    """A client lacks the last status, or has it in the wrong place: on the published server something follows it."""
    ours, other = cell.simulated, cell.published
    if other is None or not cell.same_order or ours.lost != other.lost:
        return False
    drops = [one for one in find_one(cell.scenario).faults if one.kind == "event-drop"]
    is_status = any("execution_status" in (one.match.key or ()) or one.match.status for one in drops)
    more, less = set(other.oracles) - set(ours.oracles), set(ours.oracles) - set(other.oracles)
    return is_status and more == {"no-holes"} and less <= {"budget"}


def _learns_earlier(cell: LikenessCell) -> bool:
    """All is delivered, and what a fault has dropped comes earlier on the published server."""
    if cell.published is None or not (cell.same_verdict and cell.same_deliveries):
        return False
    drops = [one for one in find_one(cell.scenario).faults if one.kind == "event-drop"]
    dropped = {kind.removesuffix("Event") for one in drops for kind in one.match.kind or ()}
    ours, theirs = cell.simulated.delivered, cell.published.delivered
    if [one for one in ours if one not in dropped] != [one for one in theirs if one not in dropped]:
        return False
    places = zip(_places(theirs, dropped), _places(ours, dropped), strict=True)
    return bool(dropped) and all(earlier <= later for earlier, later in places)


def _places(delivered: Sequence[str], names: Collection[str]) -> list[int]:
    return [place for place, one in enumerate(delivered) if one in names]


REASONS: Final = (
    Reason(
        "servers since 1.58 publish a message before the update that names it; the simulated session server is as "
        "1.57, which publishes it after",
        _message_first,
    ),
    Reason(
        "a published server appends statistics after the status that ends a run. They tell a client on the session "
        "socket that the status was lost; nothing follows it on the simulated server",
        _status_told_by_statistics,
    ),
    Reason(
        "a published server appends statistics after the status that ends a run. A client that lost the status, and "
        "does not look for it, has a hole there; on the simulated server it lacks the end",
        _hole_before_statistics,
    ),
    Reason(
        "a published server finds its agent stuck after four equal actions, which come in addition",
        _stuck_after_more,
    ),
    Reason(
        "a client that keeps the order in which events are sent has the log's order on servers since 1.58, which "
        "publish a message before the update that names it",
        _reads_in_log_order,
    ),
    Reason(
        "a published server appends statistics after each call of its model. A fault that counts frames of every kind "
        "meets others than on the simulated server",
        _counts_other_frames,
    ),
    Reason(
        "a published server appends statistics after each call of its model. Their parent is the leaf, so a client "
        "learns earlier of an event that it lost, and asks for it earlier",
        _learns_earlier,
    ),
    Reason(
        "a published server appends statistics after each call of its model. They fill pages: one more may be needed",
        _pages_of_statistics,
    ),
    Reason(
        "a published server does what another party asks between two steps of its agent. A message waits for the step "
        "in progress; a pause lets it end, and an event tells of the pause. The simulated server does both at once",
        _between_steps,
    ),
    Reason(
        "a published server pings each socket every 20 s, and closes one that has not answered for 20 s. So the socket "
        "of a client that is frozen is gone before the planned fault would break it",
        _closed_while_frozen,
    ),
    Reason(
        "a published server greets no new socket while a tool runs, for the tool holds the lock of the conversation. A "
        "client that renews its socket then asks REST, once a minute",
        _not_greeted_while_a_tool_runs,
    ),
    Reason(
        "the simulated server says the last status 4 ms before the last snapshot, as was measured in real time. A "
        "published one says both at one virtual time, so a client that takes the status for the end is in time",
        _returns_at_the_status,
    ),
)


def reason_of(cell: LikenessCell) -> str | None:
    """The reason of a difference; None without a difference, and for one that has no reason."""
    return next((one.text for one in REASONS if one.holds(cell)), None)


def is_same(cell: LikenessCell) -> bool:
    """Is there no difference?"""
    return cell.same_verdict and cell.same_order
