"""The control: the routes under ``/sim/``, which show and steer a session.

Its requests are neither journaled nor counted as the client's calls; what they do to the world is journaled. Each
response closes its connection, so that no request for the world follows on a connection of the control. ``openapi.py``
describes each route; a test compares the two.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import trio
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gapless.reports.html.assets import SHARED, asset
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.scenario import Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.serving import requests
from gapless.scenarios.serving.access import refusal
from gapless.scenarios.serving.forwarding import check_faults
from gapless.scenarios.serving.openapi import document
from gapless.scenarios.serving.reporter import Reporter
from gapless.scenarios.serving.responses import (
    FaultAdded,
    FaultsResponse,
    JournalCounts,
    ReportsTaken,
    ScenariosResponse,
    faults_response,
    scenario_line,
    scenario_whole,
    session_response,
)
from gapless.scenarios.serving.scenario_choice import named, request_for
from gapless.scenarios.serving.session import Session
from gapless.scenarios.serving.step_protocol import ProtocolError, parse
from gapless.scenarios.serving.verdict_so_far import Judging
from gapless.scenarios.wrong_values import WrongValue, validated, validated_by
from gapless.simserver.errors import ConfigError, IllegalTransition
from gapless.simserver.faults import FAULT
from gapless.simserver.journal import canonical
from gapless.simserver.world import World

if TYPE_CHECKING:
    from _typeshed import DataclassInstance  # known to type checkers only

B = TypeVar("B", bound=BaseModel)
BODY_BYTES_MAX: Final = 16 * 1024 * 1024
ENTRIES_PER_ANSWER_MAX: Final = 2000
REPORTS_A_TURN: Final = 1000  # then other tasks run, among them the session's check of the journal's size
LOOK_S: Final = 0.05
BODY_S_MAX: Final = 10.0  # a client that withholds the rest of its request's body gets a 408 after that
ANY_FILE: Final = "/sim/{file}"
MEDIA: Final = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
HEADERS: Final = (
    (b"connection", b"close"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


class SessionHost(Protocol):
    """What the control needs of the server: the current session with what belongs to it, and a way to replace it.

    The control takes this interface because the server creates the control: neither module needs to import the other.
    """

    @property
    def session(self) -> Session: ...
    @property
    def sessions(self) -> int:
        """How many sessions there have been."""
        ...

    @property
    def counts(self) -> JournalCounts: ...
    @property
    def judging(self) -> Judging: ...
    @property
    def reporter(self) -> Reporter: ...
    @property
    def offered(self) -> Sequence[Scenario]:
        """Scenarios that can be served besides the catalogue."""
        ...

    @property
    def api_key(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    @property
    def listening_on(self) -> str:
        """The host that the port is opened for."""
        ...

    def replace(self, request: RunRequest, *, stepwise: bool) -> None:
        """Serve another session in place of the current one."""
        ...


def create_control(host: SessionHost) -> ASGIApp:
    """The ASGI app of the control. An error becomes a status and one sentence; no traceback leaves the server."""
    mistakes = {HTTPException: _http_error, Exception: _internal_error}
    app = Starlette(routes=routes(host), exception_handlers=mistakes)
    return _closing_connections(_guarded(app, host))


def routes(host: SessionHost) -> list[Route]:
    """The routes under ``/sim/``."""
    control = _Control(host)
    return [
        Route("/sim", _to_page),
        Route("/sim/", _page),
        Route("/sim/openapi.json", _openapi),
        Route("/sim/scenarios", control.scenarios),
        Route("/sim/scenarios/{name}", control.scenario),
        Route("/sim/session", control.session),
        Route("/sim/session", control.start, methods=["POST"]),
        Route("/sim/reset", control.reset, methods=["POST"]),
        Route("/sim/faults", control.faults),
        Route("/sim/faults", control.add_fault, methods=["POST"]),
        Route("/sim/faults/{name}", control.remove_fault, methods=["DELETE"]),
        Route("/sim/agent/run", control.run, methods=["POST"]),
        Route("/sim/agent/step", control.step, methods=["POST"]),
        Route("/sim/agent/pause", control.pause, methods=["POST"]),
        Route("/sim/agent/message", control.message, methods=["POST"]),
        Route("/sim/agent/mode", control.mode, methods=["POST"]),
        Route("/sim/heal", control.heal, methods=["POST"]),
        Route("/sim/disconnect", control.disconnect, methods=["POST"]),
        Route("/sim/restart", control.restart, methods=["POST"]),
        Route("/sim/journal", control.journal),
        Route("/sim/verdict", control.verdict),
        Route("/sim/report", control.report, methods=["POST"]),
        Route(ANY_FILE, _page),
    ]


def _guarded(inner: ASGIApp, host: SessionHost) -> ASGIApp:
    """Refuse what a page of another site can send. See ``access.py``."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, str] = {}
        for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value  # of two hosts, neither counts
        refused = refusal(scope["method"], headers, host.listening_on)
        if refused is None:
            await inner(scope, receive, send)
        else:
            await JSONResponse({"detail": refused.detail}, refused.status)(scope, receive, send)

    return app


