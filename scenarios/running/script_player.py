"""Plays one script with one client in a running world. Everything that the client does goes into the journal.

Nothing is judged here. Each step has a deadline in virtual time. An exception ends its step. A client that never lets
time pass is stopped by a bound on the turns of the scheduler (``spin_watch.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from math import inf
from typing import Any, Protocol

from gapless.scenarios.clients.contract import (
    Claim,
    ClientContext,
    ClientUnderTest,
    Event,
    Factory,
    errors_of,
    gaps_of,
    held_by,
    opened,
)
from gapless.scenarios.definition.scenario import Restart, Scenario, Send, Sleep, Step
from gapless.scenarios.running.spin_watch import SpinWatch, Watch
from gapless.simserver.errors import SimServerError
from gapless.simserver.journal import Journal
from gapless.simserver.loop import Loop
from gapless.simserver.network.connections import Connections

CLOSE_DEADLINE_S = 60
RUN_AFTER_SCRIPT_S_MAX = 600
AFTER_BOUND_S = 0.01  # healing releases held-back frames; it comes after the bound, or they would count as in time


class PlayedWorld(Protocol):
    """A world that a script can be played in: the simulated server's, or one with a real server in it."""

    @property
    def loop(self) -> Loop: ...
    @property
    def journal(self) -> Journal: ...
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

    def restart(self, down_s: float) -> Awaitable[None]:
        """Take the server down, and bring it back."""
        ...


