"""Sources of choices for a drawn world: Hypothesis, or a list of numbers. Both draw integers only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from gapless.simserver.errors import TapeError

THOUSANDTHS = 1000


class HypothesisSource:
    """Choices drawn by Hypothesis, each labeled with its stream. ``drawn`` lists all integers drawn, in order."""

    def __init__(self, draw: Callable[..., Any], drawn: list[int] | None = None) -> None:
        self._draw = draw
        self.drawn: list[int] = [] if drawn is None else drawn

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer from low to high, both included. It shrinks toward low."""
        value = int(self._draw(st.integers(low, high), label=stream))
        self.drawn.append(value)
        return value

    def number(self, stream: str, low: float, high: float) -> float:
        """A number from low to high, both included, in thousandths of the range. It shrinks toward low."""
        return low + (high - low) * self.integer(stream, 0, THOUSANDTHS) / THOUSANDTHS


class ListSource:
    """Choices read from a list of numbers. Raises TapeError when a number is out of range, or the list ends."""

    def __init__(self, drawn: Sequence[int]) -> None:
        self._drawn = drawn
        self._position = 0

    def integer(self, stream: str, low: int, high: int) -> int:
        """The next number."""
        position = self._position
        if position >= len(self._drawn):
            raise TapeError(stream, position, f"the list ends after {len(self._drawn)} numbers")
        value = self._drawn[position]
        if not low <= value <= high:
            raise TapeError(stream, position, f"{value} is not between {low} and {high}")
        self._position += 1
        return value

    def number(self, stream: str, low: float, high: float) -> float:
        """The next number, in thousandths of the range."""
        return low + (high - low) * self.integer(stream, 0, THOUSANDTHS) / THOUSANDTHS
