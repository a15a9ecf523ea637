"""The exploration loop: submits work to an executor and records the results in a campaign.

The work is blocks of worlds, slices of shrinks, and checks of earlier failures. The executor is any from
``concurrent.futures``: processes by default, or the executor of a cluster.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gapless.scenarios.explore.campaign import Campaign, Group
from gapless.scenarios.explore.database import Database
from gapless.scenarios.explore.finding_files import keep
from gapless.scenarios.explore.shrink import Shrinking, shrink_slice
from gapless.scenarios.explore.steering import ROUND_WORLDS
from gapless.scenarios.explore.trial import Block, BlockResult, WorldFailure, retry_world, still_shows, try_block
from gapless.scenarios.interrupt import Stop

BLOCK_WORLDS = 10
LOOK_EVERY_S = 0.2
SAVE_EVERY_S = 5.0
SHRINKS_MAX = 12
# When the time limit is reached, shrinks in progress may take this share of it in addition.
SHRINK_SHARE = 0.5
# Shrinks begin after this many worlds, or after this time. By then there are usually plainer failures than the first,
# which shrink faster. A program needs the time: it is slower than a client in this process.
WORLDS_BEFORE_SHRINKS = 60
SECONDS_BEFORE_SHRINKS = 15.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop: after ``worlds`` or after ``time_s`` seconds, whichever is first. ``shrinks``: how many at most."""

    worlds: int | None = None
    time_s: float | None = None
    shrinks: int = SHRINKS_MAX


class Listener(Protocol):
    """Receives the progress of an exploration."""

    def found(self, group: Group) -> None:
        """A new cause was found, and its world was shrunk."""
        ...

    def checked(self, group: Group, still_fails: bool) -> None:
        """The world of an earlier cause was run again."""
        ...

    def look(self, campaign: Campaign, shrinks: tuple[Shrinking, ...], elapsed_s: float) -> None:
        """Called at least every `LOOK_EVERY_S` seconds with the current state. ``shrinks`` are in progress."""
        ...


