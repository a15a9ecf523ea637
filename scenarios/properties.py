"""Properties: in every world that can be survived, a client loses nothing and says nothing untrue.

Two ways to draw worlds (``drawing.py`` says which there are). ``search`` lets Hypothesis draw, which looks for edges,
and shrinks what fails. ``attempt`` draws one world from a plain seed, for volume; ``shrink`` hands what that one drew
to Hypothesis, so that there is but one shrinker. What was shrunk is kept as a capsule.

    python -m scenarios.properties --examples 20000 --seed 0 --jobs 2

is the volume, in ``volume.py``. What is not judged is the cost, which a drawn allowance could not justify, and vacuity,
for a drawn fault may find no victim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase, choices_to_bytes

from reports.record import RunRecord, Verdict, Violation
from scenarios import capsule
from scenarios.drawing import Data, NumberedSource, plan
from scenarios.runner import RunRequest, RunResult, perform
from simserver.choices import Choices

CLIENT = "gapless"
_NOT_JUDGED = frozenset({Verdict.VACUOUS, Verdict.OVER_BUDGET})
SHRINKS_MAX = 1000


class HypothesisSource:
    """Choices drawn by Hypothesis, each labelled with its stream."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self._draw = draw

    def integer(self, stream: str, low: int, high: int) -> int:
        """An integer with low <= it <= high; shrinks towards low."""
        return int(self._draw(st.integers(low, high), label=stream))

    def number(self, stream: str, low: float, high: float) -> float:
        """A number with low <= it <= high, in thousandths of the range; shrinks towards low."""
        return low + (high - low) * int(self._draw(st.integers(0, 1000), label=stream)) / 1000


@st.composite
def plans(draw: st.DrawFn, client: str = CLIENT) -> RunRequest:
    """One run to try, drawn by Hypothesis."""

    def together(make: Callable[[], Data]) -> Data:
        return draw(st.builds(make))

    return plan(Choices(HypothesisSource(draw)), client, part=together)


class Violated(Exception):
    """A drawn run in which something did not hold: ``violation``, the first."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation
        super().__init__(f"{violation.oracle}: {violation.message}")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the shrunk run, its first violation, and the capsule that keeps it."""

    record: RunRecord
    violation: Violation
    path: Path


@dataclass(frozen=True, slots=True)
class Attempt:
    """One drawn world: its record, and every number that was drawn for it."""

    record: RunRecord
    drawn: tuple[int, ...]

    @property
    def violation(self) -> Violation | None:
        """The first violation that counts here, None when all holds."""
        return next(iter(judged(self.record)), None)


def judged(record: RunRecord) -> tuple[Violation, ...]:
    """The violations that count here: neither cost nor vacuity."""
    return tuple(one for one in record.violations if one.breaks not in _NOT_JUDGED)


def attempt(client: str, seed: int) -> Attempt:
    """Draw the world of a seed and put a client through it."""
    source = NumberedSource(seed)
    result = perform(plan(Choices(source), client), source=source)
    return Attempt(result.record, tuple(source.drawn))


def search(client: str, *, examples: int, directory: Path = capsule.DIRECTORY) -> Found | None:
    """Try ``examples`` runs on a client that Hypothesis draws; None when all hold, else the shrunk failure, kept as a
    capsule.

    The same arguments try the same runs: what is drawn depends on nothing but this code.
    """
    return _explore(client, examples, directory, database=None, phases=(Phase.generate, Phase.shrink))


def shrink(client: str, drawn: Sequence[int], directory: Path = capsule.DIRECTORY) -> Found | None:
    """Shrink a failing ``Attempt`` by what was drawn for it; None when Hypothesis cannot see it fail."""
    return _explore(client, SHRINKS_MAX, directory, database=_Primed(drawn), phases=(Phase.reuse, Phase.shrink))


class _Primed(ExampleDatabase):
    """Knows one example, whatever it is asked for, and learns nothing."""

    def __init__(self, drawn: Sequence[int]) -> None:
        super().__init__()
        self._example = choices_to_bytes(tuple(drawn))

    def fetch(self, key: bytes) -> Iterable[bytes]:
        # What stands among the primary examples is taken to be shrunk already.
        return (self._example,) if key.endswith(b".secondary") else ()

    def save(self, key: bytes, value: bytes) -> None:
        return

    def delete(self, key: bytes, value: bytes) -> None:
        return


def _explore(
    client: str, examples: int, directory: Path, *, database: ExampleDatabase | None, phases: tuple[Phase, ...]
) -> Found | None:
    last: list[tuple[RunRequest, RunResult]] = []

    @settings(
        max_examples=examples,
        derandomize=database is None,
        database=database,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )
    @given(plans(client), st.data())
    def holds(request: RunRequest, data: st.DataObject) -> None:
        result = perform(request, source=HypothesisSource(data.draw))
        violations = judged(result.record)
        if violations:
            last[:] = [(request, result)]
            raise Violated(violations[0])

    try:
        holds()
    except Violated as violated:
        # Hypothesis runs the smallest failure once more before it raises, so the last one is that.
        request, result = last[0]
        path = capsule.write(request, result.record, result.tape, directory)
        return Found(result.record, violated.violation, path)
    return None


if __name__ == "__main__":
    from scenarios.volume import main

    main()
