"""From a marker and the command line to the variants that a test is run for. Pure, but for reading scenario files."""

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
from gapless.scenarios.judging.choosing import chosen_oracles
from gapless.scenarios.running.runner import RunRequest

ALL: Final = "all"
# One of each kind: no fault, a tail that comes late, a lost frame, an outage.
DEFAULT: Final = ("clean-run", "r10-late-tail", "r30-lost-frame", "r34-disconnect-in-mid-run")
_ARGUMENTS: Final = ("scenarios", "generations", "cursors", "judge", "no_judge", "budget", "deadline_s")


class Marked(Protocol):
    """The part of a pytest mark that is used here."""

    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def kwargs(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Variant:
    """One scenario in one generation and cursor mode, with a seed.

    ``judge``: names of the oracles that judge; empty: all.
    """

    scenario: Scenario
    generation: str
    cursor: str
    seed: int
    judge: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As in a test's id."""
        return f"{self.scenario.name}-{self.generation}-{self.cursor}"

    def __repr__(self) -> str:
        return f"Variant({self}, seed {self.seed})"

    def request(self, client: str) -> RunRequest:
        """The request for a run of the client with that name."""
        return RunRequest(self.scenario, self.generation, self.cursor, client, self.seed, judge=self.judge)


def variants(
    marks: Sequence[Marked], *, named: str | None, named_in: Path, marked_in: Path, seed: int, every: bool
) -> tuple[Variant, ...]:
    """The variants that the marks ask for. Raises UsageError.

    ``marks``: the nearest mark first; its values go before those of the others.
    ``named``: the scenarios of the command line, in place of those of the marks.
    ``named_in``, ``marked_in``: the directories to which relative paths in ``named`` and in the marks belong.
    ``every``: without generations in the marks, take every generation in which the scenario can happen; else only the
    newest. The same holds for cursor modes.
    """
    said = _arguments(marks)
    if named is not None:
        scenarios = scenarios_of_option(named, named_in)
    else:
        scenarios = _scenarios(_as_strings("scenarios", said.get("scenarios", DEFAULT)), marked_in)
    generations = _chosen("generations", said.get("generations"), GENERATIONS)
    cursors = _chosen("cursors", said.get("cursors"), CURSORS)
    budget, deadline_s = said.get("budget", True), said.get("deadline_s")
    if not isinstance(budget, bool):
        raise UsageError(f"budget={budget!r} is neither True nor False")
    no_judge = _as_strings("no_judge", said.get("no_judge", ()))
    judge = chosen_oracles(_as_strings("judge", said.get("judge", ())), no_judge if budget else (*no_judge, "budget"))
    if deadline_s is not None:
        scenarios = tuple(_with_deadline(one, deadline_s) for one in scenarios)
    return tuple(
        Variant(scenario, generation, cursor, seed, judge)
        for scenario in scenarios
        for generation, cursor in _variants_of(scenario, generations, cursors, every=every)
    )


def scenarios_of_option(named: str, directory: Path) -> tuple[Scenario, ...]:
    """The scenarios in a text, separated by commas. Raises UsageError."""
    return _scenarios([word.strip() for word in named.split(",") if word.strip()], directory)


def _arguments(marks: Sequence[Marked]) -> Mapping[str, Any]:
    """The arguments of all marks. Those of the test go before those of its class and module."""
    said: dict[str, Any] = {}
    for mark in reversed(marks):
        if mark.args:
            raise UsageError(f"the marker takes no {mark.args[0]!r} without a name; say scenarios=[…]")
        for word in mark.kwargs:
            if word not in _ARGUMENTS:
                cure = did_you_mean(word, _ARGUMENTS, f"it has {', '.join(_ARGUMENTS)}")
                raise UsageError(f"the marker has no {word!r}; {cure}")
        said |= mark.kwargs
    return said


def _as_strings(name: str, value: object) -> Sequence[str]:
    """A string or a list of strings, as a list."""
    words: list[Any] = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"{name}={value!r} must be words in a list")
    return words


def _scenarios(names: Sequence[str], directory: Path) -> tuple[Scenario, ...]:
    if not names:
        raise UsageError("no scenario is named; `gapless list` shows what there is")
    found = (_find(name, directory) for name in names)
    return tuple(dict.fromkeys(scenario for some in found for scenario in some))


def _find(name: str, directory: Path) -> tuple[Scenario, ...]:
    return (load_file(directory / name),) if name.endswith(".toml") else find(name)


def _chosen(name: str, value: object, known: Sequence[str]) -> tuple[str, ...] | None:
    """The values that are wanted; None when none are given."""
    if value is None:
        return None
    words = _as_strings(name, value)
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


def _variants_of(
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
