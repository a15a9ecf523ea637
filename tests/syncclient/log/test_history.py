"""History left alone at attach, read as somebody asks for it: order, cost, priority, failures. By hand, then on the
wire."""

from __future__ import annotations

import pytest
import trio

from gapless import simserver, syncclient
from gapless.simserver.conversation.workload import pairs
from gapless.syncclient.core import actions, events
from gapless.syncclient.errors import ProtocolViolation, RequestRefused, ServerUnreachable
from tests.syncclient.script import Hand, branch, message, page
from tests.syncclient.test_conversation import Story, opened


def attached(generation: syncclient.Generation = "legacy", **settings: object) -> Hand:
    """A client that holds `abc` and `xyz` of a log, and nothing between them."""
    hand = Hand(generation, **settings)
    hand.open_socket()
    hand.snapshot("idle", "z")
    hand.answer(page(branch("abc"), "d"))
    hand.answer(page(branch("xyz", "w")[::-1], "w"))
    return hand


def read(asked: list[actions.Action]) -> list[str] | None:
    """The ids of the page of history among some actions."""
    return next(([e["id"] for e in a.events] for a in asked if isinstance(a, actions.HistoryRead)), None)


def failure(asked: list[actions.Action]) -> syncclient.SyncError:
    """The error among some actions."""
    return next(action.error for action in asked if isinstance(action, actions.HistoryFailed))


# -- in the core ------------------------------------------------------------------------------------------------------


def test_nothing_is_read_that_nobody_asks_for() -> None:
    hand = attached()
    hand.wait(1000)
    assert len(hand.pages) == 2


def test_a_gap_is_read_forward_from_the_anchor_before_it() -> None:
    hand = attached()
    (asked,) = hand.feed(events.HistoryRequested("c"))
    assert asked == actions.FetchPage(3, page_id="b", limit=100, descending=False)
    got = hand.answer(page(branch("bcdef", "a"), "g"))
    assert read(got) == list("bcdef")
    assert hand.held() == list("abcdefxyz")
    assert hand.delivered[-3:] == [("d", "history"), ("e", "history"), ("f", "history")]
    assert hand.core.ledger.following("f", 9) == ([], True)


def test_pages_of_a_gap_go_on_from_one_another() -> None:
    hand = attached()
    hand.feed(events.HistoryRequested("c"))
    hand.answer(page(branch("bcde", "a"), "f"))
    (asked,) = hand.feed(events.HistoryRequested("e"))
    assert isinstance(asked, actions.FetchPage)
    assert asked.page_id == "f"
    hand.answer(page(branch("fghwx", "e"), "y"))
    assert hand.held() == list("abcdefghwxyz")
    assert hand.core.ledger.gaps() == ()
    assert len(hand.delivered) == len(set(hand.delivered)) == 12


def test_an_exclusive_server_serves_as_well() -> None:
    hand = attached()
    hand.feed(events.HistoryRequested("c"))
    hand.answer(page(branch("cde", "b"), "e"))
    hand.feed(events.HistoryRequested("e"))
    assert hand.pages[-1].page_id == "e"
    hand.answer(page(branch("fgx", "e"), "x"))
    assert hand.held() == list("abcdefgxyz")


def test_a_page_nobody_waits_for_any_more_changes_nothing_for_the_next() -> None:
    hand = attached()
    hand.feed(events.HistoryRequested("c"))
    hand.feed(events.HistoryAbandoned())
    assert hand.answer(page(branch("bcde", "a"), "f")) == []
    hand.feed(events.HistoryRequested("c"))
    assert len(hand.pages) == 4


def test_a_repair_goes_first_and_history_after_it() -> None:
    hand = attached("tree")
    hand.live(message("2", "1"))
    hand.wait(0.3)
    assert hand.pages[-1].page_id == "y"  # the repair of 1
    assert hand.feed(events.HistoryRequested("c")) == []
    asked = hand.answer(page(branch("yz12", "x")))
    assert [action.page_id for action in asked if isinstance(action, actions.FetchPage)] == ["b"]


def test_a_repair_does_not_wait_for_a_page_of_history() -> None:
    hand = attached("tree")
    hand.feed(events.HistoryRequested("c"))
    hand.live(message("2", "1"))
    hand.wait(0.3)
    assert [fetch.page_id for fetch in hand.pages[-2:]] == ["b", "y"]
    hand.answer(page(branch("yz12", "x")))
    assert hand.held() == list("abcxyz12")
    got = hand.feed(events.PageReceived(hand.pages[-2].request, page(branch("bcdwx", "a"), "y"), 100))
    assert read(got) == list("bcdwx")
    assert hand.held() == list("abcdwxyz12")


def test_old_statuses_in_a_gap_say_nothing_of_a_run() -> None:
    hand = attached("tree")
    hand.begin_run()
    hand.feed(events.HistoryRequested("c"))
    old = message("d", "c") | {"kind": "ConversationStateUpdateEvent", "key": "execution_status", "value": "finished"}
    hand.answer(page([*branch("bc", "a"), old], "e"))
    hand.wait(5)
    assert not hand.finished


def test_a_refusal_is_tried_again_until_the_deadline_and_only_the_reader_is_told() -> None:
    hand = attached(repair_deadline_s=5)
    hand.feed(events.HistoryRequested("c"))
    for _ in range(30):
        asked = hand.refuse(503)
        if asked:
            break
        hand.wait(11)
    error = failure(asked)
    assert isinstance(error, ServerUnreachable)
    assert "repair_deadline_s (5 s)" in str(error)
    assert not any(isinstance(action, actions.Fail) for action in hand.asked)
    assert isinstance(hand.feed(events.HistoryRequested("c"))[0], actions.FetchPage)


