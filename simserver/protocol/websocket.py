"""The WebSockets: bare events on ``/sockets/events``, envelopes with sequence numbers on ``/sockets/session``.

Each open socket has an `Outbox`, in which faults change what is sent and when. One task writes the frames. A second
task reads from the client, to notice when it leaves; frames that the client sends after the key are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal

import trio
from starlette.responses import Response
from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gapless.simserver.conversation.agent import Publication
from gapless.simserver.conversation.event_bodies import EventBody
from gapless.simserver.conversation.publisher import describe
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Close, FaultVerdict, Reset, Unsubscribe
from gapless.simserver.journal import Fields
from gapless.simserver.messages import frame_message, handshake_message
from gapless.simserver.network.socket_name import SocketName, owned_by
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.protocol import wire
from gapless.simserver.protocol.outbox import ConnectionAct, Outbox, OutgoingFrame
from gapless.simserver.protocol.served_world import ServedWorld
from gapless.simserver.protocol.socket_faults import frame_facts, upgrade
from gapless.simserver.waiting import Notifier, clock

AUTH_S_MAX: Final = 10.0
OUTBOX_FRAMES_MAX: Final = 10_000
BAD_KEY: Final = (4001, "Authentication failed")
NO_CONVERSATION: Final = (4004, "Conversation not found")
TOO_SLOW: Final = (1013, "Slow consumer")

Dialect = Literal["events", "session"]
_NO_VERDICTS: Final[list[FaultVerdict]] = []


class ServerSubscription:
    """One open socket, subscribed to the conversation.

    dialect: which of the two sockets it is; name: its number and whose it is; connection: the one in memory, None
    when the app is not served by `Connections`; closed: whether it has ended; quiet_s: after how long without a frame a
    proxy breaks it.
    """

    def __init__(
        self,
        world: ServedWorld,
        websocket: WebSocket,
        send: Send,
        dialect: Dialect,
        name: SocketName,
        connection: MemoryConnection | None,
    ) -> None:
        self.world = world
        self.dialect = dialect
        self.name = name
        self._place: Fields = {"connection": name.number, **owned_by(name.client)}
        self.connection = connection
        self.closed = False
        self._websocket = websocket
        self._send = send  # the ASGI server's own function: Starlette's wrappers would only cost time on each frame
        self._outbox = Outbox()
        self._frames = self._read = 0
        self.quiet_s = inf
        self._last_sent_s = trio.current_time()
        self._forgotten = False
        self._notifier = Notifier()
        self._now = clock()

    def __repr__(self) -> str:
        return f"ServerSubscription({self.name.number}, {self.dialect}, {len(self._outbox)} waiting)"

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued for the client or on its way to it."""
        return not len(self._outbox) and (self.connection is None or not self.connection.down.waiting_bytes)

    # --- what it is given --------------------------------------------------------------------------------------

    def offer(self, publication: Publication, fields: Fields) -> None:
        """Queue a published event, as the faults say. ``fields`` is how the journal describes it."""
        seq = publication.seq
        if self.dialect == "events":
            text = publication.text
            fields = {name: value for name, value in fields.items() if name != "seq"}
        elif publication.event["kind"] == "StreamingDeltaEvent":
            text = wire.delta_frame(str(publication.event["id"]), publication.event["content"])
        elif seq is None:
            text = wire.transient_frame(publication.text)
        else:
            text = wire.durable_frame(seq, publication.text)
        self._put(OutgoingFrame(text, fields), publication.event)
        self._notifier.wake()

    def _put(self, frame: OutgoingFrame, event: EventBody | None) -> None:
        link, now_s, outbox = self.world.link, self._now(), self._outbox
        verdicts = link.consult(self._facts(frame, event)) if link.watches("frame") else _NO_VERDICTS
        outbox.offer(frame, verdicts, now_s)
        if len(outbox) > OUTBOX_FRAMES_MAX:
            self._outbox = Outbox()
            self._outbox.offer(frame, [Close(TOO_SLOW[0], "before")], now_s)

    def _facts(self, frame: OutgoingFrame, event: EventBody | None) -> Facts:
        unread = len(self._outbox) + (0 if self.connection is None else self._frames - self._read)
        return frame_facts(frame.fields, event, self.name, unread, self.world.link.progress)

    def act(self, verdict: ConnectionAct) -> None:
        """Queue what a timed fault does to this socket, due now."""
        self._outbox.offer_act(verdict, self._now())
        self._notifier.wake()

    def due(self, fault: str) -> None:
        """Make the frames due now that this fault has delayed until its cause."""
        self._outbox.due(fault, self._now())
        self._notifier.wake()

    def release(self) -> None:
        """Make everything in the queue due now, because the world has healed."""
        self._outbox.release(self._now())
        self._notifier.wake()

    # --- serving -----------------------------------------------------------------------------------------------

    async def serve(self, greeting: Greeting) -> None:
        """Send the greeting and the replay, then every event, until either side has ended the socket."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, nursery.cancel_scope)
            await self._greet(greeting)
            await self._follow()
            nursery.cancel_scope.cancel()

    async def _greet(self, greeting: Greeting) -> None:
        world = self.world
        if greeting.sync is not None:
            through = greeting.through_seq
            fields: Fields = {"id": None, "kind": "sync", "durable": False, "through_seq": through}
            self._put(OutgoingFrame(greeting.sync, fields), None)
        if self.dialect == "events":
            self._offer_snapshot()
        for index in greeting.replay:
            event = world.agent.log[index]
            if greeting.since is None or event["timestamp"] >= greeting.since:
                seq = world.agent.seq_of(index)
                publication = Publication(event, seq, world.agent.log.text_at(index))
                self.offer(publication, describe(event, seq) | {"replay": True})
                await self._write_due()
        if self.dialect == "session":
            self._offer_snapshot()

    def _offer_snapshot(self) -> None:
        snapshot = self.world.publisher.snapshot(self.name)
        self.offer(snapshot, describe(snapshot.event, None))

    async def _follow(self) -> None:
        while not self.closed:
            await self._write_due()
            if self.closed:
                break
            # No checkpoint lies between the look at the outbox and the wait, so no `wake` can come in between.
            due_s = self._outbox.next_due_s()
            if due_s == inf and self.quiet_s == inf:
                await self._notifier.wait()
            elif due_s > self._now():
                due_s = min(due_s, self._quiet_at_s())
                await self._notifier.wait(due_s)
                if due_s < inf and self._quiet_at_s() <= self._now():
                    self._outbox.offer_act(Reset("before"), self._now())

    def _quiet_at_s(self) -> float:
        """When a proxy breaks the socket, unless something is sent before. Infinity when none does."""
        return inf if self.world.link.healed.is_set() else self._last_sent_s + self.quiet_s

    async def _write_due(self) -> None:
        while not self.closed:
            item = self._outbox.pop(self._now())  # another outbox, when the client has fallen behind
            if item is None:
                return
            if isinstance(item, OutgoingFrame):
                if not self._forgotten:
                    await self._write(item)
            elif isinstance(item, Unsubscribe):
                self._forgotten = True
            elif isinstance(item, Close):
                await self.close(item.code, "", by="server" if item.code == TOO_SLOW[0] else "link")
            else:
                self.world.link.act(item, self.connection)
                if isinstance(item, Reset):
                    self._ended(None, "link")
                    if self.connection is None:
                        await self._websocket.close(1011)

    async def _write(self, frame: OutgoingFrame) -> None:
        self._frames += 1
        self._last_sent_s = self._now()
        fields = {**self._place, "frame": self._frames, **frame.fields}
        journal, connection = self.world.journal, self.connection
        if frame.torn:
            fields["torn"] = True
            if connection is not None:
                connection.cut_next()
        journal.add("socket", "sent", fields)
        journal.keep(frame_message(self.name.number, self._frames), (), frame.text)
        try:
            await self._send({"type": "websocket.send", "text": frame.text})
        except OSError:  # ASGI's sign that the client has disconnected
            self._ended(None, "client")
            return
        if frame.torn:
            self._ended(None, "link")
            if connection is None:
                await self._websocket.close(1011)
            else:
                connection.up.reset()
        elif connection is not None:
            connection.down.mark(lambda: self._arrived(fields))

    def _arrived(self, fields: Fields) -> None:
        self._read += 1
        self.world.journal.add("socket", "delivered", fields)

    async def close(self, code: int, reason: str, *, by: Literal["server", "link"]) -> None:
        """Close the socket with a code."""
        self._ended(code, by)
        with suppress(WebSocketDisconnect, RuntimeError):  # the client closed it first
            await self._websocket.close(code, reason)

    def _ended(self, code: int | None, by: Literal["server", "client", "link"]) -> None:
        if not self.closed:
            self.closed = True
            self.world.journal.record("socket", "closed", **self._place, code=code, by=by)

    async def _listen(self, scope: trio.CancelScope) -> None:
        while True:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                broken = self.connection is not None and self.connection.down.broken
                self._ended(None, "link" if broken else "client")
                scope.cancel()
                return
            # A frame from the client is no error. The real server takes it as a message or ignores it.
            self.world.journal.record("socket", "ignored", **self._place)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a new subscriber gets first.

    sync: the session socket's first frame, None on the other socket; through_seq: the highest sequence number in the
    log, None when there is none; replay: log indices; since: the earliest timestamp to replay, None for any.
    """

    sync: str | None
    through_seq: int | None
    replay: Sequence[int]
    since: str | None


