"""One WebSocket between a client and the real server: its frames are journaled, and the faults of the link act on them.

Three tasks: one reads from the server, one writes to the client what is due, and one carries the client's bytes to the
server as they are. Each frame of the server goes through the same `Outbox` as on the fake server.
"""

from __future__ import annotations

from contextlib import suppress
from math import inf
from typing import Literal

import trio
from wsproto.frame_protocol import Opcode, ParseFailed

from gapless.scenarios.realserver.frames import (
    CLOSED_WITHOUT_CODE,
    Control,
    FrameReader,
    WholeMessage,
    described,
    facts_of,
    written,
)
from gapless.scenarios.realserver.program import ProgramStream
from gapless.scenarios.realserver.relayed_world import RelayedWorld
from gapless.simserver.faults.verdicts import Close, Reset, Unsubscribe
from gapless.simserver.journal import Fields
from gapless.simserver.messages import frame_message
from gapless.simserver.network.socket_name import SocketName
from gapless.simserver.network.streams import MemoryConnection
from gapless.simserver.protocol.outbox import ConnectionAct, Outbox, OutgoingFrame
from gapless.simserver.waiting import Notifier

CHUNK_BYTES = 64 * 1024
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)


class RelayedSocket:
    """An open socket.

    ``dialect``: ``events`` or ``session``; ``name``: its number; ``quiet_s``: after how long without a frame a proxy
    breaks it.
    """

    def __init__(
        self,
        world: RelayedWorld,
        dialect: str,
        name: SocketName,
        connection: MemoryConnection,
        server: ProgramStream,
        quiet_s: float = inf,
    ) -> None:
        self.name = name
        self.connection = connection
        self.closed = False
        self._world = world
        self._dialect = dialect
        self._client = connection.server
        self._server = server
        self._outbox = Outbox()
        self._frames = self._read = 0
        self._quiet_s = quiet_s
        self._last_sent_s = trio.current_time()
        self._is_forgotten = False
        self._notifier = Notifier()

    def __repr__(self) -> str:
        return f"RelayedSocket({self.name.number}, {self._dialect}, {len(self._outbox)} waiting)"

    def act(self, verdict: ConnectionAct) -> None:
        """Do now what a fault asks for."""
        self._outbox.offer_act(verdict, trio.current_time())
        self._notifier.wake()

    def due(self, fault: str) -> None:
        """Make the frames due now that this fault has delayed until its cause."""
        self._outbox.due(fault, trio.current_time())
        self._notifier.wake()

    def release(self) -> None:
        """Make everything in the queue due now, because the world has healed."""
        self._outbox.release(trio.current_time())
        self._notifier.wake()

    async def serve(self, from_server: bytes, from_client: bytes) -> None:
        """Relay until either side has ended the socket. What each has sent already comes first."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._from_client, from_client, nursery.cancel_scope)
                nursery.start_soon(self._from_server, from_server, nursery.cancel_scope)
                await self._follow()
                nursery.cancel_scope.cancel()
        finally:
            if self.connection.down.broken or self.connection.up.broken:
                self._server.reset()
            else:
                self._server.close()

    # --- from the server -------------------------------------------------------------------------------------------

    async def _from_server(self, data: bytes, scope: trio.CancelScope) -> None:
        reader = FrameReader(masked=False)
        try:
            while True:
                for item in reader.take(data) if data else ():
                    await self._take(item)
                data = await self._server.receive_some(CHUNK_BYTES)
                if not data:
                    break
        except (*_GONE, ParseFailed):
            pass
        await self._write_due()  # a close that was asked for comes first
        if not self.closed:
            self._ended(None, "server")
            self.connection.reset()
        scope.cancel()

    async def _take(self, item: WholeMessage | Control) -> None:
        if isinstance(item, WholeMessage):
            frame = described(item.data.decode("utf-8", "replace"), self._dialect, self._world.logged)
            link, unread = self._world.link, len(self._outbox) + self._frames - self._read
            verdicts = []
            if link.watches("frame"):
                verdicts = link.consult(facts_of(frame, self.name, unread, self._world.progress))
            self._outbox.offer(OutgoingFrame(item.data.decode(), frame.fields), verdicts, trio.current_time())
            self._notifier.wake()
        elif item.opcode is Opcode.CLOSE:
            await self._write_due()
            if not self.closed:
                self._ended(None if item.code == CLOSED_WITHOUT_CODE else item.code, "server")
                await self._send(written(item))
        else:
            await self._send(written(item))

    # --- to the client -----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while not self.closed:
            await self._write_due()
            if self.closed:
                break
            due_s = self._outbox.next_due_s()
            if due_s > trio.current_time():
                # No checkpoint lies between the look at the outbox and the wait, so no `wake` can come in between.
                with trio.CancelScope(deadline=min(due_s, self._quiet_at_s())):
                    await self._notifier.wait()
                if self._quiet_at_s() <= trio.current_time():
                    self._outbox.offer_act(Reset("before"), trio.current_time())

    def _quiet_at_s(self) -> float:
        """When a proxy breaks the socket, unless something is sent before. Infinity when none does."""
        return inf if self._world.link.healed.is_set() else self._last_sent_s + self._quiet_s

    async def _write_due(self) -> None:
        while not self.closed:
            item = self._outbox.pop(trio.current_time())
            if item is None:
                return
            match item:
                case OutgoingFrame():
                    if not self._is_forgotten:
                        await self._write(item)
                case Unsubscribe():
                    self._is_forgotten = True
                case Close():
                    self._ended(item.code, "link")
                    await self._send(written(Control(Opcode.CLOSE, b"", item.code)))
                case _:
                    self._world.link.act(item, self.connection)
                    if isinstance(item, Reset):
                        self._ended(None, "link")

    async def _write(self, frame: OutgoingFrame) -> None:
        self._frames += 1
        self._last_sent_s = trio.current_time()
        fields: Fields = {"connection": self.name.number, "frame": self._frames, **frame.fields}
        if frame.torn:
            fields["torn"] = True
            self.connection.cut_next()
        self._world.journal.add("socket", "sent", fields)
        self._world.journal.keep(frame_message(self.name.number, self._frames), (), frame.text)
        if not await self._send(written(WholeMessage(frame.text.encode(), is_text=True))):
            self._ended(None, "client")
        elif frame.torn:
            self._ended(None, "link")
            self.connection.up.reset()
        else:
            self.connection.down.mark(lambda: self._arrived(fields))

    def _arrived(self, fields: Fields) -> None:
        self._read += 1
        self._world.journal.add("socket", "delivered", fields)

    async def _send(self, data: bytes) -> bool:
        """Write to the client; whether it was still there."""
        try:
            await self._client.send_all(data)
        except _GONE:
            return False
        return True

    def _ended(self, code: int | None, by: Literal["server", "client", "link"]) -> None:
        if not self.closed:
            self.closed = True
            self._world.journal.record("socket", "closed", connection=self.name.number, code=code, by=by)
            self._notifier.wake()

    # --- from the client ---------------------------------------------------------------------------------------------

    async def _from_client(self, data: bytes, scope: trio.CancelScope) -> None:
        reader = FrameReader(masked=True)
        try:
            while True:
                if data:
                    with suppress(ParseFailed):
                        for item in reader.take(data):
                            if isinstance(item, Control) and item.opcode is Opcode.CLOSE:
                                self._ended(None, "client")
                    await self._server.send_all(data)
                data = await self._client.receive_some(CHUNK_BYTES)
                if not data:
                    break
        except _GONE:
            pass
        self._ended(None, "link" if self.connection.down.broken else "client")
        scope.cancel()
