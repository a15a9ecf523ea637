"""How far the world has come: the agent's runs, the steps of the client's script, and the faults that have struck.

`Match` and `Cause` are about this. Whoever begins a run, asks the client for a step, or fires a fault tells it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from gapless.simserver.cause import Cause, Moment, StepName, step_moment
from gapless.simserver.waiting import sleep


class Progress:
    """What has happened so far.

    run: the run in progress, counted from 1, and None between runs; runs: how many have begun; step: the step of the
    first client's script that is under way, and which of that name it is; is_told: whether a harness says which step
    the client is in. When none does, the client's POST calls say it.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.run: int | None = None
        self.runs = 0
        self._under_way: dict[int, tuple[str, int]] = {}
        self.is_told = False
        self._now_s = now_s
        self._run_events = 0
        self._runs_of_events: dict[str, int] = {}
        self._steps: dict[tuple[int, str], int] = {}
        self._happened: dict[Moment, float] = {}
        self._awaited: dict[Moment, trio.Event] = {}

    def __repr__(self) -> str:
        return f"Progress(run {self.run} of {self.runs}, step {self.step})"

    # --- runs --------------------------------------------------------------------------------------------------

    def run_begins(self) -> None:
        """A run was accepted."""
        self.runs += 1
        self.run, self._run_events = self.runs, 0
        self._reached(("run", self.runs, "begins"))

    def run_ends(self) -> None:
        """The final snapshot of the run in progress was published, or it ended without one."""
        if self.run is not None:
            number, self.run = self.run, None
            self._reached(("run", number, "ends"))

    @contextmanager
    def outside_runs(self) -> Iterator[None]:
        """What is published now belongs to no run, although one may be in progress: the tail of an earlier run does.

        Nothing may wait in the block.
        """
        run, self.run = self.run, None
        try:
            yield
        finally:
            self.run = run

    def published(self, event_id: str, *, is_logged: bool) -> None:
        """An event was published. It belongs to the run in progress, if there is one."""
        if self.run is None:
            return
        self._runs_of_events[event_id] = self.run
        if is_logged:
            self._run_events += 1
            self._reached(("run", self.run, self._run_events))

    def run_of(self, event_id: str, *, is_logged: bool) -> int | None:
        """The run that an event belongs to. A snapshot that greets a socket belongs to the run in progress."""
        return self._runs_of_events.get(event_id, None if is_logged else self.run)

    # --- steps -------------------------------------------------------------------------------------------------

    @property
    def step(self) -> tuple[str, int] | None:
        return self.step_of(1)

    def step_of(self, client: int) -> tuple[str, int] | None:
        """The step of a client's script that is under way. Each client has steps of its own, counted apart."""
        return self._under_way.get(client)

    @contextmanager
    def in_step(self, name: StepName, *, client: int = 1) -> Iterator[None]:
        """A step of a client's script, from its beginning to its end."""
        self.step_called(name, client=client)
        try:
            yield
        finally:
            self.step_ended(client=client)

    def step_called(self, name: StepName, *, client: int = 1) -> None:
        """A step of a client's script begins."""
        self.step_ended(client=client)
        nth = self._steps[client, name] = self._steps.get((client, name), 0) + 1
        self._under_way[client] = (name, nth)
        self._reached(step_moment(name, nth, "called", client))

    def step_ended(self, *, client: int = 1) -> None:
        """The step has ended, if there was one."""
        step = self._under_way.pop(client, None)
        if step is not None:
            name, nth = step
            self._reached(step_moment(name, nth, "returned", client))

    def called_on_its_own(self, call: str) -> None:
        """Infer the step of a client that no harness asks for steps.

        Its first call or handshake begins to attach; a POST of a message or of a run begins that step.
        """
        if self.is_told:
            return
        steps: dict[str, StepName] = {"message": "send", "run": "run"}
        step = steps.get(call)
        if step is not None:
            self.step_called(step)
        elif (1, "attach") not in self._steps:
            self.step_called("attach")

    # --- faults ------------------------------------------------------------------------------------------------

    def struck(self, name: str) -> None:
        """A fault has struck. Only the first time is a moment."""
        self._reached(("fault", name))

    def struck_s(self, name: str) -> float | None:
        """When a fault struck for the first time; None when it has not."""
        return self._happened.get(("fault", name))

    # --- moments -----------------------------------------------------------------------------------------------

    def _reached(self, moment: Moment) -> None:
        if moment not in self._happened:
            self._happened[moment] = self._now_s()
            event = self._awaited.pop(moment, None)
            if event is not None:
                event.set()

    def has_reached(self, moment: Moment) -> bool:
        """Whether a moment has come."""
        return moment in self._happened

    def is_past(self, cause: Cause) -> bool:
        """Whether a cause has come, and its delay has passed."""
        happened_s = self._happened.get(cause.moment)
        return happened_s is not None and happened_s + cause.delay_s <= self._now_s()

    async def wait_for(self, cause: Cause) -> None:
        """Wait for a cause, and then for its delay. Returns at once when both are past."""
        moment = cause.moment
        if moment not in self._happened:
            if moment not in self._awaited:
                self._awaited[moment] = trio.Event()
            await self._awaited[moment].wait()
        delay_s = self._happened[moment] + cause.delay_s - self._now_s()
        if delay_s > 0:
            await sleep(delay_s)