async def serve_events_socket(world: ServedWorld, websocket: WebSocket, send: Send) -> None:
    """``/sockets/events/{id}?resend_mode=all|since&after_timestamp=…``, in every generation."""
    query = websocket.query_params
    mode, since = query.get("resend_mode"), None
    problem = mode is not None and mode not in {"all", "since"}
    if mode == "since" and "after_timestamp" in query:
        since = wire.naive_timestamp(query["after_timestamp"])
        problem = since is None
    replays = mode == "all" or since is not None  # ``since`` without a timestamp replays nothing
    opened = {"path": "events"} | ({} if mode is None else {"resend_mode": mode})

    def greeting() -> Greeting:
        return Greeting(None, None, _bounded(world, world.archive.view().readable() if replays else ()), since)

    await _serve(world, websocket, send, "events", opened, greeting, refused=403 if problem else None)


async def serve_session_socket(world: ServedWorld, websocket: WebSocket, send: Send) -> None:
    """``/sockets/session/{id}?after_seq=N``. Servers of earlier generations refuse the handshake with 403."""
    text = websocket.query_params.get("after_seq")
    after_seq: int | None = None
    problem = not world.settings.has_session_socket
    if text is not None:
        try:
            after_seq = int(text)
        except ValueError:
            problem = True
    opened: Fields = {"path": "session"} | ({} if after_seq is None else {"after_seq": after_seq})

    def greeting() -> Greeting:
        log = world.archive.view()
        base = world.agent.seq_base
        through = len(log) - 1 - base if len(log) > base else None
        replay = () if after_seq is None else log.readable(max(base, base + after_seq + 1))
        bounded = _bounded(world, replay)
        first = world.agent.seq_of(bounded[0]) if len(bounded) < len(replay) else None
        return Greeting(wire.sync_frame(after_seq, through, truncated_at=first), through, bounded, None)

    await _serve(world, websocket, send, "session", opened, greeting, refused=403 if problem else None)


