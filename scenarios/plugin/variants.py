"""Wanted: from a marker and the command line to the variants that a test is run for. Pure but for scenario files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from gapless.scenarios.checking.deadlines import DEADLINE_S_MAX, with_real_time_deadline
from gapless.scenarios.definition.catalogue import find
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS, Scenario
from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.scenarios.running.runner import RunRequest

ALL: Final = "all"
# One of each kind: nothing, a tail that lags, a hole, an outage.
DEFAULT: Final = ("clean-run", "r10-late-tail", "r30-lost-frame", "r34-disconnect-in-mid-run")
_WORDS: Final = ("scenarios", "generations", "cursors", "budget", "deadline_s")


class Marked(Protocol):
    """What is read of a pytest mark."""

    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def kwargs(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """One scenario in one generation and cursor mode, with a seed. ``judges_cost``: is being over budget a failure?"""

    scenario: Scenario
    generation: str
    cursor: str
    seed: int
    judges_cost: bool = True

    def __str__(self) -> str:
        """As it stands in a test's id."""
        return f"{self.scenario.name}-{self.generation}-{self.cursor}"

    def __repr__(self) -> str:
        return f"Variant({self}, seed {self.seed})"

    def request(self, client: str) -> RunRequest:
        """The run of a client that is called so."""
        return RunRequest(self.scenario, self.generation, self.cursor, client, self.seed)


def variants(
    marks: Sequence[Marked], *, named: str | None, named_in: Path, marked_in: Path, seed: int, every: bool
) -> tuple[Variant, ...]:
    """What the marks say, the nearest first; ``named``, the scenarios of the command line, in place of theirs.

    Relative paths are those of ``named_in`` and ``marked_in``. Where no generation is named it is every one in which a
    scenario can happen, or, unless ``every``, the newest; cursor modes likewise. Raises UsageError.
    """
    said = _said(marks)
    if named is not None:
        scenarios = scenarios_of_option(named, named_in)
    else:
        scenarios = _scenarios(_words("scenarios", said.get("scenarios", DEFAULT)), marked_in)
    generations = _among("generations", said.get("generations"), GENERATIONS)
    cursors = _among("cursors", said.get("cursors"), CURSORS)
    budget, deadline_s = said.get("budget", True), said.get("deadline_s")
    if not isinstance(budget, bool):
        raise UsageError(f"budget={budget!r} is neither True nor False")
    if deadline_s is not None:
        scenarios = tuple(_with_deadline(one, deadline_s) for one in scenarios)
    return tuple(
        Variant(scenario, generation, cursor, seed, budget)
        for scenario in scenarios
        for generation, cursor in _fitting(scenario, generations, cursors, every=every)
    )


def scenarios_of_option(named: str, directory: Path) -> tuple[Scenario, ...]:
    """Scenarios with commas between them. Raises UsageError."""
    return _scenarios([word.strip() for word in named.split(",") if word.strip()], directory)


def _said(marks: Sequence[Marked]) -> Mapping[str, Any]:
    """The words of all marks; a nearer one's before those of its class and module."""
    said: dict[str, Any] = {}
    for mark in reversed(marks):
        if mark.args:
            raise UsageError(f"the marker takes no {mark.args[0]!r} without a name; say scenarios=[…]")
        for word in mark.kwargs:
            if word not in _WORDS:
                cure = did_you_mean(word, _WORDS, f"it has {', '.join(_WORDS)}")
                raise UsageError(f"the marker has no {word!r}; {cure}")
        said |= mark.kwargs
    return said


def _words(name: str, value: object) -> Sequence[str]:
    """One word, or several."""
    words: list[Any] = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={value!r} must be words in a list")
    return words


def _scenarios(names: Sequence[str], directory: Path) -> tuple[Scenario, ...]:
    if not names:
        raise UsageError("no scenario is named; `gapless list` shows what there is")
    found = (_found(name, directory) for name in names)
    return tuple(dict.fromkeys(scenario for some in found for scenario in some))


def _found(name: str, directory: Path) -> tuple[Scenario, ...]:
    return (load_file(directory / name),) if name.endswith(".toml") else find(name)


def _among(name: str, value: object, known: Sequence[str]) -> tuple[str, ...] | None:
    """The words that are wanted; None, where nothing is said."""
    if value is None:
        return None
    words = _words(name, value)
    if not words:
        raise UsageError(f"{name} is empty; leave it out, or name {' or '.join(known)}")
    for word in words:
        if word not in (*known, ALL):
            cure = did_you_mean(word, known, f"there are {', '.join(known)}, and {ALL!r}")
            raise UsageError(f"{name}: there is no {word!r}; {cure}")
    return tuple(known) if ALL in words else tuple(words)


def _with_deadline(scenario: Scenario, deadline_s: object) -> Scenario:
    if not isinstance(deadline_s, int | float) or not 0 < deadline_s <= DEADLINE_S_MAX:
        raise UsageError(f"deadline_s={deadline_s!r} is no number of seconds up to {DEADLINE_S_MAX}")
    return with_real_time_deadline(scenario, deadline_s)


def _fitting(
    scenario: Scenario, generations: tuple[str, ...] | None, cursors: tuple[str, ...] | None, *, every: bool
) -> Sequence[tuple[str, str]]:
    fitting = [
        (generation, cursor)
        for generation, cursor in scenario.variants()
        if generation in (generations or GENERATIONS) and cursor in (cursors or CURSORS)
    ]
    if not fitting:
        wanted = f"{' or '.join(generations or (ALL,))} with {' or '.join(cursors or (ALL,))} cursors"
        possible = ", ".join("/".join(one) for one in scenario.variants())
        raise UsageError(f"{scenario.name} cannot happen in {wanted}; it can in {possible}")
    if not every and generations is None:
        newest = fitting[-1][0]
        fitting = [one for one in fitting if one[0] == newest]
    if not every and cursors is None:
        fitting = list(dict(reversed(fitting)).items())[::-1]
    return fitting
