"""The output of every renderer for the samples is as it was reviewed; ``python -m tests.reports.golden`` renews it."""

from __future__ import annotations

import json
from functools import cache
from xml.etree import ElementTree

import pytest

from tests.reports.golden import DIRECTORY, golden

NAMES = sorted(path.name for path in DIRECTORY.iterdir())


@cache
def texts() -> dict[str, str]:
    """What the renderers give now."""
    return dict(golden())


@pytest.mark.parametrize("name", NAMES)
def test_a_renderer_gives_what_it_gave(name: str) -> None:
    assert texts()[name] == (DIRECTORY / name).read_text(encoding="utf-8")


def test_nothing_golden_is_left_that_no_renderer_makes() -> None:
    assert sorted(texts()) == NAMES


def test_rendering_twice_gives_the_same_text() -> None:
    assert dict(golden()) == texts()


@pytest.mark.parametrize("name", NAMES)
def test_every_text_can_be_written_and_read_as_what_it_is(name: str) -> None:
    text = texts()[name]
    assert text.encode().decode() == text
    assert text.endswith("\n")
    if name.endswith((".json", ".har")):
        json.loads(text)
    if name.endswith((".xml", ".svg")):
        ElementTree.fromstring(text.encode())
    if name.endswith((".md", ".mmd", ".txt")):
        assert all(one.isprintable() or one == "\n" for one in text)
