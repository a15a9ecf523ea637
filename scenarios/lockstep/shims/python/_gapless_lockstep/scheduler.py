"""The scheduler: real threads, of which one runs at a time, until it waits for something virtual.

Each thread is a *task* with a *gate*, a real lock that is held while the task must not run. The running thread has the
baton: it gives it away by opening the gate of the next task, and then waits at its own. The next task is the one that
has been runnable for longest. When no task is runnable, the harness is asked: it answers with the time, which may have
passed meanwhile, and with what has arrived.

Every call of a virtual primitive at which another task is runnable is a *point* of preemption. At points that the
harness has chosen, the running task steps back and another one goes on.

Time is kept in whole nanoseconds: a wait that is longer than nothing ends at least one nanosecond later, so that a loop
that waits for a remainder always comes to an end.
"""

from __future__ import annotations

import heapq
import math
import sys
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from . import real

EMPTY_POLLS_MAX = 1_000
CLOCK_READINGS_MAX = 10_000
BUSY_NS = 1_000_000  # what so many of them cost
PATIENCE_MS = 300  # how long a real descriptor is waited for before the process is said to stall
EPOCH_S = 1_767_268_800  # until a run begins: noon of 2026-01-01, UTC


class Task:
    """A thread. gate: held while it must not run; ticket: ordinal of its wait; timed_out: how its last wait ended."""

    __slots__ = ("gate", "ident", "is_leaving", "name", "number", "sentinel", "ticket", "timed_out", "waiting")

    def __init__(self, number: int, name: str) -> None:
        self.gate = real.allocate_lock()
        self.gate.acquire()
        self.number = number
        self.name = name
        self.ident = 0
        self.ticket = 0
        self.waiting = False
        self.timed_out = False
        self.is_leaving = False
        self.sentinel: Any = None  # what is to be released when the thread ends

    def __repr__(self) -> str:
        return "Task(%d, %s%s)" % (self.number, self.name, ", waiting" if self.waiting else "")


