"""Worlds as a Hypothesis strategy: for property tests, and to shrink a world that fails.

The worlds of a campaign are drawn from a seeded generator instead: that takes a tenth of the time, and depends neither
on the version of Hypothesis nor on the modules that are loaded. Both ask for the same choices in the same order, so the
same numbers are the same world.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from gapless.scenarios.explore.steering import DrawnWorld
from gapless.scenarios.explore.worlds import plan
from gapless.scenarios.explore.worlds.choice_sources import IntegerSource
from gapless.simserver.choices import Choices


class HypothesisSource(IntegerSource):
    """Choices drawn by Hypothesis, each labeled with its stream. ``drawn`` lists all integers drawn, in order.

    An integer shrinks toward low.
    """

    def __init__(self, draw: Callable[..., Any], drawn: list[int] | None = None) -> None:
        self._draw = draw
        self.drawn: list[int] = [] if drawn is None else drawn

    def integer(self, stream: str, low: int, high: int) -> int:
        value = int(self._draw(st.integers(low, high), label=stream))
        self.drawn.append(value)
        return value


@st.composite
def worlds(draw: st.DrawFn, client: str, command: tuple[str, ...] = (), server: str = "") -> DrawnWorld:
    """A strategy for worlds."""
    source = HypothesisSource(draw)

    def together(make: Callable[[], Any]) -> Any:
        return draw(st.builds(make))

    request = plan(Choices(source), client, part=together, command=command, server=server)
    return DrawnWorld(request, tuple(source.drawn))
