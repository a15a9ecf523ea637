"""``python -m tests.docs [reference] [outputs [PAGE…]]`` writes what the code can tell of itself; both, without a word.

- ``reference``  the pages in ``docs/reference/``
- ``outputs``    what commands print, in the pages that show it. Only what differs is written, and only where a page
  leaves nothing out (``[…]``); look at the difference before you commit it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.docs.pages import ROOT, Page, pages
from tests.docs.reference.making import REFERENCE, make
from tests.docs.sameness import LEFT_OUT, same
from tests.docs.session import Outcome, follow


def main() -> None:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs", description=__doc__, formatter_class=_AsWritten)
    parser.add_argument("what", nargs="?", choices=("reference", "outputs"))
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="only these, such as docs/start.md")
    asked = parser.parse_args()
    if asked.what in (None, "reference"):
        write_reference()
    if asked.what in (None, "outputs"):
        for page in pages():
            if not asked.pages or page.name in asked.pages:
                write_outputs(page)


_AsWritten = argparse.RawDescriptionHelpFormatter


def write_reference() -> None:
    """Write the reference pages, and remove those that are no more."""
    REFERENCE.mkdir(exist_ok=True)
    made = make()
    for path in REFERENCE.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    _say(f"{len(made)} pages in {REFERENCE.relative_to(ROOT)}")


def write_outputs(page: Page) -> None:
    """Follow a page, and write into it what is printed now where it shows something else."""
    with tempfile.TemporaryDirectory(prefix="gapless-docs-") as home:
        outcomes = follow(page, Path(home), slow=page.has_slow)
    lines = page.text.splitlines()
    for outcome in reversed(outcomes):
        _renew(lines, page, outcome)
    text = "\n".join(lines) + "\n"
    if text != page.text:
        (ROOT / page.name).write_text(text, encoding="utf-8")
        _say(f"{page.name}: outputs written anew")


def _renew(lines: list[str], page: Page, outcome: Outcome) -> None:
    command = outcome.command
    if command.shown is None or same(command.shown, outcome.printed):
        if outcome.problem:
            _say(f"{page.name}, {outcome.problem}")
        return
    if LEFT_OUT in command.shown:
        _say(f"{page.name}, {outcome.problem}\n(it leaves something out: write it by hand)")
        return
    first = command.line + command.text.count("\n")
    lines[first : first + len(command.shown)] = outcome.printed


def _say(text: str) -> None:
    print(text)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
