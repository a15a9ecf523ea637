"""The picture of a run: well-formed, the same each time, and the one in the README is the tool's."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gapless.reports.one_run.lane_picture import WIDTH, render_lane_picture
from gapless.scenarios.definition.catalogue import find_one
from gapless.scenarios.running.runner import RunRequest, perform

PICTURE = Path(__file__).parents[3] / "docs" / "pictures" / "r10-late-tail.svg"


def drawn(name: str, client: str, generation: str = "tree") -> str:
    result = perform(RunRequest(find_one(name), generation, "inclusive", client))
    return render_lane_picture(result.lines, result.record)


def test_the_picture_in_the_readme_is_the_one_that_the_tool_makes() -> None:
    assert PICTURE.read_text(encoding="utf-8") == drawn("R10", "poll-then-return"), (
        "run `gapless replay --scenario R10 --client poll-then-return --generation tree --cursor inclusive --svg "
        "docs/pictures/r10-late-tail.svg`"
    )


@pytest.mark.parametrize(
    "name", ["clean-run", "r34-disconnect-in-mid-run", "r41-hanging-handshake", "r04-long-history"]
)
def test_everything_is_within_the_picture(name: str) -> None:
    root = ElementTree.fromstring(drawn(name, "gapless"))
    for element in root.iter():
        for key in ("x", "x1", "x2", "cx"):
            if key in element.attrib:
                assert 0 <= float(element.attrib[key]) <= WIDTH


def test_text_from_a_record_is_escaped() -> None:
    result = perform(RunRequest(find_one("R10"), "tree", "inclusive", "poll-then-return"))
    nasty = dataclasses.replace(result.record, client="<script>&\x1b")
    root = ElementTree.fromstring(render_lane_picture(result.lines, nasty))
    assert "<script>" in str(root[0].text)
