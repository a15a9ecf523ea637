"""Replays a recording's requests against the fake and lists every difference from what the real server answered.

Compared: status, body (keys and values), kinds, order, parents, cursors, close codes. Not compared, because
the recording does not hold them or they cannot repeat:

- values that the recording redacts (``<redacted …>``, ``<path>``); of a redacted list, its length is compared;
- id and timestamp of a snapshot, which is made when it is sent; ``created_at``, ``updated_at`` and ``error_id``;
- byte counts, which follow from the redacted values, and how long things took;
- ``server_info.version``, which is the generation's own.

A legacy server is expected to answer the same without ``parent_id`` and ``leaf_event_id``, wherever they occur.
"""

from __future__ import annotations

import re
from typing import Any

import trio

from gapless.simserver import Choices, SeededSource, ServerSettings, World, recorded, recorded_rows
from tests.simserver.visiting import Json, Socket, Visit, event_of, visit

MOMENTARY = frozenset({"created_at", "updated_at", "error_id", "version"})
TREE_FIELDS = frozenset({"parent_id", "leaf_event_id"})
WAIT_S = 60.0


def differences(real: Any, ours: Any, where: str = "body", *, redacted: bool = True) -> list[str]:
    """What is not the same, one sentence each; empty when the fake answered as the real server did. ``redacted``: what
    stands in angle brackets is in place of a value that nobody is to see, as in a recording.
    """
    if redacted and isinstance(real, str) and real.startswith("<"):
        counted = re.fullmatch(r"<redacted list of (\d+)>", real)
        if counted and len(ours) != int(counted[1]):
            return [f"{where}: {counted[1]} items on the real server, {len(ours)} here"]
        return []
    if isinstance(real, dict) and isinstance(ours, dict):
        found = [f"{where}: {key!r} is missing here" for key in real if key not in ours]
        found += [f"{where}: {key!r} is not on the real server" for key in ours if key not in real]
        skipped = MOMENTARY | (frozenset({"id", "timestamp"}) if real.get("key") == "full_state" else frozenset())
        for key in real:
            if key in ours and key not in skipped:
                found += differences(real[key], ours[key], f"{where}.{key}", redacted=redacted)
        return found
    if isinstance(real, list) and isinstance(ours, list):
        found = [] if len(real) == len(ours) else [f"{where}: {len(real)} items on the real server, {len(ours)} here"]
        for index, (one, other) in enumerate(zip(real, ours, strict=False)):
            found += differences(one, other, f"{where}[{index}]", redacted=redacted)
        return found
    return [] if real == ours and type(real) is type(ours) else [f"{where}: {real!r} on the real server, {ours!r} here"]


def without_tree(value: Any) -> Any:
    """A value as a legacy server would have sent it."""
    if isinstance(value, dict):
        return {key: without_tree(part) for key, part in value.items() if key not in TREE_FIELDS}
    return [without_tree(part) for part in value] if isinstance(value, list) else value


class Replay:
    """Goes through the rows in order: performs requests, reads frames, collects differences."""

    def __init__(self, v: Visit, rows: list[Json]) -> None:
        self.v = v
        self.rows = rows if v.world.settings.has_tree else [without_tree(row) for row in rows]
        self.found: list[str] = []
        self.compared = 0
        self._answers: list[tuple[int, Any]] = []
        self._sockets: dict[str, Socket] = {}

    async def through(self) -> None:
        for number, row in enumerate(self.rows, 1):
            where = f"row {number} ({row.get('method', row['channel'])} {row.get('path', row['by'])})"
            await self._hear_out(row["by"])
            match row["channel"]:
                case "rest-request":
                    self._answers.append(await self._call(row))
                case "rest-response":
                    status, body = self._answers.pop() if row["by"] == "sdk" else await self._call(row)
                    self._compare(row["status"], status, f"{where}: status")
                    self._compare(_parsed(row["body"]), body, where)
                case "ws-frame":
                    self._compare(row["body"], await self._frame(row), where)
                case "ws-closed":
                    await self._closed(row, where)
        await self._hear_out("nobody")

    async def _hear_out(self, by: str) -> None:
        """The probes' sockets were listened to for a second each, and closed before the next row."""
        for done in set(self._sockets) - {by, "observer", "session-live"}:
            extra = await self._sockets.pop(done).for_seconds(1.0)
            if extra:
                self.found.append(f"{done}: {len(extra)} more frames here than on the real server")

    def _compare(self, real: Any, ours: Any, where: str) -> None:
        self.compared += 1
        self.found += differences(real, ours, where)

    async def _call(self, row: Json) -> tuple[int, Any]:
        body = row["body"] if row["channel"] == "rest-request" else None
        response = await self.v.http.request(row["method"], row["path"], json=body)
        return response.status_code, response.json()

    async def _frame(self, row: Json) -> Any:
        by = row["by"]
        if by not in self._sockets:
            kind = "session" if by.startswith("session") else "events"
            path = f"/sockets/{kind}/{self.v.world.conversation_id}"
            self._sockets[by] = await self.v.socket(row["query"], path=path)
        if by == "session-live":
            await self._drive(event_of(row["body"]))
        with trio.move_on_after(WAIT_S):
            return await self._sockets[by].next()
        return "nothing"

    async def _drive(self, expected: Json) -> None:
        """The session recording holds only frames; the requests behind them are known from the other one."""
        if expected.get("kind") == "SystemPromptEvent":
            await self.v.send("first message")
        elif expected.get("value") == "running":
            await self.v.run()

    async def _closed(self, row: Json, where: str) -> None:
        code, reason = re.search(r"code=(\d+), reason='([^']*)'", row["error"]).groups()  # type: ignore[union-attr]
        socket = await self.v.socket(path="/sockets/events/00000000-0000-0000-0000-000000000000")
        closed = await socket.closed()
        self._compare([int(code), reason], [closed.code, closed.reason], where)


def _parsed(body: Any) -> Any:
    return {"success": True} if body == '{"success":true}' else body


def replay(name: str, settings: ServerSettings, rows: list[Json] | None = None) -> Replay:
    """Replay a recording (or these rows in its place) against a fresh fake that has the recording's conversation."""
    result: list[Replay] = []

    async def script(v: Visit) -> None:
        result.append(Replay(v, recorded_rows(name) if rows is None else rows))
        await result[0].through()

    world = World(settings, recorded(name), (), Choices(SeededSource(0)))
    visit(world, script)
    return result[0]
