"""Plays a script to a server, and writes down what it answered, in ordinals and words that two servers can share."""

from __future__ import annotations

import json
import re
from typing import Any, Final, assert_never

import httpx
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, HandshakeError, open_websocket

from tests.interop.script import Call, Close, Key, Listen, Open, Rest, Script, Step

RIGHT_KEY: Final = "interop-key"
QUIET_S = 1.0
REST_S_MAX = 60.0
ACTIVE = frozenset({"running", "idle"})

Json = Any
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?")
_HEX = re.compile(r"\b[0-9a-f]{32}\b")
# What the agent and its tools say is theirs, and no part of the contract.
_FREE: Final = frozenset(
    {"text", "thought", "command", "message", "arguments", "summary", "title", "tool_name", "name", "llm_response_id"}
    | {"tool_call_id", "working_dir", "persistence_dir", "model", "base_url"}
)


class Playing:
    """One server, one conversation, and the transcript so far: a step's name and what came of it."""

    def __init__(self, url: str) -> None:
        self.transcript: dict[str, Json] = {}
        self.log: list[dict[str, Json]] = []
        self._url = url
        self._conversation = ""
        self._live: dict[str, list[Json]] = {}
        self._known: dict[str, str] = {}

    async def through(self, script: Script) -> None:
        """Play it to its end."""
        # A connection kept alive might be dropped by the server at the very moment of the next request.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with (
            httpx.AsyncClient(base_url=self._url, timeout=30, limits=limits) as http,
            trio.open_nursery() as nursery,
        ):
            for step in script.steps:
                await self._step(http, nursery, step)
            nursery.cancel_scope.cancel()

    def normalised(self) -> dict[str, Json]:
        """The transcript with ordinals in place of ids, and placeholders for times and free texts."""
        known = {event["id"]: f"{{event {number}}}" for number, event in enumerate(self.log)}
        self._known = known | {self._conversation: "{conversation}"}
        return {name: self._plain(value) for name, value in self.transcript.items()}

    async def _step(self, http: httpx.AsyncClient, nursery: trio.Nursery, step: Step) -> None:
        match step:
            case Call():
                self.transcript[step.name] = await self._call(http, step)
            case Open():
                self._live[step.name] = []
                await nursery.start(self._follow, step)
            case Close():
                self.transcript[step.name] = _sorted_live(self._live.pop(step.name), self.log)
            case Listen():
                self.transcript[step.name] = await self._listen(step)
            case Rest():
                await self._rest(http)
            case _:
                assert_never(step)

    async def _call(self, http: httpx.AsyncClient, step: Call) -> Json:
        answer = await http.request(step.method, self._filled(step.path), json=step.body, headers=_headers(step.key))
        try:
            body = answer.json()
        except ValueError:
            body = answer.text
        if step.creates:
            self._conversation = body["id"]
        return {"status": answer.status_code, "body": body}

    async def _rest(self, http: httpx.AsyncClient) -> None:
        """Until nothing new has been in the log for a while, and its last word is that the run is over."""
        length = -1
        with trio.fail_after(REST_S_MAX):
            while True:
                await trio.sleep(QUIET_S)
                query = {"limit": "100"}
                path = f"/api/conversations/{self._conversation}"
                page = await http.get(f"{path}/events/search", params=query, headers=_headers("right"))
                status = (await http.get(path, headers=_headers("right"))).json()["execution_status"]
                self.log = page.json()["items"]
                if len(self.log) == length and status not in ACTIVE:
                    return
                length = len(self.log)

    async def _follow(self, step: Open, *, task_status: trio.TaskStatus[None]) -> None:
        frames = self._live[step.name]
        async with open_websocket(
            *self._socket(step.kind, step.query), use_ssl=False, extra_headers=_raw("right")
        ) as socket:
            frames.append(json.loads(await socket.get_message()))
            task_status.started()
            while True:
                frames.append(json.loads(await socket.get_message()))

    async def _listen(self, step: Listen) -> Json:
        frames: list[Json] = []
        address = self._socket(step.kind, step.query, step.conversation)
        try:
            async with open_websocket(*address, use_ssl=False, extra_headers=_raw(step.key)) as socket:
                if step.first is not None:
                    key = RIGHT_KEY if step.first == "right" else "no"
                    await socket.send_message(json.dumps({"type": "auth", "session_api_key": key}))
                with trio.move_on_after(QUIET_S) as quiet:
                    while True:
                        frames.append(json.loads(await socket.get_message()))
                        quiet.deadline = trio.current_time() + QUIET_S
        except ConnectionClosed as error:
            reason = error.reason
            return {"frames": frames, "closed": None if reason is None else [int(reason.code), reason.reason]}
        except ConnectionRejected as error:
            return {"refused": error.status_code}
        except HandshakeError as error:
            return {"refused": str(error)}
        return {"frames": frames, "closed": "by the client"}

    def _socket(self, kind: str, query: str, conversation: str = "{conversation}") -> tuple[str, int, str]:
        url = httpx.URL(self._url)
        path = self._filled(f"/sockets/{kind}/{conversation}{query}")
        return url.host, url.port or 80, path

    def _filled(self, path: str) -> str:
        path = path.replace("{conversation}", self._conversation).replace("{last}", str(len(self.log) - 1))
        if "{action}" in path:
            path = path.replace("{action}", next(one["id"] for one in self.log if one["kind"] == "ActionEvent"))
        if "{message time}" in path:
            times = [event["timestamp"] for event in self.log if event["kind"] == "MessageEvent"]
            path = path.replace("{message time}", times[-1])
        return re.sub(r"\{event (-?\d+)\}", lambda found: str(self.log[int(found[1])]["id"]), path)

    def _plain(self, value: Json, key: str = "") -> Json:
        if isinstance(value, dict):
            return {name: self._plain(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self._plain(part, key) for part in value]
        if not isinstance(value, str):
            return value
        if key in _FREE:
            return "{free}"
        text = _UUID.sub(lambda found: self._known.get(found[0], "{id}"), value)
        return _HEX.sub("{hex}", _TIME.sub("{time}", text))


def _headers(key: Key) -> dict[str, str]:
    return {} if key == "none" else {"X-Session-API-Key": RIGHT_KEY if key == "right" else "no"}


def _raw(key: Key) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in _headers(key).items()]


def _sorted_live(frames: list[Json], log: list[dict[str, Json]]) -> Json:
    """Live frames by the ordinal of their event; those of no log apart, in the order in which they came.

    In which order a server sends what several of its threads publish at once is not the same from time to time.
    """
    ordinals = {event["id"]: number for number, event in enumerate(log)}
    durable: dict[str, list[Json]] = {}
    others: list[Json] = []
    for frame in frames:
        event = frame.get("event", {}) if "type" in frame else frame
        number = ordinals.get(event.get("id"))
        if number is None:
            others.append(frame)
        else:
            durable.setdefault(f"event {number}", []).append(frame)
    return {"events": dict(sorted(durable.items(), key=lambda one: int(one[0][6:]))), "others": others}
