"""A user's client, without a socket: it asks REST for everything. In two kinds: waiting in asyncio or trio, and waiting
in its own thread. The tests copy this file to where the user's tests are."""

from __future__ import annotations

import time
from typing import Any

import anyio
import httpx


class GaveUp(Exception):
    """The client's own error."""


class Waits:
    """Waits without async. ``bug``: how it differs from a good one."""

    errors = (GaveUp,)

    def __init__(self, server: Any, bug: str = "") -> None:
        self._bug = bug
        self._ids: list[str] = []
        self._http = httpx.Client(base_url=f"{server.url}/api/conversations")
        self._id = server.conversation_id

    def attach(self) -> None:
        if self._bug == "crash":
            raise KeyError("items")
        if self._bug == "hang":
            time.sleep(3600)
        self._read()

    def send(self, text: str) -> None:
        content = [{"type": "text", "text": text}]
        self._http.post(f"{self._id}/events", json={"role": "user", "content": content}).raise_for_status()

    def run(self) -> None:
        if self._bug == "gives up":
            raise GaveUp("nobody answered")
        self._http.post(f"{self._id}/run").raise_for_status()
        for awaited in ("running", "finished"):
            while self._http.get(self._id).json()["execution_status"] != awaited:
                time.sleep(0.002)
        time.sleep(0.05)  # for the server's last word
        self._read()
        if self._bug == "loses":
            del self._ids[-3:-1]

    def close(self) -> None:
        self._http.close()

    def held(self) -> list[str]:
        return self._ids

    def _read(self) -> None:
        page = self._http.get(f"{self._id}/events/search", params={"limit": "100"}).json()
        self._ids = [event["id"] for event in page["items"]]


class Awaits:
    """The same with async, on any event loop; and what it holds are events."""

    errors = (GaveUp,)

    def __init__(self, server: Any, bug: str = "") -> None:
        self._bug = bug
        self._log: list[dict[str, Any]] = []
        self._http = httpx.AsyncClient(base_url=f"{server.url}/api/conversations")
        self._id = server.conversation_id

    async def attach(self) -> None:
        if self._bug == "crash":
            raise KeyError("items")
        if self._bug == "hang":
            await anyio.sleep_forever()
        await self._read()

    async def send(self, text: str) -> None:
        content = [{"type": "text", "text": text}]
        (await self._http.post(f"{self._id}/events", json={"role": "user", "content": content})).raise_for_status()

    async def run(self) -> None:
        (await self._http.post(f"{self._id}/run")).raise_for_status()
        for awaited in ("running", "finished"):
            while (await self._http.get(self._id)).json()["execution_status"] != awaited:
                await anyio.sleep(0.002)
        await anyio.sleep(0.05)
        await self._read()
        if self._bug == "loses":
            del self._log[-3:-1]

    async def close(self) -> None:
        await self._http.aclose()

    def held(self) -> list[dict[str, Any]]:
        return self._log

    async def _read(self) -> None:
        page = (await self._http.get(f"{self._id}/events/search", params={"limit": "100"})).json()
        self._log = page["items"]
