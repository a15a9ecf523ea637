"""WebSocket frames between a client and the real server, and what the journal and the faults see of them. Pure.

Frames are taken apart with wsproto, message by message, and put together again. Pings and pongs are carried as they
are, so that each end notices for itself when the other is gone.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wsproto.frame_protocol import FrameProtocol, Opcode

from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.conversation.publisher import describe
from gapless.simserver.faults.match import Facts
from gapless.simserver.journal import Fields
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.progress import Progress
from gapless.simserver.protocol.socket_faults import frame_facts

CLOSED_WITHOUT_CODE: Final = 1005


@dataclass(frozen=True, slots=True)
class WholeMessage:
    """A text or binary message."""

    data: bytes
    is_text: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A ping, a pong or a close frame, whole."""

    opcode: Opcode
    payload: bytes
    code: int | None = None
    reason: str = ""


class FrameReader:
    """Takes the bytes of one direction apart. ``masked``: whether they come from a client."""

    def __init__(self, *, masked: bool) -> None:
        self._frames = FrameProtocol(client=not masked, extensions=[])
        self._parts = bytearray()
        self._is_text = True

    def take(self, data: bytes) -> Iterator[WholeMessage | Control]:
        """What is complete with these bytes. Raises wsproto's ParseFailed for what are no frames."""
        self._frames.receive_bytes(data)
        for frame in self._frames.received_frames():
            payload: Any = frame.payload
            match frame.opcode:
                case Opcode.CLOSE:
                    code, reason = payload
                    yield Control(Opcode.CLOSE, b"", int(code), str(reason or ""))
                case Opcode.PING | Opcode.PONG:
                    yield Control(frame.opcode, bytes(payload))
                case _:
                    self._is_text = frame.opcode is Opcode.TEXT if not self._parts else self._is_text
                    self._parts += payload.encode() if isinstance(payload, str) else bytes(payload)
                    if frame.message_finished:
                        data, self._parts = bytes(self._parts), bytearray()
                        yield WholeMessage(data, self._is_text)


def written(item: WholeMessage | Control) -> bytes:
    """A message or a control frame as a server writes it."""
    frames = FrameProtocol(client=False, extensions=[])
    if isinstance(item, WholeMessage):
        return bytes(frames.send_data(item.data.decode() if item.is_text else item.data, fin=True))
    match item.opcode:
        case Opcode.CLOSE:
            return bytes(frames.close(None if item.code == CLOSED_WITHOUT_CODE else item.code, item.reason))
        case Opcode.PING:
            return bytes(frames.ping(item.payload))
        case _:
            return bytes(frames.pong(item.payload))


@dataclass(frozen=True, slots=True)
class Described:
    """A frame as the journal has it. ``event``: the event in it, None when it carries none."""

    fields: Fields
    event: EventBody | None


def described(text: str, dialect: str, logged: Container[str]) -> Described:
    """What a frame carries. ``dialect``: ``events`` or ``session``; ``logged``: the ids of the events in the log."""
    try:
        said: Any = json.loads(text)
    except ValueError:
        return Described({"id": None, "kind": "unreadable", "durable": False}, None)
    if dialect == "events":
        seq = 0 if said.get("id") in logged else None
        fields = describe(said, seq)
        return Described({name: value for name, value in fields.items() if name != "seq"}, said)
    match said.get("type"):
        case "sync":
            fields = {"id": None, "kind": "sync", "durable": False, "through_seq": said.get("through_seq")}
            return Described(fields, None)
        case "durable":
            return Described(describe(said["event"], said["seq"]), said["event"])
        case "transient":
            return Described(describe(said["event"], None), said["event"])
        case other:
            return Described({"id": None, "kind": str(other), "durable": False}, None)


def facts_of(frame: Described, socket: SocketName, unread_frames: int, progress: Progress) -> Facts:
    """A frame to one socket, as the faults see it."""
    return frame_facts(frame.fields, frame.event, socket, unread_frames, progress)
