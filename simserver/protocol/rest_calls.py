"""Performs a REST call: journals it, lets the faults act, checks the key, and answers as `rest` decides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gapless.simserver.errors import IllegalTransition
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import (
    AnswerAsProxy,
    FaultVerdict,
    Hang,
    Malform,
    ResetCall,
)
from gapless.simserver.faults.verdicts import AnswerWith as AnswerInstead
from gapless.simserver.journal import Fields
from gapless.simserver.messages import call_message
from gapless.simserver.network.socket_name import FIRST_CLIENT, owned_by
from gapless.simserver.protocol import validation, wire
from gapless.simserver.protocol.rest import (
    Decide,
    RestAnswer,
    RestRequest,
)
from gapless.simserver.protocol.served_world import ServedWorld

# The calls that count in a budget: those by which a client learns what it may have missed.
COUNTED: Final = frozenset({"search", "count", "event", "conversation"})
BODY_S_MAX: Final = 60.0  # a body that is withheld for so long gets a 408
BODY_BYTES_MAX: Final = 4 * 1024 * 1024  # of a request; a message of 30,000 tokens is about 120 KB
LOGIN_PAGE: Final = "<!doctype html><html><body><h1>Sign in</h1></body></html>"
_NO_ENDS: Final[Fields] = {}
NOT_JSON: Final = "<html><body><h1>502 Bad Gateway</h1></body></html>"
# Writes go to the runtime, which may be missing; everything else is answered from disk.
_WRITES: Final = frozenset({"message", "run", "pause", "interrupt", "setting", "confirm", "navigate", "ask", "patch"})
# The status for an unknown conversation, by call, where the real server's detail does not name the conversation.
_UNKNOWN: Final = {"conversation": 404, "run": 404, "setting": 404, "delete": 400, "pause": 400, "interrupt": 400}
_PHRASES: Final = {404: "Not Found", 400: "Bad Request"}


class RestCalls:
    """Performs the REST calls of a world."""

    def __init__(self, world: ServedWorld) -> None:
        self._world = world
        self._cursor: str | None = None
        self._calls = 0

    async def handle(self, name: str, decide: Decide, request: Request) -> Response:
        """Perform one call: journal it, ask the faults, check the key, decide, answer."""
        world = self._world
        self._calls += 1
        call = self._calls
        path, query = request.url.path, request.url.query
        connection = world.connections.of(request.scope)
        client = FIRST_CLIENT if connection is None else connection.owner
        asked = {"call": call, "method": request.method, "path": path, "query": query, **owned_by(client)}
        world.journal.record("rest", "request", **asked, counted=name in COUNTED)
        world.link.progress.called_on_its_own(name)
        verdicts: list[FaultVerdict] = []
        if world.link.watches("call"):
            cursor = request.query_params.get("page_id")
            idle_s = 0.0 if connection is None else connection.idle_s(world.process.now_s())
            facts = Facts("call", f"call {call} {name}", call=name, client=client, cursor=cursor, idle_s=idle_s)
            verdicts = world.link.consult(facts)
        body = await self._body(request) if request.method in ("POST", "PATCH") else b""
        if isinstance(body, RestAnswer):
            return self._answer(request, call, body, {})
        world.journal.keep(call_message(call, "request"), request.headers.raw, body, from_client=True)
        headers: dict[str, str] = {}
        reset = next((verdict for verdict in verdicts if isinstance(verdict, ResetCall)), None)
        if reset is not None and reset.when == "before":
            return self._reset(request, call, RestAnswer(502, ""))
        answer = await self._reach(name, decide, request, body, verdicts, headers)
        ends = self._ends(answer)  # taken now: while the answer hangs, the log can be cut
        for verdict in verdicts:
            if isinstance(verdict, Malform):
                answer = RestAnswer(answer.status, malformed(answer.text, verdict), answer.events_read, answer.page)
            elif isinstance(verdict, Hang):
                await world.link.sleep_unless_healed(verdict.hang_s)
        if reset is not None:
            return self._reset(request, call, answer, ends)
        return self._answer(request, call, answer, headers, ends)

    async def _body(self, request: Request) -> bytes | RestAnswer:
        """The body of a request, or what is answered because it did not come, or not whole."""
        body: bytes | None = None
        try:
            with trio.move_on_after(BODY_S_MAX) as waiting:
                body = await _body(request)
        except ClientDisconnect:
            return RestAnswer(400, wire.detail("client disconnected"))
        if waiting.cancelled_caught:
            return RestAnswer(408, wire.detail("body: did not come"))
        return RestAnswer(413, wire.detail(f"body: over {BODY_BYTES_MAX} bytes")) if body is None else body

    async def _reach(
        self,
        name: str,
        decide: Decide,
        request: Request,
        body: bytes,
        verdicts: list[FaultVerdict],
        headers: dict[str, str],
    ) -> RestAnswer:
        """The server's answer. It is decided at once here; a proxy asks a server."""
        world = self._world
        key = world.settings.api_key
        if key is not None and request.headers.get("x-session-api-key") != key:
            return RestAnswer(401, wire.detail("Unauthorized"))
        instead = self._instead(request, verdicts, headers)
        if instead is not None:
            return instead
        if world.is_leased and name == "create":
            return RestAnswer(500, wire.detail("Internal Server Error"))
        if world.runtime != "available" and name in _WRITES:
            world.wake_by_write()
            return RestAnswer(503, wire.detail("The runtime of this conversation is not running"))
        conversation_id = request.path_params.get("conversation_id")
        if conversation_id is not None and not world.has_conversation(conversation_id):
            problem = wire.invalid(validation.ID, conversation_id, "path", "conversation_id")
            if problem is not None:
                return RestAnswer(422, problem)
            if name in _UNKNOWN:
                status = 404 if world.settings.is_newest else _UNKNOWN[name]
                return RestAnswer(status, wire.detail(_PHRASES[status]))
            return RestAnswer(404, wire.detail(f"Conversation not found: {conversation_id}"))
        try:
            params, before = request.query_params, self._cursor
            if name == "search":
                self._cursor = params.get("page_id")
            event_id, connection = request.path_params.get("event_id"), world.connections.of(request.scope)
            client = FIRST_CLIENT if connection is None else connection.owner
            return decide(world, RestRequest(event_id, params, body, verdicts, before, client))
        except IllegalTransition as error:
            return RestAnswer(409, wire.detail(str(error)))

    def _ends(self, answer: RestAnswer) -> Fields:
        """What the journal says about a page: how many items, the first and the last id, the next cursor."""
        if answer.page is None:
            return {}
        indices, log = answer.page.indices, self._world.agent.log
        ends = {"first": log.id_at(indices[0]), "last": log.id_at(indices[-1])} if indices else {}
        return {"items": len(indices), **ends, "next": answer.page.next_page_id}

    def _reset(self, request: Request, call: int, answer: RestAnswer, ends: Fields = _NO_ENDS) -> Response:
        """Reset the connection instead of answering. If the app is not served by `Connections`, answer with a 502."""
        connection = self._world.connections.of(request.scope)
        if connection is None:
            return self._answer(request, call, RestAnswer(502, ""), {})
        connection.reset()
        return self._answer(request, call, answer, {}, ends)

    def _instead(
        self, request: Request, verdicts: Sequence[FaultVerdict], headers: dict[str, str]
    ) -> RestAnswer | None:
        """What a fault answers in the server's place. None where none does."""
        for verdict in verdicts:
            if isinstance(verdict, AnswerInstead):
                if verdict.retry_after_s is not None:
                    headers["retry-after"] = f"{verdict.retry_after_s:g}"
                return RestAnswer(verdict.status, wire.detail("Service unavailable (simulated)"))
            if isinstance(verdict, AnswerAsProxy):
                if verdict.answer == "html":
                    return RestAnswer(200, LOGIN_PAGE, media_type="text/html")
                query = f"?{request.url.query}" if request.url.query else ""
                headers["location"] = request.url.path + query
                return RestAnswer(307, "")
        return None

    def _answer(
        self,
        request: Request,
        call: int,
        answer: RestAnswer,
        headers: dict[str, str],
        ends: Fields = _NO_ENDS,
    ) -> Response:
        world = self._world
        content = answer.text.encode()
        fields: dict[str, Any] = {
            "call": call,
            "status": answer.status,
            "bytes": len(content),
            "events_read": answer.events_read,
        }
        fields |= ends
        connection = world.connections.of(request.scope)
        if connection is not None:
            fields |= owned_by(connection.owner)
            connection.answered_s = world.process.now_s()
            if connection.client_gone:
                fields["lost"] = True
        world.journal.add("rest", "response", fields)
        response = Response(content, answer.status, headers, media_type=answer.media_type)
        world.journal.keep(call_message(call, "response"), response.raw_headers, answer.text)
        return response


async def _body(request: Request) -> bytes | None:
    """The body of a request. None when it is over BODY_BYTES_MAX. Raises ClientDisconnect."""
    parts: list[bytes] = []
    size_bytes = 0
    async with aclosing(request.stream()) as stream:
        async for part in stream:
            parts.append(part)
            size_bytes += len(part)
            if size_bytes > BODY_BYTES_MAX:
                return None
    return b"".join(parts)


def malformed(text: str, how: Malform) -> str:
    """A body as a fault wants it: cut off, no JSON, or JSON of another shape."""
    match how.body:
        case "truncated":
            return text[: len(text) // 2]
        case "not-json":
            return NOT_JSON
        case "wrong-shape":
            return '{"unexpected":{"shape":[1,2,3]}}'
