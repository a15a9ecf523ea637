"""Imports the factory of a client, given as ``package.module:factory``.

The current directory is put first on Python's search path, where Python itself puts the directory of a script. For a
console script such as ``gapless`` it is not on the path at all.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback

from gapless.scenarios.clients.contract import Factory
from gapless.scenarios.errors import UsageError, did_you_mean

_CURE = "name a function that takes a ClientContext and answers an async context manager"


def import_factory(name: str) -> Factory:
    """The factory called ``name``. Raises UsageError when it cannot be imported, or cannot be a factory."""
    module_name, _, attribute = name.partition(":")
    if not all(word.isidentifier() for word in module_name.split(".")):
        raise UsageError(
            f"client {name!r}: {module_name!r} is no name of a module; give package.module:factory, without slashes"
        )
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module may raise anything when it is imported
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"client {name!r}: module {module_name!r} cannot be imported ({error}); {_where()}"
            ) from None
        failure = f"{type(error).__name__}: {error}{_place(error)}"
        raise UsageError(f"client {name!r}: importing {module_name!r} failed: {failure}; correct it there") from error
    factory = getattr(module, attribute, None) if attribute else None
    if factory is not None and not callable(factory):
        raise UsageError(f"client {name!r}: {attribute} is no function, it is {type(factory).__name__}; {_CURE}")
    if factory is None:
        known = [one for one in vars(module) if callable(getattr(module, one)) and not one.startswith("_")]
        cure = did_you_mean(attribute, known, _CURE)
        raise UsageError(f"client {name!r}: {module_name} has no factory {attribute!r}; {cure}")
    problem = _problem(factory)
    if problem is not None:
        raise UsageError(f"client {name!r}: {attribute} is {problem}")
    found: Factory = factory
    return found


def _where() -> str:
    return f"it is looked for in {os.getcwd()} first, then among what is installed"


def _place(error: BaseException) -> str:
    """The file and line that raised the error; empty for a SyntaxError, whose message has them already."""
    frames = traceback.extract_tb(error.__traceback__)
    return (
        f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames and error.__class__ is not SyntaxError else ""
    )


def _problem(factory: object) -> str | None:
    """Why ``factory`` cannot be a factory, as far as this shows without a call; None when nothing speaks against it."""
    if inspect.isasyncgenfunction(factory):
        return "an async generator; decorate it with contextlib.asynccontextmanager"
    if inspect.iscoroutinefunction(factory):
        return "a coroutine function, and is not awaited; yield the client, and decorate it with asynccontextmanager"
    if isinstance(factory, type) and not hasattr(factory, "__aenter__"):
        return f"a class whose objects are no async context managers; {_CURE}"
    return None
