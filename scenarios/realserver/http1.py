"""HTTP/1.1 messages over trio streams, with h11: whole requests and whole answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import h11
import trio

CHUNK_BYTES = 64 * 1024
Headers = list[tuple[bytes, bytes]]


class BrokenOff(Exception):
    """The other end left in the middle of a message."""


@dataclass(slots=True)
class RelayedRequest:
    """A request. ``target``: as on the request line; ``headers``: as they came, in their order."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header; ``name`` in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def path(self) -> str:
        """The target up to its query, whatever a client wrote there: it need not be a path of a URL."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after the first question mark."""
        return self.target.partition("?")[2]

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for a WebSocket."""
        return (self.header(b"upgrade") or b"").lower() == b"websocket"


@dataclass(slots=True)
class HttpAnswer:
    """An answer. ``trailing``: what came after a 101, which is not HTTP any more."""

    status: int
    headers: Headers
    body: bytes = b""
    reason: bytes = b""
    trailing: bytes = field(default=b"", repr=False)


class ServerSide:
    """Reads requests from a client's connection, and answers them."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=CHUNK_BYTES)

    async def read(self) -> RelayedRequest | None:
        """The next request; None when the client leaves, or asked to close after the last answer."""
        if self._state.our_state is h11.MUST_CLOSE:
            return None
        if self._state.our_state is h11.DONE:
            self._state.start_next_cycle()
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        request = RelayedRequest(head.method.decode(), head.target.decode(), list(head.headers.raw_items()))
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None
            request.body += bytes(event.data)
        return request

    async def answer(self, answer: HttpAnswer) -> None:
        """Answer the last request."""
        head = h11.Response(status_code=answer.status, headers=answer.headers, reason=answer.reason)
        data = self._state.send(head) or b""
        data += self._state.send(h11.Data(data=answer.body)) or b""
        data += self._state.send(h11.EndOfMessage()) or b""
        await self._stream.send_all(data)

    async def switch(self, answer: HttpAnswer) -> bytes:
        """Answer with 101; what the client has sent since its request is returned."""
        head = h11.InformationalResponse(status_code=answer.status, headers=answer.headers, reason=answer.reason)
        await self._stream.send_all(self._state.send(head) or b"")
        return bytes(self._state.trailing_data[0])

    async def _event(self) -> Any:
        return await _next_event(self._state, self._stream)


class ClientSide:
    """Sends requests to the server, and reads its answers."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=CHUNK_BYTES)

    @property
    def stream(self) -> trio.abc.Stream:
        return self._stream

    async def ask(self, request: RelayedRequest) -> HttpAnswer:
        """Send a request, and read the whole answer. Raises BrokenOff when the server leaves before its end."""
        if self._state.our_state is h11.DONE:
            self._state.start_next_cycle()
        head = h11.Request(method=request.method, target=request.target, headers=request.headers)
        data = self._state.send(head) or b""
        if request.body:
            data += self._state.send(h11.Data(data=request.body)) or b""
        data += self._state.send(h11.EndOfMessage()) or b""
        try:
            await self._stream.send_all(data)
            return await self._answer()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError) as error:
            raise BrokenOff(str(error)) from error

    @property
    def can_go_on(self) -> bool:
        """Whether another request may be sent."""
        return self._state.our_state is h11.DONE and self._state.their_state is h11.DONE

    async def _answer(self) -> HttpAnswer:
        head = await _next_event(self._state, self._stream)
        if isinstance(head, h11.InformationalResponse):
            trailing = bytes(self._state.trailing_data[0])
            return HttpAnswer(head.status_code, list(head.headers.raw_items()), b"", bytes(head.reason), trailing)
        if not isinstance(head, h11.Response):
            raise BrokenOff("the connection ended before an answer")
        answer = HttpAnswer(head.status_code, list(head.headers.raw_items()), b"", bytes(head.reason))
        while not isinstance(event := await _next_event(self._state, self._stream), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise BrokenOff("the connection ended in an answer")
            answer.body += bytes(event.data)
        return answer


async def _next_event(state: h11.Connection, stream: trio.abc.Stream) -> Any:
    while (event := state.next_event()) is h11.NEED_DATA:
        state.receive_data(bytes(await stream.receive_some(CHUNK_BYTES)))
    return event


def plain(status: int, text: str, reason: bytes = b"", extra: Headers | None = None) -> HttpAnswer:
    """A JSON answer."""
    body = text.encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json"), *(extra or ())]
    return HttpAnswer(status, headers, body, reason)
