"""Where the choices of a drawn world come from. Both sources draw integers only, and say which they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from gapless.simserver.errors import TapeError

THOUSANDTHS = 1000


class HypothesisSource:
    """Choices drawn by Hypothesis, each labelled with its stream; ``drawn`` is all of them, in order."""

    def __init__(self, draw: Callable[..., Any], drawn: list[int] | None = None) -> None:
        self._draw = draw
        self.drawn: list[int] = [] if drawn is None else drawn

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer with low <= it <= high; shrinks towards low."""
        value = int(self._draw(st.integers(low, high), label=stream))
        self.drawn.append(value)
        return value

    def number(self, stream: str, low: float, high: float) -> float:
        """A number with low <= it <= high, in thousandths of the range; shrinks towards low."""
        return low + (high - low) * self.integer(stream, 0, THOUSANDTHS) / THOUSANDTHS


class ListSource:
    """Choices read back from a list of numbers. Raises TapeError when it does not fit what is asked for."""

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