def _bounded(world: ServedWorld, replay: Sequence[int]) -> Sequence[int]:
    """The last events of a replay, as many as the server keeps for it."""
    most = world.settings.replay_events_max
    return replay if most is None or len(replay) <= most else replay[len(replay) - most :]


async def _serve(
    world: ServedWorld,
    websocket: WebSocket,
    send: Send,
    dialect: Dialect,
    opened: Fields,
    greeting: Any,
    *,
    refused: int | None,
) -> None:
    """Answer the handshake, check the key and the conversation, then subscribe the socket and serve it to its end."""
    connection = world.connections.of(websocket.scope)
    name = world.connections.socket_of(connection)
    number = name.number
    world.link.progress.called_on_its_own("handshake")
    if world.runtime != "available":
        refused = 503
    by_fault, quiet_s = await upgrade(world.link, name)
    refused = refused if by_fault is None else by_fault
    world.journal.keep(handshake_message(number), websocket.headers.raw)
    key = world.settings.api_key
    if key is not None and _given_key(websocket) not in {None, key}:
        refused = 403  # only for a wrong key: a missing one may still come in the first frame
    if refused is not None:
        world.journal.record("socket", "refused", connection=number, status=refused, **owned_by(name.client))
        await websocket.send_denial_response(Response(status_code=refused))
        return
    await websocket.accept()
    subscription = ServerSubscription(world, websocket, send, dialect, name, connection)
    subscription.quiet_s = quiet_s
    fields = {"connection": number, **owned_by(name.client), **opened}
    if dialect == "session" and world.archive.length:
        fields["through_seq"] = world.archive.length - 1
    world.journal.add("socket", "opened", fields)
    if not await _key_is_right(world, websocket):
        await subscription.close(*BAD_KEY, by="server")
    elif not world.has_conversation(websocket.path_params["conversation_id"]):
        await subscription.close(*NO_CONVERSATION, by="server")
    else:
        world.publisher.subscriptions.append(subscription)
        try:
            await subscription.serve(greeting())
        finally:
            world.publisher.subscriptions.remove(subscription)


def _given_key(websocket: WebSocket) -> str | None:
    given = websocket.query_params.get("session_api_key")
    return websocket.headers.get("x-session-api-key", given)


async def _key_is_right(world: ServedWorld, websocket: WebSocket) -> bool:
    """Whether the client gives the right key: in a header, in the query (deprecated), or in its first frame.

    The first frame must come within AUTH_S_MAX.
    """
    key = world.settings.api_key
    if key is None:
        return True
    given = _given_key(websocket)
    if given is None:
        with trio.move_on_after(AUTH_S_MAX):
            received = await websocket.receive()
            try:
                frame = json.loads(received.get("text") or "null")
            except (ValueError, RecursionError):
                frame = None
            if isinstance(frame, dict) and frame.get("type") == "auth":
                given = frame.get("session_api_key")
    return given == key
