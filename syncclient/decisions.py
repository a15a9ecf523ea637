"""The decisions of the client, each under a name that outlives renames.

A test, or a mutant of ``gapless mutants``, varies the client by replacing one decision. It names the decision, not the
function: functions, classes and modules may be renamed and moved, and the variation still applies. ``decision`` leaves
a function as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from types import FunctionType, ModuleType
from typing import Any, Final, TypeVar

_PACKAGE: Final = "gapless.syncclient"
_FUNCTIONS: Final[dict[str, FunctionType]] = {}

F = TypeVar("F", bound=Callable[..., Any])
Place = tuple[type | ModuleType, str]
"""Where a function is bound: a class or a module, and the name there."""
_found: dict[str, tuple[int, tuple[Place, ...]]] = {}
"""Of each decision that was looked for: how many modules the client had then, and the places."""


def decision(name: str) -> Callable[[F], F]:
    """Mark a function or method as the decision ``name``. The innermost decorator, below property and classmethod."""

    def mark(function: F) -> F:
        assert isinstance(function, FunctionType), name
        assert name not in _FUNCTIONS, f"two decisions are named {name}"
        _FUNCTIONS[name] = function
        return function

    return mark


def names() -> tuple[str, ...]:
    """Every decision's name, sorted."""
    return tuple(sorted(_FUNCTIONS))


def places(name: str) -> tuple[Place, ...]:
    """Every class and module of the client in which a decision is bound; none when no decision has that name.

    A function that other modules import by name is bound in each of them.
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        return ()
    modules = sorted(name for name in sys.modules if name.startswith(f"{_PACKAGE}.") or name == _PACKAGE)
    count, found = _found.get(name, (0, ()))
    if count != len(modules) or any(_inner(vars(owner).get(bound)) is not function for owner, bound in found):
        found = tuple(_bindings(function, [sys.modules[name] for name in modules]))
        _found[name] = len(modules), found
    return found


def _bindings(function: FunctionType, modules: Sequence[ModuleType]) -> Iterator[Place]:
    for module in modules:
        for name, value in vars(module).items():
            if value is function:
                yield module, name
            elif isinstance(value, type) and value.__module__ == module.__name__:
                yield from ((value, member) for member, bound in vars(value).items() if _inner(bound) is function)


def _inner(bound: object) -> object:
    """The function inside a method wrapper."""
    match bound:
        case classmethod() | staticmethod():
            return bound.__func__
        case property():
            return bound.fget
        case _:
            return bound
