"""A client that is a command, on the command line: ``-- COMMAND...``, ``--label`` and ``--clock``.

`TakesCommand` is the class of each click command that takes one. ``given`` turns the words and options into a
`CommandClient`, and decides on the clock. What runs commands is imported where there is one.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final, get_args

import click
from click.core import ParameterSource

from gapless.reports.records.record import Clock
from gapless.scenarios.clients.registry import CLIENTS
from gapless.scenarios.errors import UsageError

_WORDS: Final = "gapless.scenarios.cli.command_client.words"

clock_option = click.option(
    "--clock",
    type=click.Choice(get_args(Clock)),
    help="Of a COMMAND: virtual time, or real time on a real port.  [default: virtual for Python and Node]",
)
label_option = click.option("--label", help="What to call the client COMMAND.  [default: its file's name]")


class TakesCommand(click.Command):
    """Takes the arguments after ``--`` as the client's command. click would take them for names and options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_WORDS] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), self._piece()]

    def _piece(self) -> str:
        return "[-- COMMAND...]"


class NeedsCommand(TakesCommand):
    """A command without which there is nothing to do."""

    def _piece(self) -> str:
        return "-- COMMAND..."


@dataclass(frozen=True, slots=True)
class CommandClient:
    """A client that is a command. ``name``: what to call it; ``clock``: the time that it lives in."""

    name: str
    words: tuple[str, ...]
    clock: Clock


def given(label: str | None, clock: Clock | None, *, beside_clients: bool = False) -> CommandClient | None:
    """The client after ``--``; None when there is none. ``beside_clients``: ``--client`` may be given as well.

    Raises UsageError when there is no such program, and when options contradict each other.
    """
    context = click.get_current_context()
    words: tuple[str, ...] = context.meta[_WORDS]
    if not words:
        for option, value in (("--label", label), ("--clock", clock)):
            if value is not None:
                raise UsageError(f"{option} is for a client that is a command; give one after --")
        return None
    if not beside_clients and context.get_parameter_source("client") not in (ParameterSource.DEFAULT, None):
        raise UsageError("a client is given twice: with --client, and as a command after --; leave one of them out")
    from gapless.scenarios.lockstep.command import label_of
    from gapless.scenarios.lockstep.process import check_exists

    name = label or label_of(words)
    if name in (client.name for client in CLIENTS):
        raise UsageError(f"{name} is the name of a client that gapless brings; give the command another with --label")
    check_exists(words[0])
    return CommandClient(name, words, _clock(words, clock))


def only_virtual(client: CommandClient | None, command: str) -> None:
    """Raise UsageError for a client in real time, where there is nothing to do with it."""
    if client is not None and client.clock == "real":
        raise UsageError(f"`gapless {command}` needs virtual time; `gapless run --clock real` has a real port")


def _clock(words: tuple[str, ...], asked: Clock | None) -> Clock:
    """The clock that was asked for, else virtual time where a shim is loaded."""
    if asked == "real":
        return "real"
    from gapless.scenarios.lockstep.command import SHIM_S_MAX, has_shim

    if has_shim(words):
        return "virtual"
    what = (
        f"{shlex.join(words)!r} loads no shim within {SHIM_S_MAX:g} s: virtual time is for Node, and for Python "
        "without -I, -E and -S"
    )
    if asked == "virtual":
        raise UsageError(f"{what}; leave out --clock virtual")
    click.echo(f"{what}; this client gets the real clock, on a real port", err=True)
    return "real"
