"""WebSocket frames on their way: taken apart, put together, and what the journal and the faults see of them."""

from __future__ import annotations

import json

from wsproto.frame_protocol import FrameProtocol, Opcode

from gapless.scenarios.realserver.frames import Control, FrameReader, WholeMessage, described, facts_of, written
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.progress import Progress

PROGRESS = Progress(lambda: 0.0)
EVENT = {"id": "e1", "kind": "ActionEvent", "source": "agent", "tool_name": "timed"}
STATUS = {"id": "e2", "kind": "ConversationStateUpdateEvent", "key": "execution_status", "value": "finished"}
SNAPSHOT = {
    "id": "e3",
    "kind": "ConversationStateUpdateEvent",
    "key": "full_state",
    "value": {"execution_status": "idle", "leaf_event_id": "e1"},
}


def test_what_is_written_is_read_again_whatever_the_chunks() -> None:
    items: list[WholeMessage | Control] = [
        WholeMessage("héllo".encode(), True),
        Control(Opcode.PING, b"p"),
        WholeMessage(b"\x00" * 70_000, False),
        Control(Opcode.CLOSE, b"", 4001, "no"),
    ]
    data = b"".join(written(item) for item in items)
    reader = FrameReader(masked=False)
    read = [item for at in range(0, len(data), 1_000) for item in reader.take(data[at : at + 1_000])]
    assert read == items


def test_a_message_in_fragments_is_one_message() -> None:
    frames = FrameProtocol(client=True, extensions=[])
    data = frames.send_data("one ", fin=False) + frames.send_data("two", fin=True)
    assert list(FrameReader(masked=True).take(bytes(data))) == [WholeMessage(b"one two", True)]


def test_a_close_without_a_code_is_written_without_one() -> None:
    (close,) = FrameReader(masked=False).take(b"\x88\x00")
    assert isinstance(close, Control)
    assert written(close) == b"\x88\x00"


def test_an_event_is_durable_on_the_events_socket_when_it_is_in_the_log() -> None:
    text = json.dumps(EVENT)
    assert described(text, "events", {"e1"}).fields == {"id": "e1", "kind": "ActionEvent", "durable": True}
    assert described(text, "events", set()).fields["durable"] is False


def test_envelopes_say_what_they_carry() -> None:
    durable = described(json.dumps({"type": "durable", "seq": 7, "event": STATUS}), "session", set())
    assert durable.fields["seq"] == 7
    assert durable.fields["value"] == "finished"
    sync = described('{"type":"sync","through_seq":3}', "session", set())
    assert sync.fields == {"id": None, "kind": "sync", "durable": False, "through_seq": 3}
    assert described('{"type":"error"}', "session", set()).fields["kind"] == "error"
    assert described("half of a fra", "session", set()).fields["kind"] == "unreadable"


def test_faults_see_the_status_the_tool_and_whether_it_is_a_snapshot() -> None:
    status = facts_of(
        described(json.dumps({"type": "durable", "seq": 1, "event": STATUS}), "session", set()),
        SocketName(2),
        5,
        PROGRESS,
    )
    assert (status.status, status.key, status.connection, status.unread_frames) == (
        "finished",
        "execution_status",
        2,
        5,
    )
    snapshot = facts_of(
        described(json.dumps({"type": "transient", "event": SNAPSHOT}), "session", set()), SocketName(1), 0, PROGRESS
    )
    assert (snapshot.snapshot, snapshot.status, snapshot.durable) == (True, "idle", False)
    action = facts_of(described(json.dumps(EVENT), "events", {"e1"}), SocketName(1), 0, PROGRESS)
    assert (action.tool, action.durable, action.target) == ("timed", True, "e1")
    assert facts_of(described('{"type":"sync"}', "session", set()), SocketName(1), 0, PROGRESS).kind == "sync"


def test_a_frame_belongs_to_the_run_of_its_event_also_when_the_run_is_over() -> None:
    progress = Progress(lambda: 0.0)
    progress.run_begins()
    progress.published("e1", is_logged=True)
    snapshot = described(json.dumps({"type": "transient", "event": SNAPSHOT}), "session", set())
    assert facts_of(snapshot, SocketName(1), 0, progress).run == 1
    progress.run_ends()
    assert facts_of(described(json.dumps(EVENT), "events", {"e1"}), SocketName(1), 0, progress).run == 1
    assert facts_of(snapshot, SocketName(1), 0, progress).run is None
