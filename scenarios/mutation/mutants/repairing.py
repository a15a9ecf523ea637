"""Bugs in repairs: which pages are requested, when, and how often (R30, R31, R52, R55, R59, R63)."""

from __future__ import annotations

from gapless.scenarios.mutation.planting import ExpectedKill, Mutant, Original, mutant, with_settings
from gapless.syncclient.core import events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.core.missing import Missing
from gapless.syncclient.core.repairs import Repairs
from gapless.syncclient.core.requests import FailureVerdict, Request
from gapless.syncclient.core.situation import Situation
from gapless.syncclient.core.socket_state import Connection
from gapless.syncclient.log.held import Anchor
from gapless.syncclient.log.walk import Walk
from gapless.syncclient.wire import Durable, Page

nothing_may_be_late = Mutant(
    "nothing-may-be-late",
    "Requests a missing event at once, although it may only be late.",
    ("R31",),
    (with_settings({"settle_s": 1e-9}),),
    ExpectedKill("r31-merely-late", "tree/inclusive", "budget"),
)


anything_may_be_late = Mutant(
    "anything-may-be-late",
    "Waits a minute before it requests a missing event.",
    ("R30",),
    (with_settings({"settle_s": 60.0}),),
    ExpectedKill("r30-lost-frame", "tree/inclusive", "returns-in-time"),
)


@mutant("repair-step", races=["R52"], killed=("r30-lost-frame", "session/inclusive", "no-holes"))
def asks_only_once(original: Original, repairs: Repairs) -> None:
    """Gives up on events that the first answer does not bring."""
    if repairs._missing.tries > 0 and repairs._situation.exchange is None and repairs._missing:
        repairs.give_up("it was not there")
    original(repairs)


@mutant("give-up", races=["R55"], killed=("r51-unknown-cursor-for-good", "tree/inclusive", "no-tail-loss"))
def failed_repair_swallowed(
    original: Original, core: SyncCore, request: Request, failure: events.RequestFailed, verdict: FailureVerdict
) -> None:
    """Treats the partial result of a failed repair as complete."""
    if request.purpose == "repair":
        core._now.exchange = None
        core._repairs.end_walk(request)
    else:
        original(core, request, failure, verdict)


@mutant("walk-forward", races=["R04", "R30"], killed=("cost-one-hole", "legacy/inclusive", "budget"))
def repairs_from_the_head(
    original: Original, walk: type[Walk], anchor: Anchor, *, pages_max: int, must_show: str | None = None
) -> Walk:
    """Reads the log from its head for every repair."""
    return Walk.from_head(pages_max=pages_max)


@mutant("walk-forward", races=["R30"], killed=("cost-two-holes-far", "tree/inclusive", "budget"))
def repairs_from_the_tail(
    original: Original, walk: type[Walk], anchor: Anchor, *, pages_max: int, must_show: str | None = None
) -> Walk:
    """Reads the log backward from its tail for every repair."""
    return Walk.backward(pages_max=pages_max)


@mutant("walk-forward", races=["R50"], killed=("r50-page-borders", "legacy/inclusive", "honest"))
def one_page_must_do(
    original: Original, walk: type[Walk], anchor: Anchor, *, pages_max: int, must_show: str | None = None
) -> Walk:
    """Reads only one page for a repair, however much is missing."""
    found: Walk = original(walk, anchor, pages_max=1, must_show=must_show)
    return found


small_pages = Mutant(
    "small-pages",
    "Requests 50 events a page instead of the maximum of 100.",
    ("R30",),
    (with_settings({"page_size_events": 50}),),
    ExpectedKill("cost-one-hole-150", "legacy/inclusive", "budget"),
)


@mutant("repair-next", races=["R30"], killed=("cost-two-holes-far", "tree/inclusive", "budget"))
def reads_on_for_nothing(original: Original, repairs: Repairs, exchange: Request) -> None:
    """Reads to the end of the log even when nothing is missing any more."""
    repairs._situation.ask(exchange)


