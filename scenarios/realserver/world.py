"""A world with the published server in it: the server's process, the link to it, and the clock that they share.

It is played as a `gapless.simserver.world.World` is. Clients connect to the same link, on which the same faults act;
behind it a `Relay` carries what they say to the server. The journal is made from what passes there, and from the
server's store: an event is in the log when its file is, and the store is read whenever the server has come to rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import trio

from gapless.scenarios.definition.scenario import Background, Run, Scenario
from gapless.scenarios.errors import UsageError
from gapless.scenarios.lockstep.client import epoch_s
from gapless.scenarios.realserver.environment import PublishedServer
from gapless.scenarios.realserver.http1 import BrokenOff
from gapless.scenarios.realserver.kept_servers import SERVERS, KeptServer
from gapless.scenarios.realserver.program import ProgramStream, ServerProgram
from gapless.scenarios.realserver.relay import Relay
from gapless.scenarios.realserver.relayed_world import RelayedConnection
from gapless.scenarios.realserver.scripted_model import HOST, Aside, Reply, ScriptedModel, replies
from gapless.scenarios.realserver.store import ConversationStore
from gapless.scenarios.realserver.warm_up import ask, prepare, template_of
from gapless.simserver.cause import Cause
from gapless.simserver.choices import Choices
from gapless.simserver.conversation.event_bodies import STATE_UPDATE, EventBody
from gapless.simserver.conversation.ids import conversation_id_for
from gapless.simserver.conversation.workload import EPOCH
from gapless.simserver.errors import ServerCrashed
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import Close, Reset, RestartServer
from gapless.simserver.journal import Journal
from gapless.simserver.link import ArmedFault, FaultCount, Link
from gapless.simserver.network.connections import Connections, socket_facts
from gapless.simserver.process import Process
from gapless.simserver.progress import Progress
from gapless.simserver.protocol.outbox import ConnectionAct
from gapless.simserver.settings import VERSIONS
from gapless.simserver.world import BASE_URL

UNTIL_PASSED_TURNS: Final = 4  # turns of the scheduler until what the server has sent has passed the link
SEEDS_APART: Final = 1_000_003
START_S: Final = 0.001  # how long before the end of a restart the new process begins
ENDS: Final = frozenset({"finished", "paused", "waiting_for_confirmation", "error", "stuck"})


@dataclass(eq=False, slots=True)
class _AskedRun:
    """A run that somebody has asked for. ``said``: what the model says in it; None for the workload's next."""

    by: str
    said: tuple[Reply, ...] | None = None


