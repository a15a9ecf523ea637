"""Plays one script with one client in a running world. Everything that the client does goes into the journal.

Nothing is judged here. Each step has a deadline in virtual time. An exception ends its step. A client that never lets
time pass is stopped by a bound on the turns of the scheduler (``spin_watch.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from math import inf
from typing import Any, Literal, Protocol

import trio

from gapless.scenarios.clients.contract import (
    Claim,
    ClientContext,
    ClientUnderTest,
    Event,
    Factory,
    NoHistory,
    errors_of,
    gaps_of,
    held_with_digests,
    history_of,
    opened,
)
from gapless.scenarios.definition.scenario import (
    Answer,
    Background,
    Navigate,
    Restart,
    Scenario,
    Send,
    Sleep,
    Step,
    Suspend,
    Unasked,
    name_of,
)
from gapless.scenarios.judging.content import content_digest
from gapless.scenarios.running import other_party
from gapless.scenarios.running.other_party import OtherName, OtherParty, Target
from gapless.scenarios.running.spin_watch import SpinWatch
from gapless.simserver.cause import Cause, ClientNumber, StepName
from gapless.simserver.determinism import suspended
from gapless.simserver.errors import SimServerError
from gapless.simserver.journal import Journal
from gapless.simserver.network.connections import Connections
from gapless.simserver.network.socket_name import owned_by
from gapless.simserver.process import Process
from gapless.simserver.progress import Progress
from gapless.simserver.waiting import sleep

CLOSE_DEADLINE_S = 60
RUN_AFTER_SCRIPT_S_MAX = 600
AFTER_BOUND_S = 0.01  # healing releases held-back frames; it comes after the bound, or they would count as in time


class PlayedWorld(Protocol):
    """A world that a script can be played in: the simulated server's, or one with a real server in it."""

    @property
    def journal(self) -> Journal: ...
    @property
    def process(self) -> Process: ...
    @property
    def progress(self) -> Progress: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str | None: ...
    @property
    def conversation_id(self) -> str: ...
    def now_s(self) -> float:
        """Virtual seconds since the world began."""
        ...

    def running(self) -> AbstractAsyncContextManager[Any]:
        """Run the server until the block ends."""
        ...

    def heal(self) -> None:
        """End the chaos phase."""
        ...

    def disconnect(self) -> None:
        """Reset every open socket."""
        ...

    def restart(self, down_s: float, *, lease_s: float) -> Awaitable[None]:
        """Take the server down, and bring it back."""
        ...


