"""A user's directory: their client, a quick scenario of their own, and a pytest that reads neither our settings nor our
repository."""

from __future__ import annotations

from pathlib import Path

import pytest

# A pytest inside a pytest forgets what it imported, and would import these, and read the catalog, each time.
import gapless.scenarios.plugin.real_time
import gapless.scenarios.plugin.virtual_time  # noqa: F401
from gapless.scenarios.definition.catalogue import catalogue

catalogue()
# Init and steps last long enough that a client which polls sees the run.
QUICK = """
name = "quick"
title = "A run that is over in no time"
origin = "tests"
generations = ["tree", "legacy"]

[workload]
history_events = 4

[[workload.runs]]
init_s = 0.05
actions = 2
step_s = 0.02

[expect]
run_bound_s = 0.5
step_deadline_s = 10

[[budget.allowances]]
calls = 500
because = "a client without a socket asks again and again"
"""
# Warnings are errors here, as in many a suite. A pytest inside a pytest finds our modules imported already, and would
# have rewritten their assertions.
SETTINGS = """[pytest]
addopts = --strict-markers
filterwarnings =
    error
    ignore:Module already imported:pytest.PytestAssertRewriteWarning
"""


def furnish(pytester: pytest.Pytester) -> None:
    """What every such directory has."""
    pytester.makefile(".toml", quick=QUICK)
    pytester.makefile(".ini", pytest=SETTINGS)
    pytester.makepyfile(users_client=Path(__file__).with_name("users_client.py").read_text(encoding="utf-8"))


def outcome(result: pytest.RunResult, **expected: int) -> None:
    """So many passed, failed and so on, and nothing else."""
    found = result.parseoutcomes()
    found.pop("warnings", None) if "warnings" in expected else None
    expected = {name: count for name, count in expected.items() if count}
    assert found == expected, result.stdout.str()
