"""Connects the server's app to a client by messages instead of bytes.

At the wire level, HTTP and WebSocket bytes go through the pipes, and libraries on both sides encode and decode them.
Here the ASGI messages of the app go through the same pipes, each as one chunk. So latency, stalls, cuts, resets and
half-open paths work as at the wire level.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Any

import trio
from starlette.types import ASGIApp

from gapless.simserver.loop import Loop
from gapless.simserver.network.connections import Carrier
from gapless.simserver.network.streams import MemoryConnection, Pipe, Stream

_END = b"\x00"


@dataclass(frozen=True, slots=True)
class CarriedMessage:
    """A message between client and server.

    ``kind``: ``request``, ``answer``, ``open``, ``accept``, ``denied``, ``text``, ``ping``, ``pong`` or ``close``
    ``head``: other values, such as the path or the status
    ``body``: the text
    """

    kind: str
    head: dict[str, Any] = field(default_factory=dict)
    body: str = ""

    def encoded(self) -> bytes:
        """The message as one chunk of bytes."""
        return json.dumps([self.kind, self.head]).encode() + b"\n" + self.body.encode() + _END


class MessagePipe(Pipe):
    """A pipe that is read one message at a time.

    ``limit_bytes``: a larger message is replaced by a close with code 1009, as a WebSocket library does
    """

    __slots__ = ("limit_bytes",)

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self.limit_bytes = inf

    def _take(self, bytes_max: int | None) -> bytes:
        chunks = self.chunks
        if not chunks[0][1]:
            return b""
        if len(chunks[0][1]) > self.limit_bytes:
            return CarriedMessage("close", {"code": 1009}).encoded()  # the message itself is not taken
        data = chunks.popleft()[1]
        self.waiting_bytes -= len(data)
        self.read_bytes += len(data)
        while self.marks and self.marks[0][0] <= self.read_bytes:
            self.marks.popleft()[1]()
        return data


def messages(loop: Loop) -> Carrier:
    """A carrier whose connections transport messages."""
    return Carrier(
        lambda number: MemoryConnection(number, lambda: MessagePipe(loop)),
        lambda app, stream: _serve(app, stream, loop),
    )


async def receive(pipe: Pipe) -> CarriedMessage | None:
    """The next message. None at the end. Raises trio.BrokenResourceError after a reset or an incomplete message."""
    data = await pipe.read(None)
    if not data:
        return None
    if not data.endswith(_END):
        raise trio.BrokenResourceError("a message was torn")
    head, _, body = data[:-1].partition(b"\n")
    kind, words = json.loads(head)
    return CarriedMessage(kind, words, body.decode())


def send(pipe: Pipe, message: CarriedMessage) -> bool:
    """Send a message. False when the pipe is closed or broken."""
    if pipe.ended or pipe.broken or pipe.reader_closed:
        return False
    pipe.write(message.encoded())
    return True


async def _serve(app: ASGIApp, stream: Stream, loop: Loop) -> None:
    try:
        while (message := await receive(stream.incoming)) is not None:
            if message.kind == "open":
                await _Socket(stream, loop, message).serve(app)
                return
            await _answer(app, stream, message)
    except trio.BrokenResourceError:
        return


async def _answer(app: ASGIApp, stream: Stream, message: CarriedMessage) -> None:
    said: dict[str, Any] = {}
    body: list[bytes] = []

    async def hear() -> dict[str, Any]:
        return {"type": "http.request", "body": message.body.encode(), "more_body": False}

    async def say(event: Any) -> None:
        if event["type"] == "http.response.start":
            said.update(status=event["status"], headers=event["headers"])
        else:
            body.append(event.get("body", b""))

    await app(_scope("http", stream, message) | {"method": message.head["method"]}, hear, say)
    retry_after = [value.decode() for name, value in said["headers"] if name == b"retry-after"]
    head = {"status": said["status"], "retry_after": retry_after[0] if retry_after else None}
    send(stream.outgoing, CarriedMessage("answer", head, b"".join(body).decode()))


class _Socket:
    """One WebSocket connection of the ASGI app."""

    def __init__(self, stream: Stream, loop: Loop, message: CarriedMessage) -> None:
        self._stream = stream
        self._loop = loop
        self._message = message
        self._heard: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._notifier = loop.notifier()

    async def serve(self, app: ASGIApp) -> None:
        async with self._loop.nursery() as nursery:
            nursery.start_soon(self._read)
            scope = _scope("websocket", self._stream, self._message)
            await app(
                scope | {"subprotocols": [], "extensions": {"websocket.http.response": {}}}, self._hear, self._say
            )
            nursery.cancel_scope.cancel()

    async def _read(self) -> None:
        try:
            while (message := await receive(self._stream.incoming)) is not None:
                if message.kind == "ping":
                    send(self._stream.outgoing, CarriedMessage("pong"))
                else:
                    self._tell({"type": "websocket.receive", "text": message.body})
        except trio.BrokenResourceError:
            pass
        self._tell({"type": "websocket.disconnect", "code": 1006})

    def _tell(self, event: dict[str, Any]) -> None:
        self._heard.append(event)
        self._notifier.wake()

    async def _hear(self) -> dict[str, Any]:
        while not self._heard:
            await self._notifier.wait()
        return self._heard.popleft()

    async def _say(self, event: Any) -> None:
        pipe = self._stream.outgoing
        match event["type"]:
            case "websocket.accept":
                send(pipe, CarriedMessage("accept"))
            case "websocket.send":
                if not send(pipe, CarriedMessage("text", body=event["text"])):
                    raise OSError("the client has gone")
            case "websocket.close":
                send(pipe, CarriedMessage("close", {"code": event["code"], "reason": event.get("reason") or ""}))
                pipe.end()
            case "websocket.http.response.start":
                send(pipe, CarriedMessage("denied", {"status": event["status"]}))
                pipe.end()


def _scope(kind: str, stream: Stream, message: CarriedMessage) -> dict[str, Any]:
    key = message.head.get("key")
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": message.head["path"],
        "raw_path": message.head["path"].encode(),
        "query_string": message.head["query"].encode(),
        "root_path": "",
        "headers": [] if key is None else [(b"x-session-api-key", key.encode())],
        "client": stream.socket.getpeername(),
        "server": stream.socket.getsockname(),
    }
