"""What can go wrong in this package, by whose fault it is.

``UsageError`` and its kin are the caller's mistake: one sentence with the place and the cure, exit code 2,
never a traceback. ``StepFailed`` is the client under test giving up in a typed way. ``WorldBroke`` is our bug, and so
is anything else that escapes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ValidationError


class GaplessError(Exception):
    """The root of this package's errors."""


class UsageError(GaplessError):
    """The caller's mistake, in one sentence with its cure."""


class ScenarioError(UsageError):
    """A scenario file that cannot be used: ``file``, ``line`` (None when unknown), ``key``, ``problem``,
    ``cure``.
    """

    def __init__(self, file: str, line: int | None, key: str, problem: str, cure: str) -> None:
        self.file, self.line, self.key, self.problem, self.cure = file, line, key, problem, cure
        place = file if line is None else f"{file}:{line}"
        at_key = f" {key}:" if key else ""
        super().__init__(f"{place}:{at_key} {problem}; {cure}")


class CapsuleError(UsageError):
    """A capsule that cannot be read or no longer fits: ``file``, ``problem``, ``cure``."""

    def __init__(self, file: str, problem: str, cure: str) -> None:
        self.file, self.problem, self.cure = file, problem, cure
        super().__init__(f"{file}: {problem}; {cure}")


class WorldBroke(GaplessError):
    """The simulated world broke down under a client: our bug, not the client's. What broke is the ``__cause__``."""


class StepFailed(GaplessError):
    """The client under test ended a step with an error that it declares: ``step``, and the cause as
    ``__cause__``.
    """


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """``did you mean 'x'?`` for the nearest known word, or ``otherwise`` when none is near."""
    candidates = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), list(candidates), n=1, cutoff=0.6)
    return f"did you mean {candidates[near[0]]!r}?" if near else otherwise


def first_problem(error: ValidationError) -> str:
    """The first thing that is wrong with data, as ``key: what``; without a key, where it is the whole."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}" if where else said
