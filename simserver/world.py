"""The world: one agent, its server, the links to it, and the clock they share.

Give it settings, a workload, faults and choices; enter `running()` inside `run_deterministic`; connect with
`connections.dial` and `connections.http_transport`. Everything that happens is in the journal.

Each part is a file of its own. Here they are put together, and here is what takes several of them: the end of the
world, healing, a restart, a fault that goes off at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from gapless.simserver.choices import Choices, SeededSource
from gapless.simserver.conversation.agent import Agent
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.event_faults import EventFaults
from gapless.simserver.conversation.publisher import Publisher
from gapless.simserver.conversation.runs import AgentRuns
from gapless.simserver.conversation.workload import AgentWorkload, Happening, Pause, RunPlan
from gapless.simserver.errors import ServerCrashed
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import (
    Close,
    CoarsenClock,
    FaultVerdict,
    Reset,
    RestartServer,
    StepClock,
    Truncate,
)
from gapless.simserver.journal import Journal
from gapless.simserver.link import ArmedFault, FaultCount, Link
from gapless.simserver.loop import TRIO, Loop
from gapless.simserver.network.connections import BYTES, Carrier, Connections
from gapless.simserver.process import Process
from gapless.simserver.protocol.app import create_app
from gapless.simserver.protocol.outbox import Act
from gapless.simserver.settings import ServerSettings

BASE_URL: Final = "http://agent.test"


class World:
    """A fake agent server with one conversation, reachable in memory (or on a port, by `port.serve_tcp`).

    agent: the model, and so the truth; archive: what of its log is on disk; journal: what happened; choices: what was
    drawn; connections: how clients reach it; publisher: what becomes of an event; runs: what the agent works at; link:
    the faults; process: the clock, and whether the server is down.
    """

    def __init__(
        self,
        settings: ServerSettings | None = None,
        workload: AgentWorkload | None = None,
        faults: Sequence[BaseFault] = (),
        choices: Choices | None = None,
        loop: Loop = TRIO,
        carrier: Carrier = BYTES,
    ) -> None:
        self.loop = loop
        self.process = Process(loop)
        self.settings = settings or ServerSettings()
        self.workload = workload or AgentWorkload()
        self.choices = choices or Choices(SeededSource(0))
        self.journal = Journal(self.process.now_s)
        self.link = Link(faults, self.choices, self.journal, self.process.now_s, loop)
        fates = EventFaults(self.link, self.process.now_s)
        self.agent = Agent(self.settings, self.workload, fates.of)
        self.archive = Archive(self.agent.log)
        self.publisher = Publisher(self.process, self.agent, self.archive, fates, self.journal)
        self.runs = AgentRuns(
            self.process, self.workload.runs, self.agent, self.archive, self.publisher, self.link, self.journal
        )
        self.connections = Connections(self.process, self.link, self.journal, create_app(self), carrier)
        self.base_url = BASE_URL
        self.api_key = self.settings.api_key

    def __repr__(self) -> str:
        return f"World({self.settings.generation}, {self.agent!r}, {self.link!r})"

    @property
    def conversation_id(self) -> str:
        return self.agent.conversation_id

    def now_s(self) -> float:
        """Virtual seconds since `running` was entered; 0 before."""
        return self.process.now_s()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Run the server for the length of the block, then end every connection and task.

        Raises what the block raises, and ServerCrashed when the fake server itself failed.
        """
        raised: BaseException | None = None
        async with self.loop.nursery() as nursery:
            self.process.begin(nursery)
            self.publisher.journal_history()
            for happening in self.workload.background:
                nursery.start_soon(self._happen, happening)
            for one in self.link.timed():
                nursery.start_soon(self._go_off, one)
            try:
                yield self
            except Exception as error:
                raised = error  # raised outside the nursery, which would wrap it
            finally:
                self.publisher.persist_all()
                # Reset first: Hypercorn shields its writes, and a write to a client that reads no more never ends.
                for connection in self.connections:
                    connection.reset()
                nursery.cancel_scope.cancel()
        self.process.end()
        failure = self.process.failure
        if failure is not None:
            raise ServerCrashed(f"the fake server failed: {failure!r}") from failure
        if raised is not None:
            raise raised

    # --- what clients ask for ----------------------------------------------------------------------------------

    def knows(self, conversation_id: str) -> bool:
        """Is this our conversation, and not deleted?"""
        return conversation_id == self.conversation_id and self.agent.status != "deleting"

    def send_message(self, text: str) -> None:
        """Take a user message; nobody takes it while the server is down."""
        if not self.process.is_down:
            self.publisher.publish(self.agent.message(self.now_s(), text))

    def delete(self) -> None:
        """Delete the conversation: runs stop, sockets stay open and fall silent (R35)."""
        self.runs.stop()
        self.agent.delete()
        self.journal.record("agent", "status", status="deleting")

    # --- what is done to it ------------------------------------------------------------------------------------

    def heal(self) -> None:
        """End the chaos phase: no fault acts any more, and what they held back is let go."""
        if self.link.healed.is_set():
            return
        self.link.heal()
        self.publisher.persist_all()
        for connection in self.connections:
            connection.release()
        for subscription in self.publisher.subscriptions:
            subscription.release()
        self.journal.record("world", "healed")

    def disconnect(self) -> None:
        """Break every open socket, as a link does: without a close code."""
        for subscription in list(self.publisher.subscriptions):
            subscription.act(Reset("before"))

    async def restart(self, down_s: float, *, leaf_lags: bool = False) -> None:
        """The process ends and is back ``down_s`` later, with the log that it had. Sockets are closed with 1012, calls
        under way are reset, and a run in progress has ended in ``error``; the leaf is an older one, if it lags."""
        self.journal.record("world", "restarting", down_s=down_s)
        self.publisher.persist_all()
        incarnation = self.process.go_down()
        self.runs.stop()
        subscribed = {one.connection for one in self.publisher.subscriptions}
        for subscription in list(self.publisher.subscriptions):
            subscription.act(Close(1012, "before"))
        for connection in self.connections:
            if connection not in subscribed:
                connection.reset()
        await self.link.sleep_unless_healed(down_s)
        if self.process.incarnation != incarnation:
            return  # it was restarted once more while it was down; that brings it back
        self.process.come_back()
        self.publisher.publish(self.agent.recover(self.now_s(), leaf_lags=leaf_lags))
        self.journal.record("world", "restarted")
        self.runs.died()

    def add_fault(self, fault: BaseFault) -> str:
        """Let one more fault act, on open connections too; its name. One with a time that has passed goes off at once.

        Raises ConfigError when its name is taken, or the world has healed.
        """
        one = self.link.add(fault, self.connections)
        if one.at_s is not None:
            self.process.start_soon(self._go_off, one)
        return one.name

    def remove_fault(self, name: str) -> bool:
        """Let a fault act no more; False when there is none of that name."""
        return self.link.remove(name)

    def fired(self) -> tuple[FaultCount, ...]:
        """How often each fault fired, in the order given."""
        return self.link.counts()

    # --- what happens by itself --------------------------------------------------------------------------------

    async def _happen(self, happening: Happening) -> None:
        await self.loop.sleep(happening.at_s)
        if isinstance(happening.what, RunPlan):
            self.runs.begin(happening.what, by="background")
        elif isinstance(happening.what, Pause):
            self.runs.pause()
        else:
            self.send_message(happening.what)

    async def _go_off(self, one: ArmedFault) -> None:
        assert one.at_s is not None
        await self.loop.sleep(max(0.0, one.at_s - self.now_s()))
        if one.fault.place == "server":
            verdict = self.link.consult_timed(one, Facts("server", "server"))
            if verdict is not None:
                await self._act_on_server(verdict)
            return
        for subscription in list(self.publisher.subscriptions):
            number = subscription.number
            facts = Facts("connection", f"socket {number}", connection=number, aspect="socket")
            verdict = self.link.consult_timed(one, facts)
            if isinstance(verdict, Act):
                subscription.act(verdict)

    async def _act_on_server(self, verdict: FaultVerdict) -> None:
        agent, now_s = self.agent, self.now_s()
        match verdict:
            case StepClock():
                agent.step_clock(now_s, verdict.step_s)
            case CoarsenClock():
                agent.coarsen_clock(verdict.resolution_s)
            case Truncate():
                self.publisher.truncate(verdict.events)
            case RestartServer():
                await self.restart(verdict.down_s, leaf_lags=verdict.leaf_lags)
            case _:
                raise AssertionError(f"{verdict} is not about a server")
