"""The ASGI app: the routes of the real server, over a world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from gapless.simserver.conversation.event_bodies import encode
from gapless.simserver.protocol import client_calls, rest
from gapless.simserver.protocol.rest import Decide
from gapless.simserver.protocol.rest_calls import RestCalls
from gapless.simserver.protocol.served_world import ServedWorld
from gapless.simserver.protocol.websocket import serve_events_socket, serve_session_socket

# Calls about what the simulated agent does not have.
_TAKEN: Final = ("condense", "switch_profile", "switch_llm", "goal", "goal/stop")
# What the real server answers to a browser that asks before a call from another origin.
_CORS: Final = {
    "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    "access-control-max-age": "600",
    "access-control-allow-credentials": "true",
    "vary": "Origin",
}
Handler = Callable[[Request], Awaitable[Response]]


def create_app(world: ServedWorld) -> ASGIApp:
    """The ASGI app of a world. The world records what a handler raises, and raises it when the world ends."""
    calls = RestCalls(world)
    inner = _app()

    async def of_this_world(scope: Scope, receive: Receive, send: Send) -> None:
        scope["gapless"] = (world, calls, send)
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await _preflight(Request(scope))(scope, receive, send)
            return
        if scope["type"] == "http" and any(name == b"origin" for name, _ in scope["headers"]):
            send = _with_origin(Request(scope), send)
        try:
            await inner(scope, receive, send)
        except Exception as error:
            world.process.crashed(error)

    return of_this_world


def _preflight(request: Request) -> Response:
    """The answer to a browser that asks whether it may make a call."""
    origin = request.headers.get("origin")
    if origin is None or "access-control-request-method" not in request.headers:
        return Response(status_code=405)
    asked = request.headers.get("access-control-request-headers")
    headers = {**_CORS, "access-control-allow-origin": origin}
    return Response("OK", 200, headers | ({"access-control-allow-headers": asked} if asked else {}))


def _with_origin(request: Request, send: Send) -> Send:
    """Sends answers that a browser of another origin may read. Other clients see no difference."""
    origin = request.headers.get("origin")
    if origin is None:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true", "vary": "Origin"}
            fields = [(name.encode(), value.encode()) for name, value in more.items()]
            message = {**message, "headers": [*message.get("headers", ()), *fields]}
        await send(message)

    return sending


@lru_cache(maxsize=1)
def _app() -> Starlette:
    """The routes. They are compiled once for all worlds; a handler finds its world in the ASGI scope."""
    one = "/api/conversations/{conversation_id}"
    routes = [
        # Before the routes with an id in the same place.
        Route("/api/conversations/search", _call("conversations", client_calls.search_conversations)),
        Route("/api/conversations/count", _call("conversations", client_calls.count_conversations)),
        Route(f"{one}/events/search", _call("search", rest.search)),
        Route(f"{one}/events/count", _call("count", rest.count)),
        Route(f"{one}/events/respond_to_confirmation", _call("confirm", client_calls.confirm), methods=["POST"]),
        Route(f"{one}/events/{{event_id}}", _call("event", rest.event)),
        Route(f"{one}/events", _call("message", rest.message), methods=["POST"]),
        Route(f"{one}/events", _call("events", client_calls.several_events)),
        Route(f"{one}/navigate", _call("navigate", client_calls.navigate), methods=["POST"]),
        Route(f"{one}/fork", _call("fork", client_calls.fork), methods=["POST"]),
        Route(f"{one}/ask_agent", _call("ask", client_calls.ask_agent), methods=["POST"]),
        Route(f"{one}/agent_final_response", _call("final-response", client_calls.final_response)),
        *(Route(f"{one}/{name}", _call("setting", client_calls.taken), methods=["POST"]) for name in _TAKEN),
        Route(f"{one}/run", _call("run", rest.run), methods=["POST"]),
        Route(f"{one}/secrets", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/confirmation_policy", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/security_analyzer", _call("setting", rest.setting), methods=["POST"]),
        Route(f"{one}/pause", _call("pause", rest.pause), methods=["POST"]),
        Route(f"{one}/interrupt", _call("interrupt", rest.pause), methods=["POST"]),
        Route(one, _call("conversation", rest.conversation)),
        Route(one, _call("delete", rest.delete), methods=["DELETE"]),
        Route(one, _call("patch", client_calls.patch), methods=["PATCH"]),
        Route("/api/conversations", _call("conversations", client_calls.several_conversations)),
        Route("/api/hooks", _call("hooks", client_calls.hooks), methods=["POST"]),
        Route("/api/file/download-trajectory/{conversation_id}", _call("trajectory", client_calls.trajectory)),
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
