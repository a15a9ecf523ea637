"""A ClientUnderTest that is a program: asked for its steps on standard input, in virtual time.

The program is asked in the lines of `gapless.scenarios.serving.step_protocol`, as it is on a real port. What it prints
beside its answers, and all of its standard error, is kept with the virtual time at which it was written.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import trio

from gapless.scenarios.clients.contract import Claim, ClientContext, Event, NoHistory
from gapless.scenarios.clients.contract import GapIds as Gap
from gapless.scenarios.errors import StepFailed
from gapless.scenarios.lockstep.inputs import Inputs
from gapless.scenarios.lockstep.network import ProgramNetwork
from gapless.scenarios.lockstep.process import POOL, NeverWaited, Pool, ProgramProcess, check_exists
from gapless.scenarios.lockstep.protocol import (
    Blocked,
    End,
    Ended,
    Hello,
    InputLine,
    LastOutputs,
    LockstepError,
    Refused,
    Resumed,
    Stalled,
    StartRun,
)
from gapless.scenarios.running.spin_watch import SpinWatch
from gapless.scenarios.serving.step_protocol import (
    Answer,
    Cannot,
    Done,
    Failed,
    ProtocolError,
    Reached,
    asked_of_client,
    order,
    parse,
    step_of,
)
from gapless.simserver.conversation.workload import EPOCH

BUSY_MAX: Final = 1_000  # exchanges in a row in which a program polls and nothing happens: each is a millisecond
SOCKETS_MAX: Final = 200  # of one run: whoever connects that often gets no further, and each time costs real time
LINE_BYTES_MAX: Final = 32 * 1024 * 1024
LAST_WORDS_MAX: Final = 40
END_REAL_S_MAX: Final = 10.0
PROGRAM_TURNS_MAX: Final = 1_000


class Failure(StepFailed):
    """The program says that it gave up on a step."""


class Exit(Exception):
    """The program has ended, or answers no more."""


class NotVirtual(LockstepError):
    """The program cannot be virtual: its shim says why."""


class Spinning(LockstepError):
    """The program polls and lets no time pass, or connects again and again."""


class Printed(NamedTuple):
    """A line that the program wrote. stream: stdout or stderr."""

    t_s: float
    stream: str
    text: str


class ProgramWatch(SpinWatch):
    """A bound for programs: a turn of theirs costs a thousand times what one of a client in this process does.

    It leaves a program 200 pages of the log within one instant, and more where the history is longer.
    """

    def __init__(self, scope: trio.CancelScope, *, history_events: int = 0) -> None:
        super().__init__(scope, history_events=history_events, turns_max=PROGRAM_TURNS_MAX)


class LockstepClient:
    """One run of a program.

    printed: what it wrote beside its answers; hello: the runtime and packages that it runs on; exit_code: once it has
    ended; points, switched: of its threads' schedule; stalled: what it waits for that is not virtual, if it told.
    """

    errors = (Failure,)

    def __init__(self, context: ClientContext, process: ProgramProcess, nursery: trio.Nursery) -> None:
        self._context = context
        self._process = process
        self._inputs = Inputs()
        self._network = ProgramNetwork(context, nursery, self._inputs.put)
        self._answers: list[Answer | ProtocolError] = []
        self._answered = trio.Event()
        self._cut = {"stdout": b"", "stderr": b""}
        self._asked: str | None = None
        self._held: list[str | dict[str, Any]] | None = None
        self._reached: dict[str, None] = {}
        self._gaps: Sequence[Gap] | None = None
        self._error: Exception | None = None
        self.has_ended = False
        self.is_wedged = False  # it must be killed: the channel is of no use any more
        self.is_at_rest = False  # it waits for our next message
        self.printed: list[Printed] = []
        self.hello: Hello | None = process.hello
        self.exit_code: int | None = None
        self.points = 0
        self.switched = 0
        self.stalled: Stalled | None = None

    # --- the steps ---------------------------------------------------------------------------------------------------

    @property
    def says_deliveries(self) -> bool:
        return bool(self._reached)

    async def attach(self) -> None:
        self._take_gaps(await self._ask("attach"))

    async def send(self, text: str) -> None:
        await self._ask("send", text)

    async def run(self) -> Claim:
        done = await self._ask("run")
        self._take_gaps(done)
        return Claim(
            done.complete,
            done.covers,
            done.proof,
            done.status,
            error=done.error,
            statistics=done.statistics,
            calls=done.calls,
        )

    async def history(self) -> AsyncIterator[Event]:
        """What the program says that it read of the whole log. Raises NoHistory when it cannot read it."""
        for one in (await self._ask("history")).read or ():
            yield _event(one)

    async def close(self) -> None:
        if not self.has_ended:
            await self._ask("close")

    @property
    def error(self) -> Exception | None:
        """Why it was ended, when it did not end by itself."""
        return self._error

    def _take_gaps(self, done: Done) -> None:
        self._gaps = None if done.gaps is None else tuple((after, before) for after, before in done.gaps)

    def held(self) -> Sequence[Event]:
        """What it told last that it holds; else what has reached it, first come first."""
        return [_event(one) for one in (self._reached if self._held is None else self._held)]

    def gaps(self) -> Sequence[Gap] | None:
        return self._gaps

    async def _ask(self, step: str, text: str | None = None) -> Done:
        """Ask for a step. Raises Failure when the program says so, and Exit when it says nothing any more."""
        self._asked = step
        self._answers.clear()
        self._inputs.put(InputLine(order(step, text)))
        while not self._answers:
            if self.has_ended:
                raise self._error or Exit(self._how_it_ended())
            self._answered = trio.Event()
            await self._answered.wait()
        self._asked = None
        match self._answers[0]:
            case Done() as done:
                return done
            case Failed() as failed:
                raise Failure(failed.error)
            case Cannot():
                raise NoHistory
            case ProtocolError() as error:
                raise Exit(f"it said what is no report: {error}")

    def _how_it_ended(self) -> str:
        code = self.exit_code
        how = "exit code 0, without an answer" if not code else f"exit code {code}" if code > 0 else f"signal {-code}"
        # One stream alone: in which order two pipes were written is not known, and this goes into the journal.
        last = [one for one in self.printed if one.stream == "stderr"] or self.printed
        words = [one.text for one in last[-LAST_WORDS_MAX:] if one.text.strip()]
        return f"{how}; {words[-1].strip()}" if code and words else how

    # --- the exchange ------------------------------------------------------------------------------------------------

    async def exchange(self) -> None:
        """Run the program to its end: it runs while this waits for its message, and no virtual time passes."""
        try:
            while (blocked := self._until_blocked()) is not None:
                self.is_at_rest = True
                now_s = await self._until_due(blocked)
                self.is_at_rest = False
                self._process.send(Resumed(now_s, self._inputs.take()))
        except Spinning as error:  # it waits for our answer, and can be told that the run is over
            self._error = error
            self.leave()
            self._answered.set()
        except LockstepError as error:
            self.is_wedged = True
            self._end(error)

    def _until_blocked(self) -> Blocked | None:
        """Let the program run until everything in it waits; None when it has ended instead."""
        while True:
            match self._process.receive():
                case Blocked() as blocked:
                    self.points, self.switched = blocked.points, blocked.switched
                    self._count_busy(blocked)
                    self._check_sockets()
                    for output in blocked.outputs:
                        self._network.apply(output)
                    self._network.turn_over()
                    return blocked
                case LastOutputs(outputs):
                    for output in outputs:
                        self._network.apply(output)
                case Stalled() as stalled:
                    self.stalled = stalled
                case Refused(why):
                    self._error = NotVirtual(why)
                case Ended(code, outputs):
                    for output in outputs:
                        self._network.apply(output)
                    self.exit_code = self._process.exit_code if code is None else code
                    self._end(self._error)
                    return None
                case Hello():
                    raise LockstepError("the shim says hello a second time")

    def _count_busy(self, blocked: Blocked) -> None:
        if self._inputs.polls(blocked) > BUSY_MAX:
            raise Spinning(
                f"the client spun: it polled, or read the clock, for {BUSY_MAX} milliseconds in which nothing happened"
            )

    def _check_sockets(self) -> None:
        if self._network.sockets > SOCKETS_MAX:
            raise Spinning(f"the client spun: it opened more than {SOCKETS_MAX} WebSockets in one run")

    async def _until_due(self, blocked: Blocked) -> float:
        """Wait in virtual time for the first input, or for the program's earliest timer; the time that it is then."""
        await trio.lowlevel.checkpoint()
        return await self._inputs.wait(blocked)

    def _end(self, error: Exception | None) -> None:
        self._error = error
        self.has_ended = True
        self._flush()
        self._network.close()
        self._answered.set()

    def leave(self) -> None:
        """The run is over for us: the program exits at once, if it still runs."""
        if self.has_ended:
            return
        self.has_ended = True
        self._process.send(End())
        self._network.close()
        try:
            while not isinstance(ended := self._process.receive(END_REAL_S_MAX), Ended):
                pass
        except LockstepError:  # the run is over; that the process cannot be kept is of no interest
            self.is_wedged = True
        else:
            self.exit_code = ended.code
        self._flush()

    # --- what it prints ----------------------------------------------------------------------------------------------

    def said(self, stream: str, data: bytes) -> None:
        """The program has written to standard output or error."""
        *lines, rest = (self._cut[stream] + data).split(b"\n")
        self._cut[stream] = rest[:LINE_BYTES_MAX]
        for line in lines:
            self._line(stream, line)

    def _flush(self) -> None:
        for stream, rest in self._cut.items():
            self._cut[stream] = b""
            if rest:
                self._line(stream, rest)

    def _line(self, stream: str, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if stream == "stdout":
            try:
                report = parse(text)
            except ProtocolError as error:
                self._answer(error)
                return
            if isinstance(report, Reached):
                self._reached[report.id] = None
                self._context.on_event({"id": report.id}, report.repaired)
                return
            if report is not None:
                if isinstance(report, Done) and report.held is not None:
                    self._held = report.held
                if step_of(report) == self._asked:
                    self._answer(report)
                return
        self.printed.append(Printed(self._inputs.now_s(), stream, text))

    def _answer(self, answer: Answer | ProtocolError) -> None:
        self._answers.append(answer)
        self._answered.set()


def _event(one: str | dict[str, Any]) -> Event:
    return {"id": one} if isinstance(one, str) else one


class CommandFactory:
    """A factory of clients that are runs of one command. last: the newest of them; switches: how their threads deviate
    from first come, first served."""

    watch = ProgramWatch

    def __init__(self, command: Sequence[str], switches: Sequence[tuple[int, int]], pool: Pool) -> None:
        self.command = tuple(command)
        self.switches = tuple(switches)
        self.last: LockstepClient | None = None
        self.early: list[Printed] = []  # what a program printed that ended before it waited for anything
        self._before: list[tuple[str, bytes]] = []
        self._pool = pool

    @property
    def before(self) -> Sequence[tuple[str, bytes]]:
        """What the program wrote before it waited for the first time, by stream."""
        return tuple(self._before)

    def __repr__(self) -> str:
        return f"CommandFactory({' '.join(self.command)})"

    @asynccontextmanager
    async def __call__(self, context: ClientContext) -> AsyncIterator[LockstepClient]:
        self.last = None
        with self._started(context) as (process, clients):
            async with trio.open_nursery() as nursery:
                client = self.last = LockstepClient(context, process, nursery)
                clients.append(client)
                for stream, data in self._before:
                    client.said(stream, data)
                process.said = client.said
                try:
                    nursery.start_soon(client.exchange)
                    yield client
                finally:
                    nursery.cancel_scope.cancel()

    @contextmanager
    def _started(self, context: ClientContext) -> Any:
        """A process that is told to start, and where its client is to be put.

        Afterwards the process is kept for the next run, or killed if it is in disorder. A run with two clients has two
        of them at once.
        """
        self._before = []
        clients: list[LockstepClient] = []
        start = StartRun(context.seed, epoch_s(), variables(context), self.switches)
        try:
            process = self._pool.take(self.command, start, lambda stream, data: self._before.append((stream, data)))
        except NeverWaited as error:
            raise self._never_waited(error) from None
        is_whole = False
        try:
            yield process, clients
            is_whole = True
        finally:
            if clients and self._left(clients[0], was_cut_short=not is_whole):
                self._pool.give(process)
            else:
                process.kill()

    def _left(self, client: LockstepClient, *, was_cut_short: bool) -> bool:
        """Let the program leave; whether its process can be run again.

        A run that was cut short, because the client hangs or spins, mostly leaves it waiting for us. A new process
        would cost its imports.
        """
        if client.is_wedged or (was_cut_short and not (client.is_at_rest or client.has_ended)):
            return False
        client.leave()
        return not client.is_wedged

    def _never_waited(self, error: NeverWaited) -> Exception:
        texts = {
            name: b"".join(data for stream, data in self._before if stream == name) for name in ("stdout", "stderr")
        }
        self.early = [
            Printed(0.0, name, line.decode("utf-8", "replace"))
            for name, text in texts.items()
            for line in text.splitlines()
        ]
        if error.refused is not None:
            return NotVirtual(error.refused)
        words = [one.text.strip() for one in self.early if one.stream == "stderr" and one.text.strip()]
        return Exit(f"{error}; {words[-1]}" if words else str(error))


def factory(command: Sequence[str], *, switches: Sequence[tuple[int, int]] = (), pool: Pool = POOL) -> CommandFactory:
    """A factory for a command, which is started with a shim in it. Raises UsageError when there is no such command."""
    check_exists(command[0])
    return CommandFactory(command, switches, pool)


def variables(context: ClientContext) -> Mapping[str, str]:
    """What the program finds in its environment."""
    found = {"GAPLESS_URL": context.base_url, "GAPLESS_CONVERSATION_ID": context.conversation_id}
    if context.api_key is not None:
        found["GAPLESS_API_KEY"] = context.api_key
    if context.store is not None:
        found["GAPLESS_STORE"] = str(_store_path(context.store))
    return found | asked_of_client(context.certainty, context.settings)


def _store_path(store: MutableMapping[str, Any]) -> Path:
    """A file that outlives a kill of the program. There is none until the program makes it."""
    directory = store.get("directory") or store.setdefault("directory", _StoreDirectory())
    assert isinstance(directory, _StoreDirectory), "nobody else keeps anything in the store of a program"
    return directory.path / "conversation.db"


class _StoreDirectory:
    """A directory that is removed when nothing needs it any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="gapless-store-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def epoch_s() -> float:
    """The wall clock at virtual second 0: the server's own, read as UTC."""
    return (EPOCH - EPOCH.__class__(1970, 1, 1)).total_seconds()
