"""The errors of this package, by whose fault they are.

- ``UsageError`` and its subclasses: the caller's mistake. The message is one sentence with the place and the cure. The
  command prints it without a traceback and exits with 2.
- ``StepFailed``: the client under test ended a step with an error that it declares.
- ``WorldBroke``: a bug of ours in the simulation. Any other exception that escapes is a bug of ours too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class GaplessError(Exception):
    """The root of this package's errors."""


class UsageError(GaplessError):
    """The caller's mistake: one sentence with the place and the cure."""


class ScenarioError(UsageError):
    """A scenario file that cannot be used.

    ``line``: None when it is unknown. ``key``: empty when the problem is the whole file's.
    """

    def __init__(self, file: str, line: int | None, key: str, problem: str, cure: str) -> None:
        self.file, self.line, self.key, self.problem, self.cure = file, line, key, problem, cure
        place = file if line is None else f"{file}:{line}"
        at_key = f" {key}:" if key else ""
        super().__init__(f"{place}:{at_key} {problem}; {cure}")


class Misfit(ValueError):
    """Values of a scenario that do not fit together.

    ``place``: the keys below the value that a validator looks at, down to the one that is wrong.
    """

    def __init__(self, problem: str, cure: str, *place: str | int) -> None:
        self.problem, self.cure, self.place = problem, cure, place
        super().__init__(f"{problem}: {cure}")


class CapsuleError(UsageError):
    """A capsule file that cannot be read, or that no longer fits this version."""

    def __init__(self, file: str, problem: str, cure: str) -> None:
        self.file, self.problem, self.cure = file, problem, cure
        super().__init__(f"{file}: {problem}; {cure}")


class WorldBroke(GaplessError):
    """The simulation failed during a run: our bug, not the client's. ``__cause__`` is the original error.

    ``tape`` and ``ranges``: the choices that were made until then.
    """

    tape: Mapping[str, Sequence[int | float]] | None = None
    ranges: Mapping[str, Sequence[tuple[int | float, int | float, int]]] | None = None


class StepFailed(GaplessError):
    """The client under test ended a step with an error that it declares. ``__cause__`` is that error."""


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """``did you mean 'x'?`` with the known word nearest to ``word``, or ``otherwise`` when none is near."""
    candidates = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(candidates), n=1, cutoff=0.6)
    return f"did you mean {candidates[near[0]]!r}?" if near else otherwise
