"""The pages, and the fenced blocks in them, each with what its marker says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_MARKER = re.compile(r"<!--\s*(?P<what>not run|slow|file|in a checkout)(?::\s*(?P<value>.+?))?\s*-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the line of its fence, counted from 1.

    ``not_run``: why it is left out; ``file``: under which name the reader saves it.
    """

    language: str
    text: str
    line: int
    not_run: str | None = None
    is_slow: bool = False
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name from the root of the checkout, its text and blocks."""

    name: str
    text: str
    blocks: tuple[Block, ...]
    in_a_checkout: bool

    @property
    def has_slow(self) -> bool:
        """Whether some of it runs with the slow tests alone."""
        return any(block.is_slow for block in self.blocks)


def pages() -> tuple[Page, ...]:
    """The README and all that is written by hand in ``docs/``; the reference is made from the code."""
    by_hand = [path for path in sorted(DOCS.rglob("*.md")) if path.parent != DOCS / "reference"]
    paths = (ROOT / "README.md", *by_hand)
    return tuple(parsed(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


def parsed(name: str, text: str) -> Page:
    """A page from its text. Raises ValueError for a marker that lacks its reason."""
    return Page(name, text, tuple(_read(MarkdownIt().parse(text))), "<!-- in a checkout -->" in text)


def _read(tokens: list[Token]) -> Iterator[Block]:
    marker: re.Match[str] | None = None
    for token in tokens:
        if token.type == "fence":
            yield _block(token, marker)
        marker = _MARKER.fullmatch(token.content.strip()) if token.type == "html_block" else None


def _block(token: Token, marker: re.Match[str] | None) -> Block:
    assert token.map is not None
    what, value = (marker["what"], marker["value"]) if marker is not None else ("", None)
    if what in ("not run", "file") and not value:
        raise ValueError(
            f"line {token.map[0]}: <!-- {what} --> without saying {'why' if what == 'not run' else 'as what'}"
        )
    return Block(
        token.info.strip().partition(" ")[0],
        token.content,
        token.map[0] + 1,
        not_run=" ".join(value.split()) if what == "not run" and value else None,
        is_slow=what == "slow",
        file=value if what == "file" else None,
    )
