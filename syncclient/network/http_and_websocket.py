"""The transport: REST by httpx, on either loop, and WebSockets by the library of the loop that runs.

The exceptions of httpx are mapped here. The public interface has it in signatures; no other file uses it.
"""

from __future__ import annotations

import functools
import math
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlencode, urlsplit

import anyio
import httpx

from gapless.syncclient.errors import SettingsError, SyncError, WrongLoop
from gapless.syncclient.network.event_loop import is_of_another_loop, supported_loop
from gapless.syncclient.network.transport import Dial, RequestBroken, Response, Socket, SocketRequest
from gapless.syncclient.settings import Settings

BODY_TIMEOUTS_MAX = 3
"""An answer whose body goes on coming may take so many times `request_timeout_s`."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # shared, since each takes 20 ms to make


class Network:
    """REST and WebSockets of the server at `base_url`.

    `api_key` is sent with every request and handshake as `X-Session-API-Key`. `http_transport` and `dial` replace TCP,
    for example by streams in memory.
    """

    def __init__(
        self,
        base_url: str,
        settings: Settings,
        *,
        api_key: str | None = None,
        http_transport: httpx.AsyncBaseTransport | None = None,
        dial: Dial | None = None,
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise SettingsError(f"base_url is {base_url!r}; give http://host:port or https://host:port")
        self._settings = settings
        self._is_tls = url.scheme == "https"
        self._host = url.hostname
        self._port = url.port or (443 if self._is_tls else 80)
        self._prefix = url.path.rstrip("/")
        self._headers = {} if api_key is None else {"X-Session-API-Key": api_key}
        self._dial = dial
        self._base = f"{url.scheme}://{url.netloc}{self._prefix}"
        self._is_traced = False
        """Whether the transport tells what it does, as httpcore does: known from the first request on."""
        self._http = httpx.AsyncClient(
            base_url=self._base,
            headers=self._headers,
            timeout=settings.request_timeout_s,
            transport=http_transport,
            verify=_tls() if self._is_tls else _no_tls(),
        )

    async def request(self, method: str, path: str, *, query: Mapping[str, str], body: object | None) -> Response:
        """One HTTP exchange.

        Raises `RequestBroken` if nothing came within `request_timeout_s`, or the body within `BODY_TIMEOUTS_MAX` of it.
        """
        what = f"{method} {path}"
        has_begun = False

        async def trace(event_name: str, info: Mapping[str, object]) -> None:
            nonlocal has_begun
            self._is_traced = True
            has_begun = has_begun or event_name.endswith("send_request_headers.started")

        try:
            with anyio.fail_after(self._settings.request_timeout_s) as scope:
                url = _url_of(self._base + path, tuple(query.items()))
                answers = self._http.stream(method, url, json=body, extensions={"trace": trace})
                async with answers as answer:
                    read = await self._read(answer, what, scope)
                    return Response(answer.status_code, read, _retry_after_s(answer.headers))
        except TimeoutError as error:
            limit_s = self._settings.request_timeout_s
            was_sent = has_begun or not self._is_traced  # not if the process was suspended before it wrote anything
            raise RequestBroken(f"{what}: no answer in {limit_s:g} s", was_sent=was_sent) from error
        except httpx.HTTPError as error:
            was_sent = not isinstance(error, _NEVER_SENT)
            reason = str(error) or type(error).__name__
            raise RequestBroken(f"{what}: {reason}", was_sent=was_sent) from error
        except SyncError:
            raise
        except Exception as error:  # whatever a library makes of what a server sent is a broken request
            if is_of_another_loop(error):
                raise WrongLoop(
                    f"transport is made for another event loop than {supported_loop()} ({error}); "
                    "leave it out, or give one that runs on this loop"
                ) from error
            raise RequestBroken(f"{what}: {error or type(error).__name__}", was_sent=True) from error

    async def _read(self, answer: httpx.Response, what: str, scope: anyio.CancelScope) -> bytes:
        """The body of an answer, decoded. Raises `RequestBroken` as soon as it is too large.

        Each part extends the time, for a thin line brings a page slowly.
        """
        body = bytearray()
        limit_s = self._settings.request_timeout_s
        last_s = scope.deadline + (BODY_TIMEOUTS_MAX - 1) * limit_s
        async for chunk in answer.aiter_bytes():
            body += chunk
            scope.deadline = min(anyio.current_time() + limit_s, last_s)
            if len(body) > self._settings.body_size_bytes_max:
                limit = self._settings.body_size_bytes_max
                raise RequestBroken(f"{what}: the body is larger than body_size_bytes_max ({limit})", was_sent=True)
        return bytes(body)

    def socket(self, path: str, *, query: Mapping[str, str]) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket, opened within `handshake_timeout_s`. Entering raises `SocketLost` if that fails."""
        resource = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        tls = _tls() if self._is_tls else None
        request = SocketRequest(self._host, self._port, resource, self._headers, tls, self._dial)
        # The library of the other loop is not loaded, and need not be installed.
        if supported_loop() == "trio":
            from gapless.syncclient.network import websocket_on_trio

            return websocket_on_trio.open_socket(request, self._settings)
        from gapless.syncclient.network import websocket_on_asyncio

        return websocket_on_asyncio.open_socket(request, self._settings)

    async def aclose(self) -> None:
        """Close the HTTP connections. WebSockets are closed by their own blocks."""
        await self._http.aclose()


@functools.lru_cache(maxsize=256)
def _url_of(text: str, query: tuple[tuple[str, str], ...]) -> httpx.URL:
    # httpx reads a relative URL three times for each request, and a client that polls asks for few URLs.
    return httpx.URL(text, params=query or None)


@functools.cache
def _no_tls() -> ssl.SSLContext:
    # httpx wants a context even if none is used. This one is cheap, because it loads no certificates.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _retry_after_s(headers: httpx.Headers) -> float | None:
    """`Retry-After` in seconds (RFC 9110, 10.2.3). The date form is ignored: it needs synchronized clocks."""
    try:
        value = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