@mutant("durable-frame", races=["R63"], killed=("r63-slow-repair-fast-socket", "tree/inclusive", "budget"))
def deaf_while_repairing(original: Original, core: SyncCore, connection: Connection, frame: Durable) -> None:
    """Ignores frames from the socket while it reads pages."""
    if core._now.exchange is None or not core._now.is_attached:
        original(core, connection, frame)


@mutant("repair-begin", races=["R30"], killed=("r30-lost-frame", "session/inclusive", "budget"))
def pages_instead_of_replay(
    original: Original, repairs: Repairs, *, to_tail: bool = True, shows_end: bool = False, from_id: str | None = None
) -> None:
    """Reads pages for a repair although the socket would replay the events without a REST call."""
    repairs._replays = dict.fromkeys(range(10_000), 1_000)
    original(repairs, to_tail=to_tail, shows_end=shows_end, from_id=from_id)


@mutant("missing-since", races=["R31"], killed=("r30-lost-frame", "tree/inclusive", "no-hang"))
def clock_of_a_hole_restarts(original: Original, missing: Missing, tokens: object, now_s: float) -> None:
    """Restarts the wait for all missing events whenever any event arrives."""
    missing._since_s = {}
    original(missing, tokens, now_s)


@mutant(
    "log-was-cut",
    races=["R51", "R60"],
    killed=("r51-unknown-cursor-after-a-long-run", "session/inclusive", "budget"),
)
def unknown_cursor_is_another_log(original: Original, repairs: Repairs, walk: Walk) -> bool:
    """Takes a log that does not know the cursor of the last event held for another log, though it has the event."""
    return walk.descending and not repairs._situation.is_echoed


@mutant(
    "repair-begin",
    races=["R30", "R37"],
    killed=("r37-replays-lose-most-of-it", "session/inclusive", "returns-in-time"),
)
def replays_without_end(
    original: Original, repairs: Repairs, *, to_tail: bool = True, shows_end: bool = False, from_id: str | None = None
) -> None:
    """Asks for another replay, however little the last ones have brought, while somebody waits."""
    repairs._replays_in_a_row = 0
    original(repairs, to_tail=to_tail, shows_end=shows_end, from_id=from_id)


@mutant("skipped-records", races=["R85"], killed=("r85-index-gap-until-a-reload", "tree/inclusive", "no-tail-loss"))
def skipped_for_good(original: Original, repairs: Repairs) -> None:
    """Never asks again for a record that pages have skipped, though the server has started anew."""


@mutant("repair-epoch", races=["R60"], killed=("r60-hole-again-in-another-log", "session/inclusive", "no-hang"))
def given_up_in_every_log(original: Original, repairs: Repairs) -> None:
    """Keeps what it has given up as missing when it begins to read another log."""


@mutant("leaf-lost", races=["R60"], killed=("r60-leaf-lost-with-its-log", "tree/inclusive", "honest"))
def a_leaf_is_never_lost(original: Original, repairs: Repairs, exchange: Request) -> bool:
    """Goes on asking for a leaf that was named before an outage, though the log, read since, does not have it."""
    return False


@mutant("page-shows", races=["R52"], killed=("r52-shown-after-all", "legacy/exclusive", "no-tail-loss"))
def unseen_for_good(original: Original, situation: Situation, page: Page) -> None:
    """Drops what one walk has not shown, though a later page has."""


MUTANTS = (
    unseen_for_good,
    nothing_may_be_late,
    anything_may_be_late,
    asks_only_once,
    failed_repair_swallowed,
    repairs_from_the_head,
    repairs_from_the_tail,
    one_page_must_do,
    small_pages,
    reads_on_for_nothing,
    deaf_while_repairing,
    pages_instead_of_replay,
    clock_of_a_hole_restarts,
    unknown_cursor_is_another_log,
    replays_without_end,
    skipped_for_good,
    given_up_in_every_log,
    a_leaf_is_never_lost,
)
