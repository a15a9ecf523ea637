"""Going on from a store: what it costs, what is delivered again, and logs that are not what they were (R60)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gapless import simserver, syncclient
from gapless.simserver.conversation.workload import pairs
from gapless.syncclient.core import actions, events
from gapless.syncclient.core.core import SyncCore
from gapless.syncclient.settings import Settings
from gapless.syncclient.stores.saved import Batch
from gapless.syncclient.stores.store import MemoryStore, Store
from gapless.syncclient.wire import Generation, LogEvent
from tests.syncclient.script import Hand, branch, message, page, update
from tests.syncclient.stores.lives import CrashingStore, Life, kept_ids
from tests.syncclient.test_conversation import Story, opened


class Heir(Hand):
    """A client with a store, fed by hand."""

    def __init__(self, generation: Generation, store: Store, *, asks_generation: bool = False, **settings: Any) -> None:
        self.core = SyncCore(Settings(**{"end_events": 1, **settings}), draw=lambda: 0.5, is_saved=True)
        self.now_s, self.generation = 0.0, generation
        self.asked, self.delivered = [], []
        self.store = store
        saved = store.open("conversation")
        payloads = {} if saved is None else store.read([event.stub.event_id for event in saved.events])
        self.feed(events.AttachRequested(None if asks_generation else generation, saved, payloads))

    def feed(self, event: events.CoreEvent) -> list[actions.Action]:
        """One event; batches go to the store."""
        asked = super().feed(event)
        for action in asked:
            if isinstance(action, actions.Save):
                self.store.save(action.batch)
        self.asked = [action for action in self.asked if not isinstance(action, actions.Save)]
        return [action for action in asked if not isinstance(action, actions.Save)]

    def die(self) -> Store:
        """Something happens, so that what was delivered is noted; then the client is gone, and its store is left."""
        self.feed(events.TimerFired())
        self.store.close()
        return self.store

    @property
    def is_attached(self) -> bool:
        """Whether the attach is done."""
        return actions.FinishAttach() in self.asked

    @property
    def notes(self) -> str:
        """What the report says of the extraordinary."""
        return "; ".join(self.core.report().notes)


LOG = branch("abcdef")


def left_by(generation: Generation, **settings: Any) -> Store:
    """What a client left that held the whole log `abcdef`."""
    hand = Heir(generation, MemoryStore(), **settings)
    hand.open_socket()
    if generation == "session":
        hand.sync(5)
        hand.open_socket()
        hand.sync(5, from_seq=0)
        hand.live(*LOG, seq=0)
    else:
        hand.snapshot("idle", "f")
        hand.answer(page(LOG))
    assert hand.is_attached
    return hand.die()


# -- the same log -----------------------------------------------------------------------------------------------------


def test_in_the_tree_a_leaf_that_is_held_costs_nothing() -> None:
    hand = Heir("tree", left_by("tree"))
    hand.open_socket()
    hand.snapshot("idle", "f")
    assert hand.is_attached
    assert hand.pages == []
    assert hand.held() == list("abcdef")
    assert hand.delivered == []


def test_in_the_tree_a_new_leaf_costs_a_page_from_the_anchor() -> None:
    hand = Heir("tree", left_by("tree"))
    hand.open_socket()
    hand.snapshot("idle", "h")
    assert hand.pages == [actions.FetchPage(1, page_id="e", limit=100, descending=False)]
    hand.answer(page(branch("efgh", "d")))
    assert hand.is_attached
    assert hand.held() == list("abcdefgh")
    assert hand.delivered == [("g", "history"), ("h", "history")]


def test_for_the_whole_log_a_leaf_is_not_enough() -> None:
    hand = Heir("tree", left_by("tree", certainty="log"), certainty="log")
    hand.open_socket()
    hand.snapshot("idle", "f")
    assert len(hand.pages) == 1
    hand.answer(page([*branch("ef", "d"), update("u", "stats", 1, "f")]))
    assert hand.held() == [*"abcdef", "u"]


def test_what_the_branch_was_enough_for_is_said_when_the_log_is_wanted() -> None:
    hand = Heir("tree", left_by("tree"), certainty="log")
    assert "saved under certainty 'branch'" in hand.notes


def test_legacy_costs_a_page_from_the_anchor() -> None:
    hand = Heir("legacy", left_by("legacy"))
    hand.open_socket()
    hand.snapshot("idle")
    assert [fetch.page_id for fetch in hand.pages] == ["e"]
    hand.answer(page(branch("ef", "d")))
    assert hand.is_attached
    assert hand.held() == list("abcdef")


def test_the_session_goes_on_by_its_socket_and_sees_its_last_event_again() -> None:
    hand = Heir("session", left_by("session"))
    assert hand.asked[-1] == actions.OpenSocket(1, "session", 4)
    hand.open_socket()
    hand.sync(7, from_seq=5)
    hand.live(*branch("fg", "e"), seq=5)
    assert not hand.is_attached
    hand.live(message("h", "g"), seq=7)
    assert hand.is_attached
    assert hand.pages == []
    assert hand.held() == list("abcdefgh")
    assert hand.delivered == [("g", "history"), ("h", "history")]
    hand.feed(events.SocketClosed(1, 1006, "gone"))
    hand.wait(1)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", 6)  # from here on as ever


def test_a_session_whose_echo_does_not_come_is_asked_by_a_page() -> None:
    hand = Heir("session", left_by("session"))
    hand.open_socket()
    hand.sync(5, from_seq=5)
    hand.wait(0.9)
    assert hand.pages == []
    hand.wait(0.2)
    assert [fetch.page_id for fetch in hand.pages] == ["e"]
    hand.answer(page(branch("ef", "d")))
    assert hand.is_attached
    assert hand.held() == list("abcdef")


@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_after_a_long_absence_the_ends_come_first(generation: Generation) -> None:
    hand = Heir(generation, left_by(generation))
    hand.open_socket()
    hand.snapshot("idle", "z")
    hand.answer(page(branch("efgh", "d"), "i"))
    assert hand.pages[-1].descending
    hand.answer(page(branch("xyz", "w")[::-1], "w"))
    assert hand.is_attached
    assert len(hand.pages) == 2
    assert hand.held() == list("abcdefghxyz")
    assert [(gap.after_id, gap.before_id) for gap in hand.core.ledger.gaps()] == [("h", "x")]
    again = Heir(generation, hand.die())
    assert [(gap.after_id, gap.before_id) for gap in again.core.ledger.gaps()] == [("h", "x")]


def test_events_without_a_place_are_neither_lost_nor_delivered_again() -> None:
    hand = Heir("legacy", left_by("legacy"))
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("ef", "d")))
    hand.live(message("h"), message("g"))
    heir = Heir("legacy", hand.die())
    assert heir.held() == list("abcdefgh")
    heir.open_socket()
    heir.snapshot("idle")
    heir.answer(page([*branch("ef", "d"), message("g"), message("h")]))
    assert heir.delivered == []
    assert heir.core.ledger.unplaced_ids() == []


def test_an_event_saved_that_no_log_has_is_dropped_and_noted() -> None:
    """R53: published, and never persisted."""
    hand = Heir("legacy", left_by("legacy"))
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("ef", "d")))
    hand.live(message("ghost"))
    heir = Heir("legacy", hand.die())
    heir.open_socket()
    heir.snapshot("idle")
    heir.answer(page(branch("ef", "d")))
    assert heir.held() == list("abcdef")
    assert "not in the log: 1" in heir.notes
    assert kept_ids(heir.die(), "conversation") == list("abcdef")


def test_what_was_saved_and_perhaps_not_delivered_is_delivered_again_and_marked() -> None:
    hand = Heir("legacy", left_by("legacy"))
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("efg", "d")))  # g is saved and delivered, and nothing follows that would note it
    hand.store.close()
    heir = Heir("legacy", hand.store)
    assert heir.delivered == [("g", "resumed")]
    heir.open_socket()
    assert Heir("legacy", heir.die()).delivered == []


# -- another log ------------------------------------------------------------------------------------------------------


def anew(hand: Heir, log: list[LogEvent]) -> None:
    """What must be true after everything was dropped and the new log was attached to."""
    assert hand.is_attached
    assert hand.held() == [event["id"] for event in log]
    assert "dropped what was saved, 6 events, and began anew" in hand.notes
    assert kept_ids(hand.die(), "conversation") == hand.held()


def test_a_session_log_that_is_shorter_is_attached_to_anew() -> None:
    hand = Heir("session", left_by("session"))
    hand.open_socket()
    hand.sync(3)
    assert hand.asked[-1] == actions.OpenSocket(2, "session", None)
    hand.open_socket()
    hand.sync(3)
    hand.open_socket()
    hand.sync(3, from_seq=0)
    hand.live(*branch("abcd"), seq=0)
    anew(hand, branch("abcd"))
    assert hand.delivered == [(event_id, "resumed") for event_id in "abcd"]


def test_a_session_log_with_another_event_at_our_last_index_is_attached_to_anew() -> None:
    hand = Heir("session", left_by("session"))
    hand.open_socket()
    hand.sync(6, from_seq=5)
    hand.live(message("F"), message("G", "F"), seq=5)
    hand.open_socket()
    hand.sync(6)
    hand.open_socket()
    hand.sync(6, from_seq=0)
    hand.live(*branch("ABCDEFG"), seq=0)
    assert hand.pages[-1].page_id is None, "the index begins with another event: it may have begun anew (R75)"
    hand.answer(page(branch("ABCDEFG")))
    anew(hand, branch("ABCDEFG"))
    assert hand.delivered == [(event_id, "history") for event_id in "GABCDEF"]


@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_an_anchor_unknown_to_a_log_with_another_head_is_enough(generation: Generation) -> None:
    log = branch("ABC")
    hand = Heir(generation, left_by(generation))
    hand.open_socket()
    hand.snapshot("idle", "C")
    hand.answer(page(log))  # the natural start, as if it were a success
    assert not hand.pages[-1].descending
    hand.answer(page(log))
    anew(hand, log)
    assert len(hand.pages) == 2


@pytest.mark.parametrize("how", ["natural start", "404"])
@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_a_log_cut_short_before_the_anchor_is_attached_to_anew(generation: Generation, how: str) -> None:
    log = branch("abc")
    hand = Heir(generation, left_by(generation))
    hand.open_socket()
    hand.snapshot("idle", "c")
    if how == "404":
        hand.refuse(404, transient=False)
    else:
        hand.answer(page(log))
    assert hand.pages[-1].descending
    hand.answer(page(log[::-1]))
    hand.answer(page(log))
    anew(hand, log)


@pytest.mark.parametrize("generation", ["legacy", "tree"])
def test_a_log_cut_short_right_at_the_anchor_is_attached_to_anew(generation: Generation) -> None:
    """The cursor is known, and what followed it is not there any more."""
    log = branch("abcde")
    hand = Heir(generation, left_by(generation))
    hand.open_socket()
    hand.snapshot("idle", "e")
    hand.answer(page(log[-1:]))
    for _ in range(2):
        if not hand.is_attached:
            hand.answer(page(log[::-1] if hand.pages[-1].descending else log))
    anew(hand, log)


def test_a_server_that_forgot_a_cursor_and_not_its_log_is_believed_by_its_tail() -> None:
    """R51 without R60."""
    hand = Heir("legacy", left_by("legacy"))
    hand.open_socket()
    hand.snapshot("idle")
    hand.answer(page(branch("abcd"), "e"))
    hand.answer(page(branch("efgh", "d")[::-1], "d"))
    assert hand.is_attached
    assert hand.held() == list("abcdefgh")
    assert "dropped" not in hand.notes


# -- on the wire ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generation", "calls"), [("legacy", 1), ("tree", 0), ("session", 0)])
def test_a_client_that_comes_back_to_a_quiet_conversation(
    generation: simserver.ServerGeneration, calls: int, tmp_path: Path
) -> None:
    lives = [Life(), Life()]

    async def told(world: simserver.World) -> None:
        for life in lives:
            store = syncclient.SqliteStore(tmp_path / "store.db")
            async with opened(world, store=store, subscriber=life.subscriber) as conversation:
                life.attach_calls = conversation.report().spent.calls
                assert (await conversation.run()).complete
                assert [event["id"] for event in conversation.events][-5:] == world.agent.log.ids()[-5:]

    workload = simserver.AgentWorkload(history_events=1000, runs=(pairs(3), pairs(3)))
    Story(workload, simserver.ServerSettings(generation)).tell(told)
    assert lives[1].attach_calls == calls
    assert not set(lives[0].ids) & set(lives[1].ids)


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
@pytest.mark.parametrize("length", [150, 90, 1, 0])
def test_a_log_that_was_cut_short_is_noticed(
    generation: simserver.ServerGeneration, length: int, tmp_path: Path
) -> None:
    for history_events in (160, length):

        async def told(world: simserver.World) -> None:
            store = syncclient.SqliteStore(tmp_path / "store.db")
            async with opened(world, store=store) as conversation:
                ids = [event["id"] async for event in conversation.history()]
                assert ids == world.agent.log.ids()
                notes = "; ".join(conversation.report().notes)
                assert ("dropped what was saved, 160 events" in notes) == (len(world.agent.log) < 160)

        Story(simserver.AgentWorkload(history_events=history_events), simserver.ServerSettings(generation)).tell(told)


def test_a_store_that_fails_in_the_middle_is_what_the_caller_gets() -> None:
    class Full(CrashingStore):
        def save(self, batch: Batch) -> None:
            self.operations += 1
            if self.operations > 12:
                raise syncclient.StoreError("the disk is full")
            self.inner.save(batch)

    life = Life()
    inner = MemoryStore()
    store = Full(inner)
    conversation_id = ""

    async def told(world: simserver.World) -> None:
        nonlocal conversation_id
        conversation_id = world.conversation_id
        with pytest.raises(syncclient.StoreError, match="the disk is full"):
            async with opened(world, store=store, subscriber=life.subscriber) as conversation:
                await conversation.run()

    Story(simserver.AgentWorkload(runs=(pairs(10),))).tell(told)
    kept = [event_id.removeprefix("unplaced:") for event_id in kept_ids(inner, conversation_id)]
    assert life.ids == kept


def test_a_client_that_dies_while_it_asks_for_the_generation_leaves_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "one.db"
    hand = Heir("legacy", syncclient.SqliteStore(path))
    hand.open_socket()
    hand.snapshot("idle", "f")
    hand.answer(page(LOG))
    hand.die()
    Heir("legacy", syncclient.SqliteStore(path), asks_generation=True).store.close()
    saved = syncclient.SqliteStore(path).open("conversation")
    assert saved is not None
    assert [segment.ids for segment in saved.segments] == [tuple("abcdef")]
    assert saved.delivered == len(LOG)


def test_a_store_in_use_is_said_so_before_anything_is_asked(tmp_path: Path) -> None:
    async def told(world: simserver.World) -> None:
        path = tmp_path / "store.db"
        async with opened(world, store=syncclient.SqliteStore(path)):
            with pytest.raises(syncclient.StoreError, match="in use"):
                async with opened(world, store=syncclient.SqliteStore(path)):
                    pytest.fail("two clients had one store")

    Story().tell(told)
