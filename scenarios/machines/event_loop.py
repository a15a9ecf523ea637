"""The event loop of the model level: virtual time, without trio.

It implements the protocols of `gapless.simserver.loop` with the semantics of trio: a scope cancels what waits in it, a
deadline cancels its scope, and a nursery ends when all its tasks have ended. Ready tasks run first come, first served.
So a run is a single schedule, and is repeatable.
"""

from __future__ import annotations

import heapq
import random
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar

from gapless.simserver import loop as simserver_loop

T = TypeVar("T")
TURNS_MAX = 500_000
"""How many turns tasks may take at one time. More is a busy loop: time advances only when no task is ready."""
TURNS_PER_EVENT_MAX = 40
"""How many more turns are allowed for each event of the history."""


class Cancelled(BaseException):
    """Raised in a waiting task when its scope is canceled."""

    def __init__(self, scope: ModelScope) -> None:
        self.scope = scope
        super().__init__("called off")


class Deadlock(Exception):
    """All tasks wait, and no timer is set."""


class Task:
    """A running coroutine.

    ``scopes``: the scopes that it is in, outermost first
    ``undo``: called when its wait is canceled; None for a wait that cannot be canceled
    """

    __slots__ = ("coroutine", "is_waiting", "nursery", "scopes", "undo")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], scopes: list[ModelScope], nursery: ModelNursery | None
    ) -> None:
        self.coroutine = coroutine
        self.scopes = scopes
        self.nursery = nursery
        self.is_waiting = False
        self.undo: Callable[[], None] | None = None


class ModelScope:
    """A cancel scope, as in trio."""

    def __init__(self, loop: EventLoop, deadline: float = inf) -> None:
        self.loop = loop
        self.deadline = deadline
        self.cancel_called = False
        self.cancelled_caught = False
        self._task: Task | None = None
        self._is_over = False

    def __enter__(self) -> ModelScope:
        self._task = self.loop.task
        self._task.scopes.append(self)
        if self.deadline <= self.loop.current_time():
            self.cancel_called = True
        elif self.deadline < inf:
            self.loop.call_at(self.deadline, self._expire)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        assert self._task is not None
        self._is_over = True
        self._task.scopes.remove(self)
        if isinstance(error, Cancelled) and error.scope is self:
            self.cancelled_caught = True
            return True
        return False

    def _expire(self) -> None:
        if not self._is_over:
            self.cancel()

    def cancel(self) -> None:
        """Cancel all waits in the block, now and later."""
        if not self.cancel_called:
            self.cancel_called = True
            self.loop.interrupt(self)


class ModelNursery:
    """A nursery, as in trio. It ends when all its tasks have ended. The first error of a task cancels the others."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self.cancel_scope = ModelScope(loop)
        self._scopes: list[ModelScope] = []
        self._running = 0
        self._error: BaseException | None = None
        self._parent: Task | None = None

    async def __aenter__(self) -> ModelNursery:
        self.cancel_scope.__enter__()
        self._scopes = list(self._loop.task.scopes)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.cancel_scope.cancel()
        called_off: Cancelled | None = None
        while self._running:
            self._parent = self._loop.task
            try:
                await self._loop.wait(_nothing)
            except Cancelled as cancelled:  # the tasks are canceled as well; wait until they have ended
                called_off = cancelled
                if self._running:
                    await self._loop.wait_shielded()
        self._parent = None
        is_ours = self.cancel_scope.__exit__(kind, error, trace)
        if self._error is not None:
            raise self._error
        if error is None and called_off is not None and called_off.scope is not self.cancel_scope:
            raise called_off
        return is_ours

    def start_soon(self, function: Callable[..., Awaitable[Any]], /, *arguments: Any) -> None:
        """Start a task."""
        self._running += 1
        self._loop.begin(function(*arguments), list(self._scopes), self)

    def ended(self, error: BaseException | None) -> None:
        """Called by the loop when a task has ended."""
        self._running -= 1
        if error is not None and not isinstance(error, Cancelled):
            self._error = self._error or error
            self.cancel_scope.cancel()
        if not self._running and self._parent is not None:
            self._loop.wake(self._parent)


class ModelEvent:
    """A flag that tasks can wait for, as `trio.Event`."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._is_set = False
        self._waiting: dict[Task, None] = {}

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        """Set the flag and wake all tasks that wait for it."""
        self._is_set = True
        waiting, self._waiting = self._waiting, {}
        for task in waiting:
            self._loop.wake(task)

    async def wait(self) -> None:
        if self._is_set:
            await self._loop.checkpoint()
            return
        task = self._loop.task
        self._waiting[task] = None
        await self._loop.wait(lambda: self._waiting.pop(task, None))


