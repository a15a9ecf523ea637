"""Planting a bug in a client for one run, and removing it again.

A mutant names the *decision* that it changes (see `gapless.syncclient.decisions`), not a private function, so a rename
in the client does not touch it. A broken baseline has no named decisions; there a mutant names a method.
"""

from __future__ import annotations

import dataclasses
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import FunctionType
from typing import Any, Protocol

from gapless.scenarios.definition.scenario import OracleName
from gapless.scenarios.errors import UsageError, did_you_mean
from gapless.syncclient import decisions
from gapless.syncclient.settings import Settings

Original = Callable[..., Any]
"""What the client really does. A bug may call it before, after, or with something changed."""

Bug = Callable[..., Any]
"""What the mutant does instead. It takes the original first, then the original's arguments."""


class PlantError(UsageError):
    """A mutant no longer fits the client: what it replaces is gone, or takes other arguments."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision of our client, by its name."""

    name: str

    def __str__(self) -> str:
        return f"the decision {self.name}"

    def places(self) -> tuple[decisions.Place, ...]:
        """Every class and module where it is bound. Raises PlantError when no decision has that name."""
        found = decisions.places(self.name)
        if not found:
            cure = did_you_mean(self.name, decisions.names(), "plant the mutant on a decision that exists")
            raise PlantError(f"{self} does not exist; {cure}")
        return found


@dataclass(frozen=True, slots=True)
class Method:
    """A method of a class, by its name."""

    owner: type
    name: str

    def __str__(self) -> str:
        return f"{self.owner.__module__}.{self.owner.__qualname__}.{self.name}"

    def places(self) -> tuple[decisions.Place, ...]:
        """The class itself. Raises PlantError when it has no such method."""
        if self.name not in vars(self.owner):
            raise PlantError(f"{self} does not exist; plant the mutant on what has taken its place")
        return ((self.owner, self.name),)


Target = Decision | Method


class CodeChange(Protocol):
    """Replaces a function of a client for a while."""

    @property
    def target(self) -> Target: ...
    def put_in_place_of(self, original: object) -> object:
        """The replacement. Raises PlantError when it does not fit."""
        ...


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The target does what ``bug`` does."""

    target: Target
    bug: Bug

    def put_in_place_of(self, original: object) -> object:
        """The bug, wrapped as the original was (property, class method). It must take the same arguments."""
        if not _takes_the_same(self.bug, unwrapped(original)):
            raise PlantError(f"{self.target} takes other arguments now; rewrite the mutant to take the same")
        return rewrapped(original, self.bug)


@dataclass(frozen=True, slots=True)
class Watched:
    """The target does what it always does, and ``met`` notes that it was called."""

    target: Target
    met: dict[str, None]

    def put_in_place_of(self, original: object) -> object:
        """The original, which first adds its name to ``met``."""

        def noted(really: Original, *args: object, **kwargs: object) -> object:
            self.met[str(self.target)] = None
            return really(*args, **kwargs)

        return rewrapped(original, noted)


@dataclass(frozen=True, slots=True)
class ExpectedKill:
    """Where a mutant is expected to fail: in which scenario and variant, and by which oracle."""

    scenario: str
    variant: str
    by: OracleName


@dataclass(frozen=True, slots=True)
class Mutant:
    """A client with one bug.

    ``about``: one sentence on what it does wrong
    ``races``: rows of the race catalog
    ``base``: the client that has the bug
    ``killed``: where it is expected to fail
    ``fails_clean``: whether it fails even in a clean run, without faults
    """

    name: str
    about: str
    races: tuple[str, ...]
    changes: tuple[CodeChange, ...]
    killed: ExpectedKill
    base: str = "gapless"
    fails_clean: bool = False

    def plant(self) -> AbstractContextManager[None]:
        """Plant the bug for the length of a block."""
        return planted(self.changes)


def mutant(
    where: str | Method,
    *,
    races: Sequence[str],
    killed: tuple[str, str, OracleName],
    base: str = "gapless",
    fails_clean: bool = False,
    settings: Mapping[str, object] | None = None,
) -> Callable[[Bug], Mutant]:
    """A mutant in which the decorated function takes the place of a decision, or of a method of a baseline.

    The function gives the mutant its name, and its docstring says what the mutant does.

    ``settings``: settings of our client that the bug needs, if the defaults do not show it
    """

    def named(bug: Bug) -> Mutant:
        target = Decision(where) if isinstance(where, str) else where
        changes: tuple[CodeChange, ...] = (Rewritten(target, bug),)
        if settings:
            changes = (*changes, with_settings(settings))
        return Mutant(_name(bug), _about(bug), tuple(races), changes, ExpectedKill(*killed), base, fails_clean)

    return named


def with_settings(values: Mapping[str, object]) -> CodeChange:
    """Our client with other default settings. They are checked as a user's are.

    Raises PlantError when one of them is the default already.
    """
    usual = {field.name: field.default for field in dataclasses.fields(Settings)}
    for name, value in values.items():
        if usual[name] == value:
            raise PlantError(f"the setting {name} is {value!r} by default; choose another value for the mutant")

    def chosen(original: Original, settings: Settings) -> None:
        for name, value in values.items():
            object.__setattr__(settings, name, value)
        original(settings)

    return Rewritten(Method(Settings, "__post_init__"), chosen)


@dataclass(slots=True)
class _Planting:
    """What is planted in this process. ``blocks``: how many blocks hold it, such as those of a run's two clients."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    changes: Sequence[CodeChange] = ()
    thread: int = 0
    blocks: int = 0
    undone_by: ExitStack = field(default_factory=ExitStack)


