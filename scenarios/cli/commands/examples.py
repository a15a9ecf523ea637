"""``gapless examples``: list the example clients of the installed package, or print one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import click

from gapless.scenarios.cli.options import plain_errors
from gapless.scenarios.errors import UsageError, did_you_mean

EXAMPLES = Path(__file__).parents[2] / "examples"
ABOUT_COLUMNS = 70


@click.command("examples")
@click.argument("name", required=False)
@plain_errors
def examples(name: str | None) -> None:
    """List the example clients, or print one: gapless examples trio_client.py > trio_client.py."""
    files = {path.name: path for path in sorted(EXAMPLES.iterdir()) if path.suffix in {".py", ".mjs"}}
    if name is not None:
        if name not in files:
            cure = did_you_mean(name, files, f"there are {', '.join(files)}")
            raise UsageError(f"no example is called {name!r}; {cure}")
        click.echo(files[name].read_text(encoding="utf-8"), nl=False)
        return
    click.echo(f"in {EXAMPLES}")
    for path in files.values():
        click.echo(f"  {path.name:<27} {_about(path)}")


def _about(path: Path) -> str:
    """What a file is: its first sentence, up to a colon."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    sentence = first.strip('"/ ').partition(". ")[0].partition(": ")[0].rstrip(".")
    return textwrap.shorten(sentence, ABOUT_COLUMNS, placeholder=" …")
