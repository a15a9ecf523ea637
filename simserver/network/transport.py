"""An httpx transport that dials in memory.

It uses the real httpx and httpcore, but no socket and no SSL context. httpx's own transport always builds an SSL
context. This takes 20 ms, which is more than a whole simulated run.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import contextmanager
from math import inf
from typing import Any

import httpcore
import httpx
import trio

from gapless.simserver.network.streams import Stream

DialStream = Callable[[str, int], Awaitable[Stream]]

# httpcore's errors and the errors of the same name in httpx, the most specific first.
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ReadTimeout, httpx.ReadTimeout),
    (httpcore.WriteTimeout, httpx.WriteTimeout),
    (httpcore.PoolTimeout, httpx.PoolTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (httpcore.LocalProtocolError, httpx.LocalProtocolError),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.UnsupportedProtocol, httpx.UnsupportedProtocol),
)


class MemoryTransport(httpx.AsyncBaseTransport):
    """An httpx transport whose connections come from ``dial``.

    Idle connections never expire, because httpcore would read the wall clock to expire them.
    """

    def __init__(self, dial: DialStream) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=MemoryBackend(dial), keepalive_expiry=None, max_connections=100
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, AsyncIterable)
        url = request.url
        with _mapped_errors():
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    method=request.method,
                    url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(response.stream, AsyncIterable)
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_ResponseStream(response.stream),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _ResponseStream(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _mapped_errors():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()


@contextmanager
def _mapped_errors() -> Any:
    try:
        yield
    except Exception as error:
        for foreign, ours in _ERRORS:
            if isinstance(error, foreign):
                raise ours(str(error)) from error
        raise


class MemoryBackend(httpcore.AsyncNetworkBackend):
    """A network backend for httpcore, whose connections come from ``dial``."""

    def __init__(self, dial: DialStream) -> None:
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(inf if timeout is None else timeout):
                return MemoryNetworkStream(await self._dial(host, port))
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout("dialling took too long") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("the simulated network has no unix sockets")

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class MemoryNetworkStream(httpcore.AsyncNetworkStream):
    """A network stream for httpcore, over a `Stream` in memory."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            if timeout is None:
                return await self._stream.receive_some(max_bytes)
            return await self._stream.receive_some(max_bytes, until_s=trio.current_time() + timeout)
        except trio.TooSlowError as error:
            raise httpcore.ReadTimeout(f"no data for {timeout} s") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            if timeout is None or self._stream.outgoing.has_room:
                await self._stream.send_all(buffer)
                return
            with trio.fail_after(timeout):
                await self._stream.send_all(buffer)
        except trio.TooSlowError as error:
            raise httpcore.WriteTimeout(f"no room for {timeout} s") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._stream.close()

    async def start_tls(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("the simulated network speaks plain HTTP only")

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._stream.incoming.readable()
        return None
