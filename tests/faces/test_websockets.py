"""A WebSocket on each loop, against servers that do what servers do: the same messages, the same words for losses."""

from __future__ import annotations

import asyncio
import http
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager

import anyio
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from gapless.syncclient.errors import ProtocolViolation
from gapless.syncclient.network.http_and_websocket import Network
from gapless.syncclient.network.transport import SocketLost
from gapless.syncclient.settings import Settings

Handler = Callable[[ServerConnection], Awaitable[None]]
Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
each_loop = pytest.mark.parametrize("loop", ["asyncio", "trio"])


@contextmanager
def listening(start: Callable[[], Awaitable[asyncio.Server | Server]]) -> Iterator[str]:
    """A server in a thread of its own; its address."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def main() -> None:
        server, ending = await start(), asyncio.Event()
        address = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        started.set_result((address, asyncio.get_running_loop(), ending))
        await ending.wait()
        server.close()
        async with asyncio.timeout(5):
            await server.wait_closed()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    address, loop, ending = started.result(10)
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)


@contextmanager
def websockets_server(handler: Handler, status: int | None = None) -> Iterator[str]:
    """A server of the library websockets; `status`: with which it refuses."""

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        return None if status is None else connection.respond(http.HTTPStatus(status), "no")

    async def start() -> Server:
        return await serve(handler, "127.0.0.1", 0, process_request=refuse, close_timeout=0.1)

    with listening(start) as address:
        yield address


@contextmanager
def tcp_server(streams: Streams) -> Iterator[str]:
    """A server that is none of WebSocket's."""
    with listening(lambda: asyncio.start_server(streams, "127.0.0.1", 0)) as address:
        yield address


def received(
    loop: str, address: str, *, api_key: str | None = None, query: Mapping[str, str] | None = None, **settings: float
) -> list[str]:
    """Everything that a client receives, and at last why the connection was lost."""
    found: list[str] = []

    async def main() -> None:
        network = Network(address, Settings(**settings), api_key=api_key)  # type: ignore[arg-type]  # each is a number
        try:
            async with network.socket("/sockets/x", query=query or {}) as socket:
                while True:
                    try:
                        found.append(await socket.receive())
                    except ProtocolViolation as error:
                        found.append(f"violation: {error}")
        except SocketLost as lost:
            found.append(f"lost {lost.code}: {lost}")
        finally:
            await network.aclose()

    async def limited() -> None:
        with anyio.fail_after(20):
            await main()

    anyio.run(limited, backend=loop)
    return found


@each_loop
def test_messages_arrive_whole_and_in_order_and_a_close_has_its_code(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        assert connection.request is not None
        await connection.send(f"{connection.request.path} {connection.request.headers['X-Session-API-Key']}")
        await connection.send(["in ", "three ", "parts"])
        await connection.send(b"bytes of text")
        await connection.send(b"\xff")
        await connection.send("")
        await connection.send("x" * 200_000)
        await connection.close(4004, "gone")

    with websockets_server(handler) as address:
        found = received(loop, address, api_key="key", query={"after_seq": "-1"})
    assert found == [
        "/sockets/x?after_seq=-1 key",
        "in three parts",
        "bytes of text",
        "violation: a binary frame is not UTF-8",
        "",
        "x" * 200_000,
        "lost 4004: closed with code 4004 (gone)",
    ]


@each_loop
def test_a_ping_of_the_server_is_answered(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await (await connection.ping())
        await connection.send("answered")
        await connection.close()

    with websockets_server(handler) as address:
        assert received(loop, address) == ["answered", "lost 1000: closed with code 1000"]


@each_loop
def test_a_connection_that_breaks_off_is_lost(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("one")
        await connection.send("two")
        connection.transport.close()

    with websockets_server(handler) as address:
        assert received(loop, address) == ["one", "two", "lost 1006: closed with code 1006"]


@each_loop
def test_a_server_that_answers_no_ping_is_given_up(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await asyncio.sleep(0.5)
        connection.transport.abort()

    with websockets_server(handler) as address:
        found = received(loop, address, ping_interval_s=0.05, ping_timeout_s=0.1)
    assert found == ["lost None: no answer to a ping in 0.1 s"]


@each_loop
def test_a_server_that_answers_pings_is_kept(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await asyncio.sleep(0.5)
        await connection.send("still here")
        await connection.close()

    with websockets_server(handler) as address:
        found = received(loop, address, ping_interval_s=0.05, ping_timeout_s=0.4)
    assert found == ["still here", "lost 1000: closed with code 1000"]


@each_loop
def test_a_frame_beyond_the_bound_is_refused_with_1009(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        await connection.send("x" * 5000)
        await connection.wait_closed()

    with websockets_server(handler) as address:
        (lost,) = received(loop, address, frame_size_bytes_max=4000)
    assert lost.startswith("lost 1009: closed with code 1009")


@each_loop
@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_a_refused_handshake_has_its_status(loop: str, status: int) -> None:
    async def handler(connection: ServerConnection) -> None:
        raise AssertionError("it was refused")

    with websockets_server(handler, status) as address:
        assert received(loop, address) == [f"lost None: handshake refused with status {status}"]


@each_loop
def test_a_connection_that_ends_in_the_handshake_is_no_time_out(loop: str) -> None:
    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    with tcp_server(streams) as address:
        assert received(loop, address) == ["lost None: the connection broke off in the handshake"]


@each_loop
def test_a_handshake_without_an_answer_is_given_up(loop: str) -> None:
    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with tcp_server(streams) as address:
        assert received(loop, address, handshake_timeout_s=0.1) == ["lost None: no handshake in 0.1 s"]


@each_loop
@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n", b"\xff" * 100_000])
def test_an_answer_that_is_no_handshake_is_a_failed_one(loop: str, answer: bytes) -> None:
    async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    with tcp_server(streams) as address:
        (lost,) = received(loop, address)
    assert lost.startswith("lost None: ")


@each_loop
def test_frames_that_break_the_protocol_end_the_connection(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.write(b"\xf1\x00")  # reserved bits
        await connection.wait_closed()

    with websockets_server(handler) as address:
        (lost,) = received(loop, address)
    assert lost.startswith("lost 1002: closed with code 1002")


@each_loop
def test_text_that_is_not_utf_8_ends_the_connection(loop: str) -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.write(b"\x81\x02\xff\xff")
        await connection.wait_closed()

    with websockets_server(handler) as address:
        (lost,) = received(loop, address)
    assert lost.startswith("lost 1007: closed with code 1007")


@each_loop
def test_nobody_there_is_a_failed_handshake(loop: str) -> None:
    (lost,) = received(loop, "http://127.0.0.1:9")
    assert lost.startswith("lost None: handshake failed: ")
