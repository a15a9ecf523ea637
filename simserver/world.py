"""A world: one agent, its server, the connections to it, and the clock that they share.

To use one, construct a `World` with settings, a workload, faults and choices. Enter `World.running` inside
`run_deterministic`. Connect with `connections.dial` for sockets and `connections.http_transport` for REST. The journal
records everything that happens.

Each part is in a module of its own. This module constructs the parts, and does what involves several of them: ending
the world, healing, a restart, and a fault that fires at a set time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import trio

from gapless.simserver.cause import Cause
from gapless.simserver.choices import Choices, SeededSource
from gapless.simserver.conversation.agent import Agent
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.event_faults import EventFaults
from gapless.simserver.conversation.ids import conversation_id_for
from gapless.simserver.conversation.publisher import Publisher
from gapless.simserver.conversation.runs import AgentRuns
from gapless.simserver.conversation.workload import AgentWorkload, BackgroundAction, Pause, RunPlan
from gapless.simserver.errors import IllegalTransition, ServerCrashed
from gapless.simserver.faults.base import BaseFault
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import (
    Close,
    CoarsenClock,
    FaultVerdict,
    Insert,
    PutToSleep,
    Reset,
    RestartServer,
    StepClock,
    Truncate,
)
from gapless.simserver.journal import Journal
from gapless.simserver.link import ArmedFault, FaultCount, Link
from gapless.simserver.network.connections import Connections, socket_facts
from gapless.simserver.process import Process
from gapless.simserver.progress import Progress
from gapless.simserver.protocol.app import create_app
from gapless.simserver.protocol.outbox import ConnectionAct
from gapless.simserver.protocol.served_world import RuntimeState
from gapless.simserver.settings import ServerSettings
from gapless.simserver.waiting import sleep

BASE_URL: Final = "http://agent.test"


class World:
    """A fake agent server with one conversation. Clients reach it in memory, or on a port through `port.serve_tcp`.

    agent: the model of the conversation, which knows the true log; archive: how much of that log is on disk; publisher:
    persists events and sends them to the sockets; runs: the agent's runs; link: the faults; process: the clock, and
    whether the server is down; connections: how clients connect; journal: what happened; choices: what was drawn.
    """

    def __init__(
        self,
        settings: ServerSettings | None = None,
        workload: AgentWorkload | None = None,
        faults: Sequence[BaseFault] = (),
        choices: Choices | None = None,
        journal: Callable[[Callable[[], float]], Journal] = Journal,
    ) -> None:
        self.process = Process()
        self.settings = settings or ServerSettings()
        self.workload = workload or AgentWorkload()
        self.choices = choices or Choices(SeededSource(0))
        self.journal = journal(self.process.now_s)
        self.progress = Progress(self.process.now_s)
        self.link = Link(faults, self.choices, self.journal, self.process.now_s, self.progress)
        event_faults = EventFaults(self.link, self.process.now_s)
        self.agent = Agent(self.settings, self.workload, event_faults.of)
        self.archive = Archive(self.agent.log)
        self.publisher = Publisher(self.process, self.agent, self.archive, event_faults, self.journal, self.progress)
        self.runs = AgentRuns(
            self.process, self.workload.runs, self.agent, self.archive, self.publisher, self.link, self.journal
        )
        self.connections = Connections(self.process, self.link, self.journal, create_app(self))
        self.base_url = BASE_URL
        self.api_key = self.settings.api_key
        self.runtime: RuntimeState = "available"
        self.can_resume = True
        self._wakes_in_s: float | None = None
        self._forks = 0
        self._leased_until_s = 0.0

    def __repr__(self) -> str:
        return f"World({self.settings.generation}, {self.agent!r}, {self.link!r})"

    @property
    def conversation_id(self) -> str:
        return self.agent.conversation_id

    def now_s(self) -> float:
        """Virtual seconds since `running` was entered; 0 before that."""
        return self.process.now_s()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Run the server until the block ends, then end every connection and task.

        Raises what the block raises, or ServerCrashed when the fake server itself failed.
        """
        raised: BaseException | None = None
        async with trio.open_nursery() as nursery:
            self.process.begin(nursery)
            self.publisher.journal_history()
            for happening in self.workload.background:
                nursery.start_soon(self._act_in_background, happening)
            for one in self.link.timed():
                nursery.start_soon(self._fire_at_its_time, one)
            for one in self.link.faults:
                self._release_in_time(one)
            try:
                yield self
            except Exception as error:
                raised = error  # raised again outside the nursery, which would wrap it in a group
            finally:
                self.publisher.persist_all()
                # Reset before the cancellation: Hypercorn shields its writes from it, and a write to a client that no
                # longer reads would never end.
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

    def has_conversation(self, conversation_id: str) -> bool:
        """Whether this is the conversation of this world, has not been deleted, and is not hidden by a lease."""
        is_ours = conversation_id == self.conversation_id and self.agent.status != "deleting"
        return is_ours and not self.is_leased

    @property
    def is_leased(self) -> bool:
        """Whether the lease of a process that has died still hides the conversation (R64)."""
        return self.now_s() < self._leased_until_s and not self.link.healed.is_set()

    def send_message(self, text: str, *, client: int = 1) -> None:
        """Take a user message, of a client or of another party. It is lost while the server is down."""
        if not self.process.is_down:
            self.publisher.publish(self.agent.message(self.now_s(), text), client=client)

    def pause(self) -> None:
        """Stop the run, and set the status to paused."""
        self.runs.pause()

    def navigate(self, back: int | None) -> None:
        """Move HEAD ``back`` branch events towards the root, or before the first event when None (R69)."""
        leaf = self.agent.navigate(self.now_s(), back)
        self.journal.record("agent", "navigated", leaf=leaf)

    def navigate_to(self, event_id: str | None) -> None:
        """Move HEAD to an event, or before the first one when None. Servers without a tree have no HEAD."""
        self.agent.move_head(self.now_s(), event_id)
        self.journal.record("agent", "navigated", leaf=self.agent.leaf)

    def adopt(self, conversation_id: str) -> None:
        """Let the conversation have this id, as one that is created with it. Not when anything is in it already."""
        if not len(self.agent.log):
            self.agent.conversation_id = conversation_id

    def confirm(self, *, accept: bool, reason: str = "rejected") -> None:
        """Answer the agent's question: the run goes on, or the action is rejected.

        Raises IllegalTransition when nothing waits for an answer.
        """
        if self.agent.status != "waiting_for_confirmation":
            raise IllegalTransition("respond to a confirmation", self.agent.status)
        if accept:
            self.runs.go_on()
        else:
            self.publisher.publish(self.agent.reject(self.now_s(), reason))

    def answer(self, text: str) -> None:
        """A client's tool answers the agent's last action. The run goes on."""
        self.publisher.publish(self.agent.answer(self.now_s(), text))
        self.runs.go_on()

    def fork(self) -> str:
        """Copy the conversation to a new one, and return the id of the copy. Nothing of this one changes.

        The copy is not served: its calls are answered as those of an unknown conversation.
        """
        self._forks += 1
        copy = conversation_id_for(f"fork {self._forks} of {self.conversation_id}")
        self.journal.record("agent", "forked", copy=copy)
        return copy

    async def until_reachable(self) -> None:
        """Wait until somebody who goes on trying reaches the conversation: the server is up, and no lease hides it."""
        while self.process.is_down or self.is_leased:
            await self.process.until_up()
            await self.link.sleep_unless_healed(max(0.0, self._leased_until_s - self.now_s()))

    def wake_by_write(self) -> None:
        """A write has come while the runtime is asleep. It may wake it."""
        if self._wakes_in_s is not None:
            wakes_in_s, self._wakes_in_s = self._wakes_in_s, None
            self.process.start_soon(self._wake_after, wakes_in_s)

    def delete(self) -> None:
        """Delete the conversation. The run stops; sockets stay open and receive nothing more (R35)."""
        self.runs.stop()
        self.agent.delete()
        self.journal.record("agent", "status", status="deleting")

    # --- what a test does to the server ------------------------------------------------------------------------

    def heal(self) -> None:
        """End the chaos phase: no fault acts any more, and everything they delayed is persisted or sent now."""
        if self.link.healed.is_set():
            return
        self.link.heal()
        self.publisher.persist_all()
        for connection in self.connections:
            connection.release()
        for subscription in self.publisher.subscriptions:
            subscription.release()
        self.journal.record("world", "healed")
        self.runtime = "available"

    def disconnect(self) -> None:
        """Reset every open socket. Clients see no close code."""
        for subscription in list(self.publisher.subscriptions):
            subscription.act(Reset("before"))

    async def restart(self, down_s: float, *, leaf_lags: bool = False, lease_s: float = 0.0) -> None:
        """Take the server down, and bring it back ``down_s`` virtual seconds later with the same log.

        Sockets are closed with code 1012, and REST calls in progress are reset. A run in progress ends in ``error``.
        For ``lease_s`` after that the lease of the dead process hides the conversation (R64).
        With ``leaf_lags`` the leaf is the parent of the last action, as if the process had died before saving a newer
        one.
        """
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
            return  # restarted again while it was down: the later restart brings it back
        self._leased_until_s = self.now_s() + lease_s
        self.process.come_back()
        self.publisher.reload()
        if self.settings.epochs:
            self.agent.seq_base = len(self.agent.log)
        self.publisher.publish(self.agent.recover(self.now_s(), leaf_lags=leaf_lags))
        self.journal.record("world", "restarted")
        self.runs.ended_by_restart()

    async def sleep(self, asleep_s: float | None, *, can_resume: bool = True, wakes_on_write: bool = False) -> None:
        """Take the runtime away: sockets and writes are refused, while the history can be read (R67).

        asleep_s: until it comes back; None for good; wakes_on_write: counted from the first write on.
        """
        self.publisher.persist_all()
        self.journal.record("world", "asleep", asleep_s=asleep_s)
        self.runtime, self.can_resume = "missing", can_resume
        if not self.process.is_down:  # else its restart has ended them, and brings it back
            self.process.incarnation += 1  # the tasks of the run end, as with a restart
        self.runs.stop()
        self.disconnect()
        self.publisher.publish(self.agent.recover(self.now_s()))
        self.runs.ended_by_restart()
        if wakes_on_write:
            self._wakes_in_s = asleep_s or 0.0
        elif asleep_s is not None:
            await self._wake_after(asleep_s)

    async def _wake_after(self, seconds: float) -> None:
        await self.link.sleep_unless_healed(seconds)
        if self.runtime != "available":
            self.runtime = "available"
            self.journal.record("world", "awake")

    def add_fault(self, fault: BaseFault) -> str:
        """Add a fault to the running world and return its name. It acts on open connections too.

        A fault whose moment has passed fires at once. Raises ConfigError when its name is taken or the world has
        healed.
        """
        one = self.link.add(fault, self.connections)
        if one.is_timed:
            self.process.start_soon(self._fire_at_its_time, one)
        self._release_in_time(one)
        return one.name

    def remove_fault(self, name: str) -> bool:
        """Remove a fault. Returns False when there is none of that name."""
        return self.link.remove(name)

    def fired(self) -> tuple[FaultCount, ...]:
        """How often each fault has fired, in the order in which they were given."""
        return self.link.counts()

    # --- background tasks --------------------------------------------------------------------------------------

    async def _act_in_background(self, happening: BackgroundAction) -> None:
        if isinstance(happening.at, Cause):
            await self.progress.wait_for(happening.at)
        else:
            await sleep(happening.at)
        await self.until_reachable()
        if self.runtime != "available":
            self.wake_by_write()  # it is refused, as a client's writes are (R67)
        elif isinstance(happening.what, RunPlan):
            self.runs.begin(happening.what, by="background")
        elif isinstance(happening.what, Pause):
            self.runs.pause()
        else:
            self.send_message(happening.what)

    async def _fire_at_its_time(self, one: ArmedFault) -> None:
        if one.at is not None:
            await self.progress.wait_for(one.at)
        else:
            assert one.at_s is not None
            await sleep(max(0.0, one.at_s - self.now_s()))
        if one.fault.place == "server":
            verdict = self.link.consult_timed(one, Facts("server", "server"))
            if verdict is not None:
                await self._act_on_server(verdict)
            return
        for subscription in list(self.publisher.subscriptions):
            facts = socket_facts("connection", subscription.name, aspect="socket")
            verdict = self.link.consult_timed(one, facts)
            if isinstance(verdict, ConnectionAct):
                subscription.act(verdict)

    def _release_in_time(self, one: ArmedFault) -> None:
        """Send what a fault delays until a cause, when that cause comes."""
        until = one.until
        if until is not None:
            self.process.start_soon(self._release, one.name, until)

    async def _release(self, name: str, until: Cause) -> None:
        await self.progress.wait_for(until)
        for subscription in list(self.publisher.subscriptions):
            subscription.due(name)

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
                await self.restart(verdict.down_s, leaf_lags=verdict.leaf_lags, lease_s=verdict.lease_s)
            case Insert():
                self.publisher.insert(verdict.events, verdict.before_last)
            case PutToSleep():
                await self.sleep(verdict.asleep_s, can_resume=verdict.can_resume, wakes_on_write=verdict.wakes_on_write)
            case _:
                raise AssertionError(f"{verdict} is not about a server")
