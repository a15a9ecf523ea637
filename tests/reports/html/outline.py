"""A page as an outline that people can read in a diff: its elements, their attributes and words.

Scripts and styles are left out. The data of runs is shown as JSON. Journals are decompressed, since the compressed
bytes depend on the version of zlib.
"""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """``lines``: the outline; ``elements``: every element with its attributes; ``words``: all text outside scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag == "meta" and found.get("http-equiv"):
            found = {**found, "content": "…"}
        self._say(" ".join((tag, *(name + (f"={value!r}" if value else "") for name, value in found.items()))))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} ends where it was not begun"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        kind = self.elements[-1][1].get("type") if self._open and self._open[-1] == "script" else None
        if kind == "application/json":
            for row in json.dumps(json.loads(data), indent=1).splitlines():
                self._say(row)
        elif kind == "text/plain":
            for row in zlib.decompress(base64.b64decode(data)).decode().splitlines():
                self._say(row)
        elif self._open and self._open[-1] in {"script", "style"}:
            self._say("…")
        elif data.strip():
            self.words.append(" ".join(data.split()))
            self._say(f'"{self.words[-1]}"')

    def _say(self, text: str) -> None:
        self.lines.append(" " * len(self._open) + text)


def outline(page: str) -> str:
    """The outline, as one text."""
    return "\n".join(Outline(page).lines) + "\n"