class Explorer:
    """Submits work, records the results in the campaign, and saves the database."""

    def __init__(
        self,
        campaign: Campaign,
        database: Database,
        executor: Executor,
        *,
        jobs: int,
        limits: Limits,
        listener: Listener,
        stop: Stop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._campaign, self._database, self._executor = campaign, database, executor
        self._jobs, self._limits, self._listener = jobs, limits, listener
        self._stop, self._clock = stop, clock
        self._began_s = clock()
        self._saved_s = self._began_s
        self._worlds_before = campaign.worlds
        self._next = campaign.worlds
        self._arrived: dict[int, BlockResult] = {}
        self._again: deque[Group | tuple[int, ...]] = deque([*campaign.groups, *database.examples()])
        self._origins = database.origins()
        self._untried = set(database.examples())
        self._shrinks: dict[int, tuple[WorldFailure, Shrinking]] = {}
        self._due: deque[int] = deque()  # shrinks of which no slice is handed out
        self._begun = 0
        self._shrink_runs = 0
        self._out: dict[Future[Any], Callable[[Any], None]] = {}

    @property
    def elapsed_s(self) -> float:
        """Seconds since the exploration began."""
        return self._clock() - self._began_s

    @property
    def worlds(self) -> int:
        """How many worlds were tried since the exploration began."""
        return self._campaign.worlds - self._worlds_before

    def explore(self) -> None:
        """Explore until a limit is reached or a stop is requested. The database is saved in any case."""
        try:
            while True:
                while not self._stop.asked and len(self._out) < self._jobs and self._hand_out():
                    pass
                if not self._out:
                    for number in list(self._due):
                        self._settle(number)
                    return
                done, _ = wait(self._out, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._out.pop(future)(future.result())
                self._listener.look(self._campaign, tuple(one for _, one in self._shrinks.values()), self.elapsed_s)
                if self._clock() - self._saved_s >= SAVE_EVERY_S:
                    self._save()
        finally:
            self._save()

    def _save(self) -> None:
        self._database.save(self._campaign, self._untried, self._origins)
        self._saved_s = self._clock()

    # --- what to do next ---------------------------------------------------------------------------------------

    def _hand_out(self) -> bool:
        """Submit one more piece of work. False when there is none.

        Earlier failures come first. With one job, worlds and shrinks have as many runs each: a shrink may need many,
        and while it has all of them nothing new is found.
        """
        if self._again:
            self._check_again(self._again.popleft())
            return True
        shrinks_first = self._jobs > 1 or self._shrink_runs < self.worlds
        ways = (self._shrink, self._try_block) if shrinks_first else (self._try_block, self._shrink)
        return any(way() for way in ways)

    def _try_block(self) -> bool:
        """Submit the next worlds. False when there are none, or when their table is not made yet."""
        campaign, number = self._campaign, self._next // ROUND_WORLDS
        worlds = min(self._worlds_left(), (number + 1) * ROUND_WORLDS - self._next)
        if worlds == 0 or not campaign.has_table(number):
            return False
        block = Block(
            campaign.client,
            self._next,
            worlds,
            campaign.seed,
            campaign.table(number),
            campaign.command,
            campaign.judge,
            campaign.server,
        )
        self._next += worlds
        self._submit(self._tried, try_block, block)
        return True

    def _tried(self, tried: BlockResult) -> None:
        """Record blocks in the order of their worlds, whichever is done first."""
        self._arrived[tried.block.first] = tried
        while (following := self._arrived.pop(self._campaign.worlds, None)) is not None:
            self._campaign.add(following)

    def _is_late(self) -> bool:
        """Whether the additional time for shrinks is used up."""
        time_s = self._limits.time_s
        return time_s is not None and self.elapsed_s >= time_s * (1 + SHRINK_SHARE)

    def _worlds_left(self) -> int:
        """How many worlds the next block may have. 0 when a limit is reached."""
        limits = self._limits
        if limits.time_s is not None and self.elapsed_s >= limits.time_s:
            return 0
        if limits.worlds is None:
            return BLOCK_WORLDS
        return max(0, min(BLOCK_WORLDS, limits.worlds - (self._next - self._worlds_before)))

    def _shrink(self) -> bool:
        """Submit the next slice of a shrink, or begin one; False when none is due.

        At most half of the jobs shrink, so that the others try new worlds. Once a limit is reached, all of them shrink,
        but only symptoms without a known cause.
        """
        campaign, under_way = self._campaign, self._shrinks
        if self._is_late():
            return False
        if self._due:
            self._slice(self._due.popleft())
            return True
        is_early = campaign.worlds - self._worlds_before < WORLDS_BEFORE_SHRINKS
        if is_early and self.elapsed_s < SECONDS_BEFORE_SHRINKS and self._worlds_left():
            return False
        is_last = self._worlds_left() == 0
        if (len(under_way) >= max(1, self._jobs // 2) and not is_last) or self._begun >= self._limits.shrinks:
            return False
        busy = [shrinking.symptom for _, shrinking in under_way.values()]
        failure = campaign.next_to_shrink(busy)
        if failure is None or (is_last and campaign.knows(failure.symptom)):
            return False
        self._begun += 1
        shrinking = Shrinking(
            campaign.client,
            failure.symptom,
            failure.drawn,
            command=campaign.command,
            server=campaign.server,
        )
        self._shrinks[self._begun] = failure, shrinking
        self._slice(self._begun)
        return True

    def _slice(self, number: int) -> None:
        """Submit a slice of a shrink. Between two of them something else may be due."""
        failure, before = self._shrinks[number]

        def shrunk(after: Shrinking) -> None:
            self._shrink_runs += after.runs - before.runs
            self._shrinks[number] = failure, after
            if after.done or self._is_late() or self._stop.asked:
                self._settle(number)
            else:
                self._due.append(number)

        self._submit(shrunk, shrink_slice, before)

    def _settle(self, number: int) -> None:
        """A shrink is done, or there is no time for it any more."""
        failure, after = self._shrinks.pop(number)
        if number in self._due:
            self._due.remove(number)
        if after.done or (self._is_late() and not self._campaign.knows(after.symptom)):
            self._found(failure, after)
        else:
            self._campaign.leave(failure, after.drawn)

    def _check_again(self, one: Group | tuple[int, ...]) -> None:
        campaign = self._campaign
        if isinstance(one, tuple):

            def tried(failures: tuple[WorldFailure, ...]) -> None:
                self._untried.discard(one)
                seed, number = self._origins.get(one, (None, None))
                for failure in failures:
                    campaign.fail(replace(failure, seed=seed, number=number))

            client, command = campaign.client, campaign.command
            self._submit(tried, retry_world, client, one, command, campaign.judge, campaign.server)
            return

        def checked(still_fails: bool) -> None:
            if not still_fails:
                campaign.forget(one)
            self._listener.checked(one, still_fails)

        request = replace(self._database.request(one), command=campaign.command, server=campaign.server)
        self._submit(checked, still_shows, request, one.cause.symptom)

    def _submit(self, then: Callable[[Any], None], work: Callable[..., Any], *arguments: Any) -> None:
        self._out[self._executor.submit(work, *arguments)] = then

    # --- what was found ----------------------------------------------------------------------------------------

    def _found(self, failure: WorldFailure, shrunk: Shrinking) -> None:
        """Record a finished shrink, and write the files of a new cause."""
        campaign = self._campaign
        client, command, server = campaign.client, campaign.command, campaign.server
        failures = retry_world(client, shrunk.drawn, command, campaign.judge, server)
        smallest = next((one for one in failures if one.symptom == shrunk.symptom), None)
        if smallest is None:
            campaign.give_up(failure)
            return
        smallest = replace(smallest, seed=failure.seed, number=failure.number)
        group = campaign.found(failure, smallest, runs=shrunk.runs, at_s=self.elapsed_s)
        if group is not None:
            directory = self._database.directory
            kept = keep(client, smallest, group.name, directory, command, server)
            group.events, group.faults, group.seed = kept.events, kept.faults, kept.request.seed
            self._listener.found(group)
