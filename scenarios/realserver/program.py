"""One life of the published server's process, in lockstep, and the connections to it and from it.

The server runs while the harness waits for its next message, and no virtual time passes meanwhile. A connection that
the harness opens is a `ProgramStream`; so is one that the server opens to its language model.

What this does not do: push back. Whatever the server sends is taken, however slowly it is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Final

import trio

from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.inputs import Inputs
from gapless.scenarios.lockstep.process import ProgramProcess
from gapless.scenarios.lockstep.protocol import (
    Accepted,
    Blocked,
    CloseConnection,
    Connect,
    Connected,
    Data,
    End,
    Ended,
    Eof,
    Hello,
    Input,
    LastOutputs,
    Listen,
    LockstepError,
    Output,
    Refused,
    RefusedConnection,
    ResetConnection,
    Resumed,
    Stalled,
)

FIRST_CONNECTION: Final = 1_000_001  # the server numbers its own from 1
FIRST_PORT: Final = 30_000
HARNESS_HOST: Final = "10.0.0.3"
BUSY_MAX: Final = 10_000  # exchanges in a row in which the server polls and nothing happens: each is a millisecond
END_REAL_S_MAX: Final = 30.0


class ServerFailed(LockstepError):
    """The server's process did what no server should: it ended, or cannot be virtual."""


class ProgramStream(trio.abc.HalfCloseableStream):
    """The harness's end of a connection with the server's process."""

    def __init__(self, program: ServerProgram, number: int) -> None:
        self._program = program
        self._number = number
        self._buffer = bytearray()
        self._arrival = trio.Event()
        self._has_ended = self._is_broken = self._is_closed = self._sent_eof = False

    def __repr__(self) -> str:
        return f"ProgramStream({self._number})"

    @property
    def is_gone(self) -> bool:
        """Whether the server has ended its side, or the connection is broken."""
        return self._has_ended or self._is_broken

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._check_open()
        if self._is_broken:
            raise trio.BrokenResourceError("connection reset")
        await trio.lowlevel.checkpoint_if_cancelled()
        if data:
            self._program.happen(Data(self._number, bytes(data)))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()

    async def send_eof(self) -> None:
        self._check_open()
        self._end()
        await trio.lowlevel.checkpoint_if_cancelled()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._check_open()
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._buffer:
            if self._is_broken:
                raise trio.BrokenResourceError("connection reset")
            if self._has_ended:
                return b""
            self._arrival = trio.Event()
            await self._arrival.wait()
            self._check_open()
        size = len(self._buffer) if max_bytes is None else max_bytes
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def wait_gone(self) -> None:
        """Wait until the server has ended its side, or the connection is broken."""
        while not self.is_gone:
            self._arrival = trio.Event()
            await self._arrival.wait()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint_if_cancelled()

    def close(self) -> None:
        """Close this end at once."""
        if not self._is_closed:
            self._end()
            self._is_closed = True
            self._arrival.set()

    def reset(self) -> None:
        """Break the connection, as seen from both ends."""
        if not self._is_broken and not self._is_closed:
            self._program.happen(ResetConnection(self._number))
            self.arrived(ResetConnection(self._number))

    def arrived(self, output: Output) -> None:
        """The server has done something with the connection."""
        match output:
            case Data():
                self._buffer += output.data
            case Eof() | CloseConnection():
                self._has_ended = True
            case ResetConnection():
                self._is_broken = True
        self._arrival.set()

    def _end(self) -> None:
        if not self._sent_eof and not self._is_broken:
            self._sent_eof = True
            self._program.happen(Eof(self._number))

    def _check_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError("this end is closed")


