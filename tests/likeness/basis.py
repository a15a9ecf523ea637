"""What a run on a published server depends on: the sources that it imports, the scenario, and the server's packages.

A cell that was measured on another basis is measured again. The simulated server is no part of it: its run takes
milliseconds, and is made anew each time.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from gapless.scenarios.clients.registry import CLIENTS
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.realserver.environment import PINS, parse_server

HARNESS: Final = (
    "gapless.scenarios.running.runner",
    "gapless.scenarios.realserver.world",
    "tests.likeness.comparison",
)
_CONVERSATION: Final = ("agent", "archive", "event_faults", "event_log", "past_events", "publisher", "runs")
_LEFT_OUT: Final = frozenset(
    {
        "gapless.scenarios.clients.registry",  # it imports all clients: the one that runs is named
        "gapless.simserver.world",
        *(f"gapless.simserver.conversation.{name}" for name in _CONVERSATION),
    }
)
"""The simulated server, as far as a published one does not use it, and the other clients."""
_DIGITS: Final = 16


@cache
def basis_of(scenario: str, client: str, server: str) -> str:
    """A digest of all that the run of a client on a published server depends on."""
    pins = PINS / f"{server}.txt".replace("==", "-")
    parts = [
        _sources((*HARNESS, factory(client))),
        find_one(scenario).model_dump_json(),
        pins.read_text(encoding="utf-8") if pins.exists() else str(parse_server(server)),
    ]
    return _digest(parts)


def factory(client: str) -> str:
    """The module that makes clients of that name."""
    return next(one.factory.__module__ for one in CLIENTS if one.name == client)


@cache
def _sources(roots: tuple[str, ...]) -> str:
    return _digest([f"{name}\n{path.read_text(encoding='utf-8')}" for name, path in sorted(reached(roots).items())])


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


@cache
def reached(roots: tuple[str, ...]) -> dict[str, Path]:
    """The modules of the project that these import, directly or not, with their files."""
    found: dict[str, Path] = {}
    left = list(roots)
    while left:
        name = left.pop()
        if name not in found and name not in _LEFT_OUT and (path := _file(name)) is not None:
            found[name] = path
            left += _imports(path)
    return found


@cache
def _file(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # it is no module, but what a module has
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


@cache
def _imports(path: Path) -> tuple[str, ...]:
    return tuple(_named(ast.parse(path.read_text(encoding="utf-8"))))


def _named(node: ast.AST) -> Iterator[str]:
    """The modules of the project that a source imports when it runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module:
            names = [child.module, *(f"{child.module}.{alias.name}" for alias in child.names)]
        else:
            yield from _named(child)
            continue
        yield from (name for name in names if name.split(".")[0] in ("gapless", "tests"))
