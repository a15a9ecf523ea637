"""Mutant: a client with one planted bug; and how the bug is planted for one run, and taken out again."""

from __future__ import annotations

import dataclasses
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from types import FunctionType, ModuleType
from typing import Any, Protocol

from gapless.scenarios.definition.scenario import OracleName
from gapless.scenarios.errors import UsageError
from gapless.syncclient.settings import Settings

Original = Callable[..., Any]
"""What the client really does, for a bug that does it too: before, after, or with something changed."""

Bug = Callable[..., Any]
"""What the mutant does instead: takes the original, then what that takes."""


class PlantError(UsageError):
    """A mutant no longer fits the client: what it would replace is not there, or takes something else."""


class CodeChange(Protocol):
    """One name of the client's code, bound to something else for a while."""

    @property
    def owner(self) -> type | ModuleType: ...
    @property
    def name(self) -> str: ...
    def put_in_place_of(self, original: object) -> object:
        """What the name is bound to instead. Raises PlantError when it cannot be."""
        ...


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A function, method, class method or property, written anew as ``bug``."""

    owner: type | ModuleType
    name: str
    bug: Bug

    def put_in_place_of(self, original: object) -> object:
        """The bug in the same kind of wrapping; it must take what the original takes."""
        if not _takes_the_same(self.bug, unwrapped(original)):
            raise PlantError(f"{place_of(self)} takes other arguments now; rewrite the mutant to take the same")
        return rewrapped(original, self.bug)


@dataclass(frozen=True, slots=True)
class Watched:
    """The same, doing what it does, and ``met`` notes that it was come to."""

    owner: type | ModuleType
    name: str
    met: dict[str, None]

    def put_in_place_of(self, original: object) -> object:
        """The original behind a note."""

        def noted(really: Original, *args: object, **kwargs: object) -> object:
            self.met[place_of(self)] = None
            return really(*args, **kwargs)

        return rewrapped(original, noted)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A constant with another value."""

    owner: type | ModuleType
    name: str
    value: object

    def put_in_place_of(self, original: object) -> object:
        """The other value, which must be of the same type, and another."""
        if type(original) is not type(self.value) or original == self.value:
            raise PlantError(f"{place_of(self)} is {original!r}, which {self.value!r} is no mutation of")
        return self.value


@dataclass(frozen=True, slots=True)
class Killing:
    """Where a mutant is expected to fail: in which scenario and variant, and by which oracle."""

    scenario: str
    variant: str
    by: OracleName


@dataclass(frozen=True, slots=True)
class Mutant:
    """A client with one bug. ``about`` is one sentence on what it does, ``races`` the rows of the race catalogue to
    which that belongs, ``base`` the client that it is a variation of.

    ``killed`` is where it fails at the latest, ``fails_clean`` whether it fails even where nothing goes wrong.
    """

    name: str
    about: str
    races: tuple[str, ...]
    changes: tuple[CodeChange, ...]
    killed: Killing
    base: str = "gapless"
    fails_clean: bool = False

    def plant(self) -> AbstractContextManager[None]:
        """The bug, for the length of a block."""
        return planted(self.changes)


def mutant(
    owner: type | ModuleType,
    name: str,
    *,
    races: Sequence[str],
    killed: tuple[str, str, OracleName],
    base: str = "gapless",
    fails_clean: bool = False,
    settings: Mapping[str, object] | None = None,
) -> Callable[[Bug], Mutant]:
    """A mutant in which ``owner.name`` is the decorated function; that gives it its name, and its docstring says what
    it does. ``settings`` are those of its user, where the bug needs other than the usual ones.
    """

    def named(bug: Bug) -> Mutant:
        changes: tuple[CodeChange, ...] = (Rewritten(owner, name, bug),)
        if settings:
            changes = (*changes, with_settings(settings))
        return Mutant(_name(bug), _about(bug), tuple(races), changes, Killing(*killed), base, fails_clean)

    return named


def with_settings(values: Mapping[str, object]) -> CodeChange:
    """Our client with other settings than it has by default, which are checked as a user's are.

    Raises PlantError when one of them is the default.
    """
    usual = {field.name: field.default for field in dataclasses.fields(Settings)}
    for name, value in values.items():
        if usual[name] == value:
            raise PlantError(f"the setting {name} is {value!r} by default; choose another value for the mutant")

    def chosen(original: Original, settings: Settings) -> None:
        for name, value in values.items():
            object.__setattr__(settings, name, value)
        original(settings)

    return Rewritten(Settings, "__post_init__", chosen)


_PLANTING = threading.Lock()


@contextmanager
def planted(changes: Sequence[CodeChange]) -> Iterator[None]:
    """The changes, for the length of a block; in this process only, and one block at a time.

    Raises PlantError when one of them does not fit; then none is made.
    """
    if not _PLANTING.acquire(blocking=False):
        raise PlantError("another mutant is planted in this process; one run at a time")
    try:
        found = [(change, _original(change)) for change in changes]
        wanted = [(change, original, change.put_in_place_of(original)) for change, original in found]
        with ExitStack() as stack:
            for change, original, replacement in wanted:
                stack.callback(setattr, change.owner, change.name, original)
                setattr(change.owner, change.name, replacement)
            yield
    finally:
        _PLANTING.release()


def _original(change: CodeChange) -> object:
    if change.name not in vars(change.owner):
        raise PlantError(f"{place_of(change)} does not exist; plant the mutant on what has taken its place")
    original: object = vars(change.owner)[change.name]
    return original


def place_of(change: CodeChange) -> str:
    """The name that a change binds to something else, in full."""
    owner = change.owner
    module = owner.__name__ if isinstance(owner, ModuleType) else f"{owner.__module__}.{owner.__qualname__}"
    return f"{module}.{change.name}"


def unwrapped(original: object) -> Original:
    """The function in a method, class method or property. Raises PlantError when there is none."""
    match original:
        case classmethod():
            inner: object = original.__func__
        case property():
            inner = original.fget
        case _:
            inner = original
    if not isinstance(inner, FunctionType):
        raise PlantError(f"{original!r} is no function; plant the mutant on one")
    return inner


def rewrapped(original: object, bug: Bug) -> object:
    """The bug as a method, class method or property, as the original was."""
    function = unwrapped(original)

    @wraps(function)
    def rewritten(*args: Any, **kwargs: Any) -> Any:
        return bug(function, *args, **kwargs)

    match original:
        case classmethod():
            return classmethod(rewritten)
        case property():
            return property(rewritten)
        case _:
            return rewritten


def _takes_the_same(bug: Bug, function: Original) -> bool:
    """Whether a bug takes the original and what that takes; what they call themselves does not matter."""
    wanted = list(inspect.signature(function).parameters.values())
    given = list(inspect.signature(bug).parameters.values())[1:]
    return [(one.name, one.kind, one.default) for one in wanted[1:]] == [
        (one.name, one.kind, one.default) for one in given[1:]
    ]


def _name(bug: Bug) -> str:
    return bug.__name__.strip("_").replace("_", "-")


def _about(bug: Bug) -> str:
    return " ".join((inspect.getdoc(bug) or "").split())