def test_a_refusal_for_good_is_raised_at_once() -> None:
    hand = attached()
    hand.feed(events.HistoryRequested("c"))
    assert isinstance(failure(hand.refuse(422, transient=False)), RequestRefused)


def further() -> Hand:
    """A client that has read `def` of the gap, and wants more."""
    hand = attached(pages_max=3)
    hand.feed(events.HistoryRequested("c"))
    hand.answer(page(branch("bcdef", "a"), "g"))
    hand.feed(events.HistoryRequested("f"))
    return hand


def test_a_natural_start_that_leads_to_the_reader_is_gone_on_from() -> None:
    """R51: the page of an unknown cursor is the log's head, and here the gap begins right behind it."""
    hand = attached()
    hand.feed(events.HistoryRequested("c"))
    (asked,) = hand.answer(page(branch("abc"), "d"))
    assert asked == actions.FetchPage(4, page_id="d", limit=100, descending=False)
    assert read(hand.answer(page(branch("dex", "c"), "y"))) == list("dex")


@pytest.mark.parametrize("how", ["natural start", "404"])
def test_an_unknown_cursor_turns_the_reader_to_the_tail(how: str) -> None:
    """R51."""
    hand = further()
    if how == "404":
        hand.refuse(404, transient=False)
    else:
        hand.answer(page(branch("abc"), "d"))
    assert (hand.pages[-1].page_id, hand.pages[-1].descending) == (None, True)
    hand.answer(page(branch("jxyz", "i")[::-1], "i"))
    got = hand.answer(page(branch("fghi", "e")[::-1], "e"))
    assert read(got) == list("fghi")
    assert hand.held() == list("abcdefghijxyz")


def test_a_reader_from_the_tail_is_bounded() -> None:
    hand = further()
    hand.answer(page(branch("abc"), "d"))
    hand.answer(page(branch("wxyz")[::-1], "v"))
    hand.answer(page(branch("uv")[::-1], "t"))
    asked = hand.answer(page(branch("st")[::-1], "r"))
    assert "pages_max (3)" in str(failure(asked))


def test_a_server_that_knows_none_of_its_cursors_is_said_so() -> None:
    hand = further()
    hand.answer(page(branch("abc"), "d"))
    hand.answer(page(branch("wxyz")[::-1], "v"))
    assert isinstance(failure(hand.answer(page(branch("wxyz")[::-1], "v"))), ProtocolViolation)


# -- on the wire ------------------------------------------------------------------------------------------------------

SERVERS = [
    simserver.ServerSettings(generation, cursor)
    for generation in ("legacy", "tree", "session")
    for cursor in ("inclusive", "exclusive")
]


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: f"{server.generation}-{server.cursor}")
def test_the_whole_log_is_read_in_order_each_page_once(server: simserver.ServerSettings) -> None:
    delivered: list[tuple[str, str]] = []

    async def told(world: simserver.World) -> None:
        def deliver(event: syncclient.LogEvent, origin: syncclient.Origin) -> None:
            delivered.append((event["id"], origin))

        async with opened(world, subscriber=deliver) as conversation:
            before = conversation.report()
            assert [gap.after_id for gap in before.gaps] == [world.agent.log.id_at(99)]
            ids = [event["id"] async for event in conversation.history()]
            assert ids == world.agent.log.ids()
            assert [event["id"] for event in conversation.events] == ids
            after = conversation.report()
            assert after.gaps == ()
            assert after.spent.calls - before.spent.calls == -(-(1000 - 200 + 2) // 100)
            assert [event["id"] async for event in conversation.history()] == ids
            assert conversation.report().spent.calls == after.spent.calls

    Story(simserver.AgentWorkload(history_events=1000), server).tell(told)
    assert len(delivered) == len({event_id for event_id, _ in delivered}) == 1000
    assert {origin for _, origin in delivered} == {"history"}


def test_a_reader_who_stops_has_paid_for_what_it_read() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            before = conversation.report().spent.calls
            count = 0
            async for _ in conversation.history():
                count += 1
                if count == 150:
                    break
            assert conversation.report().spent.calls == before + 1
            assert len(conversation.report().gaps) == 1

    Story(simserver.AgentWorkload(history_events=1000)).tell(told)


def test_history_goes_on_while_a_run_does() -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            world.runs.begin(pairs(20), by="background")
            ids = [event["id"] async for event in conversation.history()]
            assert ids[:500] == world.agent.log.ids()[:500]
            assert len(ids) == len(set(ids))

    Story(simserver.AgentWorkload(history_events=500)).tell(told)


@pytest.mark.parametrize("generation", ["legacy", "tree", "session"])
def test_two_readers_at_once_get_the_same(generation: simserver.ServerGeneration) -> None:

    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            got: list[list[str]] = []

            async def reader() -> None:
                got.append([event["id"] async for event in conversation.history()])

            async with trio.open_nursery() as nursery:
                nursery.start_soon(reader)
                nursery.start_soon(reader)
            assert got == [world.agent.log.ids()] * 2

    Story(simserver.AgentWorkload(history_events=500), simserver.ServerSettings(generation)).tell(told)


@pytest.mark.parametrize("length", [0, 1, 2, 99, 100, 101, 199, 200, 201, 202, 297, 298, 299, 300])
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: f"{server.generation}-{server.cursor}")
def test_history_of_any_length_is_whole(server: simserver.ServerSettings, length: int) -> None:
    async def told(world: simserver.World) -> None:
        async with opened(world) as conversation:
            assert [event["id"] async for event in conversation.history()] == world.agent.log.ids()

    Story(simserver.AgentWorkload(history_events=length), server).tell(told)
