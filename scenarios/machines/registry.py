"""The clients that the model knows, by the names that they have at the wire."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.scenarios.machines.baselines import (
    MANNERS,
    FullRescanMachine,
    PollThenReturnMachine,
    SocketOnlyMachine,
    TailCursorMachine,
)
from gapless.scenarios.machines.machine import Machine, Manners
from gapless.scenarios.machines.ours import GaplessMachine, manners
from gapless.syncclient.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """A client by name: how to make one for a certainty, a source of jitter and settings, and its manners."""

    name: str
    make: Callable[[str, Callable[[], float], Mapping[str, bool | int]], Machine]
    manners: Manners


def _gapless(certainty: str, draw: Callable[[], float], settings: Mapping[str, bool | int]) -> Machine:
    ours = Settings(certainty="log" if certainty == "log" else "branch").overridden(settings)
    return GaplessMachine(ours, None, draw)


MACHINES: tuple[Known, ...] = (
    Known("gapless", _gapless, manners(Settings())),
    Known("socket-only", lambda certainty, draw, settings: SocketOnlyMachine(), MANNERS),
    Known("poll-then-return", lambda certainty, draw, settings: PollThenReturnMachine(), MANNERS),
    Known("tail-cursor", lambda certainty, draw, settings: TailCursorMachine(), MANNERS),
    Known("full-rescan", lambda certainty, draw, settings: FullRescanMachine(), MANNERS),
)
NAMES = tuple(known.name for known in MACHINES)


def resolve(name: str) -> Known:
    """The client of a name. Raises UsageError where the model has none of it."""
    known = next((one for one in MACHINES if one.name == name), None)
    if known is None:
        cure = did_you_mean(name, NAMES, f"choose {', '.join(NAMES)}; any other client runs at the wire")
        raise UsageError(f"the model has no client called {name!r}; {cure}")
    return known


def jitter(seed: int) -> Callable[[], float]:
    """The jitter that the client of a seed draws at the wire."""
    return random.Random(f"{seed}/client").random


def bounded(name: str, generation: str, certainty: str) -> Machine:
    """A client for a search: no jitter, times that add up exactly, and the generation known from the start."""
    if name == "gapless":
        # A tenth of a second is no binary fraction: sums of it would differ in the last digit, and look like two times.
        settings = Settings(certainty="log" if certainty == "log" else "branch", backoff_s_min=0.125)
        return GaplessMachine(settings, generation, no_jitter, shares=True)  # type: ignore[arg-type]
    return resolve(name).make(certainty, no_jitter, {})


def no_jitter() -> float:
    """The longest wait of each range."""
    return 1.0