def _closing_connections(inner: ASGIApp) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await inner(scope, receive, sending)

    return app


class _Control:
    """The routes of the session. Each validates its request, does it, and responds with the state after it."""

    def __init__(self, host: SessionHost) -> None:
        self._host = host

    # --- routes that only read ---------------------------------------------------------------------------------

    async def scenarios(self, request: Request) -> Response:
        listed = dict.fromkeys((*self._host.offered, *catalogue()))
        return _json_response(ScenariosResponse([scenario_line(one) for one in listed]))

    async def scenario(self, request: Request) -> Response:
        return _json_response(scenario_whole(self._find_scenario(request.path_params["name"])))

    async def session(self, request: Request) -> Response:
        return _json_response(session_response(self._host.session, self._host.counts, self._host.url))

    async def faults(self, request: Request) -> Response:
        return _json_response(FaultsResponse(faults_response(self._host.session.world)))

    async def verdict(self, request: Request) -> Response:
        return _json_response(await self._host.judging.now())

    async def journal(self, request: Request) -> Response:
        """The lines from entry ``after`` on. When there are none yet, wait up to ``wait_s`` seconds for one."""
        after = _number(request.query_params, "after", 0.0, 1e12)
        wait_s = _number(request.query_params, "wait_s", 0.0, requests.WAIT_S_MAX)
        session = self._host.session
        journal = session.world.journal
        with trio.move_on_after(wait_s):
            while len(journal) <= after and self._host.session is session:
                await trio.sleep(LOOK_S)
        entries = journal.entries[int(after) : int(after) + ENTRIES_PER_ANSWER_MAX]
        text = "".join(f"{line}\n" for line in canonical(entries))
        headers = {"x-next": str(int(after) + len(entries)), "x-session": str(self._host.sessions)}
        return Response(text, media_type="application/x-ndjson", headers=headers)

    # --- routes that change something --------------------------------------------------------------------------

    async def start(self, request: Request) -> Response:
        asked = await _validated_body(request, requests.Start)
        chosen = request_for(
            self._find_scenario(asked.scenario),
            asked.generation,
            asked.cursor,
            seed=asked.seed,
            api_key=self._host.api_key,
        )
        self._host.replace(chosen, stepwise=asked.stepwise)
        return await self.session(request)

    async def reset(self, request: Request) -> Response:
        await _validated_body(request, requests.Nothing)
        session = self._host.session
        self._host.replace(session.request, stepwise=session.stepper.stepwise)
        return await self.session(request)

    async def add_fault(self, request: Request) -> Response:
        data = await _json_body(request)
        try:
            fault = validated_by(FAULT, data)
            if self._host.session.upstream is not None:
                check_faults((fault,))
            name = self._host.session.world.add_fault(fault)
        except WrongValue as error:
            raise HTTPException(422, f"fault: {error}") from error
        except UsageError as error:
            raise HTTPException(409, str(error)) from error
        except ConfigError as error:
            raise HTTPException(
                409 if "already" in str(error) or "healed" in str(error) else 422, str(error)
            ) from error
        return _json_response(FaultAdded(faults_response(self._host.session.world), name), 201)

    async def remove_fault(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not self._host.session.world.remove_fault(name):
            raise HTTPException(404, f"no fault is called {name!r}; GET /sim/faults lists them")
        return await self.faults(request)

    async def run(self, request: Request) -> Response:
        await _validated_body(request, requests.Nothing)
        if not (await self._world(of_a_server=True)).runs.begin(by="control"):
            raise HTTPException(409, "a run is in progress, or the server is down")
        return await self.session(request)

    async def step(self, request: Request) -> Response:
        asked = await _validated_body(request, requests.Steps)
        session = self._host.session
        if not session.stepper.stepwise:
            raise HTTPException(409, 'the agent works by itself; POST /sim/agent/mode {"stepwise": true} first')
        session.stepper.allow(asked.steps)
        await trio.sleep(LOOK_S)  # so that the response shows the state after the step
        return await self.session(request)

    async def pause(self, request: Request) -> Response:
        await _validated_body(request, requests.Nothing)
        (await self._world(of_a_server=True)).runs.pause()
        return await self.session(request)

    async def message(self, request: Request) -> Response:
        asked = await _validated_body(request, requests.Message)
        world = await self._world(of_a_server=True)
        try:
            world.send_message(asked.text)
        except IllegalTransition as error:
            raise HTTPException(409, str(error)) from error
        return await self.session(request)

    async def mode(self, request: Request) -> Response:
        self._host.session.stepper.stepwise = (await _validated_body(request, requests.Mode)).stepwise
        return await self.session(request)

    async def heal(self, request: Request) -> Response:
        await _validated_body(request, requests.Nothing)
        (await self._world()).heal()
        return await self.session(request)

    async def disconnect(self, request: Request) -> Response:
        await _validated_body(request, requests.Nothing)
        (await self._world()).disconnect()
        return await self.session(request)

    async def restart(self, request: Request) -> Response:
        asked = await _validated_body(request, requests.Down)
        await self._world(of_a_server=True)

        async def restart(world: World) -> None:
            await trio.sleep(LOOK_S)  # send the response first: the restart resets its connection if it is the world's
            await world.restart(asked.down_s)

        self._host.session.in_background(restart)
        return await self.session(request)

    async def report(self, request: Request) -> Response:
        """Take the reports of a client that was not started by `gapless check`: lines of the step protocol."""
        taken = 0
        body = await _body(request)
        await self._world()
        session, reporter = self._host.session, self._host.reporter
        for number, line in enumerate(io.BytesIO(body), 1):
            if number % REPORTS_A_TURN == 0:
                await trio.sleep(0)
            if session.over.is_set():
                raise _session_over(session)
            try:
                report = parse(line.decode("utf-8", "replace"))
            except ProtocolError as error:
                raise HTTPException(422, f"line {number}: {error}") from error
            if report is not None:
                reporter.take(report)
                taken += 1
        return _json_response(ReportsTaken(taken))

    # --- what the routes share ---------------------------------------------------------------------------------

    def _find_scenario(self, scenario: str | Mapping[str, Any]) -> Any:
        try:
            return named(scenario, self._host.offered)
        except UsageError as error:
            raise HTTPException(404 if isinstance(scenario, str) else 422, str(error)) from error

    async def _world(self, *, of_a_server: bool = False) -> Any:
        """The running world. A session that waits for a client begins here: the control's act starts its clock.

        of_a_server: whether what follows is something that only a server can do, and no proxy.
        """
        session = self._host.session
        if of_a_server and session.upstream is not None:
            raise HTTPException(409, f"only the server can do that; ask {session.upstream.url} itself")
        await session.begin()
        if session.over.is_set():
            raise _session_over(session)
        return session.world


def _session_over(session: Session) -> HTTPException:
    return HTTPException(409, f"the session is over: {session.why}; POST /sim/reset begins it anew")


def _json_response(what: DataclassInstance, status: int = 200) -> Response:
    return JSONResponse(dataclasses.asdict(what), status)


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size_bytes = 0
    try:
        with trio.fail_after(BODY_S_MAX):
            async with aclosing(request.stream()) as stream:
                async for part in stream:
                    parts.append(part)
                    size_bytes += len(part)
                    if size_bytes > BODY_BYTES_MAX:
                        raise HTTPException(413, f"the body is over {BODY_BYTES_MAX} bytes")
    except trio.TooSlowError as error:
        raise HTTPException(408, f"the body did not come within {BODY_S_MAX:g} s; send it whole") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the client disconnected") from error
    return b"".join(parts)


async def _json_body(request: Request) -> dict[str, Any]:
    try:
        data = json.loads(await _body(request) or b"{}")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise HTTPException(422, "the body must be a JSON object")
    return data


async def _validated_body(request: Request, form: type[B]) -> B:
    try:
        return validated(form, await _json_body(request))
    except WrongValue as error:
        raise HTTPException(422, str(error)) from error


def _number(query: Mapping[str, str], name: str, low: float, high: float) -> float:
    text = query.get(name, "0")
    try:
        value = float(text)
    except ValueError as error:
        raise HTTPException(422, f"{name} must be a number") from error
    if not low <= value <= high:
        raise HTTPException(422, f"{name} must be between {low:g} and {high:g}")
    return value


async def _openapi(request: Request) -> Response:
    return JSONResponse(document())


async def _to_page(request: Request) -> Response:
    return RedirectResponse("/sim/")


async def _page(request: Request) -> Response:
    name = request.path_params.get("file", "index.html")
    found = _file(name)
    if found is None:
        raise HTTPException(405 if _allowed(request) else 404)
    return found


def _file(name: str) -> Response | None:
    """A file of the page, or None when there is none of that name."""
    media = MEDIA.get(name.rpartition(".")[2])
    if media is not None and name in SHARED:  # the lanes, which reports use too
        return Response(asset(name), media_type=media)
    files = {one.name: one for one in resources.files("gapless.scenarios.serving").joinpath("page").iterdir()}
    if media is None or name not in files:
        return None
    return Response(files[name].read_bytes(), media_type=media)


def _allowed(request: Request) -> list[str]:
    """The methods that a path takes; none when there is no such path."""
    path = request.url.path
    found = {"GET", "HEAD"} if _file(path.removeprefix("/sim/")) is not None else set()
    for route in request.app.routes:
        if route.path != ANY_FILE and route.path_regex.match(path):
            found |= route.methods
    return sorted(found)


async def _http_error(request: Request, error: Exception) -> Response:
    """An error as one sentence. For the router's own 404 and 405, which have none, it is made here."""
    assert isinstance(error, HTTPException)
    path, allowed = request.url.path, _allowed(request)
    if error.status_code == 405 and allowed:
        detail = f"{path} takes no {request.method}, it takes {' or '.join(allowed)}; /sim/openapi.json says for what"
        return JSONResponse({"detail": detail}, 405, {"allow": ", ".join(allowed)})
    if error.detail in {HTTPStatus(404).phrase, HTTPStatus(405).phrase}:
        return JSONResponse({"detail": f"there is no {path}; /sim/openapi.json says what there is"}, 404)
    return JSONResponse({"detail": error.detail}, error.status_code)


async def _internal_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"the control failed, which is a bug of gapless ({type(error).__name__})"}, 500)