class Scheduler:
    """All tasks of this process. now_ns: virtual time since the run began; live: tasks that have not ended, by number;
    outputs: what the harness is to be told; before_wait, before_thread: called once the process is about to wait, or to
    have a second thread; exchange: talks to the harness."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.epoch_ns = EPOCH_S * 1_000_000_000
        self.current = Task(0, "main")
        self.current.ident = real.get_ident()
        self.live = {0: self.current}
        self.numbers = count(1)
        self.ready: deque[Task] = deque()
        self.points = 0
        self.switched = 0
        self.is_busy = False
        self.exchange: Callable[[int | None], None] = _no_harness
        self.before_thread: Callable[[], None] = _nothing
        self.before_wait: Callable[[], None] = _nothing
        self.real_waits: dict[Task, list[tuple[int, int]]] = {}
        self.stalled: Callable[[str], None] = _ignore
        self._timers: list[tuple[int, int, int, Task]] = []
        self._order = count()
        self._switches: deque[tuple[int, int]] = deque()
        self._next_switch = -1
        self._polls = 0
        self._readings = 0
        self._stamp_us = -1
        self._leaving: tuple[Task, Callable[[], object]] | None = None
        self._carries: Task | None = None
        self._patient_fds: set[int] = set()

    # --- points of preemption ----------------------------------------------------------------------------------

    def begin(self, switches: list[tuple[int, int]]) -> None:
        """A run begins."""
        self.now_ns = 0
        self.points = self.switched = self._polls = self._readings = 0
        self._stamp_us = -1
        self._switches = deque(sorted(switches))
        self._next_switch = self._switches[0][0] if self._switches else -1

    def point(self) -> None:
        """A virtual primitive is called: another task may go on here, if the harness wants it.

        Only calls at which another task could go on are counted. At most calls there is none: among a thousand of the
        published SDK, a switch at a random one had an effect three times at most.
        """
        if not self.ready:
            return
        self.points += 1
        if self.points == self._next_switch:
            self._deviate()

    def _deviate(self) -> None:
        _, choice = self._switches.popleft()
        while self._switches and self._switches[0][0] <= self.points:
            self._switches.popleft()
        self._next_switch = self._switches[0][0] if self._switches else -1
        me = self.current
        if not self.ready or me.is_leaving or sys.is_finalizing():
            return
        self.switched += 1
        index = choice % len(self.ready)
        chosen = self.ready[index]
        del self.ready[index]
        self.ready.appendleft(chosen)
        self.ready.append(me)
        self._switch(me)

    def step_back(self) -> None:
        """Let the others go first."""
        me = self.current
        if self.ready and not me.is_leaving and not sys.is_finalizing():
            self.ready.append(me)
            self._switch(me)

    # --- waiting -----------------------------------------------------------------------------------------------

    def deadline_ns(self, timeout_s: float | None) -> int | None:
        """When a wait that begins now is over; None when it has no end."""
        if timeout_s is None:
            return None
        if timeout_s <= 0:
            return self.now_ns
        if math.isinf(timeout_s):
            return None
        return self.now_ns + max(1, math.ceil(timeout_s * 1e9 - 0.01))

    def park(self, deadline_ns: int | None = None) -> bool:
        """Wait until `unpark`, or until the deadline; whether it was `unpark`."""
        me = self.current
        if me.ident != real.get_ident():
            _foreign()
        if me.is_leaving or sys.is_finalizing():
            return False  # no other thread will ever run Python again, or this one is half gone
        me.waiting, me.timed_out = True, False
        if deadline_ns is not None:
            heapq.heappush(self._timers, (deadline_ns, next(self._order), me.ticket, me))
        self._switch(me)
        return not me.timed_out

    def unpark(self, task: Task) -> None:
        """Let a waiting task go on; nothing happens when it does not wait any more."""
        if task.waiting:
            task.waiting = False
            task.ticket += 1
            self.ready.append(task)

    def sleep(self, seconds: float) -> None:
        """Let time pass for this task; the others go first in any case."""
        self.point()
        if seconds <= 0:
            self.polled()
            self.step_back()
        else:
            self.park(self.deadline_ns(seconds))

    def _switch(self, me: Task) -> None:
        chosen = self._next()
        if chosen is me:
            return
        self.current = chosen
        chosen.gate.release()
        self._wait_at_gate(me)

    def _wait_at_gate(self, me: Task) -> None:
        while True:
            me.gate.acquire()
            self._after_leaving(me)
            if self._carries is not me:
                return
            # Woken to find the next task in place of one that ended.
            self._carries = None
            chosen = self._next()
            if chosen is me:
                self.current = me
                return
            self.current = chosen
            chosen.gate.release()

    def _next(self) -> Task:
        while not self.ready:
            self.before_wait()
            if self.ready:
                break
            if not self._look_at_real():
                self._exchange()
        return self.ready.popleft()

    def _exchange(self) -> None:
        timers = self._timers
        while timers and (not timers[0][3].waiting or timers[0][2] != timers[0][3].ticket):
            heapq.heappop(timers)
        self._polls = self._readings = 0
        self.exchange(timers[0][0] if timers else None)
        self._fire()

    def _fire(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self.now_ns:
            _, _, ticket, task = heapq.heappop(timers)
            if task.waiting and task.ticket == ticket:
                task.timed_out = True
                self.unpark(task)

    # --- busy loops --------------------------------------------------------------------------------------------

    def polled(self) -> None:
        """A wait of no length found nothing."""
        self._polls += 1
        if self._polls >= EMPTY_POLLS_MAX:
            self._be_busy()

    def reading(self) -> int:
        """The time, for one who asks for it: asking again and again takes time too."""
        self._readings += 1
        if self._readings >= CLOCK_READINGS_MAX:
            self._be_busy()
        return self.now_ns

    def stamp(self) -> int:
        """The time for a stamp: each is a microsecond later than the one before at least, as on a clock that runs."""
        self._stamp_us = max(self._stamp_us + 1, self.reading() // 1000)
        return self._stamp_us * 1000

    def _be_busy(self) -> None:
        self._polls = self._readings = 0
        if self.exchange is _no_harness or sys.is_finalizing() or self.current.ident != real.get_ident():
            return
        timers = self._timers
        wake_ns = self.now_ns + BUSY_NS
        if timers:
            wake_ns = min(wake_ns, max(self.now_ns, timers[0][0]))
        self.is_busy = True
        self.exchange(wake_ns)
        self.is_busy = False
        self._fire()

    # --- threads -----------------------------------------------------------------------------------------------

    def add(self, name: str) -> Task:
        """A new task; `ready` gets it when its thread stands at the gate."""
        task = Task(next(self.numbers), name)
        self.live[task.number] = task
        return task

    def enter(self, task: Task) -> None:
        """A new thread waits until it is its turn."""
        task.ident = real.get_ident()
        self._wait_at_gate(task)

    def leave(self, task: Task, gone: Callable[[], object]) -> None:
        """The running thread ends; ``gone()`` waits until it has, destructors of its thread-local data included.

        Whoever is woken here finds the next task, after that wait, for those destructors are the program's code too.
        """
        self.live.pop(task.number, None)
        task.is_leaving = True
        if not self.live:
            return
        carrier = self.ready[0] if self.ready else next(iter(self.live.values()))
        self._leaving, self._carries = (task, gone), carrier
        carrier.gate.release()

    def _after_leaving(self, me: Task) -> None:
        if self._leaving is not None:
            _, gone = self._leaving
            self._leaving = None
            gone()
            self.current = me

    # --- descriptors that are not virtual ----------------------------------------------------------------------

    def _look_at_real(self) -> bool:
        """Give real descriptors that are waited for a moment of real time; whether one of them is ready."""
        if not self.real_waits:
            return False
        poll, owners = real.poll(), {}
        for task, pairs in self.real_waits.items():
            for fd, events in pairs:
                poll.register(fd, events)
                owners[fd] = task
        new = set(owners) - self._patient_fds - {1, 2}
        hits = poll.poll(PATIENCE_MS if new else 0)
        self._patient_fds |= new
        if new and not hits:
            self.stalled("file descriptor %s, which is real and never became ready" % ", ".join(map(str, sorted(new))))
        for fd, _ in hits:
            self.unpark(owners[fd])
        return bool(self.ready)


def _no_harness(wake_ns: int | None) -> None:
    raise AssertionError("the harness is asked before it was met")


def _nothing() -> None:
    """Nothing to be done."""


def _ignore(what: str) -> None:
    """Nobody to be told."""


def _foreign() -> None:
    from .refusals import refuse

    refuse(
        "a thread that was not started by Python waits for a lock, a socket or a timer, and cannot be virtual; "
        "turn off the library that starts it, or run the client in real time (--clock real)"
    )


scheduler = Scheduler()
