"""The command line as data, from its click commands: what ``--help`` says, in a form that a page can be made of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

import click

from gapless.scenarios.cli.main import main


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how it is written, what it takes, what it does, its default as ``--help`` tells it."""

    written: str
    takes: str
    about: str
    default: str


@dataclass(frozen=True, slots=True)
class CommandPage:
    """One command."""

    name: str
    usage: str
    paragraphs: tuple[str, ...]
    exit_codes: str
    options: tuple[Option, ...]


def commands() -> Iterator[CommandPage]:
    """Every command, by name."""
    group = click.Context(main, info_name="gapless")
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group)
        paragraphs = [" ".join(one.split()) for one in inspect.cleandoc(command.help or "").split("\n\n")]
        usage = " ".join(["gapless", name, *command.collect_usage_pieces(context)])
        yield CommandPage(
            name,
            usage,
            tuple(one for one in paragraphs if not _tells_exit_codes(one)),
            " ".join(one for one in paragraphs if _tells_exit_codes(one)),
            tuple(_options(command, context)),
        )


def _tells_exit_codes(paragraph: str) -> bool:
    return paragraph.startswith(("Exit codes:", "The exit code"))


def _options(command: click.Command, context: click.Context) -> Iterator[Option]:
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        extra = parameter.get_help_extra(context)
        default = extra.get("default", "")
        about = parameter.help or ""
        told = re.search(r"\s*\[default: (.+)\]$", about)
        if told is not None:  # where the default is another one than click can know, the help says so itself
            about, default = about[: told.start()], told[1]
        yield Option(", ".join(parameter.opts), _takes(parameter, context, extra.get("range", "")), about, default)


def _takes(option: click.Option, context: click.Context, span: str) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(f"`{one}`" for one in option.type.choices)
    written = option.make_metavar(context).replace(" RANGE", "").lower()
    several = ", may be given several times" if option.multiple else ""
    return f"{option.metavar or written}{f', {span}' if span else ''}{several}"
