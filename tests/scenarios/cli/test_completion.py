"""What a shell offers: commands, scenarios, races, clients, examples; and how long that takes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import get_args

import pytest

from gapless.reports.records.record import Clock
from gapless.scenarios.cli import completion
from gapless.scenarios.clients.registry import CLIENTS
from gapless.scenarios.definition.catalogue import catalogue
from gapless.scenarios.definition.file_index import race_index
from gapless.scenarios.definition.scenario import CURSORS, GENERATIONS


def offered(words: str) -> list[str]:
    """What bash is offered for the last of the words."""
    code = "import sys; from gapless.scenarios.cli.main import main; sys.argv = ['gapless']; main(prog_name='gapless')"
    variables = {"_GAPLESS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    return [line.partition(",")[2] for line in ended.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("gapless re", {"replay", "report"}),
        ("gapless run r10", {"r10-late-tail", "R10"}),
        ("gapless list R5", {"R50", "R51"}),
        ("gapless show clean-run", {"clean-run", "clean-run-whole-log"}),
        ("gapless run --client po", {"poll-then-return"}),
        ("gapless explore --client tail", {"tail-cursor"}),
        ("gapless run --generation t", {"tree"}),
        ("gapless run --generation tree r34-disc", {"r34-disconnect-in-mid-run"}),
        ("gapless examples python", {"python_websockets.py"}),
        ("gapless run --check-d", {"--check-determinism"}),
    ],
)
def test_a_shell_is_offered_what_fits(words: str, some: set[str]) -> None:
    found = offered(words)
    assert some <= set(found)
    last = words.rpartition(" ")[2].casefold()
    assert all(one.casefold().startswith(last) for one in found)


def test_the_values_that_are_offered_are_those_that_there_are() -> None:
    """They are kept apart, so that completion imports neither the registries nor the clients."""
    assert [client.name for client in CLIENTS] == list(completion.CLIENTS)
    assert completion.VALUES["--generation"] == (*GENERATIONS, "all")
    assert completion.VALUES["--cursor"] == (*CURSORS, "all")
    assert completion.VALUES["--clock"] == get_args(Clock)


def test_the_index_of_races_says_what_the_files_say() -> None:
    assert {one.name: one.races for one in catalogue()} == dict(race_index())
