"""The ``gapless`` command group. Each command has a file in ``commands/``."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import click

from gapless.scenarios.cli.output.plain_output import OutputClosed, plain_output
from gapless.scenarios.interrupt import INTERRUPTED_EXIT_CODE

VARIABLE: Final = "_GAPLESS_COMPLETE"  # set while a shell asks what may follow
BROKEN_EXIT_CODE: Final = 70  # EX_SOFTWARE in sysexits.h
UNWRITABLE_EXIT_CODE: Final = 2
CLOSED_EXIT_CODE: Final = 141  # as if killed by SIGPIPE, which shells count so
CRASH_FILE: Final = Path(".gapless") / "crash.txt"

# The place of each command, and what it does in one line. It is imported when it is used, inside `invoke`.
# So the list of commands needs no import, and Ctrl-C during the imports ends in one word, without a traceback.
_COMMANDS: Final = {
    "check": ("check:check_command", "Put a client in any language through scenarios, and judge it."),
    "compare": ("compare:compare", "Compare clients: lost events, REST calls, bytes, server event reads, time."),
    "diff": ("diff:diff_command", "Say what changed from OLD to NEW: lost events, verdicts, REST calls, bytes."),
    "examples": ("examples:examples", "List the example clients, or print one."),
    "explore": ("explore:explore", "Draw worlds that nobody thought of, and put a client through them."),
    "list": ("list:list_", "List the scenarios of the catalogue, or those of a race."),
    "mutants": ("mutants:mutants", "Plant bugs in the client, and see that the suite fails each of them."),
    "prove": ("prove:prove", "Try every order of events and every placement of faults within a bound."),
    "proxy": ("proxy:proxy", "Put the faults of a scenario in front of a server of your own; any client may come."),
    "replay": ("replay:replay", "Replay one run, and say whether it is the same run."),
    "report": ("report:report", "Render a report again, with nothing run."),
    "run": ("run:run", "Run scenarios and judge the client."),
    "serve": ("serve:serve", "Serve a scenario, faults and all, on a real port in real time."),
    "show": ("list:show", "Show a scenario (name) or all scenarios of a race (id)."),
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
        if VARIABLE in os.environ:
            from gapless.scenarios.cli.completion import stand_in

            found = stand_in(cmd_name)
            if found is not None:
                return found
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        imported = importlib.import_module(f"gapless.scenarios.cli.commands.{module}")
        command: click.Command = getattr(imported, attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            from gapless.scenarios.errors import did_you_mean

            cure = did_you_mean(name, _COMMANDS, "`gapless --help` lists the commands")
            ctx.fail(f"There is no command {name!r}; {cure}")
        return super().resolve_command(ctx, args)

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
        except BrokenPipeError as error:  # click would give it the code of unsafe
            raise OutputClosed from error

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run the command line, and exit. Whatever breaks ends in one sentence, and never in the exit code 1."""
        inner: Any = super().main
        if not standalone_mode:
            return inner(*args, standalone_mode=False, **options)
        _open_standard_streams()
        with plain_output():
            code = _last_words(lambda: inner(*args, standalone_mode=False, **options))
        sys.exit(code)


def _open_standard_streams() -> None:
    """A shell can start a command with closed streams (``>&-``). Nothing is read from them, and nobody reads them.

    Their descriptors are taken too, so that no file of ours gets the number of the standard output.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.fstat(descriptor)
                continue
            opened = os.open(os.devnull, os.O_RDONLY if name == "stdin" else os.O_WRONLY)
            setattr(sys, name, os.fdopen(opened, "r" if name == "stdin" else "w", encoding="utf-8"))


def _last_words(command: Any) -> int:
    """The exit code of a command. Its output is flushed here, where a full disk or a closed pipe still has a name."""
    try:
        try:
            returned = command()
            code = returned if isinstance(returned, int) else 0
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            code = INTERRUPTED_EXIT_CODE
        except SystemExit as exit_:
            code = exit_.code if isinstance(exit_.code, int) else 0
        sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):  # nobody reads, so nothing is said
        _forget_output()
        return CLOSED_EXIT_CODE
    except OSError as error:
        return _unwritable(error)
    except Exception as error:
        return _crashed(error)
    return code


def _unwritable(error: OSError) -> int:
    """A file or the output cannot be used."""
    place = error.filename or "the output"
    _say(f"Error: {place}: cannot be read or written ({error.strerror or error}); make room there, or choose another")
    _forget_output()
    return UNWRITABLE_EXIT_CODE


def _crashed(error: Exception) -> int:
    """A bug of ours: one sentence, and the traceback in a file for a report."""
    text = "".join(traceback.format_exception(error))
    where = "; please report it with this:\n" + text
    with suppress(OSError):
        CRASH_FILE.parent.mkdir(exist_ok=True)
        CRASH_FILE.write_text(text, encoding="utf-8", errors="backslashreplace")
        where = f"; please report it with {CRASH_FILE}, which has the traceback"
    _say(f"Error: gapless broke down ({type(error).__name__}), which says nothing of the client{where}")
    return BROKEN_EXIT_CODE


def _say(text: str) -> None:
    with suppress(OSError):
        click.echo(text, err=True)


def _forget_output() -> None:
    """What is still in the buffer cannot be written. Python would try again when it ends, and complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gapless", prog_name="gapless")
def main() -> None:
    """Prove that a WebSocket-first client never loses an event, and know what each run costs."""


if __name__ == "__main__":
    main()
