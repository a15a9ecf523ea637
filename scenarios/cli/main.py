"""The ``gapless`` command group. Each command has a file in ``commands/``."""

from __future__ import annotations

import importlib
from typing import IO, Any, Final

import click

from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE

# The place of each command. It is imported when it is used, inside `invoke`.
# So Ctrl-C during the imports ends in one word, without a traceback.
_COMMANDS: Final = {
    "check": "gapless.scenarios.cli.commands.check:check_command",
    "compare": "gapless.scenarios.cli.commands.compare:compare",
    "diff": "gapless.scenarios.cli.commands.diff:diff_command",
    "examples": "gapless.scenarios.cli.commands.examples:examples",
    "explore": "gapless.scenarios.cli.commands.explore:explore",
    "list": "gapless.scenarios.cli.commands.list:list_",
    "mutants": "gapless.scenarios.cli.commands.mutants:mutants",
    "prove": "gapless.scenarios.cli.commands.prove:prove",
    "replay": "gapless.scenarios.cli.commands.replay:replay",
    "report": "gapless.scenarios.cli.commands.report:report",
    "run": "gapless.scenarios.cli.commands.run:run",
    "serve": "gapless.scenarios.cli.commands.serve:serve",
    "show": "gapless.scenarios.cli.commands.list:show",
}


class Interrupted(click.ClickException):
    """The user interrupted the command. One word is printed; the exit code is not one of a verdict."""

    exit_code = INTERRUPTED_EXIT_CODE

    def __init__(self) -> None:
        super().__init__("interrupted")

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the word without the prefix ``Error:``."""
        click.echo(self.format_message(), file=file, err=True)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Give an interrupt its own exit code. click's is 1, which means ``unsafe`` here."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except BaseExceptionGroup as group:
            if group.subgroup(KeyboardInterrupt) is None:
                raise
            raise Interrupted from group


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gapless", prog_name="gapless")
def main() -> None:
    """Prove that a WebSocket-first client never loses an event, and know what each run costs."""


if __name__ == "__main__":
    main()
