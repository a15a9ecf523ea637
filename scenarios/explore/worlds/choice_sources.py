"""Sources of choices for a drawn world: a seed, a list of numbers, or an earlier world. All draw integers only.

The source that Hypothesis is has a module of its own, `gapless.scenarios.explore.strategies`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gapless.simserver.errors import TapeError

THOUSANDTHS = 1000
# One number in this many is drawn anew when a world is varied.
ANEW_ONE_IN = 10
# The numbers that a world drew: for each part of it and each stream, in order.
Parts = Mapping[str, Mapping[str, Sequence[int]]]


class IntegerSource:
    """A source whose numbers are thousandths of a range."""

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        raise NotImplementedError

    def number(self, stream: str, low: float, high: float) -> float:
        """A number from low to high, both included, in thousandths of the range."""
        return low + (high - low) * self.integer(stream, 0, THOUSANDTHS) / THOUSANDTHS


class ListSource(IntegerSource):
    """Choices read from a list of numbers. Raises TapeError when a number is out of range, or the list ends."""

    def __init__(self, drawn: Sequence[int]) -> None:
        self._drawn = drawn
        self._position = 0

    def integer(self, stream: str, low: int, high: int) -> int:
        position = self._position
        if position >= len(self._drawn):
            raise TapeError(stream, position, f"the list ends after {len(self._drawn)} numbers")
        value = self._drawn[position]
        if not low <= value <= high:
            raise TapeError(stream, position, f"{value} is not between {low} and {high}")
        self._position += 1
        return value


class RandomSource(IntegerSource):
    """Choices drawn from a seeded generator. ``drawn`` lists all integers drawn, in order.

    Hypothesis is not used here: its draws depend on its version, and on the modules that are loaded.
    """

    def __init__(self, generator: random.Random) -> None:
        self._generator = generator
        self.drawn: list[int] = []

    def integer(self, stream: str, low: int, high: int) -> int:
        value = self._generator.randint(low, high)
        self.drawn.append(value)
        return value


class PartedSource(IntegerSource):
    """Passes choices on, and remembers them by the part of the world for which they were drawn.

    ``together`` wraps the draws of a part. A part is named after the last choice before it, and counted: the first
    fault that ``focus`` asks for is ``focus 0``. ``parts`` has the numbers that were drawn.
    """

    def __init__(self, source: IntegerSource) -> None:
        self._source = source
        self.parts: dict[str, dict[str, list[int]]] = {}
        self._before, self._part = "", ""
        self._counts: dict[str, int] = {}

    def integer(self, stream: str, low: int, high: int) -> int:
        value = self._source.integer(stream, low, high)
        self._remember(stream, value)
        return value

    def together(self, make: Callable[[], Any]) -> Any:
        """Make a part of the world."""
        count = self._counts.get(self._before, 0)
        self._counts[self._before] = count + 1
        self._part = f"{self._before} {count}"
        made = make()
        self._part = ""
        return made

    def _remember(self, stream: str, value: int) -> None:
        self.parts.setdefault(self._part, {}).setdefault(stream, []).append(value)
        if not self._part:
            self._before = stream


class VariedSource(PartedSource):
    """Repeats the choices of an earlier world, part by part and stream by stream, and draws some of them anew.

    ``forced``: choices that are decided beforehand, by part and stream; the part is empty outside of all parts.
    ``instead``: for some parts, the part
    of the earlier world that is repeated there. A number that is missing, or out of range, is drawn anew.
    """

    def __init__(
        self,
        generator: random.Random,
        parts: Parts,
        forced: Mapping[tuple[str, str], int],
        instead: Mapping[str, str],
    ) -> None:
        source = RandomSource(generator)
        super().__init__(source)
        self._drawing, self._generator = source, generator
        self._earlier, self._forced, self._instead = parts, forced, instead

    @property
    def drawn(self) -> list[int]:
        """All integers drawn, in order."""
        return self._drawing.drawn

    def integer(self, stream: str, low: int, high: int) -> int:
        value = self._repeated(stream)
        if value is None or not low <= value <= high:
            return super().integer(stream, low, high)
        self._drawing.drawn.append(value)
        self._remember(stream, value)
        return value

    def _repeated(self, stream: str) -> int | None:
        if (self._part, stream) in self._forced:
            return self._forced[self._part, stream]
        position = len(self.parts.get(self._part, {}).get(stream, ()))
        values = self._earlier.get(self._instead.get(self._part, self._part), {}).get(stream, ())
        if position >= len(values) or not self._generator.randrange(ANEW_ONE_IN):
            return None
        return values[position]
