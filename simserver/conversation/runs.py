"""The agent's runs, one at a time: start, steps, veto, pause, end, and the events after the end.

A run belongs to the incarnation of the process in which it began. If the process dies, the run's task returns without
publishing anything more. After the restart, `AgentRuns.died` journals how the run ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import trio

from gapless.simserver.conversation.agent import Agent
from gapless.simserver.conversation.archive import Archive
from gapless.simserver.conversation.publisher import Publisher
from gapless.simserver.conversation.workload import AgentStep, EndStatus, RunPlan, pairs
from gapless.simserver.faults.match import Facts
from gapless.simserver.faults.verdicts import AppendLater, FaultVerdict, Veto
from gapless.simserver.journal import Journal
from gapless.simserver.link import Link
from gapless.simserver.process import Process
from gapless.simserver.waiting import sleep


class AgentRuns:
    """The runs of one conversation.

    pace: awaited before each step of a run, and before its end, with the step's duration in seconds. By default it
    sleeps. A caller can replace it to decide when the agent goes on.
    """

    def __init__(
        self,
        process: Process,
        plans: Sequence[RunPlan],
        agent: Agent,
        archive: Archive,
        publisher: Publisher,
        link: Link,
        journal: Journal,
    ) -> None:
        self.pace: Callable[[float], Awaitable[None]] = self._work_for
        self._process = process
        self._now_s = process.now_s
        self._plans = plans
        self._agent = agent
        self._archive = archive
        self._publisher = publisher
        self._publish = publisher.publish
        self._link = link
        self._journal = journal
        self._begun = 0
        self._planned = 0
        self._scope: trio.CancelScope | None = None
        self._wedged = False
        self._goes_on = False

    def __repr__(self) -> str:
        return f"AgentRuns({self._begun} begun{', one in progress' if self.in_progress else ''})"

    @property
    def in_progress(self) -> bool:
        """Whether a run is in progress: from before the agent initializes until its final snapshot."""
        return self._scope is not None

    def begin(self, plan: RunPlan | None = None, *, by: str = "client") -> bool:
        """Start a run, by default the workload's next.

        by: who asked for it, for the journal. Returns False when a run is in progress, the conversation is deleted, or
        the server is not up. A run that is asked for after ``finished``, without a message since, has nothing to do: it
        says no status, and ends at once with its snapshot, as on published servers from 1.11.0 to 1.58.2.
        """
        if self.in_progress or self._wedged or self._process.is_down or not self._process.is_running:
            return False
        if self._agent.status == "deleting":
            return False
        if plan is None:
            plan = self._plans[self._planned] if self._planned < len(self._plans) else RunPlan()
            self._planned += 1
        self._scope = trio.CancelScope()
        self._journal.record("agent", "run-started", run=self._begun, by=by)
        self._process.start_soon(self._play, self._begun, plan, self._scope, self._process.incarnation)
        self._begun += 1
        self._link.progress.run_begins()
        return True

    def go_on(self) -> None:
        """Start the workload's next run, as an answer to the agent does: at once, or when this run has ended."""
        if self._scope is None:
            self.begin(by="background")
        else:
            self._goes_on = True

    def pause(self) -> None:
        """Stop the run, and set the status to ``paused``. Without a run the status is set at once."""
        self._wedged = False
        if self._scope is None:
            self._publish(self._agent.pause(self._now_s()))
        else:
            self._scope.cancel()

    def stop(self) -> None:
        """Stop the run, if there is one."""
        if self._scope is not None:
            self._scope.cancel()

    def ended_by_restart(self) -> None:
        """The process has come back after a restart: journal the end of the run in which it died."""
        self._wedged = False
        if self._scope is not None:
            self._end(self._begun - 1, self._agent.status)

    async def _play(self, run: int, plan: RunPlan, scope: trio.CancelScope, incarnation: int) -> None:
        agent, vetoed = self._agent, False
        has_work = agent.status != "finished"
        if not has_work:
            plan = RunPlan(init_s=0.0, settle_s=0.0)
        with scope:
            await self._waited(sleep(plan.init_s), scope)
            self._publisher.run = run
            if has_work:
                self._publish(agent.start_run(self._now_s()))
                await self._work(plan.steps, scope)
                if plan.end_status == "none":
                    # It stops without a word. For everybody else it runs on, so another run is refused.
                    self._wedged = True
                    self._end(run, "none")
                    return
                self._publish(agent.end_run(self._now_s(), plan.end_status))
            while (veto := self._vetoed(run, plan.end_status)) is not None:
                vetoed = True
                await self._waited(self._link.sleep_unless_healed(veto.after_s), scope)
                self._publish(agent.veto(self._now_s()))
                steps = pairs(veto.actions, step_s=veto.step_s, label=f"vetoed-{len(agent.log)}").steps
                await self._work(steps, scope)
                self._publish(agent.end_run(self._now_s(), plan.end_status))
        if self._process.incarnation != incarnation:
            return
        if agent.status == "deleting":
            self._gone()
            return
        status: EndStatus = plan.end_status
        if scope.cancelled_caught:
            paused = self._publish(agent.pause(self._now_s()))
            status = "paused" if paused or (has_work and not vetoed) else plan.end_status
        self._publisher.run = None
        if plan.settle_s:
            await sleep(plan.settle_s)
        if self._process.incarnation != incarnation:
            return
        self._scope = None
        if agent.status == "deleting":
            self._gone()
            return
        self._publish((self._publisher.snapshot(),))
        self._end(run, status)
        for verdict in self._consulted("ended", run, status):
            if isinstance(verdict, AppendLater):
                await self._append_later(verdict)

    async def _work(self, steps: Sequence[AgentStep], scope: trio.CancelScope) -> None:
        for step in steps:
            await self._waited(self.pace(step.duration_s), scope)
            self._publish(self._agent.step(self._now_s(), step.event))
        await self._waited(self.pace(0.0), scope)  # the end that follows is a step too

    async def _waited(self, wait: Awaitable[None], scope: trio.CancelScope) -> None:
        """A wait of a run. Where it was over at the moment in which the run was stopped, the run is stopped."""
        await wait
        if scope.cancel_called:
            await sleep(0.0)

    def _work_for(self, duration_s: float) -> Awaitable[None]:
        return sleep(duration_s) if duration_s else _no_time()

    def _end(self, run: int, status: str) -> None:
        self._scope = self._publisher.run = None
        length, leaf = self._archive.length, self._agent.leaf
        self._journal.record("agent", "run-ended", run=run, status=status, log_length=length, leaf=leaf)
        self._link.progress.run_ends()
        if self._goes_on:
            self._goes_on = False
            self.begin(by="background")

    def _gone(self) -> None:
        """The conversation was deleted in the run, which ends without a word."""
        self._scope, self._goes_on = None, False
        self._link.progress.run_ends()

    async def _append_later(self, tail: AppendLater) -> None:
        await self._link.sleep_unless_healed(tail.after_s)
        for _ in range(tail.events):
            if self._agent.status != "deleting":
                with self._link.progress.outside_runs():  # the next run may have begun by now
                    self._publish(self._agent.append_late_event(self._now_s(), tail.what), is_tail=True)

    def _vetoed(self, run: int, status: str) -> Veto | None:
        verdicts = self._consulted("finishing", run, status)
        return next((verdict for verdict in verdicts if isinstance(verdict, Veto)), None)

    def _consulted(self, moment: Literal["finishing", "ended"], run: int, status: str) -> list[FaultVerdict]:
        return self._link.consult(Facts("ending", f"run {run} {moment}", status=status, aspect=moment, run=run + 1))


async def _no_time() -> None:
    """Take no time, and no turn of the loop."""