class ScriptPlayer:
    """One client in one script. ``ended_s``: when the last step ended, in virtual seconds, once ``perform`` is done."""

    def __init__(self, world: PlayedWorld, scenario: Scenario, seed: int, watch: type[Watch] = SpinWatch) -> None:
        self._world = world
        self._watch = watch
        self._journal = world.journal
        self._scenario = scenario
        self._seed = seed
        self.ended_s = 0.0
        self._played = False
        self._bug: Exception | None = None
        self._phase = "factory"  # what the client runs outside its steps: its factory, or tasks in the background

    async def perform(self, factory: Factory) -> None:
        """Play the script. Raises SimServerError when the simulation itself fails."""
        async with self._world.running():
            try:
                with (
                    self._world.loop.scope() as scope,
                    self._watch(scope, history_events=self._scenario.workload.history_events) as watch,
                ):
                    # Opening and closing the factory have deadlines of their own: a client may hang outside its steps.
                    watch.until(self._world.loop.current_time() + self._scenario.expect.step_deadline_s)
                    async with opened(factory, self._context()) as client:
                        watch.until(inf)
                        await self._play_keeping_bugs(client)
                        watch.until(self._world.loop.current_time() + CLOSE_DEADLINE_S)
                if scope.cancelled_caught and self._phase == "factory" and not watch.tripped:
                    self._journal.record("client", "factory-called")
                    self._failed("factory", "hung", TimeoutError("the step's deadline passed"))
            except (Exception, SystemExit) as error:  # a client may raise anything, from any of its tasks: a crash
                self._crashed(error)
            if not self._played:
                self.ended_s = self._now_s()
            if self._bug is not None:
                raise self._bug
            if watch.tripped:
                self._journal.record("client", "spinning", message=watch.message)

    def _context(self) -> ClientContext:
        return ClientContext(
            base_url=self._world.base_url,
            conversation_id=self._world.conversation_id,
            api_key=self._world.api_key,
            dial=self._world.connections.dial,
            http_transport=self._world.connections.http_transport,
            seed=self._seed,
            certainty=self._scenario.expect.certainty,
            on_event=self._delivered,
            settings=self._scenario.client.model_dump(exclude_none=True),
        )

    async def _play_keeping_bugs(self, client: ClientUnderTest) -> None:
        """Play the script. An exception here is our bug: it is kept, and not recorded as the client's crash."""
        self._phase = "background"
        try:
            await self._play(client)
        except Exception as error:
            self._bug = error

    async def _play(self, client: ClientUnderTest) -> None:
        for step in self._scenario.script:
            if not await self._step(client, step):
                break
        self.ended_s = self._now_s()
        self._played = True
        await self._play_on()
        self._world.heal()
        await self._close(client)

    async def _close(self, client: ClientUnderTest) -> None:
        """Record what the client holds, and close it. A typed error is ignored here; a crash is recorded."""
        try:
            held = held_by(client)
            if held and not getattr(client, "reports_deliveries", True):
                self._journal.record("client", "says-no-deliveries")
            self._journal.record("client", "closed", held=held)
            with self._world.loop.move_on_after(CLOSE_DEADLINE_S):
                await client.close()
        except errors_of(client):
            pass
        except Exception as error:
            self._crashed(error)

    async def _step(self, client: ClientUnderTest, step: Step) -> bool:
        """Perform one step. Returns whether the script can go on."""
        match step:
            case Sleep():
                await self._world.loop.sleep(step.sleep_s)
                return True
            case Restart():
                await self._world.restart(step.restart_s)
                return True
            case "disconnect":
                self._world.disconnect()
                return True
            case "heal":
                self._world.heal()
                return True
            case "attach":
                return await self._ask(client, "attach", client.attach)
            case "close":
                return await self._ask(client, "close", client.close)
            case Send():
                sent = await self._ask(client, "send", lambda: client.send(step.send))
                return sent or self._scenario.expect.may_fail("send")
            case "run":
                await self._ask(client, "run", client.run)
                return True

    async def _ask(self, client: ClientUnderTest, name: str, call: Callable[[], Awaitable[object]]) -> bool:
        """Ask the client for a step, and record how it ends. Returns whether it returned."""
        self._journal.record("client", f"{name}-called")
        claimed: dict[str, object] = {}
        try:
            with self._world.loop.move_on_after(self._scenario.expect.step_deadline_s) as scope:
                answer = await call()
                claimed = _claim_fields(client, answer) if name == "run" else {}
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
        self._journal.record("client", f"{name}-returned", **claimed)
        return True

    async def _play_on(self) -> None:
        """Let the world go on after the script, so that the journal has everything that is judged.

        A run that the client left early is played to its end: the oracles judge what the client missed. Then the world
        goes on until ``run_bound_s`` after the end of the last run: the optimum counts frames delivered by then as
        brought.
        """
        waited_s = 0
        while self._count("run-started") > self._count("run-ended") and waited_s < RUN_AFTER_SCRIPT_S_MAX:
            await self._world.loop.sleep(1)
            waited_s += 1
        ended = [entry.t_s for entry in self._journal.entries if (entry.place, entry.what) == ("agent", "run-ended")]
        if ended:
            until_s = ended[-1] + self._scenario.expect.run_bound_s + AFTER_BOUND_S
            await self._world.loop.sleep(max(0.0, until_s - self._now_s()))

    def _count(self, what: str) -> int:
        return sum(1 for entry in self._journal.entries if (entry.place, entry.what) == ("agent", what))

    def _delivered(self, event: Event, repaired: bool) -> None:
        self._journal.record("client", "delivered", id=str(event["id"]), repaired=repaired)

    def _failed(self, step: str, outcome: str, error: BaseException) -> None:
        message = " ".join(str(error).split())[:300]
        self._journal.record("client", "error", step=step, outcome=outcome, error=type(error).__name__, message=message)

    def _crashed(self, error: BaseException) -> None:
        for one in leaves(error):
            if isinstance(one, SimServerError):
                raise one  # the simulation failed, not the client
        first = leaves(error)[0]
        self._journal.record("client", f"{self._phase}-called")
        self._failed(self._phase, "crashed", first)

    def _now_s(self) -> float:
        return self._world.now_s()


def _claim_fields(client: ClientUnderTest, claim: object) -> dict[str, object]:
    """A claim as fields of the journal. Raises TypeError when it is malformed, which is the client's mistake."""
    if claim is None:
        return {}
    if not isinstance(claim, Claim):
        raise TypeError(f"run() answered {type(claim).__name__}; it must be a gapless.testing.Claim, or None")
    return {
        "status": claim.status,
        "complete": claim.complete,
        "covers": claim.covers,
        "proof": claim.proof,
        "notes": list(claim.notes),
        "gaps": gaps_of(client),
        "held": held_by(client),
    }


def leaves(error: BaseException) -> Sequence[BaseException]:
    """The exceptions in a group, depth first; the exception itself when it is no group."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in leaves(one)]
    return [error]
