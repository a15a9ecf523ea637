"""The ASGI app: the routes of the real server, over a world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gapless.simserver.conversation.event_bodies import encode
from gapless.simserver.protocol import rest
from gapless.simserver.protocol.rest import Decide, RestCalls
from gapless.simserver.protocol.served_world import ServedWorld
from gapless.simserver.protocol.websocket import serve_events_socket, serve_session_socket

Handler = Callable[[Request], Awaitable[Response]]


def create_app(world: ServedWorld) -> ASGIApp:
    """The ASGI app of a world. The world records what a handler raises, and raises it when the world ends."""
    calls = RestCalls(world)
    inner = _app()

    async def of_this_world(scope: Scope, receive: Receive, send: Send) -> None:
        scope["gapless"] = (world, calls, send)
        try:
            await inner(scope, receive, send)
        except Exception as error:
            world.process.crashed(error)

    return of_this_world


@lru_cache(maxsize=1)
def _app() -> Starlette:
    """The routes. They are compiled once for all worlds; a handler finds its world in the ASGI scope."""
    one = "/api/conversations/{conversation_id}"
    routes = [
        Route(f"{one}/events/search", _call("search", rest.search)),
        Route(f"{one}/events/count", _call("count", rest.count)),
        Route(f"{one}/events/{{event_id}}", _call("event", rest.event)),
        Route(f"{one}/events", _call("message", rest.message), methods=["POST"]),
        Route(f"{one}/run", _call("run", rest.run), methods=["POST"]),
        Route(f"{one}/secrets", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/confirmation_policy", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/security_analyzer", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/pause", _call("pause", rest.pause), methods=["POST"]),
        Route(f"{one}/interrupt", _call("interrupt", rest.pause), methods=["POST"]),
        Route(one, _call("conversation", rest.conversation)),
        Route(one, _call("delete", rest.delete), methods=["DELETE"]),
        Route("/api/conversations", _call("create", rest.create), methods=["POST"]),
        Route("/health", _constant(lambda world: {"status": "ok"})),
        Route("/alive", _constant(lambda world: {"status": "ok"})),
        Route("/ready", _constant(lambda world: {"status": "ready"})),
        Route("/server_info", _constant(_server_info)),
        WebSocketRoute("/sockets/events/{conversation_id}", _events_socket),
        WebSocketRoute("/sockets/session/{conversation_id}", _session_socket),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: _crashed})


def _call(name: str, decide: Decide) -> Handler:
    async def handler(request: Request) -> Response:
        calls: RestCalls = request.scope["gapless"][1]
        return await calls.handle(name, decide, request)

    return handler


def _constant(answer: Callable[[ServedWorld], dict[str, str]]) -> Handler:
    async def handler(request: Request) -> Response:
        return Response(encode(answer(request.scope["gapless"][0])), media_type="application/json")

    return handler


def _server_info(world: ServedWorld) -> dict[str, str]:
    return {"title": "OpenHands Agent Server", "version": world.settings.version}


async def _events_socket(websocket: WebSocket) -> None:
    world, _, send = websocket.scope["gapless"]
    await serve_events_socket(world, websocket, send)


async def _session_socket(websocket: WebSocket) -> None:
    world, _, send = websocket.scope["gapless"]
    await serve_session_socket(world, websocket, send)


def _crashed(request: Request, error: Exception) -> Response:
    # A crash of the fake server must not look like a simulated fault.
    request.scope["gapless"][0].process.crashed(error)
    return Response('{"detail":"Internal Server Error"}', 500, media_type="application/json")