class ServerProgram:
    """A server's process from the start of a run to its end.

    ``outgoing``: the hosts that it may connect to, and what serves each. ``look``: called whenever the server has come
    to rest, before its outputs are carried on. ``rest``: called when it also has nothing to do at this instant.
    ``listening``: set once it accepts connections. ``failure``: why it is gone, when it was not ended by `kill`.
    """

    def __init__(
        self,
        process: ProgramProcess,
        nursery: trio.Nursery,
        outgoing: Mapping[str, Callable[[ProgramStream], Awaitable[None]]],
        look: Callable[[], None],
        rest: Callable[[], None],
    ) -> None:
        self._process = process
        self._nursery = nursery
        self._outgoing = outgoing
        self._look = look
        self._rest = rest
        self._inputs = Inputs()
        self._streams: dict[int, ProgramStream] = {}
        self._numbers = count(FIRST_CONNECTION)
        self._listener: int | None = None
        self._is_sound = True
        self.listening = trio.Event()
        self.has_ended = False
        self.failure: Exception | None = None

    def __repr__(self) -> str:
        return f"ServerProgram({self._process!r}, {len(self._streams)} connections)"

    @property
    def is_sound(self) -> bool:
        """Whether the process may be used for another run."""
        return self._is_sound

    def dial(self) -> ProgramStream:
        """Connect to the server. Raises ConnectionRefusedError when it does not listen."""
        if self._listener is None or self.has_ended:
            raise ConnectionRefusedError("the server does not listen")
        number = next(self._numbers)
        stream = self._streams[number] = ProgramStream(self, number)
        port = FIRST_PORT + number - FIRST_CONNECTION
        self.happen(Accepted(self._listener, number, HARNESS_HOST, port))
        return stream

    def happen(self, one: Input) -> None:
        """Tell the server something, the next time that it goes on."""
        self._inputs.put(one)

    async def exchange(self) -> None:
        """Run the server to its end: it runs while this waits for its message, and no virtual time passes."""
        try:
            while not self.has_ended and (blocked := self._until_blocked()) is not None:
                now_s = await self._until_due(blocked)
                if self.has_ended:
                    return
                self._process.send(Resumed(now_s, self._inputs.take()))
        except LockstepError as error:
            self._is_sound = False
            self._end(error)

    def _until_blocked(self) -> Blocked | None:
        """Let the server run until everything in it waits; None when it has ended instead."""
        while True:
            match self._process.receive():
                case Blocked() as blocked:
                    self._count_busy(blocked)
                    self._look()
                    for output in blocked.outputs:
                        self._apply(output)
                    return blocked
                case LastOutputs(outputs):
                    for output in outputs:
                        self._apply(output)
                case Stalled(what):
                    self._is_sound = False
                    self._end(ServerFailed(f"the server waits for {what}, which is not simulated"))
                    return None
                case Refused(why):
                    self._end(UsageError(f"the server cannot be in virtual time: {why}"))
                case Ended(code):
                    self._look()
                    self._end(self.failure or ServerFailed(f"the server ended by itself, with exit code {code}"))
                    return None
                case Hello():
                    raise LockstepError("the shim says hello a second time")

    def _count_busy(self, blocked: Blocked) -> None:
        if self._inputs.polls(blocked) > BUSY_MAX:
            raise ServerFailed(f"the server spun: it polled for {BUSY_MAX} milliseconds in which nothing happened")

    def _apply(self, output: Output) -> None:
        match output:
            case Listen():
                self._listener = output.id
                self.listening.set()
            case Connect():
                self._connect(output)
            case _:
                stream = self._streams.get(output.id)
                if stream is not None:
                    stream.arrived(output)
                if isinstance(output, CloseConnection | ResetConnection):
                    self._streams.pop(output.id, None)

    def _connect(self, asked: Connect) -> None:
        serve = self._outgoing.get(asked.host)
        if serve is None:
            self.happen(RefusedConnection(asked.id))
            return
        stream = self._streams[asked.id] = ProgramStream(self, asked.id)
        self.happen(Connected(asked.id))
        self._nursery.start_soon(serve, stream)

    async def _until_due(self, blocked: Blocked) -> float:
        """Wait in virtual time for the first input, or for the server's earliest timer; the time that it is then."""
        if self._inputs.is_idle(blocked):
            self._rest()
        await trio.lowlevel.checkpoint()
        return await self._inputs.wait(blocked)

    def kill(self) -> None:
        """End the process at once, as SIGKILL does: nothing is tidied up, and its connections are reset."""
        if self.has_ended:
            return
        self._end(None)
        self._process.send(End())
        try:
            while not isinstance(self._process.receive(END_REAL_S_MAX), Ended):
                pass
        except LockstepError:
            self._is_sound = False

    def _end(self, error: Exception | None) -> None:
        self.failure = error
        self.has_ended = True
        self._listener = None
        self._inputs.wake()
        self.listening.set()
        streams, self._streams = self._streams, {}
        for number, stream in streams.items():
            with suppress(trio.ClosedResourceError):
                stream.arrived(ResetConnection(number))
