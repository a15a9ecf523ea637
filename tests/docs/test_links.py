"""Links from one page to another, and to files of the checkout, lead somewhere."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.docs.pages import DOCS, ROOT

TEXTS = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
_ELSEWHERE = re.compile(r"[a-z]+:")
# README is shown outside of the repository too, so its links are absolute. Here they lead into this checkout.
_REPOSITORY = f"{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['urls']['Repository']}/blob/main/"


def _inline(text: str) -> Iterator[Token]:
    for token in MarkdownIt().enable("table").parse(text):
        yield token
        yield from token.children or ()


def links(text: str) -> Iterator[str]:
    """Where the links of a text lead."""
    for token in _inline(text):
        if token.type == "link_open":
            yield str(token.attrs["href"])
        elif token.type == "image":
            yield str(token.attrs["src"])


@cache
def anchors(text: str) -> frozenset[str]:
    """What its headings are called in a link, as GitHub makes it of them."""
    tokens = list(MarkdownIt().parse(text))
    found: dict[str, int] = {}
    names: set[str] = set()
    for before, token in itertools.pairwise(tokens):
        if before.type == "heading_open":
            written = "".join(child.content for child in token.children or ())
            name = re.sub(r"[^\w\- ]", "", written.lower()).replace(" ", "-")
            names.add(f"{name}-{found[name]}" if name in found else name)
            found[name] = found.get(name, 0) + 1
    return frozenset(names)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [
        link
        for link in map(_in_checkout, links(text))
        if not _ELSEWHERE.match(link) and not _leads_somewhere(link, path)
    ] == []


def _in_checkout(link: str) -> str:
    return link.removeprefix(_REPOSITORY)


def _leads_somewhere(link: str, page: Path) -> bool:
    where, _, anchor = link.partition("#")
    target = (page.parent / where).resolve() if where else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in links(index.read_text(encoding="utf-8"))}
    missing = [path.name for path in sorted(DOCS.glob("*.md")) if path != index and path.resolve() not in linked]
    assert missing == []


def test_headings_are_called_as_github_calls_them() -> None:
    assert anchors("# Run `gapless diff` twice, *now*\n\n## A, b\n\n## A, b\n") == {
        "run-gapless-diff-twice-now",
        "a-b",
        "a-b-1",
    }
