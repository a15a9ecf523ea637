"""The app: routes of the real server, over a world. The same object is served in memory and on a real port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from . import rest
from .events import encode
from .rest import Decide, RestCalls
from .websocket import serve_events_socket, serve_session_socket

if TYPE_CHECKING:
    from .world import World

Handler = Callable[[Request], Awaitable[Response]]


def create_app(world: World) -> ASGIApp:
    """The ASGI app of a world. What it raises is kept by the world and raised when the world ends."""
    calls = RestCalls(world)

    def call(name: str, decide: Decide) -> Handler:
        async def handler(request: Request) -> Response:
            return await calls.handle(name, decide, request)

        return handler

    def constant(answer: dict[str, str]) -> Handler:
        text = encode(answer).encode()

        async def handler(request: Request) -> Response:
            return Response(text, media_type="application/json")

        return handler

    async def events_socket(websocket: WebSocket) -> None:
        await serve_events_socket(world, websocket)

    async def session_socket(websocket: WebSocket) -> None:
        await serve_session_socket(world, websocket)

    one = "/api/conversations/{conversation_id}"
    routes = [
        Route(f"{one}/events/search", call("search", rest.search)),
        Route(f"{one}/events/count", call("count", rest.count)),
        Route(f"{one}/events/{{event_id}}", call("event", rest.event)),
        Route(f"{one}/events", call("message", rest.message), methods=["POST"]),
        Route(f"{one}/run", call("run", rest.run), methods=["POST"]),
        Route(f"{one}/pause", call("pause", rest.pause), methods=["POST"]),
        Route(f"{one}/interrupt", call("interrupt", rest.pause), methods=["POST"]),
        Route(one, call("conversation", rest.conversation)),
        Route(one, call("delete", rest.delete), methods=["DELETE"]),
        Route("/api/conversations", call("create", rest.create), methods=["POST"]),
        Route("/health", constant({"status": "ok"})),
        Route("/alive", constant({"status": "ok"})),
        Route("/ready", constant({"status": "ready"})),
        Route("/server_info", constant({"title": "OpenHands Agent Server", "version": world.settings.version})),
        WebSocketRoute("/sockets/events/{conversation_id}", events_socket),
        WebSocketRoute("/sockets/session/{conversation_id}", session_socket),
    ]

    def crashed(request: Request, error: Exception) -> Response:
        # A crash of the fake must not pass for a fault of the network.
        world.crashed(error)
        return Response('{"detail":"Internal Server Error"}', 500, media_type="application/json")

    inner = Starlette(routes=routes, exception_handlers={Exception: crashed})

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await inner(scope, receive, send)
        except Exception as error:
            world.crashed(error)

    return guarded