class RealServerWorld:
    """A published server with one conversation, and its link.

    journal, progress, link, choices, connections, process: as in the simulated world; log: the events in the server's
    store; told_version: what clients are told that the server is, empty for its own version. Those of a server that
    plays an older generation are told of one of that, and find no socket that it did not have.
    """

    def __init__(
        self,
        server: PublishedServer,
        scenario: Scenario,
        seed: int,
        choices: Choices,
        generation: str,
    ) -> None:
        prepare(server)
        self.process = Process()
        self.choices = choices
        self.journal = Journal(self.process.now_s)
        self.progress = Progress(self.process.now_s)
        self.link = Link(scenario.faults, choices, self.journal, self.process.now_s, self.progress)
        self._relay = Relay(self)
        self.connections = Connections(self.process, self.link, self.journal, _no_app, self._relay.serve)
        self.base_url = BASE_URL
        self.api_key = scenario.server.api_key
        self.conversation_id = conversation_id_for("conversation")
        self.sockets: list[RelayedConnection] = []
        self.logged: set[str] = set()
        self.told_version = "" if generation == server.generation else VERSIONS["tree"]
        self._server = server
        self._scenario = scenario
        self._seed = seed
        self._model = ScriptedModel(self._aside)
        self._kept: KeptServer | None = None
        self._store: ConversationStore | None = None
        self._program: ServerProgram | None = None
        self._nursery: trio.Nursery | None = None
        self._asked: deque[_AskedRun] = deque()
        self._planned = 0
        self._runs = 0
        self._run: int | None = None
        self._status = "idle"
        self._is_ending = False

    def __repr__(self) -> str:
        return f"RealServerWorld({self._server}, {len(self.log)} events, {self.link!r})"

    @property
    def agent(self) -> RealServerWorld:
        """What has the log, as in the simulated world."""
        return self

    @property
    def log(self) -> Sequence[EventBody]:
        """The events in the server's store, as far as it was read."""
        return () if self._store is None else self._store.events

    def now_s(self) -> float:
        """Virtual seconds since the server was ready for clients; 0 before that."""
        return self.process.now_s()

    def fired(self) -> tuple[FaultCount, ...]:
        """How often each fault has fired, in the order in which they were given."""
        return self.link.counts()

    # --- running -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RealServerWorld]:
        """Run the server until the block ends. Raises what the block raises, and ServerCrashed."""
        self._kept = SERVERS.take(self._server, self.api_key)
        is_sound = False
        raised: BaseException | None = None
        try:
            self._kept.empty()
            self._write_store(self._kept)
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                await self._start()
                self.process.begin(nursery)
                self._journal_history()
                for happening in self._scenario.workload.background:
                    nursery.start_soon(self._act_in_background, happening)
                for one in self.link.timed():
                    nursery.start_soon(self._fire_at_its_time, one)
                for one in self.link.faults:
                    if one.until is not None:
                        nursery.start_soon(self._release_in_time, one.name, one.until)
                try:
                    yield self
                except Exception as error:
                    raised = error  # raised again outside the nursery, which would wrap it in a group
                finally:
                    for connection in self.connections:
                        connection.reset()
                    is_sound = self._stop()
                    nursery.cancel_scope.cancel()
        finally:
            self.process.end()
            SERVERS.give(self._kept, is_sound=is_sound)
        failure = self.process.failure
        if failure is not None:
            raise ServerCrashed(f"the relay to the real server failed: {failure!r}") from failure
        if raised is not None:
            raise raised

    def _write_store(self, kept: KeptServer) -> None:
        wanted = self._scenario.workload
        self._store = ConversationStore(kept.conversations, self.conversation_id)
        self._store.write(template_of(self._server), wanted.history_events, wanted.payload_bytes, EPOCH)
        self.logged = {str(event["id"]) for event in self.log}
        statuses = [event["value"] for event in self.log if event.get("key") == "execution_status"]
        self._status = str(statuses[-1]) if statuses else "idle"

    def _journal_history(self) -> None:
        if self.log:
            first, last = self.log[0]["id"], self.log[-1]["id"]
            self.journal.record("log", "history", events=len(self.log), first=first, last=last)

    async def _start(self) -> None:
        """Start the server's process, and wait until it listens. Raises UsageError when it ends instead."""
        assert self._kept is not None
        assert self._nursery is not None
        program = ServerProgram(self._kept.process, self._nursery, {HOST: self._model.serve}, self._look, self._at_rest)
        self._program = program
        # A process that comes back draws other ids than the one that died: theirs are in the same log.
        seed = self._seed + SEEDS_APART * (self.process.incarnation - 1)
        self._kept.start(seed, epoch_s() + self.now_s())
        self._nursery.start_soon(self._serve, program)
        await program.listening.wait()
        if program.failure is not None:
            raise UsageError(f"{self._server} does not start: {program.failure}")

    async def _serve(self, program: ServerProgram) -> None:
        await program.exchange()
        if program.failure is not None and program.listening.is_set() and self.process.is_running:
            self.process.crashed(program.failure)

    def _stop(self) -> bool:
        """End the server's process; whether it can be run again."""
        assert self._program is not None
        self._program.kill()
        return self._program.is_sound

    def dial_server(self) -> ProgramStream:
        """Connect to the server. Raises ConnectionRefusedError when it does not listen."""
        if self._program is None:
            raise ConnectionRefusedError("the server is not there")
        return self._program.dial()

    # --- what is seen of the server ------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read what the server has appended to its log."""
        if self._store is None:
            return
        index = len(self.log)
        for event in self._store.read():
            self.logged.add(str(event["id"]))
            self._appended(index, event)
            index += 1

    def _appended(self, index: int, event: EventBody) -> None:
        status = event["value"] if event.get("key") == "execution_status" else None
        if status == "running" and self._run is None:
            self._begin_run(self._asked.popleft() if self._asked else _AskedRun("client"))
        branch = event["kind"] != STATE_UPDATE
        fields = {"id": event["id"], "kind": event["kind"], "index": index, "run": self._run, "branch": branch}
        if event["kind"] == "ConversationErrorEvent":
            fields["error"] = {"code": event["code"], "detail": event["detail"]}
        elif event.get("key") == "stats":
            fields["statistics"] = event["value"]
        self.journal.add("log", "append", fields)
        self.progress.published(str(event["id"]), is_logged=True)
        if status is not None:
            self._status = str(status)
            self.journal.record("agent", "status", status=status)
            self._is_ending = self._run is not None and status in ENDS

    def _begin_run(self, asked: _AskedRun) -> None:
        said = asked.said
        if said is None:
            plans, self._planned = self._scenario.workload.runs, self._planned + 1
            plan = plans[self._planned - 1] if self._planned <= len(plans) else Run(init_s=0.0, actions=0)
            said = replies(plan, f"run-{self._planned}", self._scenario.workload.payload_bytes)
        self._model.begin(said)
        self._run, self._runs = self._runs, self._runs + 1
        self.journal.record("agent", "run-started", run=self._run, by=asked.by)
        self.progress.run_ends()
        self.progress.run_begins()

    def _at_rest(self) -> None:
        """The server has nothing to do at this instant: a run whose end it has said is over."""
        if self._is_ending:
            self._end_run()

    def _end_run(self) -> None:
        self._is_ending = False
        leaf = next((event["id"] for event in reversed(self.log) if event["kind"] != STATE_UPDATE), None)
        self.journal.record(
            "agent", "run-ended", run=self._run, status=self._status, log_length=len(self.log), leaf=leaf
        )
        self._run = None
        self.process.start_soon(self._sent_everything, self._runs)

    async def _sent_everything(self, run: int) -> None:
        """The frames that the server has sent until now have passed the link, so nothing more belongs to the run."""
        await _until_passed()
        if self.progress.runs == run:
            self.progress.run_ends()

    def run_asked(self, by: str = "client", said: tuple[Reply, ...] | None = None) -> _AskedRun:
        """A run is asked for. One that is in progress takes the message; then nothing begins."""
        asked = _AskedRun(by, said)
        if self._run is None:
            self._asked.append(asked)
        return asked

    def run_answered(self, asked: object, *, taken: bool) -> None:
        """The server has answered that request: a run has begun, though it may not say so yet (R15)."""
        if not isinstance(asked, _AskedRun) or asked not in self._asked:
            return
        self._asked.remove(asked)
        if taken and self._run is None:
            self._begin_run(asked)
            self.process.start_soon(self._end_if_nothing_runs, self._run)

    async def _end_if_nothing_runs(self, run: int) -> None:
        """A server that has finished, and got no message since, takes the request and runs nothing.

        It says so with a snapshot at the instant of its answer.
        """
        await _until_passed()
        if self._run == run and self._status == "finished" and not self._is_ending:
            self._end_run()

    # --- what a test does to the server --------------------------------------------------------------------------

    def heal(self) -> None:
        """End the chaos phase: no fault acts any more, and everything they delayed is sent now."""
        if self.link.healed.is_set():
            return
        self.link.heal()
        for connection in self.connections:
            connection.release()
        for socket in self.sockets:
            socket.release()
        self.journal.record("world", "healed")

    def disconnect(self) -> None:
        """Reset every open socket. Clients see no close code."""
        for socket in list(self.sockets):
            socket.act(Reset("before"))

    async def restart(self, down_s: float, *, lease_s: float = 0.0) -> None:
        """Kill the server's process, and start it again ``down_s`` virtual seconds later on what it has written.

        As on the fake server, sockets are closed with 1012 and calls in progress are reset. ``lease_s`` is of the fake
        server alone: see `playable`.
        """
        assert not lease_s
        self.journal.record("world", "restarting", down_s=down_s)
        incarnation = self.process.go_down()
        open_before = {one.name.number for one in self.sockets}
        for socket in list(self.sockets):
            socket.act(Close(1012, "before"))
        self._stop()
        self._asked.clear()
        for connection in self.connections:
            facts = connection.facts
            if facts is None or facts.connection not in open_before:
                connection.reset()
        await self.link.sleep_unless_healed(max(0.0, down_s - START_S))
        if self.process.incarnation != incarnation:
            return  # restarted again while it was down: the later restart brings it back
        await self._start()
        await self.link.sleep_unless_healed(min(down_s, START_S))
        if self.process.incarnation != incarnation:
            return
        self.process.come_back()
        self.journal.record("world", "restarted")
        if self._run is not None:
            self._end_run()

    # --- background tasks ----------------------------------------------------------------------------------------

    @property
    def sees_a_run(self) -> bool:
        """Whether a run is in progress."""
        return self._run is not None

    async def act(self, name: str, value: str | int | None = None) -> None:
        """Another party does something to the conversation. What the server refuses is recorded."""
        self.journal.record("other", name, **({} if value is None else {"value": value}))
        match name:
            case "confirm" | "reject":
                answer = {"accept": name == "confirm", "reason": "rejected"}
                status = await self._ask("POST", "/events/respond_to_confirmation", answer)
            case "navigate":
                status = await self._ask("POST", "/navigate", {"event_id": self._towards_root(value)})
            case "delete":
                status = await self._ask("DELETE", "")
            case "pause" | "interrupt" | "fork":
                status = await self._ask("POST", f"/{name}", {} if name == "fork" else None)
            case _:
                raise AssertionError(f"{name} is refused before anything is started")
        if status is not None and status >= 400:
            self.journal.record("other", "refused", asked=name, message=f"HTTP {status}")

    def _towards_root(self, back: str | int | None) -> str | None:
        """The branch event that is ``back`` steps before the leaf; None for ``root``, and when there is none."""
        parents = {str(event["id"]): event.get("parent_id") for event in self.log if event["kind"] != STATE_UPDATE}
        found = next(reversed(parents), None)
        for _ in range(back if isinstance(back, int) else len(parents)):
            found = None if found is None else parents.get(found)
        return found

    async def _act_in_background(self, happening: Background) -> None:
        if happening.at is not None:
            await self.progress.wait_for(happening.at)
        else:
            await trio.sleep(happening.at_s or 0.0)
        if happening.message is not None:
            content = [{"type": "text", "text": happening.message}]
            await self._ask("POST", "/events", {"role": "user", "content": content, "run": False})
        if happening.run is not None:
            asked = self.run_asked("background", replies(happening.run, "background", 0))
            self.run_answered(asked, taken=await self._ask("POST", "/run") == 200)
        if happening.pause:
            await self._ask("POST", "/pause")

    async def _aside(self, aside: Aside) -> None:
        await self._ask("POST", f"/{aside}")

    async def _ask(self, method: str, below: str, body: dict[str, Any] | None = None) -> int | None:
        """Another party asks the server, past the link; the status, None when there is no answer."""
        path = f"/api/conversations/{self.conversation_id}{below}"
        with suppress(BrokenOff, ConnectionRefusedError):
            if self._program is not None:
                return (await ask(self._program, method, path, body, self.api_key)).status
        return None

    async def _fire_at_its_time(self, one: ArmedFault) -> None:
        if one.at is not None:
            await self.progress.wait_for(one.at)
        else:
            assert one.at_s is not None
            await trio.sleep(max(0.0, one.at_s - self.now_s()))
        if one.fault.place == "server":
            verdict = self.link.consult_timed(one, Facts("server", "server"))
            if isinstance(verdict, RestartServer):
                await self.restart(verdict.down_s)
            return
        for socket in list(self.sockets):
            act = self.link.consult_timed(one, socket_facts("connection", socket.name, aspect="socket"))
            if isinstance(act, ConnectionAct):
                socket.act(act)

    async def _release_in_time(self, name: str, until: Cause) -> None:
        """Send what a fault delays until a cause, when that cause comes."""
        await self.progress.wait_for(until)
        for socket in list(self.sockets):
            socket.due(name)


async def _no_app(*_: Any) -> None:
    raise AssertionError("the relay serves all connections")


async def _until_passed() -> None:
    """Wait, at this instant, until what the server has sent has passed the link."""
    for _ in range(UNTIL_PASSED_TURNS):
        await trio.lowlevel.checkpoint()
