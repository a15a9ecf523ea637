"""Byte streams in memory that behave like a network in virtual time.

A *pipe* is one direction of a connection. Each chunk in it has the time at which it arrives, and the reader waits until
then. So latency and stalls need no tasks. A *connection* is two pipes and a `Stream` at each end.

Bytes are not journaled. A *mark* tells the journal that a message has arrived: it is a function that is called when
the reader has taken the last byte written so far.

Writes are not split or merged at random, on purpose. The races are about messages, so faults act at their boundaries.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from math import ceil, inf
from typing import Final

import trio

from gapless.simserver.faults.match import Facts
from gapless.simserver.waiting import Notifier, clock

BUFFER_BYTES_MAX: Final = 256 * 1024
_PART_S: Final = 1.0
"""A thin line brings what takes it longer in parts, each within this time."""
SERVER_ADDRESS: Final = ("10.0.0.1", 80)
CLIENT_HOST: Final = "10.0.0.2"
FIRST_PORT: Final = 40_000

# From a chunk's size in bytes: for how many seconds it is on its way, and for how many it keeps the line busy.
Conditions = Callable[[int], tuple[float, float]]


class Pipe:
    """One direction of a connection.

    broken: it was reset or cut; ended: the writer has finished; reader_closed: the reader has; vanishing: bytes written
    from now on are lost; cuts_next: half of the next write arrives, then the pipe breaks; waiting_bytes: written and
    not read yet.
    """

    __slots__ = (
        "_arrival",
        "_now",
        "_writers",
        "breaks_next_write",
        "broken",
        "chunks",
        "conditions",
        "ended",
        "free_s",
        "last_due_s",
        "loses_bytes",
        "marks",
        "read_bytes",
        "reader_closed",
        "stalled_until_s",
        "waiting_bytes",
        "written_bytes",
    )

    def __init__(self) -> None:
        self._now = clock()
        self.chunks: deque[tuple[float, bytes | memoryview]] = deque()  # (due_s, data); b"" is the end of the stream
        self.marks: deque[tuple[int, Callable[[], object]]] = deque()
        self.conditions: Conditions | None = None
        self.free_s = -inf  # when the line is free for the next chunk
        self.stalled_until_s = -inf
        self.last_due_s = -inf
        self.waiting_bytes = self.written_bytes = self.read_bytes = 0
        self.broken = self.ended = self.reader_closed = self.loses_bytes = self.breaks_next_write = False
        self._arrival = Notifier()
        self._writers = trio.lowlevel.ParkingLot()

    def write(self, data: bytes) -> None:
        """Send a chunk. It never arrives before an earlier one."""
        if self.loses_bytes:
            return
        if self.breaks_next_write and data:
            data = data[: len(data) // 2]
        due_s, busy_s = self._now(), 0.0
        size_bytes = len(data)
        if self.conditions is not None:
            delay_s, busy_s = self.conditions(size_bytes)
            self.free_s = max(self.free_s, due_s) + busy_s
            due_s = self.free_s + delay_s
        # A part has a byte at least: one without would be the end of the stream.
        parts = ceil(min(busy_s / _PART_S, size_bytes)) if busy_s > _PART_S else 1
        for part in range(parts):  # what a thin line carries for long comes by and by
            at_s = max(due_s - busy_s * (parts - 1 - part) / parts, self.last_due_s)
            self.last_due_s = at_s
            self.chunks.append((at_s, data[size_bytes * part // parts : size_bytes * (part + 1) // parts]))
        self.waiting_bytes += size_bytes
        self.written_bytes += size_bytes
        if self.breaks_next_write:
            self.broken = True  # bytes on their way still arrive
        self._arrival.wake()

    @property
    def has_room(self) -> bool:
        """Whether a write need not wait."""
        return self.waiting_bytes < BUFFER_BYTES_MAX

    async def room(self) -> None:
        """Wait while the buffer is full. This is the back-pressure of a slow reader."""
        while self.waiting_bytes >= BUFFER_BYTES_MAX and not (self.broken or self.reader_closed):
            await self._writers.park()

    def readable(self) -> bool:
        """Whether a read would return, or raise, at once."""
        return self.broken or (bool(self.chunks) and self._next_due_s() <= self._now())

    def _next_due_s(self) -> float:
        due_s = self.chunks[0][0]
        return due_s if due_s > self.stalled_until_s else self.stalled_until_s

    async def read(self, bytes_max: int | None, until_s: float = inf) -> bytes:
        """Wait for bytes and return all that have arrived, at most ``bytes_max``. Returns b"" at the end of the stream.

        Raises trio.TooSlowError when nothing has arrived by ``until_s`` on the loop's clock, trio.BrokenResourceError
        after a reset, and trio.BusyResourceError when another task is reading.
        """
        if self._arrival.awaited:
            raise trio.BusyResourceError("another task is reading from this stream")
        waited = False
        while True:
            if self.chunks:
                due_s = self._next_due_s()
                if due_s <= self._now():
                    break
                is_late = await self._arrival.wait(due_s if due_s < until_s else until_s)
            elif self.broken:
                raise trio.BrokenResourceError("connection reset")
            else:
                is_late = await self._arrival.wait(until_s)
            if is_late and until_s <= self._now():
                raise trio.TooSlowError
            waited = True
        if not waited:
            await trio.lowlevel.checkpoint_if_cancelled()
        return self._take(bytes_max)

    def _take(self, bytes_max: int | None) -> bytes:
        chunks = self.chunks
        if not chunks[0][1]:
            return b""  # not taken out: every further read returns the same
        due_s, data = chunks.popleft()
        if chunks:
            now_s = self._now()
            parts = [data]
            size = len(data)
            while chunks and chunks[0][0] <= now_s and chunks[0][1] and (bytes_max is None or size < bytes_max):
                parts.append(chunks.popleft()[1])
                size += len(parts[-1])
            data = data if len(parts) == 1 else b"".join(parts)
        if bytes_max is not None and len(data) > bytes_max:
            # As views: a large message is read in many parts, and what is left of it is not copied for each.
            data = memoryview(data)
            chunks.appendleft((due_s, data[bytes_max:]))
            data = data[:bytes_max]
        self.waiting_bytes -= len(data)
        self.read_bytes += len(data)
        while self.marks and self.marks[0][0] <= self.read_bytes:
            self.marks.popleft()[1]()
        if self._writers and self.waiting_bytes < BUFFER_BYTES_MAX:
            self._writers.unpark_all()
        return bytes(data)

    def wake_reader(self) -> None:
        """Let a waiting reader check the pipe again."""
        self._arrival.wake()

    def mark(self, arrived: Callable[[], object]) -> None:
        """Call ``arrived`` when everything written so far has been read. If it has been already, call it at once."""
        if self.loses_bytes:
            return
        if self.read_bytes >= self.written_bytes:
            arrived()
        else:
            self.marks.append((self.written_bytes, arrived))

    def end(self) -> None:
        """End the stream. The reader sees the end after the bytes that are on their way."""
        if not (self.ended or self.broken):
            self.ended = True
            self.write(b"")

    def release(self) -> None:
        """Let all bytes on their way arrive now."""
        now_s = self._now()
        self.stalled_until_s = -inf
        self.last_due_s, self.free_s = min(self.last_due_s, now_s), min(self.free_s, now_s)
        self.chunks = deque((min(due_s, now_s), data) for due_s, data in self.chunks)
        self.wake_reader()

    def close_reader(self) -> None:
        """Discard everything unread. Writers fail from now on."""
        self.reader_closed = True
        self.chunks.clear()
        self.marks.clear()
        self.waiting_bytes = 0
        self._writers.unpark_all()
        self.wake_reader()

    def reset(self) -> None:
        """Break the pipe. Bytes that have arrived can still be read; bytes on their way are lost."""
        self.broken = True
        now_s = self._now()
        arrived = [chunk for chunk in self.chunks if max(chunk[0], self.stalled_until_s) <= now_s and chunk[1]]
        self.chunks = deque(arrived)
        self.waiting_bytes = sum(len(data) for _, data in arrived)
        self.marks = deque(mark for mark in self.marks if mark[0] <= self.read_bytes + self.waiting_bytes)
        self._writers.unpark_all()
        self.wake_reader()


class Stream(trio.abc.HalfCloseableStream):
    """One end of a connection. Hypercorn reads the addresses from ``socket``."""

    __slots__ = ("closed", "incoming", "outgoing", "socket")

    def __init__(self, incoming: Pipe, outgoing: Pipe, socket_names: SocketNames) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.socket = socket_names
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        pipe = self.outgoing
        self._check_writable()
        if pipe.waiting_bytes >= BUFFER_BYTES_MAX:
            await pipe.room()
            self._check_writable()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()
        if data:
            pipe.write(bytes(data))

    def _check_writable(self) -> None:
        if self.closed or self.outgoing.ended:
            raise trio.ClosedResourceError("this end is closed")
        if self.outgoing.broken or self.outgoing.reader_closed:
            raise trio.BrokenResourceError("the other end is gone")

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        await self.outgoing.room()

    async def receive_some(self, max_bytes: int | None = None, *, until_s: float = inf) -> bytes:
        """Raises trio.TooSlowError when nothing has arrived by ``until_s`` on the loop's clock."""
        if self.closed:
            raise trio.ClosedResourceError("this end is closed")
        data = await self.incoming.read(max_bytes, until_s)
        if self.closed:
            raise trio.ClosedResourceError("this end was closed meanwhile")
        return data

    async def send_eof(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError("this end is closed")
        self.outgoing.end()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint_if_cancelled()

    def close(self) -> None:
        """Close this end at once."""
        if not self.closed:
            self.closed = True
            self.outgoing.end()
            self.incoming.close_reader()


class SocketNames:
    """Stands in for a socket where only its two addresses are asked for."""

    __slots__ = ("_peer", "_self")

    family = socket.AF_INET

    def __init__(self, own: tuple[str, int], peer: tuple[str, int]) -> None:
        self._self = own
        self._peer = peer

    def getsockname(self) -> tuple[str, int]:
        return self._self

    def getpeername(self) -> tuple[str, int]:
        return self._peer


class MemoryConnection:
    """Two streams, and the two pipes between them.

    client, server: the two ends; up, down: the pipes to the server and to the client; number: from 1, in the order of
    dialing; owner: the client that dialed it, 1 or 2; port: the client's, unique; facts: how faults see the connection,
    None until it is open; answered_s: when the last call on it was answered, None before that.
    """

    __slots__ = ("_conditions", "answered_s", "client", "down", "facts", "number", "owner", "port", "server", "up")

    def __init__(self, number: int, owner: int = 1) -> None:
        self.number = number
        self.owner = owner
        self.facts: Facts | None = None
        self.answered_s: float | None = None
        self._conditions: list[Conditions] = []
        self.port = FIRST_PORT + number
        self.up, self.down = Pipe(), Pipe()
        client_address = (CLIENT_HOST, self.port)
        self.client = Stream(self.down, self.up, SocketNames(client_address, SERVER_ADDRESS))
        self.server = Stream(self.up, self.down, SocketNames(SERVER_ADDRESS, client_address))

    def __repr__(self) -> str:
        return f"MemoryConnection({self.number}, {'gone' if self.client_gone else 'up'})"

    @property
    def client_gone(self) -> bool:
        """Whether the client has closed its end or the connection has been reset."""
        return self.client.closed or self.down.broken

    def idle_s(self, now_s: float) -> float:
        """For how long nobody has used it, if a call comes on it now; 0 before the first answer."""
        return 0.0 if self.answered_s is None else now_s - self.answered_s

    def reset(self) -> None:
        """Reset both directions."""
        self.up.reset()
        self.down.reset()

    def stall(self, until_s: float) -> None:
        """Deliver nothing in either direction before ``until_s`` on the loop's clock."""
        for pipe in (self.up, self.down):
            pipe.stalled_until_s = max(pipe.stalled_until_s, until_s)
            pipe.wake_reader()

    def half_open(self) -> None:
        """Lose everything that is written from now on, in both directions."""
        self.up.loses_bytes = self.down.loses_bytes = True

    def cut_next(self) -> None:
        """Break the connection in the middle of the server's next write."""
        self.down.breaks_next_write = True

    def release(self) -> None:
        """End a stall, and let all bytes on their way arrive now. A half-open connection is reset, as both ends would
        learn at last that it is gone."""
        if self.down.loses_bytes:
            self.reset()
        self.up.release()
        self.down.release()

    def add_conditions(self, conditions: Conditions) -> None:
        """Add latency or a bandwidth limit to what is written from now on. Several add up."""
        self._conditions.append(conditions)
        self.up.conditions = self.down.conditions = self._take

    def _take(self, size_bytes: int) -> tuple[float, float]:
        times_s = [conditions(size_bytes) for conditions in self._conditions]
        return sum(delay_s for delay_s, _ in times_s), sum(busy_s for _, busy_s in times_s)
