"""Options that several commands have, and errors of the user as one sentence with exit code 2."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.text import Text

from gapless.reports.records.characters import printable
from gapless.scenarios.cli.output.plain_output import OutputClosed, styled_output
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS
from gapless.scenarios.errors import UsageError, WorldBroke
from gapless.scenarios.judging.choosing import chosen_oracles, words
from gapless.simserver.errors import ConfigError

P = ParamSpec("P")
T = TypeVar("T")
ALL = "all"
USAGE_EXIT_CODE = 2
BROKEN_EXIT_CODE = 70  # EX_SOFTWARE in sysexits.h

client_option = click.option(
    "--client",
    default="gapless",
    show_default=True,
    metavar="NAME|MODULE:FACTORY",
    help="The client to judge: gapless, a baseline, or your own factory.",
)
executor_option = click.option(
    "--executor",
    default="",
    metavar="dask://HOST:PORT",
    help="Use the workers of this Dask scheduler.  [default: processes here]",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of every choice."
)
generation_option = click.option(
    "--generation",
    type=click.Choice([*GENERATIONS, ALL]),
    default=ALL,
    show_default=True,
    help="Server generation.",
)
cursor_option = click.option(
    "--cursor",
    type=click.Choice([*CURSORS, ALL]),
    default=ALL,
    show_default=True,
    help="How the server's page cursors work.",
)
server_option = click.option(
    "--server",
    metavar="NAME==VERSION",
    help="A published server in place of the simulated one, such as openhands-agent-server==1.58.2.",
)
json_option = click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all records."
)
out_option = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a report: records, journals, HTML, JUnit XML, Markdown, badges, drawings of what failed, capsules.",
)


def judge_options(command: Callable[P, T]) -> Callable[P, T]:
    """The options ``--judge`` and ``--no-judge``. `judged_by` turns their values into names of oracles."""
    judge = click.option(
        "--judge", multiple=True, metavar="NAME,…", help="Judge by these only: safety, liveness, budget, or an oracle."
    )
    no_judge = click.option("--no-judge", multiple=True, metavar="NAME,…", help="Do not judge by these.")
    return judge(no_judge(command))


def judged_by(judge: Sequence[str], no_judge: Sequence[str]) -> tuple[str, ...]:
    """The names of the oracles that judge; empty: all. Raises UsageError for an unknown name."""
    return chosen_oracles(words(judge), words(no_judge))


def chosen(value: str, among: Sequence[str]) -> tuple[str, ...]:
    """The value alone, or all of ``among`` when it is ``all``."""
    return tuple(among) if value == ALL else (value,)


class _PlainConsole(Console):
    """A console whose styles are its own: what it is given to print has no character that steers a terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_without_steering(one) for one in objects), **options)

    def on_broken_pipe(self) -> None:
        """Rich would exit with 1, which means ``unsafe`` here."""
        raise OutputClosed


def _without_steering(one: Any) -> Any:
    if isinstance(one, Text):
        one.plain = printable(one.plain)
    return printable(one) if isinstance(one, str) else one


def standard_output() -> Console:
    """The console for standard output. With NO_COLOR it prints no styles at all; rich alone would still print bold."""
    color_system: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return _PlainConsole(file=styled_output(), highlight=False, color_system=color_system)


def check_writable(option: str, path: Path | None) -> None:
    """Raise UsageError when the directory of an option's file does not exist."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(f"{option} {path}: there is no directory {path.parent}; create it first")


class Finite(click.FloatRange):
    """A finite number in a range. click's FloatRange accepts ``nan``: no comparison with a bound excludes it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


class _UserError(click.ClickException):
    exit_code = USAGE_EXIT_CODE


class _HarnessError(click.ClickException):
    exit_code = BROKEN_EXIT_CODE


def plain_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Wrap a command so that errors end in one sentence instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except (UsageError, ConfigError) as error:
            raise _UserError(str(error)) from error
        except WorldBroke as error:
            raise _HarnessError(
                f"{error}; this is a bug in gapless, and says nothing of the client: please report it"
            ) from error
        except BrokenProcessPool as error:
            raise _UserError(
                "a process ended in the middle of a run: the client ended it, or the system did, for want of memory; "
                "with --jobs 1 the client is run in this process, and what it says is seen last"
            ) from error

    return wrapped


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
