"""For all tests."""

from __future__ import annotations

import gc

import pytest

from gapless.scenarios.cli.conclusion import SUMMARY_VARIABLE as VARIABLE


@pytest.fixture(autouse=True)
def _no_job_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI, the runs that tests make are not to write into the summary of the job that runs the tests."""
    monkeypatch.delenv(VARIABLE, raising=False)


def pytest_collection_finish() -> None:
    """What was imported and collected stays until the end, so the garbage collector need not look at it each time."""
    gc.collect()
    gc.freeze()
