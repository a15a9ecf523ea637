"""A minimal client for tests of the server: raw httpx and trio-websocket, no cleverness."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from gapless.simserver import World, run_deterministic

Json = dict[str, Any]


def event_of(frame: Json) -> Json:
    """The event in a frame of either socket; empty for one without."""
    event: Json = frame.get("event", {}) if "type" in frame else frame
    return event


def is_snapshot(status: str) -> Callable[[Json], bool]:
    """Is a frame the full_state with that status?"""

    def check(frame: Json) -> bool:
        event = event_of(frame)
        return event.get("key") == "full_state" and event["value"]["execution_status"] == status

    return check


class Socket:
    """One open WebSocket, and every frame that it gave."""

    def __init__(self, websocket: Any) -> None:
        self.websocket = websocket
        self.frames: list[Json] = []

    async def next(self) -> Json:
        frame: Json = json.loads(await self.websocket.get_message())
        self.frames.append(frame)
        return frame

    async def until(self, wanted: Callable[[Json], bool]) -> list[Json]:
        """Read up to the frame that is wanted; everything read by then."""
        while not wanted(await self.next()):
            pass
        return self.frames

    async def for_seconds(self, seconds: float) -> list[Json]:
        """Whatever comes in that time."""
        before = len(self.frames)
        with trio.move_on_after(seconds):
            while True:
                await self.next()
        return self.frames[before:]

    async def closed(self) -> Any:
        """Read to the end; the close code and reason, None when there were none."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as error:
            return error.reason


class Visit:
    """A client's view of a running world."""

    def __init__(self, world: World, http: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        self.world = world
        self.http = http
        self.nursery = nursery
        self.base = f"/api/conversations/{world.conversation_id}"

    async def socket(self, query: str = "", *, path: str | None = None, **options: Any) -> Socket:
        if path is None:
            kind = "session" if self.world.settings.has_session_socket else "events"
            path = f"/sockets/{kind}/{self.world.conversation_id}"
        stream: Any = await self.world.connections.dial("agent.test", 80)
        return Socket(await wrap_client_stream(self.nursery, stream, "agent.test", path + query, **options))

    async def handshake(self, path: str) -> tuple[int, trio.abc.Stream]:
        """A bare WebSocket handshake: its status, and the stream. (A refusal kills trio-websocket's nursery.)"""
        stream = await self.world.connections.dial("agent.test", 80)
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: agent.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        return int((await stream.receive_some()).split()[1]), stream

    async def send(self, text: str = "hello", *, run: bool = False) -> httpx.Response:
        body = {"role": "user", "content": [{"type": "text", "text": text}], "run": run}
        return await self.http.post(f"{self.base}/events", json=body)

    async def run(self) -> httpx.Response:
        return await self.http.post(f"{self.base}/run")

    async def get(self, path: str = "", **query: Any) -> httpx.Response:
        return await self.http.get(self.base + path, params=query)

    async def search(self, **query: Any) -> Json:
        response = await self.get("/events/search", **query)
        assert response.status_code == 200, response.text
        page: Json = response.json()
        return page


def visit(world: World, script: Callable[[Visit], Awaitable[None]], *, seed: int = 1) -> World:
    """Run a script against a world, in virtual time. Raises what the script raises."""

    async def main() -> None:
        raised: BaseException | None = None
        headers = {} if world.api_key is None else {"X-Session-API-Key": world.api_key}
        async with (
            world.running(),
            httpx.AsyncClient(
                transport=world.connections.http_transport(), base_url=world.base_url, headers=headers, timeout=None
            ) as http,
            trio.open_nursery() as nursery,
        ):
            try:
                await script(Visit(world, http, nursery))
            except Exception as error:
                raised = error
            nursery.cancel_scope.cancel()
        if raised is not None:
            raise raised

    run_deterministic(main, seed=seed)
    return world


def entries(world: World, place: str, what: str) -> list[Json]:
    """The fields of the journal's entries of one sort."""
    return [entry.fields for entry in world.journal if (entry.place, entry.what) == (place, what)]


def log_ids(world: World) -> list[str]:
    return world.agent.log.ids()
