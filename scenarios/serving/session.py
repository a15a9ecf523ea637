"""One served scenario: a world that runs in real time, from the first client on.

The world's clock starts with the first connection. A fault at 5.6 s acts 5.6 s after the client came, however long the
server has been listening. A session ends when it is replaced, when its journal is full, or when its world breaks down.
It can still be judged then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

import httpx
import trio

from gapless.scenarios.running.runner import RunRequest
from gapless.scenarios.running.script_player import leaves
from gapless.scenarios.running.world_setup import server_settings, workload
from gapless.scenarios.serving.forwarding import Upstream
from gapless.scenarios.serving.stepper import Stepper
from gapless.simserver.choices import Choices, SeededSource
from gapless.simserver.world import World

ENTRIES_MAX: Final = 200_000
TEXT_BYTES_MAX: Final = 256 * 1024 * 1024  # text in all entries: a path may have 16 KB, a list of held ids megabytes
CLOSE_S_MAX: Final = 2.0  # for closing the connections to a real server
WATCH_S: Final = 0.2  # between two checks of the journal's size; the journal's own bound is ten times ENTRIES_MAX

SessionState = Literal["waiting", "running", "over"]


class Session:
    """A scenario and its world.

    ``state``: waiting for a client, running, or over.
    ``why``: why it is over; empty before.
    ``failure``: how the world broke down, or None.
    ``ended_s``: when the world ended, in its own seconds.
    ``upstream``: the real server that answers in place of the world's; None when the world does.
    ``over``: set when the session is over.

    Raises UsageError for a scenario with two clients.
    """

    def __init__(
        self,
        request: RunRequest,
        *,
        stepwise: bool = False,
        entries_max: int = ENTRIES_MAX,
        upstream: Upstream | None = None,
    ) -> None:
        request.check_one_client()
        scenario = request.scenario
        self.upstream = upstream
        self.request = request
        self.choices = Choices(SeededSource(request.seed))
        self.world = World(
            server_settings(scenario, request.generation, request.cursor),
            workload(scenario),
            scenario.faults,
            self.choices,
        )
        self.stepper = Stepper(stepwise=stepwise)
        self.world.runs.pace = self.stepper.pace
        self.state: SessionState = "waiting"
        self.why = ""
        self.failure: str | None = None
        self.ended_s = 0.0
        self._entries_max = entries_max
        self._counted_entries = self._text_bytes = 0
        self._nursery: trio.Nursery | None = None
        self._start_requested = trio.Event()
        self._started = trio.Event()
        self._ending = trio.Event()
        self.over = trio.Event()

    def __repr__(self) -> str:
        return f"Session({self.request.scenario.name}, {self.state})"

    async def live(self) -> None:
        """Wait for the first client, then run the world until the session ends.

        An error in the world ends the session and is kept in ``failure``; it is not raised.
        """
        try:
            async with trio.open_nursery() as watching:
                watching.start_soon(self._watch)
                await self._start_requested.wait()
                if not self._ending.is_set():
                    await self._run_world()
                watching.cancel_scope.cancel()
        finally:
            if self.upstream is not None:
                with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_S_MAX):
                    await self.upstream.close()
            self.state = "over"
            self._started.set()
            self.over.set()

    async def begin(self) -> None:
        """Start the world's clock, unless it runs already. Called when a client has come."""
        self._start_requested.set()
        await self._started.wait()

    async def end(self, why: str) -> None:
        """End the session, and wait until it is over."""
        self._end(why)
        await self.over.wait()

    def log(self) -> Sequence[Mapping[str, object]]:
        """The log of the conversation: the world's, or the real server's as it was read last."""
        return tuple(self.world.agent.log) if self.upstream is None else self.upstream.log

    async def read_log(self) -> None:
        """Read the real server's log, if there is one. It is no error when the server does not answer any more."""
        if self.upstream is not None:
            with suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
                await self.upstream.read_log()

    def now_s(self) -> float:
        """Seconds since the first client came; of a session that is over, the seconds at its end."""
        return self.ended_s if self.state == "over" else self.world.now_s()

    def in_background(self, doing: Callable[[World], Awaitable[None]]) -> None:
        """Start a task on the running world. It is cancelled when the session ends."""
        assert self._nursery is not None
        self._nursery.start_soon(doing, self.world)

    def _end(self, why: str) -> None:
        self.why = self.why or why
        self._ending.set()
        self._start_requested.set()

    async def _run_world(self) -> None:
        try:
            async with self.world.running(), trio.open_nursery() as self._nursery:
                self.state = "running"
                self._started.set()
                try:
                    await self._ending.wait()
                finally:
                    self.ended_s = self.world.now_s()
                self._nursery.cancel_scope.cancel()
        except Exception as error:  # the server goes on, whatever broke in this world
            broken = leaves(error)[0]
            self.failure = f"{type(broken).__name__}: {broken}"
            self._end(f"the simulated world broke down: {self.failure}")

    async def _watch(self) -> None:
        while not self._ending.is_set():
            with trio.move_on_after(WATCH_S):
                await self._ending.wait()
            self._count_text()
            if len(self.world.journal) > self._entries_max:
                self._end(f"the journal is full ({self._entries_max} entries)")
            elif self._text_bytes > TEXT_BYTES_MAX:
                self._end(f"the journal is full ({TEXT_BYTES_MAX} bytes)")

    def _count_text(self) -> None:
        """Add up the text of the new entries."""
        entries = self.world.journal.entries
        for entry in entries[self._counted_entries :]:
            self._text_bytes += sum(_text_bytes(value) for value in entry.fields.values())
        self._counted_entries = len(entries)


def _text_bytes(value: object) -> int:
    if isinstance(value, list | tuple):
        return sum(_text_bytes(one) for one in value)
    return len(value) if isinstance(value, str) else 0