class _JournaledRuns:
    """The runs in a journal, of which each entry is read once. ``last_ended_s``: when a run last ended, if any did."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read = self._in_progress = 0
        self.last_ended_s: float | None = None

    def in_progress(self) -> int:
        """How many have begun and not ended."""
        entries = self._journal.entries
        for entry in entries[self._read :]:
            if entry.place == "agent" and entry.what == "run-started":
                self._in_progress += 1
            elif entry.place == "agent" and entry.what == "run-ended":
                self._in_progress -= 1
                self.last_ended_s = entry.t_s
        self._read = len(entries)
        return self._in_progress


class Meeting:
    """Where the clients of a scenario wait for each other when their scripts are over, before the world heals."""

    def __init__(self, clients: int) -> None:
        self._expected = clients
        self._all_there = trio.Event()
        self.first_arrival = trio.Event()

    def arrive(self) -> None:
        """The script of one client is over."""
        self._expected -= 1
        self.first_arrival.set()
        if not self._expected:
            self._all_there.set()

    async def wait(self) -> None:
        """Wait for the others; at once where there are none."""
        if self._expected:
            await self._all_there.wait()


class ScriptPlayer:
    """One client in one script. ``ended_s``: when the last step ended, in virtual seconds, once ``perform`` is done.

    ``client``: which of two clients it is. ``meeting``: where it waits for the other. ``has_begun``: whether the cause
    came with which its script begins.
    """

    def __init__(
        self,
        world: PlayedWorld,
        other: OtherParty,
        scenario: Scenario,
        seed: int,
        watch: Callable[..., SpinWatch] = SpinWatch,
        *,
        client: ClientNumber = 1,
        meeting: Meeting | None = None,
    ) -> None:
        self._client = client
        self._owner = owned_by(client)
        self._meeting = meeting or Meeting(1)
        self._has_arrived = False
        self._over = trio.Event()
        self.has_begun = client == 1
        self._connections = world.connections.of_client(client)
        self._world = world
        self._other = other
        self._watch = watch
        self._journal = world.journal
        self._scenario = scenario
        self._seed = seed
        self.ended_s = 0.0
        world.progress.is_told = True
        self._played = False
        self._bug: Exception | None = None
        script = scenario.script_of(client)
        self._left = deque(script)
        self._store: dict[str, Any] | None = {} if "reopen" in script else None
        self._main: trio.lowlevel.Task | None = None
        self._contents: dict[str, str] = {}
        self._delivered_contents: dict[str, str] = {}
        self._phase = "factory"  # what the client runs outside its steps: its factory, or tasks in the background

    async def perform(self, factory: Factory, second: tuple[ScriptPlayer, Factory] | None = None) -> None:
        """Play the script, and that of a second client beside it.

        Raises SimServerError when the simulation itself fails.
        """
        async with self._world.running():
            for happening in self._scenario.workload.background:
                if not happening.model_fields_set & _NOT_OF_THE_WORKLOAD:
                    continue
                self._world.process.start_soon(self._act_in_background, happening)
            if second is not None:
                self._world.process.start_soon(second[0].perform_beside, second[1])
            await self._perform_all(factory)
            if second is not None:
                await second[0]._over.wait()

    async def perform_beside(self, factory: Factory) -> None:
        """Play the script of a second client when its cause has come; never when the first's is over before that."""
        wanted = self._scenario.second_client
        assert wanted is not None, "a second player has a second client"
        try:
            if wanted.at is not None:
                await self._wait_for(wanted.at)
            else:
                self.has_begun = True
            if self.has_begun:
                await self._perform_all(factory)
        finally:
            self._arrive()
            self._over.set()

    async def _wait_for(self, cause: Cause) -> None:
        """Wait for the cause with which the script begins, while it can come."""

        async def until_it_comes() -> None:
            await self._world.progress.wait_for(cause)
            self.has_begun = True
            nursery.cancel_scope.cancel()

        async def until_the_first_is_over() -> None:
            await self._meeting.first_arrival.wait()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(until_it_comes)
            nursery.start_soon(until_the_first_is_over)

    async def _perform_all(self, factory: Factory) -> None:
        self._main = trio.lowlevel.current_task()
        try:
            while await self._perform_once(factory):
                self._phase = "factory"
        finally:
            self._arrive()

    def _arrive(self) -> None:
        """The script is over, however it ended."""
        if not self._has_arrived:
            self._has_arrived = True
            self._meeting.arrive()

    def _record(self, what: str, **fields: Any) -> None:
        self._journal.record("client", what, **fields, **self._owner)

    def _in_step(self, name: StepName) -> AbstractContextManager[None]:
        return self._world.progress.in_step(name, client=self._client)

    async def _perform_once(self, factory: Factory) -> bool:
        """Open the client and play, to the end of the script or to the next ``reopen``. Returns whether to go on."""
        reopens = False
        try:
            with (
                trio.CancelScope() as scope,
                self._watch(scope, history_events=self._scenario.workload.history_events) as watch,
            ):
                # Opening and closing the factory have deadlines of their own: a client may hang outside its steps.
                watch.until(trio.current_time() + self._scenario.expect.step_deadline_s)
                async with opened(factory, self._context()) as client:
                    watch.until(inf)
                    if await self._play_keeping_bugs(client):
                        reopens = True
                        scope.cancel()  # a kill: whatever the client does to close cannot wait for anything
                        await trio.lowlevel.checkpoint_if_cancelled()
                    watch.until(trio.current_time() + CLOSE_DEADLINE_S)
            if scope.cancelled_caught and self._phase == "factory" and not watch.tripped:
                self._record("factory-called")
                self._failed("factory", "hung", TimeoutError("the step's deadline passed"))
        except (Exception, SystemExit) as error:  # a client may raise anything, from any of its tasks: a crash
            self._crashed(error)
        if reopens and self._bug is None:
            for connection in self._connections:
                connection.reset()  # as an operating system does for a process that has died
            return True
        if not self._played:
            self.ended_s = self._now_s()
        if self._bug is not None:
            raise self._bug
        if watch.spun:
            self._record("spinning", message=watch.message)
        return False

    def _context(self) -> ClientContext:
        return ClientContext(
            base_url=self._world.base_url,
            conversation_id=self._world.conversation_id,
            api_key=self._world.api_key,
            dial=self._connections.dial,
            http_transport=self._connections.http_transport,
            seed=self._seed + self._client - 1,
            certainty=self._scenario.expect.certainty,
            on_event=self._delivered,
            settings=self._scenario.client.model_dump(exclude_none=True),
            store=self._store,
        )

    async def _play_keeping_bugs(self, client: ClientUnderTest) -> bool:
        """Play the script. An exception here is our bug: it is kept, and not recorded as the client's crash.

        Returns whether the client is to be killed and opened again.
        """
        self._phase = "background"
        try:
            return await self._play(client)
        except Exception as error:
            self._bug = error
            return False

    async def _play(self, client: ClientUnderTest) -> bool:
        while self._left:
            step = self._left.popleft()
            if step == "reopen":
                self._record("killed")
                with self._in_step("reopen"):
                    self._left.appendleft("attach")
                return True
            if not await self._step(client, step):
                break
        self.ended_s = self._now_s()
        self._played = True
        self._arrive()
        await self._meeting.wait()
        await self._play_on()
        self._world.heal()
        await self._close(client)
        return False

    async def _close(self, client: ClientUnderTest) -> None:
        """Record what the client holds, and close it. A typed error is ignored here; a crash is recorded."""
        try:
            if not getattr(client, "says_deliveries", True):
                self._record("says-no-deliveries")
            self._record("closed", **self._held_fields(client), **self._delivered_otherwise())
            with trio.move_on_after(CLOSE_DEADLINE_S) as scope:
                await client.close()
            if scope.cancelled_caught:
                self._record("close-called")
                self._failed("close", "hung", TimeoutError("the step's deadline passed"))
            elif getattr(client, "closes_all", False):
                self._note_left_open()
        except errors_of(client):
            pass
        except Exception as error:
            self._crashed(error)

    def _note_left_open(self) -> None:
        """Record the connections that the client still has when it is closed; nothing when there are none."""
        left = sum(not connection.client_gone for connection in self._connections)
        if left:
            self._record("left-open", connections=left)

    async def _step(self, client: ClientUnderTest, step: Step) -> bool:
        """Perform one step. Returns whether the script can go on."""
        match step:
            case Answer():
                return await self._ask_anybody(client, "answer", step.answer)
            case Navigate():
                return await self._ask_anybody(client, "navigate", step.navigate)
            case "pause" | "interrupt" | "confirm" | "reject" | "delete" | "fork":
                return await self._ask_anybody(client, step)
            case "attach":
                return await self._ask(client, "attach", client.attach)
            case "close":
                has_closed = await self._ask(client, "close", client.close)
                if has_closed and getattr(client, "closes_all", False):
                    self._note_left_open()
                return has_closed
            case Send():
                sent = await self._ask(client, "send", lambda: client.send(step.send))
                return sent or self._scenario.expect.may_fail("send")
            case "run":
                await self._ask(client, "run", client.run)
                return True
            case "history":
                return await self._read_history(client)
            case _:
                with self._in_step(name_of(step)):
                    await self._do_without_client(step)
                return True

    async def _do_without_client(self, step: Unasked) -> None:
        """Perform a step in which nothing is asked of the client."""
        match step:
            case Sleep():
                await sleep(step.sleep_s)
            case Restart():
                await self._world.restart(step.restart_s, lease_s=step.lease_s)
            case Suspend():
                await self._suspend(step.suspend_s, whole=False)
            case "wait_for_end":
                at_most_s = self._scenario.expect.step_deadline_s
                await other_party.wait_for_end(self._other, at_most_s=at_most_s)
            case "disconnect":
                self._world.disconnect()
            case "heal":
                self._world.heal()
            case "reopen":
                raise AssertionError("it is played by the loop over the steps")

    async def _ask_anybody(self, client: ClientUnderTest, name: OtherName, value: str | Target | None = None) -> bool:
        """Ask the client for a step that not every client has; without it, somebody else does it."""
        method = getattr(client, name, None)
        if callable(method):
            arguments = () if value is None else (value,)
            return await self._ask(client, name, lambda: method(*arguments))
        with self._in_step(name):
            await self._other.act(name, value)
        return True

    async def _act_in_background(self, happening: Background) -> None:
        """Do what the workload's own background actions cannot: those are messages, runs and pauses."""
        if happening.at is not None:
            await self._world.progress.wait_for(happening.at)
        else:
            await sleep(happening.at_s or 0.0)
        for name in _FLAGS:
            if getattr(happening, name):
                await self._other.act(name)
        if happening.answer is not None:
            await self._other.act("answer", happening.answer)
        if happening.navigate is not None:
            await self._other.act("navigate", happening.navigate)
        if happening.suspend_s is not None:
            await self._suspend(happening.suspend_s, whole=True)

    async def _suspend(self, suspend_s: float, *, whole: bool) -> None:
        """Freeze the client. ``whole``: with the step that it is in; otherwise only what it does beside its steps."""
        assert self._main is not None, "the script is being played"
        world, main = self._world.process.nursery, self._main

        def is_clients(task: trio.lowlevel.Task) -> bool:
            if task is main:
                return whole
            nursery = task.parent_nursery
            while nursery is not None:
                if nursery is world:
                    return False
                if nursery.parent_task is main:
                    return True
                nursery = nursery.parent_task.parent_nursery
            return False

        self._record("suspended", suspend_s=suspend_s)
        with suspended(is_clients):
            await sleep(suspend_s)
        self._record("resumed")

    async def _ask(self, client: ClientUnderTest, name: StepName, call: Callable[[], Awaitable[object]]) -> bool:
        """Ask the client for a step, and record how it ends. Returns whether it returned."""
        self._record(f"{name}-called")
        with self._in_step(name):
            return await self._asked(client, name, call)

    async def _asked(self, client: ClientUnderTest, name: str, call: Callable[[], Awaitable[object]]) -> bool:
        claimed: dict[str, object] = {}
        try:
            with trio.move_on_after(self._scenario.expect.step_deadline_s) as scope:
                answer = await call()
                claimed = _claim_fields(answer) if name == "run" else {}
                if name in ("attach", "run"):
                    claimed |= {"gaps": gaps_of(client)} | self._held_fields(client)
                elif isinstance(answer, dict):
                    claimed = answer
        except errors_of(client) as error:
            self._failed(name, "failed", error)
            return False
        except SimServerError:
            raise
        except (Exception, SystemExit) as error:  # an error that the client does not declare is a crash
            self._failed(name, "crashed", error)
            return False
        if scope.cancelled_caught:
            self._failed(name, "hung", TimeoutError("the step's deadline passed"))
            return False
        self._record(f"{name}-returned", **claimed)
        return True

    async def _read_history(self, client: ClientUnderTest) -> bool:
        """Let the client read the whole log. What it had read when it failed is recorded too."""
        history = history_of(client)
        if history is None:
            self._record("cannot", step="history", client=type(client).__name__)
            return True
        read: list[str] = []
        contents: dict[str, str] = {}

        async def read_all() -> dict[str, object]:
            try:
                async for event in history():
                    read.append(str(event["id"]))
                    digest = content_digest(event)
                    if digest is not None:
                        contents[read[-1]] = digest
            except NoHistory:
                self._record("cannot", step="history")
                return {}
            return {"read": read, "contents": self._new_contents(contents)}

        await self._ask(client, "history", read_all)
        return True

    def _held_fields(self, client: ClientUnderTest) -> dict[str, object]:
        """What the client holds, as fields of the journal. Digests are recorded once, and again when they change."""
        held = held_with_digests(client)
        digests = {event_id: digest for event_id, digest in held if digest is not None}
        return {"held": [event_id for event_id, _ in held], "contents": self._new_contents(digests)}

    def _delivered_otherwise(self) -> dict[str, object]:
        """The digests of what was delivered and is not held, or not with that content. No field when there are none."""
        delivered = self._delivered_contents.items()
        others = [[event_id, digest] for event_id, digest in delivered if self._contents.get(event_id) != digest]
        return {"delivered_contents": others} if others else {}

    def _new_contents(self, digests: dict[str, str]) -> list[list[str]]:
        new = [[event_id, digest] for event_id, digest in digests.items() if self._contents.get(event_id) != digest]
        self._contents |= digests
        return new

    async def _play_on(self) -> None:
        """Let the world go on after the script, so that the journal has everything that is judged.

        A run that the client left early is played to its end: the oracles judge what the client missed. Then the world
        goes on until ``run_bound_s`` after the end of the last run: the optimum counts frames delivered by then as
        brought.
        """
        waited_s, runs = 0, _JournaledRuns(self._journal)
        while runs.in_progress() > 0 and waited_s < RUN_AFTER_SCRIPT_S_MAX:
            await sleep(1)
            waited_s += 1
        if runs.last_ended_s is not None:
            until_s = runs.last_ended_s + self._scenario.expect.run_bound_s + AFTER_BOUND_S
            await sleep(max(0.0, until_s - self._now_s()))

    def _delivered(self, event: Event, repaired: bool | None) -> None:
        event_id, digest = str(event["id"]), content_digest(event)
        if digest is not None:
            self._delivered_contents[event_id] = digest
        self._record("delivered", id=event_id, repaired=repaired)

    def _failed(self, step: str, outcome: str, error: BaseException) -> None:
        message = " ".join(str(error).split())[:300]
        self._record("error", step=step, outcome=outcome, error=type(error).__name__, message=message)

    def _crashed(self, error: BaseException) -> None:
        for one in leaves(error):
            if isinstance(one, SimServerError):
                raise one  # the simulation failed, not the client
        first = leaves(error)[0]
        self._record(f"{self._phase}-called")
        self._failed(self._phase, "crashed", first)

    def _now_s(self) -> float:
        return self._world.now_s()


_FLAGS: tuple[Literal["interrupt", "confirm", "reject", "delete", "fork"], ...] = (
    "interrupt",
    "confirm",
    "reject",
    "delete",
    "fork",
)


_NOT_OF_THE_WORKLOAD = frozenset({*_FLAGS, "answer", "navigate", "suspend_s"})


def _claim_fields(claim: object) -> dict[str, object]:
    """A claim as fields of the journal. Raises TypeError when it is malformed, which is the client's mistake."""
    if claim is None:
        return {}
    if not isinstance(claim, Claim):
        raise TypeError(f"run() answered {type(claim).__name__}; it must be a gapless.testing.Claim, or None")
    fields: dict[str, object] = {
        "status": claim.status,
        "complete": claim.complete,
        "covers": claim.covers,
        "proof": claim.proof,
        "notes": list(claim.notes),
    }
    optional = {"error": claim.error, "statistics": claim.statistics, "calls": claim.calls}
    return fields | {name: value for name, value in optional.items() if value is not None}


def leaves(error: BaseException) -> Sequence[BaseException]:
    """The exceptions in a group, depth first; the exception itself when it is no group."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in leaves(one)]
    return [error]
