"""The world: one agent, its server, the links to it, and the clock they share.

Give it settings, a workload, faults and choices; enter `running()` inside `run_deterministic`; connect with `dial` and
`http_transport`. Everything that happens is in the journal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import trio

from .agent import Agent, Publication
from .app import create_app
from .choices import Choices, SeededSource
from .errors import ServerCrashed
from .faults.base import BaseFault
from .faults.match import Facts
from .faults.verdicts import Close, Refuse, Reset, Stall
from .hosting import serve_stream
from .journal import Journal
from .link import ArmedFault, FaultCount, Link
from .settings import ServerSettings
from .streams import CLIENT_HOST, FIRST_PORT, Connection, Stream
from .transport import MemoryTransport
from .websocket import Subscription, describe
from .workload import EndStatus, Happening, RunPlan, Workload

BASE_URL: Final = "http://agent.test"


class World:
    """A fake agent server with one conversation, reachable in memory (or on a port, by `hosting.serve_tcp`).

    agent: the model, and so the truth; journal: what happened; choices: what was drawn; subscriptions: open sockets.
    """

    def __init__(
        self,
        settings: ServerSettings | None = None,
        workload: Workload | None = None,
        faults: Sequence[BaseFault] = (),
        choices: Choices | None = None,
    ) -> None:
        self.settings = settings or ServerSettings()
        self.workload = workload or Workload()
        self.choices = choices or Choices(SeededSource(0))
        self.agent = Agent(self.settings, self.workload)
        self.journal = Journal(self.now_s)
        self.link = Link(faults, self.choices, self.journal, self.now_s)
        self.base_url = BASE_URL
        self.api_key = self.settings.api_key
        self.subscriptions: list[Subscription] = []
        self._app = create_app(self)
        self._connections: dict[int, Connection] = {}
        self._socket_numbers: dict[int, int] = {}
        self._dialled = 0
        self._sockets = 0
        self._runs = 0
        self._planned = 0
        self._running: trio.CancelScope | None = None
        self._run_in_log: int | None = None
        self._nursery: trio.Nursery | None = None
        self._began_s: float | None = None
        self._crash: BaseException | None = None

    def __repr__(self) -> str:
        return f"World({self.settings.generation}, {self.agent!r}, {self.link!r})"

    @property
    def conversation_id(self) -> str:
        return self.agent.conversation_id

    def now_s(self) -> float:
        """Virtual seconds since `running` was entered; 0 before."""
        return 0.0 if self._began_s is None else trio.current_time() - self._began_s

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        """Run the server for the length of the block, then end every connection and task.

        Raises what the block raises, and ServerCrashed when the fake server itself failed.
        """
        raised: BaseException | None = None
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._began_s = trio.current_time()
            self._journal_history()
            for happening in self.workload.background:
                nursery.start_soon(self._happen, happening)
            for one in self.link.timed():
                nursery.start_soon(self._go_off, one)
            try:
                yield self
            except Exception as error:
                raised = error  # raised outside the nursery, which would wrap it
            finally:
                # Reset first: Hypercorn shields its writes, and a write to a client that reads no more never ends.
                for connection in self._connections.values():
                    connection.reset()
                nursery.cancel_scope.cancel()
        self._nursery = None
        if self._crash is not None:
            raise ServerCrashed(f"the fake server failed: {self._crash!r}") from self._crash
        if raised is not None:
            raise raised

    def crashed(self, error: BaseException) -> None:
        """Keep the first failure of the server itself."""
        self._crash = self._crash or error

    # --- reaching it -------------------------------------------------------------------------------------------

    async def dial(self, host: str, port: int) -> Stream:
        """Open a connection for a socket. Raises ConnectionRefusedError when a fault refuses it, or nothing runs."""
        await trio.lowlevel.checkpoint()
        number = self._sockets = self._sockets + 1
        for verdict in self.link.consult(Facts("handshake", f"socket {number}", connection=number, aspect="dial")):
            if isinstance(verdict, Refuse):
                self.journal.record("socket", "refused", connection=number, status=None)
                raise ConnectionRefusedError("the simulated link refused the connection")
        connection = self._connect()
        self._socket_numbers[connection.port] = number
        self.link.connected(connection, Facts("connection", f"socket {number}", connection=number, aspect="socket"))
        return connection.client

    async def _dial_rest(self, host: str, port: int) -> Stream:
        await trio.lowlevel.checkpoint()
        connection = self._connect()
        self.link.connected(connection, Facts("connection", f"rest connection {connection.number}", aspect="rest"))
        return connection.client

    def http_transport(self) -> MemoryTransport:
        """A transport for httpx, with connections of its own."""
        return MemoryTransport(self._dial_rest)

    def _connect(self) -> Connection:
        if self._nursery is None:
            raise ConnectionRefusedError("the world is not running")
        self._dialled += 1
        connection = Connection(self._dialled)
        self._connections[connection.port] = connection
        self._nursery.start_soon(self._serve_connection, connection)
        return connection

    async def _serve_connection(self, connection: Connection) -> None:
        try:
            await self.serve(connection.server)
        finally:
            connection.server.close()
            self._connections.pop(connection.port, None)
            self._socket_numbers.pop(connection.port, None)

    async def serve(self, stream: Any) -> None:
        """Serve the app on a stream, to the end of the connection."""
        try:
            await serve_stream(self._app, stream)
        except Exception as error:
            self.crashed(error)

    @property
    def open_connections(self) -> int:
        """How many in-memory connections are being served, sockets and REST."""
        return len(self._connections)

    def connection_of(self, scope: Any) -> Connection | None:
        """The in-memory connection behind an ASGI scope; None on a real port."""
        host, port = scope["client"]
        return self._connections.get(port) if host == CLIENT_HOST and port > FIRST_PORT else None

    def socket_number(self, connection: Connection | None) -> int:
        """The ordinal of a handshake: given when dialled, or now."""
        number = None if connection is None else self._socket_numbers.pop(connection.port, None)
        if number is None:
            number = self._sockets = self._sockets + 1
        return number

    # --- what clients ask for ----------------------------------------------------------------------------------

    def knows(self, conversation_id: str) -> bool:
        """Is this our conversation, and not deleted?"""
        return conversation_id == self.conversation_id and self.agent.status != "deleting"

    def send_message(self, text: str) -> None:
        """Take a user message."""
        self.publish(self.agent.message(self.now_s(), text))

    def begin_run(self, plan: RunPlan | None = None, *, by: str = "client") -> bool:
        """Start a run (the workload's next, unless given); False when one is in progress."""
        if self._running is not None or self._nursery is None:
            return False
        if plan is None:
            plans = self.workload.runs
            plan = plans[self._planned] if self._planned < len(plans) else RunPlan()
            self._planned += 1
        self._running = trio.CancelScope()
        self.journal.record("agent", "run-started", run=self._runs, by=by)
        self._nursery.start_soon(self._play, self._runs, plan, self._running)
        self._runs += 1
        return True

    def pause(self) -> None:
        """Stop the run after the current step; the status becomes ``paused``."""
        if self._running is not None:
            self._running.cancel()
        else:
            self.publish(self.agent.pause(self.now_s()))

    def delete(self) -> None:
        """Delete the conversation: runs stop, sockets stay open and fall silent (R35)."""
        if self._running is not None:
            self._running.cancel()
        self.agent.delete()
        self.journal.record("agent", "status", status="deleting")

    def heal(self) -> None:
        """End the chaos phase: no fault acts any more, and what they held back is let go."""
        if self.link.healed.is_set():
            return
        self.link.heal()
        for connection in self._connections.values():
            connection.release()
        for subscription in self.subscriptions:
            subscription.release()
        self.journal.record("world", "healed")

    def fired(self) -> tuple[FaultCount, ...]:
        """How often each fault fired, in the order given."""
        return self.link.counts()

    # --- what happens by itself --------------------------------------------------------------------------------

    async def _play(self, run: int, plan: RunPlan, scope: trio.CancelScope) -> None:
        agent = self.agent
        with scope:
            await trio.sleep(plan.init_s)
            self._run_in_log = run
            self.publish(agent.start_run(self.now_s()))
            for step in plan.steps:
                if step.duration_s:
                    await trio.sleep(step.duration_s)
                self.publish(agent.step(self.now_s(), step.event))
        if agent.status == "deleting":
            self._running = None
            return
        if scope.cancelled_caught:
            self.publish(agent.pause(self.now_s()))
            status: EndStatus = "paused"
        else:
            status = plan.end_status
            self.publish(agent.end_run(self.now_s(), status))
        self._run_in_log = None
        if plan.settle_s:
            await trio.sleep(plan.settle_s)
        self._running = None
        if agent.status == "deleting":
            return
        self.publish((agent.snapshot(self.now_s()),))
        self.journal.record("agent", "run-ended", run=run, status=status, log_length=len(agent.log), leaf=agent.leaf)

    async def _happen(self, happening: Happening) -> None:
        await trio.sleep(happening.at_s)
        if isinstance(happening.what, RunPlan):
            self.begin_run(happening.what, by="background")
        else:
            self.send_message(happening.what)

    async def _go_off(self, one: ArmedFault) -> None:
        assert one.at_s is not None
        await trio.sleep(one.at_s)
        for subscription in list(self.subscriptions):
            number = subscription.number
            facts = Facts("connection", f"socket {number}", connection=number, aspect="socket")
            verdict = self.link.consult_timed(one, facts)
            if isinstance(verdict, Stall | Reset | Close):
                subscription.act(verdict)

    def publish(self, publications: Sequence[Publication]) -> None:
        """Journal what was persisted, in log order, and tell the subscribers, in publication order."""
        journal, agent = self.journal, self.agent
        durable = [one for one in publications if one.seq is not None]
        if len(durable) > 1:
            durable.sort(key=lambda one: one.seq or 0)
        for one in durable:
            event = one.event
            branch = event["kind"] != "ConversationStateUpdateEvent"
            fields = {"id": event["id"], "kind": event["kind"], "index": one.seq, "run": self._run_in_log}
            journal.add("log", "append", fields | {"branch": branch})
            if event.get("key") == "execution_status":
                journal.record("agent", "status", status=event["value"])
        if agent.status == "deleting":
            return
        for one in publications:
            fields = describe(one.event, one.seq)
            journal.add("publisher", "publish", fields)
            for subscription in self.subscriptions:
                subscription.offer(one, fields)

    def _journal_history(self) -> None:
        length = len(self.agent.log)
        if length:
            first, last = self.agent.log.id_at(0), self.agent.log.id_at(length - 1)
            self.journal.record("log", "history", events=length, first=first, last=last)
