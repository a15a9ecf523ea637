"""Stage: one client put through one script in a living world; everything that it does goes into the journal.

Nothing here judges. Each step runs under a deadline in virtual time; a client that raises has ended its
step; and a client that spins without letting time pass is stopped by a bound on the scheduler's turns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import inf

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
from gapless.simserver.world import World

CLOSE_DEADLINE_S = 60
RUN_AFTER_SCRIPT_S_MAX = 600
AFTER_BOUND_S = 0.01  # healing lets go of what was held back: that must not pass for in time


class ScriptPlayer:
    """One run of one client. ``perform`` lives it through; afterwards ``ended_s`` says when the last step
    had ended.
    """

    def __init__(self, world: World, scenario: Scenario, seed: int, watch: type[Watch] = SpinWatch) -> None:
        self._world = world
        self._watch = watch
        self._journal = world.journal
        self._scenario = scenario
        self._seed = seed
        self.ended_s = 0.0
        self._played = False
        self._bug: Exception | None = None
        self._at_work = "factory"  # which of the client's parts is running, beside its steps

    async def perform(self, factory: Factory) -> None:
        """Live the script through. Raises SimServerError when the world itself breaks."""
        async with self._world.running():
            try:
                with (
                    self._world.loop.scope() as scope,
                    self._watch(scope, history_events=self._scenario.workload.history_events) as watch,
                ):
                    watch.until(self._world.loop.current_time() + self._scenario.expect.step_deadline_s)
                    async with opened(factory, self._context()) as client:
                        watch.until(inf)
                        await self._play_or_tell(client)
                        watch.until(self._world.loop.current_time() + CLOSE_DEADLINE_S)
                if scope.cancelled_caught and self._at_work == "factory" and not watch.tripped:
                    self._journal.record("client", "factory-called")
                    self._failed("factory", "hung", TimeoutError("the step's deadline passed"))
            except (Exception, SystemExit) as error:  # it may raise anything, from any of its tasks: the finding
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

    async def _play_or_tell(self, client: ClientUnderTest) -> None:
        """Play; an error here is our own, and must not pass for the client's."""
        self._at_work = "background"
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
        await self._linger()
        self._world.heal()
        await self._let_go(client)

    async def _let_go(self, client: ClientUnderTest) -> None:
        """The last that is heard of it. That it gives up here concerns nobody; that it crashes does."""
        try:
            self._journal.record("client", "closed", held=held_by(client))
            with self._world.loop.move_on_after(CLOSE_DEADLINE_S):
                await client.close()
        except errors_of(client):
            pass
        except Exception as error:
            self._crashed(error)

    async def _step(self, client: ClientUnderTest, step: Step) -> bool:
        """Perform one step; whether the script can go on."""
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
                return await self._asked(client, "attach", client.attach)
            case "close":
                return await self._asked(client, "close", client.close)
            case Send():
                sent = await self._asked(client, "send", lambda: client.send(step.send))
                return sent or self._scenario.expect.may_fail("send")
            case "run":
                await self._asked(client, "run", client.run)
                return True

    async def _asked(self, client: ClientUnderTest, name: str, call: Callable[[], Awaitable[object]]) -> bool:
        self._journal.record("client", f"{name}-called")
        said: dict[str, object] = {}
        try:
            with self._world.loop.move_on_after(self._scenario.expect.step_deadline_s) as scope:
                answer = await call()
                said = _said(client, answer) if name == "run" else {}
        except errors_of(client) as error:
            self._failed(name, "failed", error)
            return False
        except SimServerError:
            raise
        except (Exception, SystemExit) as error:  # what the client does not declare is a crash, and a finding
            self._failed(name, "crashed", error)
            return False
        if scope.cancelled_caught:
            self._failed(name, "hung", TimeoutError("the step's deadline passed"))
            return False
        self._journal.record("client", f"{name}-returned", **said)
        return True

    async def _linger(self) -> None:
        """Let the world go on until a patient client would have given up waiting: the optimum wants to know.

        A run that the client left early is first played to its end: what it left behind is to be judged.
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
                raise one  # our own machinery, not the client's doing
        first = leaves(error)[0]
        self._journal.record("client", f"{self._at_work}-called")
        self._failed(self._at_work, "crashed", first)

    def _now_s(self) -> float:
        return self._world.now_s()


def _said(client: ClientUnderTest, claim: object) -> dict[str, object]:
    """What it claims. Raises TypeError when that makes no sense: the client's mistake."""
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
    """The exceptions that a group stands for, depth first; or the one that is none."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in leaves(one)]
    return [error]
