"""The machines by name. Each has the name of the client that it stands for."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.scenarios.machines.baselines import (
    FullRescanMachine,
    PollThenReturnMachine,
    SocketOnlyMachine,
    TailCursorMachine,
)
from gapless.scenarios.machines.machine import Machine
from gapless.scenarios.machines.ours import GaplessMachine
from gapless.syncclient.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """A client that can be searched. ``make``: makes its machine from a certainty, a source of jitter and settings."""

    name: str
    make: Callable[[str, Callable[[], float], Mapping[str, bool | int]], Machine]


def _gapless(certainty: str, draw: Callable[[], float], settings: Mapping[str, bool | int]) -> Machine:
    ours = Settings(certainty="log" if certainty == "log" else "branch").overridden(settings)
    return GaplessMachine(ours, None, draw)


MACHINES: tuple[Known, ...] = (
    Known("gapless", _gapless),
    Known("socket-only", lambda certainty, draw, settings: SocketOnlyMachine()),
    Known("poll-then-return", lambda certainty, draw, settings: PollThenReturnMachine()),
    Known("tail-cursor", lambda certainty, draw, settings: TailCursorMachine()),
    Known("full-rescan", lambda certainty, draw, settings: FullRescanMachine()),
)
NAMES = tuple(known.name for known in MACHINES)


def resolve(name: str) -> Known:
    """The client with this name. Raises UsageError when there is no such machine."""
    known = next((one for one in MACHINES if one.name == name), None)
    if known is None:
        cure = did_you_mean(name, NAMES, f"choose {', '.join(NAMES)}")
        raise UsageError(f"no client called {name!r} can be searched; {cure}")
    return known


def jitter(seed: int) -> Callable[[], float]:
    """The source of jitter for a seed. The client of that name draws the same numbers."""
    return random.Random(f"{seed}/client").random


def bounded(name: str, generation: str, certainty: str) -> Machine:
    """A machine for a search: without jitter, with exact times, and with the generation known from the start."""
    if name == "gapless":
        # 0.125 is exact in binary, and 0.1 is not: sums of 0.1 could differ in the last digit, and equal times would
        # look different.
        settings = Settings(certainty="log" if certainty == "log" else "branch", backoff_s_min=0.125)
        return GaplessMachine(settings, generation, no_jitter, shares=True)  # type: ignore[arg-type]
    return resolve(name).make(certainty, no_jitter, {})


def no_jitter() -> float:
    """A source of jitter that always draws the longest wait."""
    return 1.0
