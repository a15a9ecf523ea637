"""Races in which our client is known to fail: kept here, not in the catalogue, until it does not.

When one of these tests fails, the client holds: move its scenario to the catalogue.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gapless.reports.records.record import Verdict
from gapless.scenarios.definition.loading import load_file
from gapless.scenarios.running.runner import RunRequest, perform

PENDING = sorted((Path(__file__).parent / "pending").glob("*.toml"))


@pytest.mark.parametrize("path", PENDING, ids=lambda path: path.stem)
def test_our_client_still_fails_here(path: Path) -> None:
    scenario = load_file(path)
    verdicts = (
        perform(RunRequest(scenario, generation, cursor, "gapless")).record.verdict
        for generation, cursor in scenario.variants()
    )
    assert any(verdict is not Verdict.HOLDS for verdict in verdicts), "it holds now: move it to the catalogue"