_NOW = _Planting()


@contextmanager
def planted(changes: Sequence[CodeChange]) -> Iterator[None]:
    """Make the changes for the length of a block, in this process only, one run at a time.

    Blocks of one thread that make the same changes may overlap: they are of two clients in one run, and the last of
    them undoes the changes. Raises PlantError when one of them does not fit. Then none is made.
    """
    is_there = _NOW.blocks > 0 and _NOW.thread == threading.get_ident() and _NOW.changes is changes
    if not is_there:
        if not _NOW.lock.acquire(blocking=False):
            raise PlantError("another mutant is planted in this process; one run at a time")
        try:
            _NOW.undone_by = _put_in_place(changes)
        except BaseException:
            _NOW.lock.release()
            raise
        _NOW.changes, _NOW.thread = changes, threading.get_ident()
    _NOW.blocks += 1
    try:
        yield
    finally:
        _NOW.blocks -= 1
        if not _NOW.blocks:
            _NOW.undone_by.close()
            _NOW.lock.release()


def _put_in_place(changes: Sequence[CodeChange]) -> ExitStack:
    """Make the changes; what is returned undoes them."""
    found = [(change, owner, name) for change in changes for owner, name in change.target.places()]
    wanted = [(owner, name, vars(owner)[name], change) for change, owner, name in found]
    ready = [(owner, name, original, change.put_in_place_of(original)) for owner, name, original, change in wanted]
    stack = ExitStack()
    for owner, name, original, replacement in ready:
        stack.callback(setattr, owner, name, original)
        setattr(owner, name, replacement)
    return stack


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
    signature = inspect.signature(function)

    @wraps(function)
    def rewritten(*args: Any, **kwargs: Any) -> Any:
        if kwargs:  # passed by position where that is possible, so that a bug's parameters may have names of their own
            bound = signature.bind(*args, **kwargs)
            args, kwargs = bound.args, bound.kwargs
        return bug(function, *args, **kwargs)

    match original:
        case classmethod():
            return classmethod(rewritten)
        case property():
            return property(rewritten)
        case _:
            return rewritten


def _takes_the_same(bug: Bug, function: Original) -> bool:
    """Whether a bug takes the original and then the original's arguments. Only keyword-only names must agree."""
    wanted = [_shape(one) for one in inspect.signature(function).parameters.values()]
    given = [_shape(one) for one in inspect.signature(bug).parameters.values()]
    return given[1:] == wanted


def _shape(parameter: inspect.Parameter) -> tuple[str, object, object]:
    is_keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    return (parameter.name if is_keyword else "", parameter.kind, parameter.default)


def _name(bug: Bug) -> str:
    return bug.__name__.strip("_").replace("_", "-")


def _about(bug: Bug) -> str:
    return " ".join((inspect.getdoc(bug) or "").split())
