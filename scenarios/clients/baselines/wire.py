"""The protocol as the baselines speak it: plain httpx and trio-websocket over the simulated network.

There is no strategy here. This is a second implementation of the wire contract, independent of the sync client's, so
that a mistake in one of them does not hide in both.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import trio
import trio_websocket

from gapless.scenarios.clients.contract import ClientContext, Event

PAGE_EVENTS = 100
PAGES_MAX = 1000
REQUEST_TIMEOUT_S = 30
FULL_STATE = "full_state"
Query = tuple[tuple[str, str], ...]


class BaselineError(Exception):
    """The typed error of every baseline: a call or a subscription failed."""


class Rejected(BaselineError):
    """The server answered with ``status``, which is not a success."""

    def __init__(self, status: int, what: str) -> None:
        self.status = status
        super().__init__(f"{what} was answered with {status}")


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of the log. ``next_page_id``: the cursor of the next page; None at the end of the log."""

    items: list[dict[str, Any]]
    next_page_id: str | None


class Wire:
    """The REST calls and the socket of one conversation."""

    def __init__(self, context: ClientContext) -> None:
        self._context = context
        self._url = f"{context.base_url}/api/conversations/{context.conversation_id}"
        self._headers = {"X-Session-API-Key": context.api_key} if context.api_key else {}
        self._http = httpx.AsyncClient(
            transport=context.http_transport(),
            headers=self._headers,
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()

    async def page(self, page_id: str | None = None) -> LogPage:
        """One ascending page of the log. Raises BaselineError."""
        query = {"limit": str(PAGE_EVENTS)} | ({"page_id": page_id} if page_id else {})
        body = await self._call("GET", "/events/search", query=tuple(query.items()))
        try:
            return LogPage(list(body["items"]), body["next_page_id"])
        except (TypeError, KeyError) as error:
            raise BaselineError(f"a page without items: {error!r}") from error

    async def pages(self, page_id: str | None = None) -> AsyncGenerator[LogPage, None]:
        """Pages from a cursor (or the head) to the end of the log. Raises BaselineError."""
        for _ in range(PAGES_MAX):
            page = await self.page(page_id)
            yield page
            if page.next_page_id is None:
                return
            page_id = page.next_page_id

    async def status(self) -> str:
        """The execution status that REST reports. Raises BaselineError."""
        body = await self._call("GET", "")
        try:
            return str(body["execution_status"])
        except (TypeError, KeyError) as error:
            raise BaselineError(f"a conversation without a status: {error!r}") from error

    async def post_message(self, text: str) -> None:
        """Send a user message. Raises BaselineError."""
        content = [{"type": "text", "text": text}]
        await self._call("POST", "/events", json={"role": "user", "content": content, "run": False})

    async def post_run(self) -> None:
        """Start a run. 409 is accepted: a run is in progress already. Raises BaselineError."""
        try:
            await self._call("POST", "/run")
        except Rejected as error:
            if error.status != 409:
                raise

    async def _call(self, method: str, path: str, query: Query = (), **options: Any) -> Any:
        what = f"{method} …{path}"
        try:
            response = await self._http.request(method, url_of(self._url + path, query), **options)
            if not response.is_success:
                raise Rejected(response.status_code, what)
            return response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise BaselineError(f"{what} failed: {error!r}") from error

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        """A subscription to live events. Raises BaselineError when it fails. Leaving waits for nothing."""
        address = urlsplit(self._context.base_url)
        host, port = address.hostname or "", address.port or 80
        resource = f"/sockets/events/{self._context.conversation_id}"
        headers = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        async with trio.open_nursery() as nursery:
            try:
                stream = await self._context.dial(host, port)
                connection = await trio_websocket.wrap_client_stream(
                    nursery, cast("trio.SocketStream", stream), host, resource, extra_headers=headers
                )
            except (OSError, trio.BrokenResourceError, trio_websocket.HandshakeError) as error:
                raise BaselineError(f"no socket: {error!r}") from error
            try:
                yield connection
            finally:
                nursery.cancel_scope.cancel()


@lru_cache(maxsize=256)
def url_of(text: str, query: Query) -> httpx.URL:
    """A URL as httpx reads it. That takes a fifth of a call, and a client that polls asks for few URLs."""
    return httpx.URL(text, params=query or None)


def is_snapshot(event: Event) -> bool:
    """Whether the event is a ``full_state`` snapshot. No log holds those."""
    return event.get("key") == FULL_STATE