class ModelNotifier:
    """Wakes the one task that waits for it."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._task: Task | None = None

    @property
    def awaited(self) -> bool:
        return self._task is not None

    def _forget(self) -> None:
        self._task = None

    def wake(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._loop.wake(task)

    async def wait(self, until_s: float = inf) -> bool:
        with self._loop.scope(until_s) as scope:
            self._task = self._loop.task
            await self._loop.wait(self._forget)
        return scope.cancelled_caught


class _NoParking:
    """A parking lot that is never used: at the model level no message waits for space in a pipe."""

    def unpark_all(self) -> None:
        return

    async def park(self) -> None:
        raise AssertionError("a message waits for no room")


class EventLoop:
    """The loop of one run.

    ``schedule``: the seed of the order in which ready tasks run; None for first come, first served
    """

    def __init__(self, schedule: int | None = None) -> None:
        # A string seed is hashed with SHA-512, so it does not depend on PYTHONHASHSEED.
        self._shuffle = None if schedule is None else random.Random(f"{schedule}/model")
        self.task: Task = None  # type: ignore[assignment]  # set before any task runs
        self._now_s = 0.0
        self._ready: deque[tuple[Task, BaseException | None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._tasks: dict[Task, None] = {}
        self._turns = 0
        self.turns_max = TURNS_MAX
        self.spun: Callable[[], None] | None = None
        """Called once, when tasks have taken more than `turns_max` turns at one time."""

    def run(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run until a coroutine has ended, and return its result. Raises what it raises; Deadlock if it cannot end."""
        result: list[T] = []

        async def main() -> None:
            result.append(await function())

        main_task = self.begin(main(), [], None)
        while main_task in self._tasks:
            if self._ready and not self._lets_due_ones_in():
                self._turn()
            elif self._timers:
                self._pass_time()
            else:
                raise Deadlock("everybody waits, and nothing is due")
        return result[0]

    def begin(self, coroutine: Any, scopes: list[ModelScope], nursery: ModelNursery | None) -> Task:
        """Start a task."""
        task = Task(coroutine, scopes, nursery)
        self._tasks[task] = None
        self._ready.append((task, None))
        return task

    def _lets_due_ones_in(self) -> bool:
        """Whether timers that are due fire before the ready tasks have run. Decided at random, if there is a seed."""
        if self._shuffle is None or not self._timers or self._timers[0][0] > self._now_s:
            return False
        return self._shuffle.random() < 0.5

    def _turn(self) -> None:
        if self._shuffle is not None and len(self._ready) > 1:
            self._ready.rotate(-self._shuffle.randrange(len(self._ready)))
        task, error = self._ready.popleft()
        self._turns += 1
        if self.spun is not None and self._turns > self.turns_max:
            spun, self.spun = self.spun, None
            spun()
        self.task, task.undo = task, None
        try:
            if error is None:
                task.coroutine.send(None)
            else:
                task.coroutine.throw(error)
        except StopIteration:
            self._end(task, None)
        except BaseException as raised:
            self._end(task, raised)

    def _end(self, task: Task, error: BaseException | None) -> None:
        del self._tasks[task]
        if task.nursery is not None:
            task.nursery.ended(error)
        elif error is not None:
            raise error

    def _pass_time(self) -> None:
        at_s = self._timers[0][0]
        if at_s > self._now_s:
            self._now_s, self._turns = at_s, 0
        while self._timers and self._timers[0][0] <= self._now_s:
            heapq.heappop(self._timers)[2]()

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def wait(self, undo: Callable[[], Any]) -> None:
        """Wait until this task is woken. ``undo`` is called if the wait is canceled instead. Raises Cancelled."""
        task = self.task
        for scope in task.scopes:
            if scope.cancel_called:
                undo()
                raise Cancelled(scope)
        task.is_waiting, task.undo = True, undo
        await _suspend()

    async def wait_shielded(self) -> None:
        """Wait until this task is woken. This wait cannot be canceled."""
        self.task.is_waiting, self.task.undo = True, None
        await _suspend()

    def wake(self, task: Task) -> None:
        """Make a waiting task ready."""
        if task.is_waiting:
            task.is_waiting = False
            self._ready.append((task, None))

    def interrupt(self, scope: ModelScope) -> None:
        """Cancel the wait of every task in a scope."""
        for task in list(self._tasks):
            if task.is_waiting and task.undo is not None and scope in task.scopes:
                task.undo()
                task.is_waiting = False
                outermost = next(one for one in task.scopes if one.cancel_called)
                self._ready.append((task, Cancelled(outermost)))

    def call_at(self, at_s: float, callback: Callable[[], None]) -> None:
        """Call ``callback`` at a time, in seconds. Calls for the same time are made in the order of registration."""
        self._order += 1
        heapq.heappush(self._timers, (at_s, self._order, callback))

    # -- the protocol `gapless.simserver.loop.Loop` --------------------------------------------------------------------

    def current_time(self) -> float:
        return self._now_s

    def clock(self) -> Callable[[], float]:
        return self.current_time

    async def sleep(self, seconds: float) -> None:
        task = self.task
        if seconds <= 0:
            self._ready_again(task)
        elif seconds < inf:
            is_due = [True]
            self.call_at(self._now_s + seconds, lambda: self.wake(task) if is_due[0] else None)
            try:
                await self.wait(_nothing)
            finally:
                is_due[0] = False
            return
        await self.wait(_nothing)

    def _ready_again(self, task: Task) -> None:
        is_due = [True]

        def again() -> None:
            if is_due[0]:
                is_due[0] = False
                self.wake(task)

        self.call_at(self._now_s, again)

    async def checkpoint(self) -> None:
        await self.sleep(0)

    async def checkpoint_if_cancelled(self) -> None:
        for scope in self.task.scopes:
            if scope.cancel_called:
                raise Cancelled(scope)

    def move_on_after(self, seconds: float) -> ModelScope:
        return ModelScope(self, self._now_s + seconds)

    def scope(self, deadline: float = inf) -> ModelScope:
        return ModelScope(self, deadline)

    def nursery(self) -> ModelNursery:
        return ModelNursery(self)

    def event(self) -> ModelEvent:
        return ModelEvent(self)

    def notifier(self) -> ModelNotifier:
        return ModelNotifier(self)

    def parking_lot(self) -> _NoParking:
        return _NoParking()


@types.coroutine
def _suspend() -> Generator[None, None, None]:
    yield


def _nothing() -> None:
    return


class TurnWatch:
    """Detects a busy loop: the counterpart of `gapless.scenarios.running.spin_watch.SpinWatch`."""

    def __init__(self, scope: simserver_loop.Scope, *, history_events: int = 0) -> None:
        assert isinstance(scope, ModelScope)
        self._scope = scope
        self._loop = scope.loop
        self._loop.turns_max = TURNS_MAX + TURNS_PER_EVENT_MAX * history_events
        self.tripped = False

    @property
    def message(self) -> str:
        """The message about a client that was stopped."""
        return f"the client spun: {self._loop.turns_max} turns of the loop passed within one instant"

    def until(self, at_s: float) -> None:
        """Does nothing: a machine is opened and closed without waiting."""

    def __enter__(self) -> Self:
        self._loop.spun = self._trip
        return self

    def _trip(self) -> None:
        self.tripped = True
        self._scope.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.spun = None


def _is_a_loop(loop: EventLoop) -> simserver_loop.Loop:
    return loop
