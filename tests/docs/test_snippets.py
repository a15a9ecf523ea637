"""What README and docs tell a reader to type works, and prints what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import Page, pages, parsed
from tests.docs.sameness import same, tidied
from tests.docs.session import SHELLS, follow

PAGES = pages()
RUNNABLE = [page for page in PAGES if any(block.language in SHELLS and block.not_run is None for block in page.blocks)]
QUICK = [
    page
    for page in RUNNABLE
    if any(block.language in SHELLS and block.not_run is None and not block.is_slow for block in page.blocks)
]
# The list may grow only with a reason that is true of the block, and this number with it.
NOT_RUN_MAX = 6


def followed(page: Page, home: Path, *, slow: bool, forked: bool) -> str:
    """Everything that is wrong with a page, in one text."""
    problems = [outcome.problem for outcome in follow(page, home, slow=slow, forked=forked)]
    return "\n\n".join(f"{page.name}, {problem}" for problem in problems if problem)


@pytest.mark.parametrize("page", QUICK, ids=lambda page: page.name)
def test_a_page_does_what_it_says(page: Page, tmp_path: Path) -> None:
    wrong = followed(page, tmp_path, slow=False, forked=True)
    assert not wrong, f"{wrong}\n\n`python -m tests.docs outputs` writes outputs anew; see whether they should differ"


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.name)
def test_a_page_does_what_it_says_with_the_installed_command_also_where_that_takes_long(
    page: Page, tmp_path: Path
) -> None:
    wrong = followed(page, tmp_path, slow=True, forked=False)
    assert not wrong, wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_a_page_compiles(page: Page) -> None:
    for block in page.blocks:
        if block.language == "python":
            compile(block.text, f"{page.name}:{block.line}", "exec", flags=0x2000)  # await at the top level is fine


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_file_that_a_reader_saves_is_named_in_the_text(page: Page) -> None:
    for block in page.blocks:
        if block.file is not None:
            assert f"`{block.file}`" in page.text, f"{page.name}:{block.line}"


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    left_out = [(page.name, block.line, block.not_run) for page in PAGES for block in page.blocks if block.not_run]
    assert len(left_out) <= NOT_RUN_MAX, left_out
    assert all(why and len(why) >= 10 for _, _, why in left_out), left_out


@pytest.mark.parametrize(
    ("shown", "printed", "is_same"),
    [
        ("a\nb", "a\nb", True),
        ("a\nb", "a\nb\nc", False),
        ("a\n[…]\nc", "a\nb\nb\nc", True),
        ("a\n[…]\nc", "a\nb\nd", False),
        ("a\n[…]\nb\n[…]\nd", "a\nx\nb\nd", True),
        ("a\n[…]\na", "a", False),
        ("1 run, 6 s simulated in 0.2 s", "1 run, 6 s simulated in 11.0 s", True),
        ("1 run, 6 s simulated in 0.2 s", "1 run, 7 s simulated in 0.2 s", False),
        ("a", "5 of 5 runs\na", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: str, printed: str, is_same: bool) -> None:
    assert same(tidied(shown, {}), tidied(printed, {})) is is_same


def test_a_page_that_shows_another_output_is_found_out(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "page.md"
    home.mkdir()
    source.write_text(
        "```console\n$ echo one\none\n$ false\n$ echo $?\n1\n$ echo two\nthree\n```\n\n```sh\ncd .\nfalse\n```\n",
        encoding="utf-8",
    )
    problems = [
        outcome.problem for outcome in follow(parsed("page.md", source.read_text(encoding="utf-8")), home, slow=False)
    ]
    assert problems[:3] == [None, None, None]
    assert problems[3] == "line 7: $ echo two\nshown\nthree\nprinted\ntwo"
    assert problems[4] is not None
    assert "ended with 1" in problems[4]
