"""All randomness of a run: named streams of choices, recorded on one tape.

Each choice belongs to a stream named after what it decides, such as ``fault/late-action``. The streams are
independent: a new draw in one of them does not shift the draws of the others.

The tape holds the values. The range that each value was drawn from is recorded beside it. A replay reads the values
back, and raises at the first choice that is asked from another range. Hypothesis can be the source of choices too.

A choice with only one possible outcome draws nothing, so a shrinker spends no time on it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from gapless.simserver.errors import ConfigError, TapeError

T = TypeVar("T")
Number = int | float
Tape = dict[str, list[Number]]
# For each stream the ranges asked for, in order: low, high, and how many choices in a row had them.
Ranges = dict[str, list[tuple[Number, Number, int]]]


class Source(Protocol):
    """Where choices come from."""

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        ...

    def number(self, stream: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``, both included."""
        ...


class SeededSource:
    """Draws choices from one seed. Each stream has its own generator, seeded with ``f"{seed}/{stream}"``."""

    def __init__(self, seed: int | str) -> None:
        self.seed = seed
        self._generators: dict[str, random.Random] = {}

    def __repr__(self) -> str:
        return f"SeededSource({self.seed!r})"

    def _generator(self, stream: str) -> random.Random:
        generator = self._generators.get(stream)
        if generator is None:
            # `random` hashes a string seed with SHA-512, so the draws do not depend on PYTHONHASHSEED.
            generator = self._generators[stream] = random.Random(f"{self.seed}/{stream}")
        return generator

    def integer(self, stream: str, low: int, high: int) -> int:
        return self._generator(stream).randint(low, high)

    def number(self, stream: str, low: float, high: float) -> float:
        return self._generator(stream).uniform(low, high)


class TapeSource:
    """Reads choices back from a tape.

    ``ranges``: the range that each value was drawn from, where it is known. Raises TapeError when the tape ends early,
    a value is out of the range asked for, or that range differs from the recorded one.
    """

    def __init__(self, tape: Mapping[str, Sequence[Number]], ranges: Ranges | None = None) -> None:
        self._tape = {stream: list(values) for stream, values in tape.items()}
        self._ranges = {stream: _one_by_one(runs) for stream, runs in (ranges or {}).items()}
        self._position: dict[str, int] = {}

    def _next(self, stream: str, low: float, high: float) -> tuple[int, Number]:
        index = self._position.get(stream, 0)
        values = self._tape.get(stream, [])
        if index >= len(values):
            raise TapeError(stream, index, f"the tape ends after {_count(len(values))}")
        drawn_from = self._ranges.get(stream, [])
        if index < len(drawn_from) and drawn_from[index] != (low, high):
            was_low, was_high = drawn_from[index]
            raise TapeError(
                stream, index, f"it was drawn from {was_low}..{was_high}, and is now asked from {low}..{high}"
            )
        value = values[index]
        if not low <= value <= high:
            raise TapeError(stream, index, f"{value} is not between {low} and {high}")
        self._position[stream] = index + 1
        return index, value

    def integer(self, stream: str, low: int, high: int) -> int:
        index, value = self._next(stream, low, high)
        if isinstance(value, float) and not value.is_integer():
            raise TapeError(stream, index, f"{value} is not an integer")
        return int(value)

    def number(self, stream: str, low: float, high: float) -> float:
        return float(self._next(stream, low, high)[1])

    def check_used_up(self) -> None:
        """Raises TapeError when values are left: the run made fewer choices than the recorded one."""
        for stream, values in self._tape.items():
            index = self._position.get(stream, 0)
            left = len(values) - index
            if left:
                raise TapeError(stream, index, f"it was never asked for, and the tape has {_count(left)} left")


def _count(values: int) -> str:
    return f"{values} value{'s' * (values != 1)}"


def _one_by_one(runs: Sequence[tuple[Number, Number, int]]) -> list[tuple[Number, Number]]:
    return [(low, high) for low, high, times in runs for _ in range(times)]


class Choices:
    """Draws every choice of one run from a source. ``tape`` records the values, ``ranges`` the ranges asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tape: Tape = {}
        self.ranges: Ranges = {}

    def __repr__(self) -> str:
        drawn = sum(len(values) for values in self.tape.values())
        return f"Choices({self.source!r}, drawn={drawn})"

    def _record(self, stream: str, low: Number, high: Number, value: Number) -> None:
        self.tape.setdefault(stream, []).append(value)
        runs = self.ranges.setdefault(stream, [])
        if runs and runs[-1][:2] == (low, high):
            runs[-1] = (low, high, runs[-1][2] + 1)
        else:
            runs.append((low, high, 1))

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included. Raises ConfigError on an empty range."""
        if low > high:
            raise ConfigError(f"choice {stream!r}: empty range {low}..{high}")
        if low == high:
            return low
        value = self.source.integer(stream, low, high)
        self._record(stream, low, high, value)
        return value

    def number(self, stream: str, low: float, high: float) -> float:
        """A number from ``low`` to ``high``, both included. Raises ConfigError on an empty range."""
        if low > high:
            raise ConfigError(f"choice {stream!r}: empty range {low}..{high}")
        if low == high:
            return low
        value = self.source.number(stream, low, high)
        self._record(stream, low, high, value)
        return value

    def chance(self, stream: str, probability: float) -> bool:
        """True with the given probability. A probability of 0 or 1 draws nothing."""
        if probability <= 0:
            return False
        if probability >= 1:
            return True
        return self.number(stream, 0.0, 1.0) < probability

    def pick(self, stream: str, options: Sequence[T]) -> T:
        """One of the options. Raises ConfigError when there are none."""
        if not options:
            raise ConfigError(f"choice {stream!r}: nothing to pick from")
        return options[self.integer(stream, 0, len(options) - 1)]
