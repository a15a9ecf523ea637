"""The clients of the model level by name. The names are the same as at the wire level."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.scenarios.machines.baselines import (
    CONNECTION_SETTINGS,
    FullRescanMachine,
    PollThenReturnMachine,
    SocketOnlyMachine,
    TailCursorMachine,
)
from gapless.scenarios.machines.machine import ConnectionSettings, Machine
from gapless.scenarios.machines.ours import GaplessMachine, connection_settings
from gapless.syncclient.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """A client of the model level.

    ``make``: makes its machine from a certainty, a source of jitter and settings
    ``manners``: its connection settings
    """

    name: str
    make: Callable[[str, Callable[[], float], Mapping[str, bool | int]], Machine]
    connection_settings: ConnectionSettings


def _gapless(certainty: str, draw: Callable[[], float], settings: Mapping[str, bool | int]) -> Machine:
    ours = Settings(certainty="log" if certainty == "log" else "branch").overridden(settings)
    return GaplessMachine(ours, None, draw)


MACHINES: tuple[Known, ...] = (
    Known("gapless", _gapless, connection_settings(Settings())),
    Known("socket-only", lambda certainty, draw, settings: SocketOnlyMachine(), CONNECTION_SETTINGS),
    Known("poll-then-return", lambda certainty, draw, settings: PollThenReturnMachine(), CONNECTION_SETTINGS),
    Known("tail-cursor", lambda certainty, draw, settings: TailCursorMachine(), CONNECTION_SETTINGS),
    Known("full-rescan", lambda certainty, draw, settings: FullRescanMachine(), CONNECTION_SETTINGS),
)
NAMES = tuple(known.name for known in MACHINES)


def resolve(name: str) -> Known:
    """The client with this name. Raises UsageError when the model level has none."""
    known = next((one for one in MACHINES if one.name == name), None)
    if known is None:
        cure = did_you_mean(name, NAMES, f"choose {', '.join(NAMES)}; any other client runs at the wire")
        raise UsageError(f"the model has no client called {name!r}; {cure}")
    return known


def jitter(seed: int) -> Callable[[], float]:
    """The source of jitter for a seed. It yields the same numbers as at the wire level."""
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
