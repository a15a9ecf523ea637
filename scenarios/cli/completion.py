"""Completion in a shell, without the imports of the commands: names of scenarios and races, clients, examples.

click asks a command what may follow. The commands take a second to import, which is too long between two keys. So while
a shell asks for anything but an option, a command is stood in for by one that only knows what its words are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from gapless.scenarios.definition.file_index import race_index

VARIABLE: Final = "_GAPLESS_COMPLETE"
# The names of the clients that gapless brings, and of the values of options. A test compares them with the registries.
CLIENTS: Final = ("gapless", "socket-only", "poll-then-return", "tail-cursor", "full-rescan")
VALUES: Final[Mapping[str, tuple[str, ...]]] = {
    "--client": CLIENTS,
    "--generation": ("legacy", "tree", "session", "all"),
    "--cursor": ("inclusive", "exclusive", "all"),
    "--clock": ("virtual", "real"),
}
EXAMPLES: Final = Path(__file__).parents[1] / "examples"

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def stand_in(name: str) -> click.Command | None:
    """What stands in for a command while a shell asks for a name or a value; None when the command itself is needed."""
    words = os.environ.get("COMP_WORDS", "").split()
    if VARIABLE not in os.environ or (words and words[-1].startswith("-")) or name not in _WORDS:
        return None
    options: list[click.Parameter] = [
        click.Option([option], shell_complete=_among(values)) for option, values in VALUES.items()
    ]
    argument = click.Argument(["names"], nargs=-1, shell_complete=_WORDS[name])
    settings = {"ignore_unknown_options": True}
    return click.Command(name, params=[*options, argument], context_settings=settings)


def _among(values: Iterable[str]) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(one) for one in values if one.startswith(incomplete)]

    return complete


def _scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names and races, and files for what looks like a path."""
    index = race_index()
    races = sorted({race for of_one in index.values() for race in of_one})
    wanted = incomplete.casefold()
    found = [CompletionItem(name) for name in (*index, *races) if name.casefold().startswith(wanted)]
    return found or [CompletionItem(incomplete, type="file")]


def _examples(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    names = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix in {".py", ".mjs"} and path.stem[0] != "_")
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


_WORDS: Final[Mapping[str, Complete]] = {
    **dict.fromkeys(("check", "compare", "list", "proxy", "run", "serve", "show"), _scenarios),
    **dict.fromkeys(("diff", "replay", "report"), _files),
    "examples": _examples,
    "explore": _among(()),
    "prove": _among(()),
}
